"""How a model thinks: one line with a bar while it does, what it thought when opened, and how it ended."""

import sys
from typing import Literal

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QWidget

from app.desktop.pages.chat.message_actions import MessageActions
from app.desktop.palette import Colours
from app.desktop.text.message_text import MessageText
from app.desktop.text.plain_text import parse_plain
from app.desktop.text.text_style import TextStyle
from app.desktop.widgets.small_parts import Bar, StatusLine, TextButton, draw_card, draw_triangle
from models import quantities
from models.events import ClosedBy

State = Literal["thinking", "closing"]
TEXT_PX = 12
INSET = 16
ENDS: dict[ClosedBy, str] = {
    "model": "ended by itself",
    "budget": "stopped at the budget",
    "answer_now": "stopped by you",
    "loop": "stopped for repeating itself",
    "off": "",
}


def tokens_text(used: int, budget: int | None) -> str:
    """Tokens used, of how many if there is a limit."""
    if budget is None:
        return f"{used:,} token{'s' if used != 1 else ''}"
    return f"{used:,} of {budget:,} tokens"


class _Arrow(QAbstractButton):
    """Opens and closes the panel."""

    def __init__(self, colours: Colours, parent: QWidget) -> None:
        super().__init__(parent)
        self.colours = colours
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.resize(18, 18)

    def paintEvent(self, event: QPaintEvent) -> None:
        """A triangle, with a ring when it has the focus."""
        painter = QPainter(self)
        if self.hasFocus():
            draw_card(painter, QRectF(self.rect()), self.colours.thinking_tint, self.colours.accent, 5)
        draw_triangle(painter, QPointF(9, 9), self.colours.thinking, self.isChecked())


