"""The text of one message on the screen: as tall as it is, without scroll bars, selectable, and growing in steps.

Text that comes is only kept; a timer brings it into the document, at most 30 times a second, and more rarely when
that is dear: a step never takes more than about a fifth of the time.
"""

import math
import time
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QMimeData, QPoint, QRectF, QSize, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QColor, QGuiApplication, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPalette, QWheelEvent
from PySide6.QtWidgets import QFrame, QTextBrowser, QWidget

from app.desktop.text import decorations
from app.desktop.text.blocks import Parsed
from app.desktop.text.copying import code_of, selected_markdown
from app.desktop.text.document import EAGER_MS, MessageDocument, blank_image
from app.desktop.text.markdown import parse
from app.desktop.text.text_style import TextStyle
from app.desktop.widgets.small_parts import TextButton

FLUSH_MS = 33
BREATH = 4  # after a step, this many times its cost is left to others
SCROLL_KEYS = (Qt.Key.Key_PageUp, Qt.Key.Key_PageDown, Qt.Key.Key_Home, Qt.Key.Key_End, Qt.Key.Key_Up, Qt.Key.Key_Down)


class MessageText(QTextBrowser):
    """Shows a MessageDocument.

    Signals:
        grown: its height may have changed; ask `fit`.
        link_clicked: an http, https or mailto address.
        caught_up: all text that came is shown.
        dragged: while text is selected, the mouse is at this point of the widget.
    """

    grown = Signal()
    link_clicked = Signal(str)
    caught_up = Signal()
    dragged = Signal(QPoint)

    def __init__(
        self,
        look: TextStyle,
        parser: Callable[[str, int, str], Parsed] = parse,
        name: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.text_document = MessageDocument(look, parser, self)
        self.setDocument(self.text_document)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setOpenLinks(False)
        self.setTabChangesFocus(True)
        self.setUndoRedoEnabled(False)
        self.viewport().setAutoFillBackground(False)
        for widget in (self, self.viewport()):  # when it grows, only what is new is painted
            widget.setAttribute(Qt.WidgetAttribute.WA_StaticContents)
        self.anchorClicked.connect(self._follow)
        self._more: TextButton | None = None
        self._copies: dict[int, TextButton] = {}
        self._height = 0
        self._grown_asked = False
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._flush)
        self._dress()
        self.text_document.documentLayout().documentSizeChanged.connect(self._size_changed)

    def loadResource(self, kind: int, name: QUrl | str) -> Any:
        return blank_image()

    # Text

    def text(self) -> str:
        return self.text_document.source

    def append(self, text: str, forced: bool = False) -> None:
        """Take more text, to be shown within a moment. forced: put there by the thinking budget."""
        self.text_document.append(text, forced)
        if not self._timer.isActive():
            self._timer.start(FLUSH_MS)

    def set_text(self, text: str, eager_ms: float = EAGER_MS) -> None:
        """Show another text; a long one comes in steps. eager_ms: how long formulas may take at once."""
        self.text_document.set_source(text, eager_ms)
        self._after_step()
        if self.text_document.is_behind:
            self._timer.start(1)

    def flush(self) -> None:
        """Show what came, now; of a long text the rest follows in steps."""
        self._timer.stop()
        behind = self.text_document.show_more_text()
        self._after_step()
        if behind:
            self._timer.start(1)

    def set_look(self, look: TextStyle) -> None:
        """Show the same in other colours or another size."""
        self.text_document.set_look(look)
        self._dress()
        self._after_step()

    @property
    def is_cut(self) -> bool:
        """Whether a part of the text is not shown until one asks for it."""
        return self.text_document.is_cut

    def _flush(self) -> None:
        began = time.perf_counter()
        behind = self.text_document.show_more_text()
        self._after_step()
        cost_ms = (time.perf_counter() - began) * 1000
        if behind:
            self._timer.start(max(1, round(cost_ms)))
        else:
            self.caught_up.emit()
            if cost_ms * BREATH > FLUSH_MS:
                self._timer.start(round(cost_ms * BREATH))

    def _after_step(self) -> None:
        self._place_copies()
        self._place_more()
        self.grown.emit()

    # Size

    def fit(self, width: int) -> int:
        """Wrap the text to a width and return the height that takes."""
        if width != self.width():
            self.text_document.setTextWidth(width)
            self.resize(width, max(self._height, 1))
        self._height = self._measure()
        # As tall as Qt thinks the text is, or it could be scrolled within.
        whole = max(self._height, math.ceil(self.text_document.size().height()))
        if self.height() != whole:
            self.resize(width, whole)
        self._place_copies()
        self._place_more()
        return self._height

    def sizeHint(self) -> QSize:
        return QSize(self.width(), self._measure())

    def _measure(self) -> int:
        extra = 34 if self._more is not None and not self._more.isHidden() else 0
        return max(self.text_document.height(), 1) + extra

    def _size_changed(self) -> None:
        # Formulas that come into view make the text taller outside of a step; one report a turn is enough.
        if not self._grown_asked:
            self._grown_asked = True
            QTimer.singleShot(0, self, self._report_size)

    def _report_size(self) -> None:
        self._grown_asked = False
        if self._measure() != self._height:
            self._place_copies()
            self.grown.emit()

    # Looks

    def _dress(self) -> None:
        look = self.text_document.look
        palette = QPalette()
        for role, colour in (
            (QPalette.ColorRole.Text, look.ink),
            (QPalette.ColorRole.Base, QColor(0, 0, 0, 0)),
            (QPalette.ColorRole.Highlight, QColor(look.colours.accent_tint)),
            (QPalette.ColorRole.HighlightedText, look.ink),
            (QPalette.ColorRole.Link, QColor(look.colours.accent)),
        ):
            palette.setColor(role, colour)
        self.setPalette(palette)
        self.setFont(look.font)
        for button in [*self._copies.values(), *([self._more] if self._more else [])]:
            button.set_colours(look.colours)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Cards, bars and marks first, then the text over them."""
        painter = QPainter(self.viewport())
        painter.setClipRect(event.rect())
        decorations.paint(painter, self.text_document, QRectF(event.rect()))
        painter.end()
        super().paintEvent(event)

    def _place_copies(self) -> None:
        """A Copy button in the header of each card."""
        document = self.text_document
        numbers = document.code_starts()
        for number in set(self._copies) - set(numbers):
            self._copies.pop(number).deleteLater()
        for number in numbers:
            if number not in self._copies:
                self._copies[number] = self._copy_button(number)
            button = self._copies[number]
            rect = decorations.card_top(document, document.findBlockByNumber(number))
            button.move(round(rect.right()) - button.width() - 4, round(rect.top()) + 3)

    def _copy_button(self, number: int) -> TextButton:
        button = self._button("Copy", "Copy code")
        button.clicked.connect(lambda: self._copy_code(number, button))
        button.show()
        return button

    def _button(self, text: str, name: str) -> TextButton:
        button = TextButton(text, name, self.text_document.look.colours, self.viewport())
        button.setCursor(Qt.CursorShape.ArrowCursor)
        return button

    def _copy_code(self, number: int, button: TextButton) -> None:
        QGuiApplication.clipboard().setText(code_of(self.text_document.findBlockByNumber(number)))
        button.set_caption("Copied")
        self._place_copies()
        QTimer.singleShot(1500, button, lambda: self._name_copy(button))

    def _name_copy(self, button: TextButton) -> None:
        button.set_caption("Copy")
        self._place_copies()

    def _place_more(self) -> None:
        """A button below the text while part of it is kept back."""
        cut = self.is_cut and not self.text_document.is_behind
        if cut and self._more is None:
            self._more = self._button("Show more", "Show more")
            self._more.clicked.connect(self._show_more)
        if self._more is not None:
            self._more.setVisible(cut)
            self._more.move(0, self.text_document.height() + 8)

    def _show_more(self) -> None:
        self.text_document.show_more()
        self._after_step()
        if self.text_document.is_behind:
            self._timer.start(1)

    # Events

    def createMimeDataFromSelection(self) -> QMimeData:
        """Plain text alone, with formulas as LaTeX and looks as Markdown."""
        data = QMimeData()
        data.setText(selected_markdown(self.textCursor()))
        return data

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in SCROLL_KEYS and not event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            event.ignore()
        else:
            super().keyPressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        if event.buttons() & Qt.MouseButton.LeftButton and self.textCursor().hasSelection():
            self.dragged.emit(event.position().toPoint())

    def _follow(self, url: QUrl) -> None:
        if url.scheme().lower() in ("http", "https", "mailto"):
            self.link_clicked.emit(url.toString())
