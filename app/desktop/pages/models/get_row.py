"""Rows that end in "Get": a model of the catalog, or a repository of the Hub.

Painted by hand with real buttons at the end. A row asks in place before it gets what can't run here.
"""

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPoint, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QHelpEvent, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QToolTip, QWidget

from app.desktop import fonts
from app.desktop.pages.models import offers
from app.desktop.pages.models.get_state import GetState
from app.desktop.theme import colours, theme
from app.desktop.widgets.buttons import GetButton, RowButton
from app.desktop.widgets.drawing import RIGHT, draw_bar, draw_line, draw_text, fit_colour, smooth_painter
from app.desktop.widgets.plain import tip
from models.library.catalog import Offer

ROW_PX, QUESTION_PX = 47, 40
PAD = 18
BUTTONS_PX = 76  # what the widest of the buttons takes


@dataclass(frozen=True)
class Columns:
    """Where the columns of the catalog stand in a row of some width. bar_width is 0 where there is no room for bars."""

    score_right: float
    bar_left: float
    bar_width: float
    note_left: float
    note_right: float


def columns(width: float) -> Columns:
    """Share a width out."""
    end = width - PAD - BUTTONS_PX
    if width < 600:
        note = end - 150
        return Columns(score_right=note - 10, bar_left=note, bar_width=0, note_left=note, note_right=end)
    bar = 120.0 if width >= 800 else 70.0
    score = round(0.52 * width) if width >= 800 else round(0.47 * width)
    return Columns(score, score + 20, bar, score + 20 + bar + 8, end)


