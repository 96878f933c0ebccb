"""Replies of chats as traces: of one, or of all that are rated."""

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QWidget

from app.desktop.services.chat_store import ChatStore
from app.desktop.widgets.notices import NoticeBar
from app.desktop.widgets.trace_use import TraceUse
from models import errors

if TYPE_CHECKING:
    from models.traces.trace import Trace


class ReplyTraces(TraceUse):
    """Puts replies into sets of traces."""

    def __init__(self, store: ChatStore, notices: NoticeBar, parent: QWidget) -> None:
        super().__init__(notices, "chat", parent)
        self._store = store
        self._chats = store.chats

    def use(self, reply_id: int, at: QPoint) -> None:
        """Offer the sets that a reply can go into, in a menu. at: on the screen."""
        self.ask(partial(self._trace_of, reply_id), at)

    def use_in(self, reply_id: int, name: str) -> None:
        """Put a reply into a set, which is made when it is new."""
        self.add(partial(self._trace_of, reply_id), name)

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
            self.collect(name, traces)
        else:
            self._notices.show_info(f"No reply is rated {'good' if good else 'bad'} yet.")
        return len(traces)

    def _trace_of(self, reply_id: int) -> "Trace":
        from models.traces import replies

        return replies.of_reply(self._chats, reply_id)
