"""Opens Stillroom's window or an empty one, and answers how long that took and what memory it uses.

Stillroom is started by its own entry point. Only the application object is another one: it looks at its event loop,
which costs the product nothing, and ends it. What only the measuring needs is imported after the measuring, so that
the empty window is as empty as it can be.
"""

import os
import sys
import time

from PySide6.QtCore import QAbstractEventDispatcher, QTimer
from PySide6.QtWidgets import QApplication, QMainWindow, QTextEdit

SETTLED_MS = 6000


class WatchedApplication(QApplication):
    """Notes when its window can be used, measures, and closes all windows."""

    settles = False

    def exec(self) -> int:  # type: ignore[override]
        """Run the event loop under watch."""
        dispatcher = QAbstractEventDispatcher.instance()
        assert dispatcher is not None, "an application has one"
        self._seconds = 0.0
        dispatcher.aboutToBlock.connect(self._look)
        return super().exec()

    def _look(self) -> None:
        """The event loop has nothing to do: the window can be used if it is exposed, for it is painted by then."""
        shown = [window for window in self.topLevelWindows() if window.isExposed()]
        if self._seconds or not shown:
            return
        self._seconds = time.monotonic() - float(os.environ["BENCHMARK_ASKED_AT"])
        QTimer.singleShot(SETTLED_MS if self.settles else 0, self, self._measure)

    def _measure(self) -> None:
        import psutil

        mb = psutil.Process().memory_info().rss / 1e6
        from tests.benchmarks import children

        children.answer({"seconds": self._seconds, "mb": mb})
        self.closeAllWindows()


def open_stillroom() -> int:
    """Do what `stillroom` does."""
    from app import __main__
    from app.desktop.window import application

    application.__dict__["QApplication"] = WatchedApplication
    sys.argv = ["stillroom"]
    return __main__.main()


def open_empty() -> int:
    """The least that a window with text needs."""
    app = WatchedApplication([])
    window = QMainWindow()
    window.setCentralWidget(QTextEdit())
    window.resize(1300, 820)
    window.show()
    return app.exec()


if __name__ == "__main__":
    WatchedApplication.settles = "settled" in sys.argv
    sys.exit(open_stillroom() if sys.argv[1] == "stillroom" else open_empty())
