"""Replies as traces: which set to put one into, the putting, and what is said of it. The work is done on another thread."""

import queue
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPoint, Signal
from PySide6.QtWidgets import QWidget

from app.desktop.services.background import Background, guarded
from app.desktop.services.chat_store import ChatStore
from app.desktop.widgets.menus import fleeting_menu
from app.desktop.widgets.notices import NoticeBar
from models import errors

if TYPE_CHECKING:
    from models.traces.replies import Collected
    from models.traces.trace import Trace

FIRST_SET = "chat"


class TraceUse(QObject):
    """Puts replies into sets of traces and tells of it, with a way back.

    Signals:
        collected: what came of it (models.traces.replies.Collected).
    """

    collected = Signal(object)
    _sets_read = Signal(object, QPoint, list)
    _taken_out = Signal(str)
    _failed = Signal(object)

    def __init__(self, store: ChatStore, notices: NoticeBar, parent: QWidget) -> None:
        super().__init__(parent)
        self._store = store
        self._chats = store.chats
        self._notices = notices
        self._window = parent
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._background = Background(guarded(lambda: self._jobs.get_nowait()(), self._failed, "reading traces"), self)
        self._sets_read.connect(self._offer)
        self.collected.connect(self._tell)
        self._taken_out.connect(lambda name: notices.show_info(f"Taken out of “{name}” again."))
        self._failed.connect(lambda error: notices.show_error(error.text, error.hint))

    def ask(self, reply_id: int, at: QPoint) -> None:
        """Offer the sets that a reply can go into, in a menu. at: on the screen."""
        self._start(partial(self._read_sets, reply_id, at))

    def add(self, reply_id: int, name: str) -> None:
        """Put a reply into a set, which is made when it is new."""
        from models.traces import replies

        try:
            trace = replies.of_reply(self._chats, reply_id)
        except errors.StillroomError as error:
            self._failed.emit(error)
            return
        self._start(partial(self._collect, name, [trace]))

    def add_rated(self, name: str, good: bool = True) -> int:
        """Put all replies of all chats that are rated good, or bad, into a set; returns how many there are."""
        from models.traces import replies

        try:
            self._store.settle()  # a rating may just have been given
            traces = replies.of_rated(self._chats, good)
        except errors.StillroomError as error:
            self._failed.emit(error)
            return 0
        if traces:
            self._start(partial(self._collect, name, traces))
        else:
            self._notices.show_info(f"No reply is rated {'good' if good else 'bad'} yet.")
        return len(traces)

    def close(self) -> None:
        """Wait for what is being written."""
        self._background.close()

    # On the other thread

    def _start(self, job: Callable[[], None]) -> None:
        self._jobs.put(job)
        self._background.start()

    def _read_sets(self, reply_id: int, at: QPoint) -> None:
        from models.traces import replies, store

        del replies  # imported here, so that the click that follows need not wait for it
        self._sets_read.emit(reply_id, at, [entry.name for entry in store.all_sets()])

    def _collect(self, name: str, traces: "list[Trace]") -> None:
        from models.traces import replies

        self.collected.emit(replies.collect(name, traces))

    def _take_out(self, name: str, ids: list[str]) -> None:
        from models.traces import store

        store.exclude(name, ids)
        self._taken_out.emit(name)

    # On this one

    def _offer(self, reply_id: int, at: QPoint, names: list[str]) -> None:
        menu = fleeting_menu(self._window)
        for name in names:
            menu.addAction(name).triggered.connect(partial(self._chosen, reply_id, name))
        if names:
            menu.addSeparator()
        if FIRST_SET not in names:
            menu.addAction(f"New set “{FIRST_SET}”").triggered.connect(partial(self._chosen, reply_id, FIRST_SET))
        menu.addAction("New set…").triggered.connect(partial(self._ask_name, reply_id))
        menu.popup(at)

    def _chosen(self, reply_id: int, name: str, _checked: bool = False) -> None:
        self.add(reply_id, name)

    def _ask_name(self, reply_id: int, _checked: bool = False) -> None:
        from PySide6.QtWidgets import QInputDialog, QLineEdit

        dialog = QInputDialog(self._window)
        dialog.setWindowTitle("New set")
        dialog.setLabelText("Name of the new set of traces")
        dialog.textValueSelected.connect(lambda name: self.add(reply_id, name.strip()))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()
        field = dialog.findChild(QLineEdit)  # made when it opens
        if field is not None:
            field.setAccessibleName("Set name")

    def _tell(self, got: "Collected") -> None:
        why = got.left_out[0].text if got.left_out else ""
        if not got.ids:
            self._notices.show_error(f"Not added to “{got.name}”.", why)
            return
        count = f"{got.total:,} trace{'' if got.total == 1 else 's'}"
        left = f" {len(got.left_out):,} left out: {why}" if got.left_out else ""
        undo = partial(self._start, partial(self._take_out, got.name, got.ids))
        self._notices.show_info(f"Added to “{got.name}”: {count}.{left}", "Undo", undo)
