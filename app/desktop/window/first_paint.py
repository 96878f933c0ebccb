"""Tells when a window can be used, so that what nobody sees begins after that however slow the machine is."""

from PySide6.QtCore import QAbstractEventDispatcher, QObject, QTimer, Signal
from PySide6.QtWidgets import QWidget

AT_LATEST_MS = 2000  # a window that starts minimised is never painted


class FirstPaint(QObject):
    """Watches a window once.

    Signals:
        done: it is on the screen and painted, and the event loop has nothing left to do for the first time.
    """

    done = Signal()

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._told = False
        self._timer = QTimer(self, singleShot=True, interval=AT_LATEST_MS)
        self._timer.timeout.connect(self._tell)
        self._timer.start()
        dispatcher = QAbstractEventDispatcher.instance()
        assert dispatcher is not None, "an application has one"
        self._dispatcher = dispatcher
        self._dispatcher.aboutToBlock.connect(self._look)

    def stop(self) -> None:
        """Tell no more: the window is closed."""
        self._told = True

    def _look(self) -> None:
        handle = self._window.windowHandle()
        if handle is not None and handle.isExposed():
            self._dispatcher.aboutToBlock.disconnect(self._look)
            self._timer.start(0)  # the loop comes to rest before it begins on anything else

    def _tell(self) -> None:
        if not self._told:
            self._told = True
            self.done.emit()
