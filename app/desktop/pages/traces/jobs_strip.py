"""The jobs about traces that are under way and stand nowhere else: exports, and imports whose sheet was left."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from app.desktop.widgets.job_card import JobCard
from app.desktop.widgets.job_words import is_over
from app.desktop.widgets.layouts import in_column, take_out
from models.jobs.queue import Job


class JobsStrip(QWidget):
    """Cards of running jobs; hidden while there is none.

    Signals:
        cancel_requested, pause_requested, resume_requested: the id of a job.
    """

    cancel_requested = Signal(int)
    pause_requested = Signal(int)
    resume_requested = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.cards: dict[int, JobCard] = {}
        self._column = in_column(self, margins=(18, 12, 18, 2), spacing=10)
        self.hide()

    def take_job(self, job: Job) -> None:
        """A job is another one now; one that is over goes."""
        card = self.cards.get(job.id)
        if is_over(job):
            if card is not None:
                del self.cards[job.id]
                take_out(self._column, card)
        elif card is not None:
            card.show_job(job)
        else:
            card = self.cards[job.id] = JobCard(job)
            card.cancel.connect(self.cancel_requested)
            card.pause.connect(self.pause_requested)
            card.resume.connect(self.resume_requested)
            self._column.addWidget(card)
        self.setVisible(bool(self.cards))

    def forget(self, job_id: int) -> None:
        """Take a card off whose job is shown elsewhere."""
        card = self.cards.pop(job_id, None)
        if card is not None:
            take_out(self._column, card)
        self.setVisible(bool(self.cards))
