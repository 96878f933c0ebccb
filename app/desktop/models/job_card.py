"""A job under way or ended, as a card: title, what it does, bar, one line, and what can be done about it."""

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.desktop import fonts
from app.desktop.chat.small_parts import draw_card
from app.desktop.models import job_words
from app.desktop.models.buttons import RowButton
from app.desktop.models.contracts import JobsLike
from app.desktop.models.drawing import draw_bar, draw_pill, draw_text, tip
from app.desktop.theme import colours, theme
from models.engine.jobs import Job

HEIGHT_PX, ENDED_PX = 87, 64
PAD = 16


class JobCard(QWidget):
    """One job. Its accessible name is the job's title, its description what is written on it.

    Signals:
        pause, resume, cancel: the id of the job; resume is also "Try again".
        chat: the name of the model that it made.
    """

    pause = Signal(int)
    resume = Signal(int)
    cancel = Signal(int)
    chat = Signal(str)

    def __init__(self, job: Job, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.job = job
        self._pause = self._button("Pause", lambda: self.pause.emit(self.job.id))
        self._resume = self._button("Resume", lambda: self.resume.emit(self.job.id))
        self._cancel = self._button("Cancel", lambda: self.cancel.emit(self.job.id))
        self._again = self._button("Try again", lambda: self.resume.emit(self.job.id))
        self._chat = self._button("Chat", lambda: self.chat.emit(self.job.model))
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(PAD, 0, PAD, 0)
        self._row.setSpacing(18)
        self._row.addStretch(1)
        for button in (self._again, self._pause, self._resume, self._chat, self._cancel):
            self._row.addWidget(button)
        theme.changed.connect(self.update)
        self.show_job(job)

    def show_job(self, job: Job) -> None:
        """Show a job as it is now."""
        self.job = job
        title, over = job.title, job_words.is_over(job)
        for button, verb in ((self._pause, "Pause"), (self._resume, "Resume"), (self._cancel, "Cancel")):
            button.setAccessibleName(f"{verb} {title}")
        self._again.setAccessibleName(f"Try {title} again")
        self._chat.setAccessibleName(f"Chat with {title}")
        had_focus = any(button.hasFocus() for button in (self._pause, self._resume))
        self._pause.setVisible(job.state in ("running", "waiting"))
        self._resume.setVisible(job.state == "paused")
        self._cancel.setVisible(not over)
        self._again.setVisible(job.state in ("failed", "cancelled"))
        self._chat.setVisible(job.state == "done" and bool(job.model))
        if had_focus:
            (self._resume if job.state == "paused" else self._pause).setFocus()
        self.setFixedHeight(HEIGHT_PX if not over else ENDED_PX)
        self.setAccessibleName(title)
        self.setAccessibleDescription(f"{job_words.pill(job)}; {job_words.line(job)}")
        self.setToolTip(tip(job_words.line(job)) if job.state == "failed" or job.note else "")
        self.update()

    def sizeHint(self) -> QSize:
        """As wide as there is room."""
        return QSize(480, self.height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """The card and what is written on it."""
        c, job = colours(), self.job
        painter = QPainter(self)
        draw_card(painter, QRectF(self.rect()), c.raised, c.line, 10)
        over = job_words.is_over(job)
        first = min((b.x() for b in self._shown()), default=self.width() - PAD + 18)
        right = first - 18
        title_font, small = fonts.text(weight=fonts.BOLD), fonts.text(11)
        pill = job_words.pill(job)
        pill_width = QFontMetricsF(small).horizontalAdvance(pill) + 34
        room = max(80.0, right - PAD - pill_width)
        top = 14.0 if over else 15.0
        wide = draw_text(painter, QRectF(PAD, top, room, 22), job.title, title_font, c.text)
        draw_pill(painter, PAD + wide + 10, top + 11, pill, small, self._pill_ink(), right - PAD - wide - 10)
        if not over:
            bar = QRectF(PAD, 45, right - PAD, 6)
            draw_bar(painter, bar, job_words.fraction(job) or 0.0, c.accent if job.state == "running" else c.faint)
        text = QRectF(PAD, 38 if over else 56, right - PAD, 18)
        draw_text(painter, text, job_words.line(job), small, c.bad if job.state == "failed" else c.muted)

    def _shown(self) -> list[RowButton]:
        buttons = (self._again, self._pause, self._resume, self._chat, self._cancel)
        return [button for button in buttons if not button.isHidden()]

    def _pill_ink(self) -> str:
        c = colours()
        return {"done": c.ok, "failed": c.bad}.get(self.job.state, c.text)

    def _button(self, text: str, do: object) -> RowButton:
        button = RowButton(text, parent=self)
        button.clicked.connect(do)
        return button


class JobStack(QWidget):
    """The cards of some jobs, one below the other; hidden while there is none.

    Signals:
        chat_requested: the name of a model that a job made.
    """

    chat_requested = Signal(str)

    def __init__(self, jobs: JobsLike, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._jobs = jobs
        self.cards: dict[int, JobCard] = {}
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(14)
        self._column.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.hide()

    def show_jobs(self, jobs: list[Job]) -> None:
        """Show these jobs in this order; cards that stay keep their focus."""
        wanted = {job.id for job in jobs}
        for job_id in [job_id for job_id in self.cards if job_id not in wanted]:
            card = self.cards.pop(job_id)
            self._column.removeWidget(card)
            card.hide()
            card.deleteLater()
        for place, job in enumerate(jobs):
            card_here = self.cards.get(job.id)
            if card_here is None:
                self._column.insertWidget(place, self._new_card(job))
            else:
                if self._column.indexOf(card_here) != place:
                    self._column.insertWidget(place, card_here)
                if card_here.job != job:
                    card_here.show_job(job)
        self.setVisible(bool(jobs))

    def _new_card(self, job: Job) -> JobCard:
        card = self.cards[job.id] = JobCard(job, self)
        card.pause.connect(self._jobs.pause)
        card.resume.connect(self._jobs.resume)
        card.cancel.connect(self._jobs.cancel)
        card.chat.connect(self.chat_requested)
        return card
