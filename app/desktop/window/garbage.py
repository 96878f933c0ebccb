"""Collects Python's garbage on the GUI's thread alone.

Python looks for cycles on whatever thread happens to make objects. A widget or timer that is found in one then dies on
that thread, which Qt does not survive: timers can't be stopped from another thread, and a window may be drawing.
"""

import gc

from PySide6.QtCore import QObject, QTimer

EVERY_MS = 500


class GarbageCollector(QObject):
    """Switches Python's own collection off while it lives, and collects as often, by the same thresholds, here."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        gc.disable()
        gc.freeze()  # what was there before the window stays, and need not be looked through each time
        self._timer = QTimer(self, interval=EVERY_MS)
        self._timer.timeout.connect(collect_due)
        self._timer.start()

    def close(self) -> None:
        """Hand the collection back to Python."""
        self._timer.stop()
        gc.unfreeze()
        gc.enable()


def collect_due() -> None:
    """Collect the oldest generation that is due, which takes the younger ones with it."""
    for generation, (count, limit) in reversed(list(enumerate(zip(gc.get_count(), gc.get_threshold(), strict=True)))):
        if count > limit:
            gc.collect(generation)
            return