class GetRow(QWidget):
    """One row. Its accessible name is the title, its description the rest of what is written on it.

    Signals:
        get_pressed: take what is recommended.
        menu_asked: where a menu of the variants should open.
        chat_requested: the name of a model.
        chosen: the row was clicked.
    """

    get_pressed = Signal()
    menu_asked = Signal(QPoint)
    chat_requested = Signal(str)
    chosen = Signal()

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = title
        self.state = GetState()
        self.last = False
        self._question = ""
        self._agree: Callable[[], None] | None = None
        self.get = GetButton(title, self)
        self._answers: list[RowButton] = []  # made when it asks: few rows ever do
        self.get.pressed.connect(self._pressed)
        self.get.menu_asked.connect(self.menu_asked)
        self.setAccessibleName(title)
        self.setFixedHeight(ROW_PX)
        theme.changed.connect(self.update)

    def set_state(self, state: GetState) -> None:
        if state != self.state:
            self.state = state
            if state.kind != "get":
                self._answered(False)
            self._changed()

    def ask(self, question: str, agree: Callable[[], None]) -> None:
        """Ask once, below the row. agree: done when the answer is yes."""
        self._question, self._agree = question, agree
        if not self._answers:
            for text, name, yes in (
                ("Get it all the same", f"Get {self.title} all the same", True),
                ("Not now", f"Don’t get {self.title}", False),
            ):
                button = RowButton(text, name, self)
                button.clicked.connect(lambda _=False, answer=yes: self._answered(answer))
                self._answers.append(button)
        for button in self._answers:
            button.show()
        self.setFixedHeight(ROW_PX + QUESTION_PX)
        self._changed()
        self._answers[0].setFocus()

    @property
    def question(self) -> str:
        return self._question

    def describe(self) -> str:
        """What is written on the row beside its title."""
        raise NotImplementedError

    def is_faint(self) -> bool:
        """Whether getting it is not advised."""
        return False

    def hint_at(self, x: float) -> str:
        """What a tooltip says there."""
        return ""

    def sizeHint(self) -> QSize:
        return QSize(440, self.height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        super().mousePressEvent(event)
        self.chosen.emit()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            QToolTip.showText(event.globalPos(), tip(self.hint_at(event.pos().x())), self)
            return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Title, second line, what the kind of row adds, and the question."""
        painter = smooth_painter(self)
        self.paint_row(painter)
        c = colours()
        if self.state.kind == "busy":
            end = QRectF(self.width() - PAD - 110, 0, 110, ROW_PX)
            draw_text(painter, end, self.state.text, fonts.text(), c.accent if self.hasFocus() else c.muted, RIGHT)
        if self._question:
            painter.setFont(fonts.text(12))
            painter.setPen(QColor(c.bad))
            area = QRectF(PAD, ROW_PX - 4, self._answers[0].x() - PAD - 14, QUESTION_PX - 2)
            painter.drawText(area, Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextWordWrap, self._question)
        if not self.last:
            draw_line(painter, PAD - 10, self.width() - PAD + 10, self.height())

    def paint_row(self, painter: QPainter) -> None:
        raise NotImplementedError

    def paint_titles(self, painter: QPainter, right: float, second: str) -> None:
        """Title and second line, up to a column."""
        c = colours()
        draw_text(painter, QRectF(PAD, 6, right - PAD, 20), self.title, fonts.text(weight=fonts.BOLD), c.text)
        note = f"{self.state.note} · " if self.state.note else ""
        small = fonts.text(11)
        area = QRectF(PAD, 24, right - PAD, 16)
        written = draw_text(painter, area, note, small, c.ok) if note else 0.0
        draw_text(painter, area.adjusted(written, 0, 0, 0), second, small, c.muted)

    def _pressed(self) -> None:
        if self.state.kind == "chat":
            self.chat_requested.emit(self.state.model)
        else:
            self.get_pressed.emit()

    def _answered(self, yes: bool) -> None:
        agree, self._agree = self._agree, None
        if not self._question:
            return
        had_focus = any(button.hasFocus() for button in self._answers)
        self._question = ""
        if had_focus:
            self.get.main.setFocus()
        for button in self._answers:
            button.hide()
        self.setFixedHeight(ROW_PX)
        self._changed()
        if yes and agree is not None:
            agree()

    def _changed(self) -> None:
        busy, chat = self.state.kind == "busy", self.state.kind == "chat"
        self._keep_focus(busy)
        self.get.setVisible(not busy)
        if chat:
            self.get.show_action("Chat", f"Chat with {self.title}")
        else:
            self.get.show_action("Get", f"Get {self.title}", self.is_faint())
        said = (self.describe(), self.state.note, self.state.text, self._question)
        self.setAccessibleDescription("; ".join(part for part in said if part))
        self._place()
        self.update()

    def _keep_focus(self, busy: bool) -> None:
        """The keyboard stays on this row while its button is away, and finds it again when it is back."""
        if busy and (self.get.main.hasFocus() or self.get.arrow.hasFocus()):
            self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            self.setFocus()
        elif not busy and self.focusPolicy() != Qt.FocusPolicy.NoFocus:
            if self.hasFocus():
                self.get.show()
                self.get.main.setFocus()
            self.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def _place(self) -> None:
        size = self.get.sizeHint()
        self.get.setGeometry(self.width() - PAD - size.width(), (ROW_PX - size.height()) // 2, *size.toTuple())
        x = self.width() - PAD
        for button in reversed(self._answers):
            size = button.sizeHint()
            x -= size.width()
            button.setGeometry(x, ROW_PX + 2, *size.toTuple())
            x -= 8


class OfferRow(GetRow):
    """A model of the catalog. tag: the tag it thinks in; room_bytes: what a model may take on this machine."""

    def __init__(self, offer: Offer, tag: str, room_bytes: int, parent: QWidget | None = None) -> None:
        super().__init__(offer.entry.title, parent)
        self.offer = offer
        self._second = offers.second_line(offer, tag)
        score = offers.score(offer)
        self._score = f"{score.value:.1f}" if score else "—"
        self._share = offer.memory_bytes / room_bytes if room_bytes else 1.0
        self._changed()

    def describe(self) -> str:
        return f"{self._second}; {offers.SHOWN_BENCHMARK} {self._score}; {self.offer.sentence}"

    def is_faint(self) -> bool:
        return self.offer.state == "too_big"

    def hint_at(self, x: float) -> str:
        """The score's source, what the memory is for, or what the model is for."""
        place = columns(self.width())
        if x < place.score_right - 60:
            return f"{self.offer.entry.repo}\n{self.offer.entry.summary}"
        if x <= place.score_right:
            return offers.score_said(self.offer)
        return f"{offers.choice_title(offers.shown_choice(self.offer))} {offers.shown_choice(self.offer).sentence}"

    def paint_row(self, painter: QPainter) -> None:
        c, place = colours(), columns(self.width())
        self.paint_titles(painter, place.score_right - 46, self._second)
        ink = c.text if self._score != "—" else c.muted
        draw_text(painter, QRectF(place.score_right - 60, 0, 60, ROW_PX), self._score, fonts.text(), ink, RIGHT)
        fit = fit_colour(self.offer.state)
        if place.bar_width:
            draw_bar(painter, QRectF(place.bar_left, ROW_PX / 2 - 3, place.bar_width, 6), self._share, fit)
        note = QRectF(place.note_left, 0, place.note_right - place.note_left, ROW_PX)
        draw_text(painter, note, self.offer.sentence, fonts.text(11), fit)


class HubRow(GetRow):
    """A repository of the Hub. second: what is known about it."""

    def __init__(self, repo: str, second: str, params: int = 0, parent: QWidget | None = None) -> None:
        super().__init__(repo, parent)
        self.repo = repo
        self.params = params
        self._second = second
        self._changed()

    def describe(self) -> str:
        return self._second

    def hint_at(self, x: float) -> str:
        return f"{self.repo}\n{self._second}"

    def paint_row(self, painter: QPainter) -> None:
        self.paint_titles(painter, self.width() - PAD - BUTTONS_PX - 8, self._second)
