"""The settings while the window runs: read once, changed in one place, written a moment later."""

import contextlib
import copy
import logging
from collections.abc import Iterator
from typing import Any

import msgspec
from PySide6.QtCore import QObject, QTimer, Signal

from models import settings
from models.errors import StillroomError

log = logging.getLogger(__name__)

WRITE_MS = 400


class Preferences(QObject):
    """Holds the settings in force. kept: they are written; else they hold until the window closes.

    Signals:
        changed: the settings are other ones now.
        not_saved: a StillroomError; what was chosen holds until the window closes.
    """

    changed = Signal()
    not_saved = Signal(object)

    def __init__(self, current: settings.Settings, parent: QObject | None = None, kept: bool = True) -> None:
        super().__init__(parent)
        self.current = current
        self._kept = kept
        self._timer = QTimer(self, singleShot=True, interval=WRITE_MS)
        self._timer.timeout.connect(self.write)

    def change(self, **values: Any) -> None:
        """Put values into the settings; names as in models.settings.Settings."""
        self.take(msgspec.structs.replace(self.current, **values))

    def take(self, new: settings.Settings) -> None:
        """Put other settings in force."""
        if new != self.current:
            self.current = new
            self._timer.start()
            self.changed.emit()

    @property
    def window(self) -> settings.WindowSettings:
        """What is remembered about the window; to be changed with remember."""
        return self.current.window

    @contextlib.contextmanager
    def remember(self) -> Iterator[settings.WindowSettings]:
        """Put what is set inside in force; nobody is told, for nobody else uses it."""
        window = copy.copy(self.current.window)
        yield window
        if window != self.current.window:
            self.current = msgspec.structs.replace(self.current, window=window)
            self._timer.start()

    def write(self) -> None:
        self._timer.stop()
        if not self._kept:
            return
        try:
            settings.save(self.current)
        except StillroomError as error:
            log.warning("settings not saved: %s", error)
            self.not_saved.emit(error)
