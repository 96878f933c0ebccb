"""Cards of the panel: a text with a line above that says whether it is learned, and a field to change it in."""

from collections.abc import Iterable
from typing import Literal

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QTextCursor
from PySide6.QtWidgets import QFrame, QLabel, QScrollArea, QSizePolicy, QWidget

from app.desktop.widgets.buttons import RowButton
from app.desktop.widgets.cards import label
from app.desktop.widgets.layouts import Item, in_column
from app.desktop.widgets.named import named
from app.desktop.widgets.plain_field import PlainField
from app.desktop.widgets.readable import ReadableText
from app.desktop.widgets.scrolling import set_plain

Part = Literal["problem", "thinking", "answer"]
SHOWN = 1500  # characters of a long text that are shown before it is asked for
PIECE = 4000  # characters laid out in one turn of the event loop
FEW_PX, MANY_PX, MARGIN_PX = 74, 210, 20


class TextCard(QFrame):
    """A text to read. It is shown whole when it is short; else its beginning, and the rest when it is asked for."""

    def __init__(self, part: Part, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("part")
        self.setProperty("part", part)
        self.head = label("", "violet" if part == "thinking" else "small")
        self.text = ReadableText(part.capitalize())
        if part == "thinking":
            self.text.setObjectName("thought")
        self.more = RowButton("Show all")
        self._rest = ""
        self._timer = QTimer(self, singleShot=True, interval=0)
        self._timer.timeout.connect(self._add_piece)
        self.more.clicked.connect(self._show_rest)
        in_column(
            self, self.head, self.text, (self.more, 0, Qt.AlignmentFlag.AlignLeft), margins=(16, 13, 16, 14), spacing=5
        )
        self.more.hide()

    def show_text(self, head: str, text: str) -> None:
        self._timer.stop()
        self.head.setText(head)
        short = len(text) <= SHOWN + SHOWN // 2
        end = len(text) if short else _word_end(text, SHOWN)
        self._rest = text[end:]
        self.text.setPlainText(text if short else f"{text[:end]} …")
        self.more.setVisible(not short)
        self.more.set_caption(f"Show all {len(text):,} characters")
        self.setVisible(bool(text))

    def _show_rest(self) -> None:
        cursor = self.text.textCursor()
        cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor.movePosition(QTextCursor.MoveOperation.Left, QTextCursor.MoveMode.KeepAnchor, 2)
        cursor.removeSelectedText()
        self.more.hide()
        self.text.setFocus()
        self._add_piece()

    def _add_piece(self) -> None:
        cursor = self.text.textCursor()
        cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor.insertText(self._rest[:PIECE])
        self._rest = self._rest[PIECE:]
        if self._rest:
            self._timer.start()


class EditCard(QFrame):
    """A text to change.

    Signals:
        save_pressed: Command and Return.
        cancel_pressed: Escape.
        text_changed: something was typed.
    """

    save_pressed = Signal()
    cancel_pressed = Signal()
    text_changed = Signal()

    def __init__(self, part: Part, head: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("part")
        self.setProperty("part", part)
        self.head: QLabel = label(head, "violet" if part == "thinking" else "small")
        self.head.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.field = _Field(self)
        named(self.field, "trace_text", f"Edit {part}")
        self.field.setFrameShape(QFrame.Shape.NoFrame)
        self.field.setTabChangesFocus(True)
        self.field.setMinimumHeight(FEW_PX if part != "thinking" else MANY_PX)
        self.field.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)
        self.field.textChanged.connect(self.text_changed)
        in_column(self, self.head, (self.field, 1), margins=(16, 13, 8, 10), spacing=5)

    @property
    def text(self) -> str:
        return self.field.toPlainText()


class _Field(PlainField):
    def __init__(self, card: EditCard) -> None:
        super().__init__(card)
        self._card = card

    def keyPressEvent(self, event: QKeyEvent) -> None:
        returns = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if returns and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self._card.save_pressed.emit()
        elif event.key() == Qt.Key.Key_Escape:
            self._card.cancel_pressed.emit()
        else:
            super().keyPressEvent(event)


def scrolled(parts: Iterable[Item], name: str) -> QScrollArea:
    """Parts one below the other, in an area that scrolls."""
    content = named(QWidget(), "see_through_content")
    in_column(content, *parts, margins=(MARGIN_PX, 0, MARGIN_PX, 18), spacing=12)
    area = QScrollArea()
    set_plain(area, "see_through", name)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setWidget(content)
    return area


def _word_end(text: str, near: int) -> int:
    end = text.rfind(" ", near // 2, near)
    return end if end > 0 else near
