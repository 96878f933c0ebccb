"""What the rows of this page have in common when they paint: elided text, pills, bars, hairlines."""

from PySide6.QtCore import QPointF, QRectF, QSizeF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPaintDevice, QPainter, QPen
from PySide6.QtWidgets import QWidget

from app.desktop.theme import colours
from models import names

LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
CENTRE = Qt.AlignmentFlag.AlignCenter


def smooth_painter(device: QPaintDevice) -> QPainter:
    """A painter of smooth edges."""
    painter = QPainter(device)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    return painter


def draw_round(
    painter: QPainter, area: QRectF, radius: float, ground: QColor | str, edge: QColor | str | None = None
) -> None:
    """A rounded area, with a line of one pixel around it where there is an edge."""
    painter.setPen(QPen(QColor(edge), 1) if edge else Qt.PenStyle.NoPen)
    painter.setBrush(QColor(ground))
    painter.drawRoundedRect(area, radius, radius)


def frame_of(widget: QWidget) -> QRectF:
    """Where a widget's frame of one pixel is drawn."""
    return QRectF(widget.rect()).adjusted(0.5, 0.5, -0.5, -0.5)


def draw_text(
    painter: QPainter, area: QRectF, text: str, font: QFont, ink: str, align: Qt.AlignmentFlag = LEFT
) -> float:
    """Write one line into an area, cut with an ellipsis when it is too long. Gives the width that was written."""
    painter.setFont(font)
    painter.setPen(QColor(ink))
    shown = painter.fontMetrics().elidedText(names.plain(text), Qt.TextElideMode.ElideRight, int(area.width()) + 1)
    painter.drawText(area, align | Qt.TextFlag.TextSingleLine, shown)
    return QFontMetricsF(font).horizontalAdvance(shown)


def draw_pill(painter: QPainter, left: float, middle: float, text: str, font: QFont, ink: str, room: float) -> float:
    """A word or two in a rounded outline, its left end and middle given. Gives the width, 0 when there is no room."""
    if room < 60:
        return 0.0
    c = colours()
    width = min(QFontMetricsF(font).horizontalAdvance(text) + 24, room)
    area = QRectF(left, middle - 10.5, width, 21)
    draw_round(painter, area.adjusted(0.5, 0.5, -0.5, -0.5), 10, c.sidebar, c.line)
    draw_text(painter, area.adjusted(11, 0, -11, 0), text, font, ink, CENTRE)
    return width


def draw_bar(painter: QPainter, area: QRectF, fraction: float, ink: str) -> None:
    """A track of 6 px that is filled from the left, 0 to 1."""
    draw_round(painter, area, 3, colours().selected)
    if fraction > 0:
        filled = QRectF(area.topLeft(), QSizeF(max(6.0, area.width() * min(fraction, 1.0)), area.height()))
        draw_round(painter, filled, 3, ink)


def draw_line(painter: QPainter, left: float, right: float, y: float) -> None:
    """A hairline between two rows."""
    painter.setPen(QPen(QColor(colours().line), 1))
    painter.drawLine(QPointF(left, y - 0.5), QPointF(right, y - 0.5))


def fit_colour(state: str) -> str:
    """The colour that says whether something fits."""
    c = colours()
    return {"fits": c.ok, "tight": c.warn}.get(state, c.bad)
