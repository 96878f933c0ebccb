"""A job under way or ended, as a card: title, what it does, bar, one line, and what can be done about it."""

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QWidget

from app.desktop import fonts
from app.desktop.services.job_queue import JobQueue
from app.desktop.theme import colours, theme
from app.desktop.widgets import job_words
from app.desktop.widgets.buttons import RowButton
from app.desktop.widgets.drawing import draw_bar, draw_pill, draw_text
from app.desktop.widgets.layouts import in_column, take_out
from app.desktop.widgets.plain import tip
from app.desktop.widgets.small_parts import draw_card
from models import names
from models.jobs import kinds
from models.jobs.queue import Job

HEIGHT_PX, ENDED_PX = 87, 64
PAD, BETWEEN_PX = 16, 18
NAMES = {
    "Pause": "Pause {}",
    "Resume": "Resume {}",
    "Cancel": "Cancel {}",
    "Try again": "Try {} again",
    "Chat": "Chat with {}",
}


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
        self._buttons: dict[str, RowButton] = {}  # made when first shown
        theme.changed.connect(self.update)
        self.show_job(job)

    def show_job(self, job: Job) -> None:
        self.job = job
        wanted = _actions(job)
        had_focus = any(b.hasFocus() for action, b in self._buttons.items() if action not in wanted)
        for action in wanted:
            self._button(action).setAccessibleName(NAMES[action].format(job.title))
        for action, button in self._buttons.items():
            button.setVisible(action in wanted)
        if had_focus and wanted:
            self._button(wanted[0]).setFocus()
        self._fit()
        self._place()
        self.setAccessibleName(job.title)
        self.setAccessibleDescription(f"{job_words.pill(job)}; {job_words.line(job)}")
        self.setToolTip(tip(job_words.line(job)))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(480, self.height())

    def paintEvent(self, event: QPaintEvent) -> None:
        c, job = colours(), self.job
        painter = QPainter(self)
        draw_card(painter, QRectF(self.rect()), c.raised, c.line, 10)
        over = job_words.is_over(job)
        right = self._text_right()
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
        text = QRectF(PAD, 38 if over else 56, right - PAD, self.height() - 46 if over else 18)
        if job.state != "failed":
            draw_text(painter, text, job_words.line(job), small, c.muted)
            return
        painter.setFont(small)
        painter.setPen(QColor(c.bad))
        painter.drawText(text, Qt.TextFlag.TextWordWrap, names.plain(job_words.line(job)))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """A sentence on what failed takes the lines it needs."""
        super().resizeEvent(event)
        self._fit()
        self._place()

    def _fit(self) -> None:
        height = ENDED_PX if job_words.is_over(self.job) else HEIGHT_PX
        if self.job.state == "failed":
            room = QRectF(0, 0, max(self._text_right() - PAD, 120), 1000)
            metrics = QFontMetricsF(fonts.text(11))
            said = metrics.boundingRect(room, Qt.TextFlag.TextWordWrap, job_words.line(self.job))
            height = max(height, round(said.height()) + 50)
        if height != self.height():
            self.setFixedHeight(height)

    def _place(self) -> None:
        right = self.width() - PAD
        for button in reversed(self._shown()):
            size = button.sizeHint()
            button.setGeometry(right - size.width(), (self.height() - size.height()) // 2, size.width(), size.height())
            right -= size.width() + BETWEEN_PX

    def _text_right(self) -> float:
        widths = [button.sizeHint().width() + BETWEEN_PX for button in self._shown()]
        return self.width() - PAD - sum(widths)

    def _shown(self) -> list[RowButton]:
        return [self._buttons[action] for action in _actions(self.job)]

    def _pill_ink(self) -> str:
        c = colours()
        return {"done": c.ok, "failed": c.bad}.get(self.job.state, c.text)

    def _button(self, action: str) -> RowButton:
        if action not in self._buttons:
            button = self._buttons[action] = RowButton(action, parent=self)
            button.clicked.connect(lambda: self._act(action))
        return self._buttons[action]

    def _act(self, action: str) -> None:
        if action == "Chat":
            self.chat.emit(self.job.model)
        else:
            told = {"Pause": self.pause, "Cancel": self.cancel}.get(action, self.resume)
            told.emit(self.job.id)


def _actions(job: Job) -> list[str]:
    """What can be done about a job, from left to right."""
    if job.state == "running":
        # what was quantized so far can't be kept, so that is only cancelled
        return ["Pause", "Cancel"] if kinds.of(job.doing).can_pause else ["Cancel"]
    if job.state == "done":
        return ["Chat"] if job.model else []
    return {"waiting": ["Pause", "Cancel"], "paused": ["Resume", "Cancel"]}.get(job.state, ["Try again"])


class JobStack(QWidget):
    """The cards of some jobs, one below the other; hidden while there is none.

    Signals:
        chat_requested: the name of a model that a job made.
    """

    chat_requested = Signal(str)

    def __init__(self, jobs: JobQueue, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._jobs = jobs
        self.cards: dict[int, JobCard] = {}
        self._column = in_column(self, spacing=14)
        self._column.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.hide()

    def show_jobs(self, jobs: list[Job]) -> None:
        """Show these jobs in this order; cards that stay keep their focus."""
        wanted = {job.id for job in jobs}
        for job_id in [job_id for job_id in self.cards if job_id not in wanted]:
            card = self.cards.pop(job_id)
            take_out(self._column, card)
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
        jobs = self._jobs
        card.pause.connect(lambda job_id: jobs.attempt(jobs.pause, job_id))
        card.resume.connect(lambda job_id: jobs.attempt(jobs.resume, job_id))
        card.cancel.connect(lambda job_id: jobs.attempt(jobs.cancel, job_id))
        card.chat.connect(self.chat_requested)
        return card
