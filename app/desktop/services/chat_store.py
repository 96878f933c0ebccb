"""The chats as the window uses them: read here at once, written by another thread, so that the window never waits for a disk.

What comes of a write comes back through the event loop, after it is committed and in the order of the writes. So what
has been told of can be read; what has not may only be read after `settle`.
"""

import contextlib
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from PySide6.QtCore import QObject, Qt, Signal

from models.errors import StillroomError
from models.store.chats import Chats
from models.store.writer import Writer

T = TypeVar("T")


class ChatStore(QObject):
    """Reads with `chats`, on this thread's own connection; changes go through `write` alone."""

    _committed = Signal()

    def __init__(self, chats: Chats, writer: Writer, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.chats = chats
        self._writer = writer
        self._under_way: deque[tuple[Future[Any], Callable[[Any], object], Callable[[StillroomError], object]]] = (
            deque()
        )
        self._committed.connect(self._tell, Qt.ConnectionType.QueuedConnection)

    def write(
        self, work: Callable[[Chats], T], then: Callable[[T], object], failed: Callable[[StillroomError], object]
    ) -> None:
        """Have chats changed on the other thread; then or failed is called on this one. work: does nothing but that."""
        future = self._writer.submit(lambda connection: work(Chats(connection, self.chats.clock)))
        self._under_way.append((future, then, failed))
        future.add_done_callback(lambda _: self._committed.emit())

    def call(self, work: Callable[[Chats], T]) -> T:
        """Have chats changed and wait for it, after all that was asked before. Raises what work raises."""
        self.settle()
        return self._writer.submit(lambda connection: work(Chats(connection, self.chats.clock))).result()

    def settle(self) -> None:
        """Wait until all that was asked is written and told."""
        while self._under_way:
            with contextlib.suppress(Exception):
                self._under_way[0][0].result()
            self._tell()

    def _tell(self) -> None:
        while self._under_way and self._under_way[0][0].done():
            future, then, failed = self._under_way.popleft()
            try:
                result = future.result()
            except StillroomError as error:
                failed(error)
            else:
                then(result)


def nothing(_result: object) -> None:
    """For a write that nobody waits for."""
