"""Closing the window while a job runs: asked once, whether it goes on without a window, stops for now, or nobody leaves.

What stops for now is let save first. A training has up to a step to do until then; who can't wait for it quits at once.
"""

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from app.desktop.services.job_queue import JobQueue
from app.desktop.widgets.named import named
from app.desktop.widgets.plain import message_box
from models.jobs import kinds

if TYPE_CHECKING:  # a window that nothing keeps open is closed without it
    from PySide6.QtWidgets import QMessageBox


class QuitGuard(QObject):
    """Says whether the window may close."""

    def __init__(self, window: QWidget, jobs: JobQueue) -> None:
        super().__init__(window)
        self._window = window
        self._jobs = jobs
        self._decided = False
        self._hidden = False  # until what runs is done
        self._stopping = False
        self._box: QMessageBox | None = None
        jobs.changed.connect(self._close_when_done)

    def may_close(self) -> bool:
        """Whether nothing runs, or it was decided not to wait; else ask, and close when the answer says so."""
        if self._decided or not self._jobs.busy():
            return True
        if self._box is None:
            self._ask()
        return False

    def _ask(self) -> None:
        running = [job for job in self._jobs.busy() if not job.stopping]
        if not running:
            self._stop()
            return
        what = running[0].title if len(running) == 1 else f"{len(running)} jobs"
        text = f"{what} is still under way." if len(running) == 1 else f"{what} are still under way."
        more = "Paused work goes on where it stopped when Stillroom is opened again."
        box = named(message_box(self._window, text, more), "leaving")
        box.addButton("Pause and Quit", box.ButtonRole.AcceptRole).clicked.connect(self._stop)
        box.addButton("Finish in the Background", box.ButtonRole.ActionRole).clicked.connect(self._finish_hidden)
        box.addButton("Cancel", box.ButtonRole.RejectRole)
        self._open(box)

    def _stop(self) -> None:
        """Let all that runs stop where it can go on, and leave after the last."""
        self._stopping = True
        self._jobs.suspend()
        running = [kinds.of(job.doing) for job in self._jobs.busy()]
        if not running:
            self._leave()
            return
        text = max(running, key=lambda kind: kind.patience_s).stopping
        more = "Stillroom quits as soon as what was done so far is saved."
        box = named(message_box(self._window, text, more), "stopping")
        box.addButton("Wait", box.ButtonRole.RejectRole)
        box.addButton("Quit Now", box.ButtonRole.DestructiveRole).clicked.connect(self._leave)
        self._open(box)

    def _open(self, box: "QMessageBox") -> None:
        self._box = box
        box.finished.connect(lambda: self._answered(box))
        box.open()

    def _answered(self, box: "QMessageBox") -> None:
        box.deleteLater()
        if self._box is box:
            self._box = None

    def _leave(self) -> None:
        self._decided = True
        self._window.close()

    def _finish_hidden(self) -> None:
        self._hidden = True
        self._window.hide()

    def _close_when_done(self, _job: object) -> None:
        if self._hidden and self._window.isVisible():  # it was opened again meanwhile
            self._hidden = False
        if (self._hidden or self._stopping) and not self._jobs.busy():
            self._leave()