class ThinkingPanel(QWidget):
    """The card above a reply.

    Signals:
        grown: its height may have changed; ask `fit`.
    """

    grown = Signal()

    def __init__(
        self, colours: Colours, actions: MessageActions, is_open: bool = False, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.message_actions = actions
        self._colours = colours
        self._thoughts: list[tuple[str, bool]] = []  # text, and whether the budget put it there
        self._line = ("Thinking", "")
        self._suffix = ""
        self._arrow = _Arrow(colours, self)
        self._arrow.setChecked(is_open)
        self._arrow.toggled.connect(self._toggle)
        self._status = StatusLine("Thinking status", self)
        self._bar = Bar(colours.thinking, colours.thinking_line, self)
        self._bar.hide()
        key = "⌘↩" if sys.platform == "darwin" else "Ctrl+↩"
        self._longer = TextButton("Think longer", "Think longer", colours, self, "outlined")
        self._answer = TextButton(f"Answer now {key}", "Answer now", colours, self, "filled")
        self._longer.setToolTip("Let it think about twice as long")
        self._answer.setToolTip("Close the thinking and begin the answer")
        self._longer.clicked.connect(actions.think_longer)
        self._answer.clicked.connect(actions.answer_now)
        self._text: MessageText | None = None
        self._name_parts()
        self._show_line("Thinking", "")

    @property
    def is_open(self) -> bool:
        """Whether what was thought is shown."""
        return self._arrow.isChecked()

    @property
    def is_thinking(self) -> bool:
        """Whether it can still be steered."""
        return not self._answer.isHidden()

    def set_suffix(self, suffix: str) -> None:
        """Tell the names of this panel's parts from those of the last reply's."""
        self._suffix = suffix
        self._name_parts()

    def text(self) -> str:
        """What was thought so far."""
        return "".join(text for text, _ in self._thoughts)

    def append(self, text: str, forced: bool = False) -> None:
        """Take more thoughts. forced: put there by the budget."""
        if self._text is not None:
            self._text.append(text, forced)
        if self._thoughts and self._thoughts[-1][1] == forced:
            text = self._thoughts.pop()[0] + text  # few long texts instead of thousands of tokens
        self._thoughts.append((text, forced))

    def set_status(self, used: int, budget: int | None, seconds: float, state: State = "thinking") -> None:
        """Say how long it has thought, of how long it may."""
        self._show_line("Thinking", f"{tokens_text(used, budget)} · {quantities.seconds(seconds)}")
        self._show_bar(used, budget)
        self._answer.setEnabled(state == "thinking")
        self._longer.setEnabled(state == "thinking" and budget is not None)
        self._place()

    def close_thinking(self, tokens: int, seconds: float, how: ClosedBy | None, budget: int | None) -> None:
        """Say how long it thought and how that ended."""
        ended = ENDS[how] if how else "stopped before it ended"
        known = tokens > 0 or seconds > 0
        title = f"Thought for {quantities.seconds(seconds)}" if known else "Thought"
        self._show_line(
            title, " · ".join(part for part in (tokens_text(tokens, budget) if known else "", ended) if part)
        )
        self._show_bar(tokens, budget)
        was_thinking = self.is_thinking
        self._answer.hide()
        self._longer.hide()
        if self._text is not None:
            self._text.flush()
        if was_thinking:
            self.grown.emit()
        self._place()

    def set_colours(self, colours: Colours) -> None:
        self._colours = self._arrow.colours = colours
        self._bar.set_inks(colours.thinking, colours.thinking_line)
        self._longer.set_colours(colours)
        self._answer.set_colours(colours)
        self._show_line(*self._line)
        if self._text is not None:
            self._text.set_look(TextStyle(colours, TEXT_PX, muted=True))
        self.update()

    def fit(self, width: int) -> int:
        """Take a width and return the height that needs."""
        height = self._header_height()
        if self.is_open and self._text is not None:
            self._text.move(INSET, height - 2)
            height += self._text.fit(width - 2 * INSET) + 14
        self.resize(width, height)
        self._place()
        return height

    def paintEvent(self, event: QPaintEvent) -> None:
        c = self._colours
        draw_card(QPainter(self), QRectF(self.rect()), c.thinking_tint, c.thinking_line)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.position().y() < self._header_height():
            self._arrow.toggle()

    # Within

    def _header_height(self) -> int:
        return 47 if self.is_thinking else 37

    def _show_line(self, title: str, details: str) -> None:
        self._line = (title, details)
        self._status.show_line(title, details, self._colours.thinking, self._colours.muted)

    def _show_bar(self, used: int, budget: int | None) -> None:
        self._bar.setVisible(bool(budget))
        self._bar.set_fraction(used / budget if budget else 0.0)

    def _place(self) -> None:
        middle = self._header_height() // 2
        right = self.width() - 14
        self._arrow.move(8, middle - 9)
        self._status.move(30, middle - self._status.height() // 2 + 1)
        for button in (self._answer, self._longer):
            if not button.isHidden():
                button.move(right - button.width(), middle - button.height() // 2)
                right -= button.width() + 10
        left = 30 + self._status.width() + 10
        self._bar.resize(max(0, min(170 if self.is_thinking else 150, right - left - 10)), 6)
        self._bar.move(left, middle - 3)

    def _name_parts(self) -> None:
        self._status.setAccessibleName(f"Thinking status{self._suffix}")
        self._arrow.setAccessibleName(("Hide thinking" if self.is_open else "Show thinking") + self._suffix)
        if self._text is not None:
            self._text.setAccessibleName(f"Thinking text{self._suffix}")

    def _toggle(self, is_open: bool) -> None:
        self.show_text(is_open)
        self.message_actions.thinking_opened.emit(is_open)

    def show_text(self, is_open: bool) -> None:
        """Build what was thought when it is first looked at."""
        if is_open and self._text is None:
            self._text = MessageText(TextStyle(self._colours, TEXT_PX, muted=True), parse_plain, parent=self)
            self._text.grown.connect(self.grown)
            self._text.link_clicked.connect(self.message_actions.link_clicked)
            for text, forced in self._thoughts:
                self._text.append(text, forced)
        if self._text is not None:
            self._text.setVisible(is_open)
        self._name_parts()
        self.grown.emit()
        self.update()
