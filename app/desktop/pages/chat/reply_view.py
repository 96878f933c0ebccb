"""A reply: what the model thought, what it answered, and what can be done with it.

Parts are stacked by hand: `fit` takes a width and returns a height, at once, so that the transcript can keep the end
of a growing reply in view without a turn of the event loop between.
"""

from PySide6.QtCore import QPoint, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QLabel, QMenu, QWidget

from app.desktop import fonts
from app.desktop.pages.chat.footer import Footer
from app.desktop.pages.chat.message_actions import MessageActions
from app.desktop.pages.chat.thinking_panel import State, ThinkingPanel
from app.desktop.palette import Colours
from app.desktop.text.document import EAGER_MS
from app.desktop.text.message_text import MessageText
from app.desktop.text.text_style import TextStyle
from app.desktop.widgets.plain import Label
from app.desktop.widgets.small_parts import Bar, TextButton, draw_card
from models.events import ClosedBy
from models.store.rows import Figures

SIDE = 4
GAP = 14


class Waiting(QWidget):
    """A line that says what a reply waits for, with a bar when it is known how far that is."""

    def __init__(self, colours: Colours, parent: QWidget) -> None:
        super().__init__(parent)
        self._label = _label(self)
        self._label.setWordWrap(False)
        self._bar = Bar(colours.accent, colours.line, self)
        self.set_colours(colours)

    def show_state(self, text: str, fraction: float | None) -> None:
        """Say what is waited for; fraction from 0 to 1, or None when unknown."""
        self._label.setText(text)
        self._label.adjustSize()
        self._bar.setVisible(fraction is not None)
        self._bar.set_fraction(fraction or 0.0)
        self.fit(self.width())

    def set_colours(self, colours: Colours) -> None:
        _ink(self._label, colours.muted)
        self._bar.set_inks(colours.accent, colours.line)

    def fit(self, width: int) -> int:
        self.resize(width, 24)
        self._label.move(0, (24 - self._label.height()) // 2)
        self._bar.move(self._label.width() + 12, 10)
        return 24


class Trouble(QWidget):
    """What went wrong with a reply, and a way to try again.

    Signals:
        again_clicked: try again.
    """

    again_clicked = Signal()

    def __init__(self, colours: Colours, parent: QWidget) -> None:
        super().__init__(parent)
        self._text, self._hint = _label(self), _label(self)
        self._again = TextButton("Try again", "Try again", colours, self)
        self._again.clicked.connect(self.again_clicked)
        self.set_colours(colours)

    def show_error(self, text: str, hint: str) -> None:
        """Say it in a sentence, and what to do about it."""
        self._text.setText(text)
        self._hint.setText(hint)
        self._hint.setVisible(bool(hint))

    def set_colours(self, colours: Colours) -> None:
        self._colours = colours
        _ink(self._text, colours.bad)
        _ink(self._hint, colours.muted)
        self._again.set_colours(colours)
        self.update()

    def fit(self, width: int) -> int:
        room = width - 28 - self._again.width() - 8
        top = 10
        for label in (self._text, self._hint):
            if not label.isHidden():
                label.setGeometry(14, top, room, label.heightForWidth(room))
                top += label.height() + 3
        self.resize(width, top + 8)
        self._again.move(width - self._again.width() - 8, 8)
        return top + 8

    def paintEvent(self, event: QPaintEvent) -> None:
        draw_card(QPainter(self), QRectF(self.rect()), self._colours.bad_tint, self._colours.bad_tint)


class ReplyView(QWidget):
    """Shows one reply.

    Signals:
        grown: its height may have changed; ask `fit`.
        dragged: a selection is dragged to this point.
    """

    grown = Signal()
    dragged = Signal(QPoint)

    def __init__(
        self,
        colours: Colours,
        actions: MessageActions,
        message_id: int,
        thinking_open: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.message_actions = actions
        self._id = message_id
        self._colours = colours
        self._thinking_open = thinking_open
        self._suffix = ""
        self._waiting: Waiting | None = None
        self._panel: ThinkingPanel | None = None
        self._trouble: Trouble | None = None
        self._notes: QLabel | None = None
        self._text = MessageText(TextStyle(colours), name="Reply", parent=self)
        self._text.grown.connect(self._text_grown)
        self._text.link_clicked.connect(actions.link_clicked)
        self._text.dragged.connect(lambda at: self.dragged.emit(self._text.mapTo(self, at)))
        self.footer = Footer(colours, actions, message_id, self)
        self.footer.hide()
        self.footer.copy_clicked.connect(self.copy)
        self._answered = False
        self.setAttribute(Qt.WidgetAttribute.WA_StaticContents)

    @property
    def regenerate_menu(self) -> QMenu:
        return self.footer.menu

    @property
    def text_view(self) -> MessageText:
        """The widget that holds the answer."""
        return self._text

    @property
    def panel(self) -> ThinkingPanel | None:
        """The thinking panel, if the model thought."""
        return self._panel

    def text(self) -> str:
        return self._text.text()

    def thinking(self) -> str:
        return self._panel.text() if self._panel else ""

    # While it comes

    def set_waiting(self, text: str, fraction: float | None = None) -> None:
        """Say what the reply waits for, until its first token comes. An empty text ends it."""
        if not text:
            self._end_waiting()
            return
        if self._waiting is None:
            self._waiting = Waiting(self._colours, self)
            self._waiting.show()
        self._waiting.show_state(text, fraction)
        self.grown.emit()

    def append_thinking(self, text: str, forced: bool = False) -> None:
        """Take more thoughts. forced: put there by the budget."""
        self._need_panel().append(text, forced)

    def append_answer(self, text: str) -> None:
        if not self._answered:
            self._answered = True
            self._end_waiting()
        self._text.append(text)

    def set_thinking_status(self, used: int, budget: int | None, seconds: float, state: State = "thinking") -> None:
        """Say how far the thinking is. state: closing once it has been told to answer."""
        self._need_panel().set_status(used, budget, seconds, state)

    def close_thinking(self, tokens: int, seconds: float, how: ClosedBy | None, budget: int | None = None) -> None:
        """Say that it thought, how long and how that ended; how is None when the reply was stopped before."""
        if how == "off" or (self._panel is None and not tokens):
            return
        self._need_panel().close_thinking(tokens, seconds, how, budget)
        self.grown.emit()

    def finish(self, figures: Figures | None = None) -> None:
        """The reply is whole: show what can be done with it."""
        self._end_waiting()
        self._text.flush()
        if self._panel is not None and self._panel.is_thinking:
            given = figures or Figures()
            self._panel.close_thinking(given.thinking_tokens, given.thinking_s, given.closed_by, given.budget)
        self.footer.set_figures(figures)
        self.footer.show()
        self._show_notes(figures.notes if figures else [])
        self._describe()
        self.grown.emit()

    def fail(self, text: str, hint: str = "") -> None:
        """The reply ended badly: say why below what had come."""
        if self._trouble is None:
            self._trouble = Trouble(self._colours, self)
            self._trouble.again_clicked.connect(lambda: self.message_actions.regenerate.emit(self._id))
            self._trouble.show()
        self._trouble.show_error(text, hint)
        if self.footer.isHidden():
            self.finish()
        self.grown.emit()

    # As a whole

    def set_text(self, text: str, eager_ms: float = EAGER_MS) -> None:
        """Show a whole answer. eager_ms: how long its formulas may take at once."""
        self._answered = bool(text)
        self._text.set_text(text, eager_ms)
        self._describe()

    def set_versions(self, version: int, versions: int) -> None:
        """Say which version of how many this is, from 1."""
        self.footer.set_versions(version, versions)

    def set_number(self, number: int | None) -> None:
        """Name the parts for assistive technology: the last reply has no number."""
        self._suffix = "" if number is None else f" {number}"
        self._text.setAccessibleName(f"Reply{self._suffix}")
        self.footer.set_suffix(self._suffix)
        if self._notes is not None:
            self._notes.setAccessibleName(f"Reply notes{self._suffix}")
        if self._panel is not None:
            self._panel.set_suffix(self._suffix)

    def set_trace_number(self, number: int | None) -> None:
        """Name Use as trace for assistive technology: that of the last reply that can be used has no number."""
        self.footer.set_trace_suffix("" if number is None else f" {number}")

    def set_colours(self, colours: Colours) -> None:
        self._colours = colours
        self._text.set_look(TextStyle(colours))
        for part in (self.footer, self._waiting, self._panel, self._trouble):
            if part is not None:
                part.set_colours(colours)
        if self._notes is not None:
            _ink(self._notes, colours.muted)

    def copy(self) -> None:
        """Put the answer on the clipboard as Markdown."""
        QGuiApplication.clipboard().setText(self.text())
        self.footer.say_copied()
        QTimer.singleShot(1500, self.footer, lambda: self.footer.say_copied(False))

    def fit(self, width: int) -> int:
        """Take a width and return the height that needs."""
        top = 0
        if self._panel is not None:
            self._panel.move(0, top)
            top += self._panel.fit(width) + GAP
        if self._waiting is not None:
            self._waiting.move(SIDE, top)
            top += self._waiting.fit(width - 2 * SIDE) + 6
        self._text.setVisible(self._answered)
        if self._answered:
            self._text.move(SIDE, top)
            top += self._text.fit(width - 2 * SIDE) + 8
        if self._notes is not None and not self._notes.isHidden():
            height = self._notes.heightForWidth(width - 2 * SIDE)
            self._notes.setGeometry(SIDE, top, width - 2 * SIDE, height)
            top += height + 8
        if self._trouble is not None:
            top += 4
            self._trouble.move(0, top)
            top += self._trouble.fit(width) + 8
        if not self.footer.isHidden():
            self.footer.move(SIDE, top - 2)
            top += self.footer.fit(width - 2 * SIDE)
        self.resize(width, top)
        return top

    def _show_notes(self, notes: list[str]) -> None:
        """Say what the reader should know about the reply, such as why it was cut."""
        notes = [note for note in notes if note.strip()]
        if self._notes is None and notes:
            self._notes = _label(self)
            self._notes.setFont(fonts.text(12))
            self._notes.setAccessibleName(f"Reply notes{self._suffix}")
            _ink(self._notes, self._colours.muted)
            self._notes.show()
        if self._notes is not None:
            self._notes.setText("\n".join(notes))
            self._notes.setVisible(bool(notes))

    def _need_panel(self) -> ThinkingPanel:
        if self._panel is None:
            self._end_waiting()
            self._panel = ThinkingPanel(self._colours, self.message_actions, self._thinking_open, self)
            self._panel.set_suffix(self._suffix)
            self._panel.grown.connect(self.grown)
            self._panel.show_text(self._thinking_open)
            self._panel.show()
        return self._panel

    def _end_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.hide()
            self._waiting.deleteLater()
            self._waiting = None
            self.grown.emit()

    def _text_grown(self) -> None:
        self._answered = self._answered or bool(self._text.text())
        self.grown.emit()

    def _describe(self) -> None:
        """Formulas are pictures to a screen reader; the description has them as LaTeX."""
        text = self.text()
        self._text.setAccessibleDescription(text if len(text) < 20_000 else text[:20_000] + " …")


def _label(parent: QWidget) -> QLabel:
    label = Label(parent=parent)
    label.setFont(fonts.text())
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


def _ink(label: QLabel, colour: str) -> None:
    palette = QPalette()
    palette.setColor(QPalette.ColorRole.WindowText, colour)
    label.setPalette(palette)
