"""Short local work on another thread; its result comes back by a signal of whoever asked for it.

A QRunnable that the pool deletes leaves a stale entry in PySide's table of objects, and the next C++ object at that
address is then taken for a QRunnable. So the task is not the pool's to delete; its owner keeps it.
"""

import logging
from collections.abc import Callable

from PySide6.QtCore import QObject, QRunnable, QThreadPool, SignalInstance

from models.errors import StillroomError, from_os_error

log = logging.getLogger(__name__)


class Background(QObject):
    """One thread for one kind of work; what is asked for while it works comes after."""

    def __init__(self, work: Callable[[], None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._task = _Task(work)
        self._pool: QThreadPool | None = None  # made when it is first needed: half a millisecond each of the start

    def start(self) -> None:
        """Do the work once more."""
        if self._pool is None:
            self._pool = QThreadPool(self)
            self._pool.setMaxThreadCount(1)
        self._pool.start(self._task)

    def close(self) -> None:
        """Drop what has not begun and wait for what has."""
        if self._pool is not None:
            self._pool.clear()
            self._pool.waitForDone()


def guarded(work: Callable[[], None], failed: SignalInstance, doing: str) -> Callable[[], None]:
    """The same work; an error of it is told by a signal (a StillroomError). doing: as from_os_error takes it."""

    def guarded_work() -> None:
        try:
            work()
        except (StillroomError, OSError) as error:
            log.warning("failed at %s: %s", doing, error)
            failed.emit(error if isinstance(error, StillroomError) else from_os_error(error, doing))

    return guarded_work


class _Task(QRunnable):
    def __init__(self, work: Callable[[], None]) -> None:
        super().__init__()
        self.setAutoDelete(False)
        self._work = work

    def run(self) -> None:
        self._work()
