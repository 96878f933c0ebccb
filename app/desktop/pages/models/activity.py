"""Activity: all jobs, those under way first, then how the others ended."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QScrollArea, QWidget

from app.desktop.pages.models.discover import fill_column
from app.desktop.services.job_queue import JobQueue
from app.desktop.widgets import job_words
from app.desktop.widgets.buttons import RowButton
from app.desktop.widgets.cards import label
from app.desktop.widgets.job_card import JobStack
from app.desktop.widgets.layouts import in_row
from app.desktop.widgets.named import named
from app.desktop.widgets.plain import Label
from models.jobs.queue import Job

SHOWN_ENDED = 30


class Activity(QScrollArea):
    """Two stacks of cards.

    Signals:
        chat_requested: the name of a model that a job made.
        clear_requested: forget the jobs that ended.
    """

    chat_requested = Signal(str)
    clear_requested = Signal()

    def __init__(self, jobs: JobQueue, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.under_way = JobStack(jobs)
        self.ended = JobStack(jobs)
        self._nothing = label("Nothing is under way. What you get, import, quantize or measure is shown here.", "hint")
        self._nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._nothing.setMinimumHeight(160)
        self._more = named(Label(), "hint")
        self._clear = RowButton("Clear finished")
        self._clear.clicked.connect(self.clear_requested)
        self._heading = QWidget()
        title = label("Ended", "card_title", wraps=False)
        in_row(self._heading, title, 1, self._clear, margins=(2, 6, 0, 0))
        fill_column(self, (self.under_way, self._heading, self.ended, self._more, self._nothing))
        self.under_way.chat_requested.connect(self.chat_requested)
        self.ended.chat_requested.connect(self.chat_requested)
        self.show_jobs([])

    def show_jobs(self, jobs: Sequence[Job]) -> None:
        """Show the jobs as they are now; the newest of those that ended come first."""
        running = [job for job in jobs if job.state == "running"]
        others = [job for job in jobs if not job_words.is_over(job) and job.state != "running"]
        over = sorted(
            (job for job in jobs if job_words.is_over(job)), key=lambda job: (job.ended, job.id), reverse=True
        )
        self.under_way.show_jobs(running + others)
        self.ended.show_jobs(over[:SHOWN_ENDED])
        self._heading.setVisible(bool(over))
        self._more.setVisible(len(over) > SHOWN_ENDED)
        self._more.setText(f"and {len(over) - SHOWN_ENDED} before these")
        self._nothing.setVisible(not jobs)
