"""Something as a trace: which set to put it into, the putting, and what is said of it, with a way back.

The work is done on another thread.
"""

import queue
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPoint, Signal
from PySide6.QtWidgets import QWidget

from app.desktop.services.background import Background, guarded
from app.desktop.widgets.menus import fleeting_menu
from app.desktop.widgets.notices import NoticeBar
from models import errors

if TYPE_CHECKING:
    from models.traces.replies import Collected
    from models.traces.trace import Trace

MakeTrace = Callable[[], "Trace"]  # may raise a StillroomError


class TraceUse(QObject):
    """Puts traces into sets and tells of it. first_set: what a set is called when there is none of that name.

    Signals:
        collected: what came of it (models.traces.replies.Collected).
    """

    collected = Signal(object)
    _sets_read = Signal(object, QPoint, list)
    _taken_out = Signal(str)
    _failed = Signal(object)

    def __init__(self, notices: NoticeBar, first_set: str, parent: QWidget) -> None:
        super().__init__(parent)
        self._notices = notices
        self._first_set = first_set
        self._window = parent
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._background = Background(guarded(lambda: self._jobs.get_nowait()(), self._failed, "reading traces"), self)
        self._sets_read.connect(self._offer)
        self.collected.connect(self._tell)
        self._taken_out.connect(lambda name: notices.show_info(f"Taken out of “{name}” again."))
        self._failed.connect(lambda error: notices.show_error(error.text, error.hint))

    def ask(self, make: MakeTrace, at: QPoint) -> None:
        """Offer the sets that a trace can go into, in a menu. make: gives it once one is chosen; at: on the screen."""
        self._start(partial(self._read_sets, make, at))

    def add(self, make: MakeTrace, name: str) -> None:
        """Put a trace into a set, which is made when it is new."""
        try:
            trace = make()
        except errors.StillroomError as error:
            self._failed.emit(error)
            return
        self.collect(name, [trace])

    def collect(self, name: str, traces: "list[Trace]") -> None:
        """Put traces into a set."""
        self._start(partial(self._collect, name, traces))

    def close(self) -> None:
        """Wait for what is being written."""
        self._background.close()

    # On the other thread

    def _start(self, job: Callable[[], None]) -> None:
        self._jobs.put(job)
        self._background.start()

    def _read_sets(self, make: MakeTrace, at: QPoint) -> None:
        from models.traces import replies, store

        del replies  # imported here, so that the click that follows need not wait for it
        self._sets_read.emit(make, at, [entry.name for entry in store.all_sets()])

    def _collect(self, name: str, traces: "list[Trace]") -> None:
        from models.traces import replies

        self.collected.emit(replies.collect(name, traces))

    def _take_out(self, name: str, ids: list[str]) -> None:
        from models.traces import store

        store.exclude(name, ids)
        self._taken_out.emit(name)

    # On this one

    def _offer(self, make: MakeTrace, at: QPoint, names: list[str]) -> None:
        menu = fleeting_menu(self._window)
        for name in names:
            menu.addAction(name).triggered.connect(partial(self._chosen, make, name))
        if names:
            menu.addSeparator()
        first = self._first_set
        if first not in names:
            menu.addAction(f"New set “{first}”").triggered.connect(partial(self._chosen, make, first))
        menu.addAction("New set…").triggered.connect(partial(self._ask_name, make))
        menu.popup(at)

    def _chosen(self, make: MakeTrace, name: str, _checked: bool = False) -> None:
        self.add(make, name)

    def _ask_name(self, make: MakeTrace, _checked: bool = False) -> None:
        from PySide6.QtWidgets import QInputDialog, QLineEdit

        dialog = QInputDialog(self._window)
        dialog.setWindowTitle("New set")
        dialog.setLabelText("Name of the new set of traces")
        dialog.textValueSelected.connect(lambda name: self.add(make, name.strip()))
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
