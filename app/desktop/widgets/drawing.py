"""What the rows of this page have in common when they paint: elided text, pills, bars, hairlines."""

import html

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen

from app.desktop.theme import colours

LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
CENTRE = Qt.AlignmentFlag.AlignCenter


def draw_text(
    painter: QPainter, area: QRectF, text: str, font: QFont, ink: str, align: Qt.AlignmentFlag = LEFT
) -> float:
    """Write one line into an area, cut with an ellipsis when it is too long. Gives the width that was written."""
    painter.setFont(font)
    painter.setPen(QColor(ink))
    shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, int(area.width()) + 1)
    painter.drawText(area, align | Qt.TextFlag.TextSingleLine, shown)
    return QFontMetricsF(font).horizontalAdvance(shown)


def draw_pill(painter: QPainter, left: float, middle: float, text: str, font: QFont, ink: str, room: float) -> float:
    """A word or two in a rounded outline, its left end and middle given. Gives the width, 0 when there is no room."""
    if room < 60:
        return 0.0
    c = colours()
    width = min(QFontMetricsF(font).horizontalAdvance(text) + 24, room)
    area = QRectF(left, middle - 10.5, width, 21)
    painter.setBrush(QColor(c.sidebar))
    painter.setPen(QPen(QColor(c.line), 1))
    painter.drawRoundedRect(area.adjusted(0.5, 0.5, -0.5, -0.5), 10, 10)
    draw_text(painter, area.adjusted(11, 0, -11, 0), text, font, ink, CENTRE)
    return width


def draw_bar(painter: QPainter, area: QRectF, fraction: float, ink: str) -> None:
    """A track of 6 px that is filled from the left, 0 to 1."""
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(colours().selected))
    painter.drawRoundedRect(area, 3, 3)
    if fraction > 0:
        painter.setBrush(QColor(ink))
        filled = QRectF(area)
        filled.setWidth(max(6.0, area.width() * min(fraction, 1.0)))
        painter.drawRoundedRect(filled, 3, 3)


def draw_line(painter: QPainter, left: float, right: float, y: float) -> None:
    """A hairline between two rows."""
    painter.setPen(QPen(QColor(colours().line), 1))
    painter.drawLine(QPointF(left, y - 0.5), QPointF(right, y - 0.5))


def tip(text: str) -> str:
    """Text from outside for a tooltip, which would read it as HTML."""
    return f"<span>{html.escape(text)}</span>" if text else ""


def fit_colour(state: str) -> str:
    """The colour that says whether something fits."""
    c = colours()
    return {"fits": c.ok, "tight": c.warn}.get(state, c.bad)
