"""Small painted parts of the transcript: buttons that are only text, bars, and lines of status.

Painted by hand: a style sheet for each of hundreds of small widgets would cost more than the messages they belong to.
"""

import math

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QAbstractButton, QFrame, QSizePolicy, QTextEdit, QWidget

from app.desktop import fonts
from app.desktop.palette import Colours
from app.desktop.widgets.drawing import draw_round, smooth_painter


class TextButton(QAbstractButton):
    """A button that is its text. kind: quiet, outlined or filled; arrow: ends in a small arrow that opens a menu."""

    def __init__(
        self, text: str, name: str, colours: Colours, parent: QWidget | None = None, kind: str = "quiet"
    ) -> None:
        super().__init__(parent)
        self._name = name
        self.setAccessibleName(name)
        self.setText(text)
        self.setFont(
            fonts.text(11 if kind == "quiet" else 12, fonts.BOLD if kind == "filled" else fonts.text().weight())
        )
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self._kind = kind
        self._colours = colours
        self._veiled = False
        self.resize(self.sizeHint())

    def set_colours(self, colours: Colours) -> None:
        self._colours = colours
        self.update()

    def set_veiled(self, veiled: bool) -> None:
        """Paint nothing until it has the focus, as for actions that show when the mouse is near."""
        if veiled != self._veiled:
            self._veiled = veiled
            self.update()

    def set_suffix(self, suffix: str) -> None:
        """Tell its name from those of other buttons that do the same."""
        self.setAccessibleName(self._name + suffix)

    def set_caption(self, text: str) -> None:
        """Change the text and take the size it needs."""
        self.setText(text)
        self.resize(self.sizeHint())
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        """As large as the text and a margin around it."""
        padding = 7 if self._kind == "quiet" else 12
        height = 21 if self._kind == "quiet" else 27
        return QSize(math.ceil(self.fontMetrics().horizontalAdvance(self.text())) + 2 * padding, height)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The text, on a ground when it is pointed at or has the focus."""
        focused = self.hasFocus()
        if self._veiled and not focused and not self.underMouse():
            return
        painter = smooth_painter(self)
        rect = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        ground, edge, ink = self._paints()
        painter.setPen(QPen(edge, 1) if edge else QPen(Qt.PenStyle.NoPen))
        painter.setBrush(ground if ground else Qt.BrushStyle.NoBrush)
        if ground or edge:
            painter.drawRoundedRect(rect, 5.5, 5.5)
        painter.setFont(self.font())
        painter.setPen(ink)
        painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, self.text())

    def _paints(self) -> tuple[QColor | None, QColor | None, QColor]:
        """Ground, edge and ink for the present state."""
        c, hot, on = self._colours, self.underMouse() and self.isEnabled(), self.isChecked()
        dark = QColor(c.window).lightness() < 128
        focus = QColor(c.accent) if self.hasFocus() else None
        if not self.isEnabled():
            return None, QColor(c.line) if self._kind != "quiet" else None, QColor(c.faint)
        if self._kind == "filled" and not dark:
            ground = QColor(c.thinking).darker(112) if hot or self.isDown() else QColor(c.thinking)
            return ground, QColor(c.text) if focus else ground, QColor("#ffffff")
        if self._kind != "quiet":
            ground = QColor(c.selected if self.isDown() else c.sunken if hot else c.raised)
            return ground, focus or QColor(c.thinking_line), QColor(c.text if self._kind == "filled" else c.thinking)
        shade = QColor(c.selected) if hot or self.isDown() else None
        return shade, focus, QColor(c.accent if on else c.text if hot else c.muted)


class Bar(QWidget):
    """A thin bar, filled from the left."""

    def __init__(self, ink: str, track: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._ink, self._track = ink, track
        self.fraction = 0.0
        self.resize(150, 6)

    def set_inks(self, ink: str, track: str) -> None:
        self._ink, self._track = ink, track
        self.update()

    def set_fraction(self, fraction: float) -> None:
        """Fill up to a part, 0 to 1."""
        fraction = min(max(fraction, 0.0), 1.0)
        if fraction != self.fraction:
            self.fraction = fraction
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = smooth_painter(self)
        track = QColor(self._track)
        track.setAlphaF(0.75)
        draw_round(painter, QRectF(self.rect()), 3, track)
        width = self.width() * self.fraction
        if width >= 1:
            draw_round(painter, QRectF(0, 0, max(width, 6.0), self.height()), 3, self._ink)


class StatusLine(QTextEdit):
    """One line in two tones that assistive technology reads under a name of its own.

    A label with an accessible name would be read as that name alone.
    """

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setReadOnly(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setLineWrapMode(QTextEdit.LineWrapMode.NoWrap)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.viewport().setAutoFillBackground(False)
        palette = self.palette()
        palette.setColor(palette.ColorRole.Base, QColor(0, 0, 0, 0))
        self.setPalette(palette)
        self.document().setDocumentMargin(0)
        self.document().setUndoRedoEnabled(False)
        self.setFont(fonts.text())
        self.resize(10, self.fontMetrics().height() + 2)

    def show_line(self, title: str, details: str, title_ink: str, details_ink: str) -> None:
        """Show a title and what is to be said about it."""
        cursor = QTextCursor(self.document())
        cursor.select(QTextCursor.SelectionType.Document)
        strong, weak = QTextCharFormat(), QTextCharFormat()
        strong.setFontWeight(fonts.BOLD)
        strong.setForeground(QColor(title_ink))
        weak.setForeground(QColor(details_ink))
        cursor.beginEditBlock()
        cursor.insertText(title, strong)
        cursor.insertText(f" · {details}" if details else "", weak)
        cursor.endEditBlock()
        self.resize(math.ceil(self.document().idealWidth()) + 2, self.fontMetrics().height() + 2)


def draw_card(painter: QPainter, rect: QRectF, ground: str, edge: str, radius: float = 8.0) -> None:
    """A rounded card with a hairline around it."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    draw_round(painter, rect.adjusted(0.5, 0.5, -0.5, -0.5), radius, ground, edge)


def draw_triangle(painter: QPainter, centre: QPointF, ink: str, down: bool) -> None:
    """A small triangle that says whether something is open."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(ink))
    points = [(-3.5, -2.5), (3.5, -2.5), (0.0, 3.0)] if down else [(-2.5, -3.5), (3.0, 0.0), (-2.5, 3.5)]
    painter.drawPolygon([QPointF(centre.x() + x, centre.y() + y) for x, y in points])
