"""Closing the window while a job runs: asked once, whether it goes on without a window, stops for now, or nobody leaves."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QMessageBox

from app.desktop.services.job_queue import JobQueue

if TYPE_CHECKING:
    from app.desktop.window.main_window import MainWindow


class QuitGuard(QObject):
    """Says whether the window may close."""

    def __init__(self, window: "MainWindow", jobs: JobQueue) -> None:
        super().__init__(window)
        self._window = window
        self._jobs = jobs
        self._decided = False
        self._waiting = False
        self._box: QMessageBox | None = None
        jobs.changed.connect(self._close_when_done)

    def may_close(self) -> bool:
        """Whether nothing runs, or it was decided to stop it; else ask, and close when the answer says so."""
        if self._decided or not self._jobs.busy():
            return True
        self._ask()
        return False

    def _ask(self) -> None:
        if self._box is not None:
            return
        running = self._jobs.busy()
        what = running[0].title if len(running) == 1 else f"{len(running)} jobs"
        box = QMessageBox(self._window)
        box.setObjectName("leaving")
        box.setText(f"{what} is still under way." if len(running) == 1 else f"{what} are still under way.")
        box.setInformativeText("Paused work goes on where it stopped when Stillroom is opened again.")
        role = QMessageBox.ButtonRole
        pause = box.addButton("Pause and Quit", role.AcceptRole)
        keep = box.addButton("Finish in the Background", role.ActionRole)
        box.addButton("Cancel", role.RejectRole)
        pause.clicked.connect(self._leave)
        keep.clicked.connect(self._finish_hidden)
        box.finished.connect(self._answered)
        self._box = box
        box.open()

    def _answered(self) -> None:
        if self._box is not None:
            self._box.deleteLater()
            self._box = None

    def _leave(self) -> None:
        self._decided = True
        self._window.close()

    def _finish_hidden(self) -> None:
        self._waiting = True
        self._window.hide()

    def _close_when_done(self, _job: object) -> None:
        if not self._waiting:
            return
        if self._window.isVisible():  # it was opened again meanwhile
            self._waiting = False
        elif not self._jobs.busy():
            self._leave()
