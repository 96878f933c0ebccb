"""Deleting models with undo: hidden at once, deleted when the app quits, or before when the space is wanted now."""

import logging
import threading
from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

from app.desktop.services.background import Background
from models.errors import StillroomError, from_os_error

log = logging.getLogger(__name__)


class Deletions(QObject):
    """Keeps what is to be deleted. delete: removes a model's files and gives the bytes that freed; may take seconds.

    Signals:
        changed: another set of names is hidden, or one is being deleted now.
        freed: a model's name and the bytes that deleting it gave back (int, of any size).
        failed: a model's name and the StillroomError why it is still there.
    """

    changed = Signal()
    freed = Signal(str, object)
    failed = Signal(str, object)

    def __init__(self, delete: Callable[[str], int], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._delete = delete
        self._pending: list[str] = []
        self._going: list[str] = []  # handed to the other thread; taken off when that has told how it went
        self._queue: list[str] = []
        self._lock = threading.Lock()
        self._background = Background(self._delete_queued, self)
        self.freed.connect(self._settle)
        self.failed.connect(self._settle)

    def remove(self, name: str) -> None:
        """Hide a model; nothing is deleted yet."""
        if name not in self._pending:
            self._pending.append(name)
            self.changed.emit()

    def undo(self, name: str) -> None:
        """Show a model again, unless its files are being deleted already."""
        if name in self._pending and name not in self._going:
            self._pending.remove(name)
            self.changed.emit()

    def undo_last(self) -> str:
        """Take the last deletion back and give its name, or "" when there is none."""
        name = next((name for name in reversed(self._pending) if name not in self._going), "")
        self.undo(name)
        return name

    def free_now(self, name: str) -> None:
        """Delete a hidden model's files on another thread; `freed` or `failed` tells when that is done."""
        if name in self._pending and name not in self._going:
            self._going.append(name)
            with self._lock:
                self._queue.append(name)
            self._background.start()
            self.changed.emit()

    def is_going(self, name: str) -> bool:
        """Whether the files of a model are being deleted now, so that it can't be taken back."""
        return name in self._going

    def pending(self) -> set[str]:
        return set(self._pending)

    def close(self) -> None:
        """Delete everything that is hidden and wait for it: the app quits."""
        with self._lock:
            self._queue += [name for name in self._pending if name not in self._going]
        self._background.close()
        self._delete_queued()

    def _delete_queued(self) -> None:
        while True:
            with self._lock:
                if not self._queue:
                    return
                name = self._queue.pop(0)
            try:
                self.freed.emit(name, self._delete(name))
            except (StillroomError, OSError) as error:
                log.warning("%s not deleted: %s", name, error)
                if isinstance(error, OSError):
                    error = from_os_error(error, "deleting the model", writing=True)
                self.failed.emit(name, error)

    def _settle(self, name: str, _outcome: object) -> None:
        for names in (self._going, self._pending):
            if name in names:
                names.remove(name)
        self.changed.emit()
