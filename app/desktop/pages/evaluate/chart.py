"""Accuracy against thinking: a line for each model, adapter or number of votes, with the band of its 95 % interval."""

import math
from collections.abc import Sequence

import msgspec
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QFontMetricsF,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPolygonF,
)
from PySide6.QtWidgets import QWidget

from app.desktop import fonts
from app.desktop.theme import colours, theme
from app.desktop.widgets.drawing import CENTRE, LEFT, RIGHT, draw_round, draw_text, smooth_painter
from models import budgets

HEIGHT_PX, AXIS_PX, FOOT_PX, HEAD_PX = 300, 48, 44, 14
NAME_PX = 150  # the most room for the names at the ends of the lines
DOT_PX = 3.2
BETWEEN_NAMES_PX = 16
INKS = ("accent", "thinking", "ok", "warn", "muted")


def _round_step(most: float) -> float:
    """What lies between two ticks of an axis: 1, 2 or 5 times a power of ten, for four to eight of them."""
    power = 10 ** math.floor(math.log10(most / 4)) if most > 4 else 1
    return next((power * part for part in (5, 2, 1) if most / (power * part) >= 4), power)


class Mark(msgspec.Struct, frozen=True):
    """A measured point."""

    budget: int | None  # thinking tokens allowed, None for no limit
    used: float  # thinking tokens that a problem took, on average
    accuracy: float  # 0 to 1
    low: float
    high: float
    said: str  # for the pointer and for assistive technology


class Line(msgspec.Struct, frozen=True):
    """The points of one contender. ink: its place among INKS; dashed: of votes."""

    name: str
    ink: int
    dashed: bool
    marks: tuple[Mark, ...]


class AccuracyChart(QWidget):
    """Its accessible description says the last point of each line; Left and Right walk through the points."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Accuracy chart")
        self.setMinimumHeight(HEIGHT_PX)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setMouseTracking(True)
        self._lines: Sequence[Line] = ()
        self._used = False
        self._budgets: list[int | None] = []
        self._pointed: tuple[int, int] | None = None  # line and mark
        theme.changed.connect(self.update)

    @property
    def used(self) -> bool:
        """Whether points stand at the thinking that was used, and not at what was allowed."""
        return self._used

    def show_lines(self, lines: Sequence[Line], used: bool) -> None:
        """Draw other lines."""
        self._lines, self._used, self._pointed = lines, used, None
        found = {mark.budget for line in lines for mark in line.marks}
        self._budgets = sorted(found, key=lambda budget: (budget is None, budget or 0))
        said = [f"{line.name}: {line.marks[-1].said}" for line in lines if line.marks]
        self.setAccessibleDescription("; ".join(said) or "nothing measured yet")
        self.update()

    def image(self) -> QImage:
        """The chart as a picture, twice as large as on the screen."""
        picture = QImage(self.size() * 2, QImage.Format.Format_ARGB32)
        picture.setDevicePixelRatio(2)
        picture.fill(QColor(colours().raised))
        painter = QPainter(picture)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        pointed, self._pointed = self._pointed, None
        self._paint(painter)
        self._pointed = pointed
        painter.end()
        return picture

    def sizeHint(self) -> QSize:
        return QSize(560, HEIGHT_PX)

    def minimumSizeHint(self) -> QSize:
        return QSize(260, HEIGHT_PX)

    def paintEvent(self, event: QPaintEvent) -> None:
        self._paint(smooth_painter(self))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        at = event.position()
        places = [
            ((self._place(mark) - at).manhattanLength(), (number, index))
            for number, line in enumerate(self._lines)
            for index, mark in enumerate(line.marks)
        ]
        near = min(places, default=(1e9, None))
        self._point_at(near[1] if near[0] < 40 else None)

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._point_at(None)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._point_at(None)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Left and Right walk through a line's points, Up and Down to another line, Escape stops that."""
        step = {Qt.Key.Key_Left: (0, -1), Qt.Key.Key_Right: (0, 1), Qt.Key.Key_Up: (-1, 0), Qt.Key.Key_Down: (1, 0)}
        key = Qt.Key(event.key())
        if key in step and self._lines:
            line, mark = self._pointed or (0, -1 if step[key] == (0, 1) else 0)
            line = min(max(line + step[key][0], 0), len(self._lines) - 1)
            marks = self._lines[line].marks
            self._point_at((line, min(max(mark + step[key][1], 0), len(marks) - 1)) if marks else None)
        elif key == Qt.Key.Key_Escape and self._pointed is not None:
            self._point_at(None)
        else:
            super().keyPressEvent(event)

    def _point_at(self, place: tuple[int, int] | None) -> None:
        if place != self._pointed:
            self._pointed = place
            self.update()

    # drawing

    @property
    def _area(self) -> QRectF:
        metrics = QFontMetricsF(fonts.text(11))
        longest = max((metrics.horizontalAdvance(line.name) for line in self._lines), default=0.0)
        names = min(longest, NAME_PX) + 14
        return QRectF(AXIS_PX, HEAD_PX, max(60.0, self.width() - AXIS_PX - names), self.height() - HEAD_PX - FOOT_PX)

    def _range(self) -> tuple[float, float]:
        """Lowest and highest accuracy shown, in tenths."""
        lows = [mark.low for line in self._lines for mark in line.marks]
        highs = [mark.high for line in self._lines for mark in line.marks]
        low, high = int(min(lows, default=0.0) * 10) / 10, -(-int(max(highs, default=1.0) * 100) // 10) / 10
        return (low, high) if high - low >= 0.2 else (max(0.0, high - 0.2), max(high, 0.2))

    def _place(self, mark: Mark) -> QPointF:
        area, (low, high) = self._area, self._range()
        share = (mark.accuracy - low) / (high - low)
        return QPointF(self._x(mark), area.bottom() - share * area.height())

    def _x(self, mark: Mark) -> float:
        area = self._area
        if self._used:
            most = max((m.used for line in self._lines for m in line.marks), default=1.0) or 1.0
            return area.left() + 8 + (area.width() - 16) * mark.used / most
        return self._budget_x(self._budgets.index(mark.budget))

    def _budget_x(self, place: int) -> float:
        area, spaces = self._area, max(1, len(self._budgets) - 1)
        if len(self._budgets) == 1:
            return area.center().x()
        return area.left() + 20 + (area.width() - 40) * place / spaces

    def _paint(self, painter: QPainter) -> None:
        self._paint_axes(painter)
        for line in self._lines:
            self._paint_band(painter, line)
        for line in self._lines:
            self._paint_line(painter, line)
        self._paint_names(painter)
        if self._pointed is not None:
            self._paint_pointed(painter, *self._pointed)

    def _paint_axes(self, painter: QPainter) -> None:
        c, small, area = colours(), fonts.text(11), self._area
        low, high = self._range()
        step = 0.1 if high - low <= 0.45 else 0.2
        value = low
        while value <= high + 1e-9:
            y = area.bottom() - (value - low) / (high - low) * area.height()
            painter.setPen(QPen(QColor(c.line), 1))
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
            draw_text(painter, QRectF(0, y - 9, AXIS_PX - 10, 18), f"{value:.0%}", small, c.muted, RIGHT)
            value += step
        foot = QRectF(area.left(), area.bottom() + 24, area.width(), 18)
        draw_text(
            painter,
            foot,
            "thinking tokens used, mean of a problem" if self._used else "thinking tokens allowed",
            small,
            c.muted,
            CENTRE,
        )
        for x, text in self._ticks():
            draw_text(painter, QRectF(x - 36, area.bottom() + 6, 72, 18), text, small, c.muted, CENTRE)

    def _ticks(self) -> list[tuple[float, str]]:
        if not self._used:
            names = [
                "0" if budget == 0 else budgets.describe(budget).removesuffix(" tokens") for budget in self._budgets
            ]
            return [(self._budget_x(place), name) for place, name in enumerate(names)]
        most = max((mark.used for line in self._lines for mark in line.marks), default=0.0)
        if not most:
            return []
        area, step = self._area, _round_step(most)
        return [
            (area.left() + 8 + (area.width() - 16) * value / most, f"{value:,.0f}")
            for value in (step * part for part in range(int(most / step) + 1))
        ]

    def _ink(self, line: Line) -> QColor:
        return QColor(getattr(colours(), INKS[line.ink % len(INKS)]))

    def _paint_band(self, painter: QPainter, line: Line) -> None:
        if line.dashed or not line.marks:
            return
        area, (low, high) = self._area, self._range()

        def y(value: float) -> float:
            return area.bottom() - (value - low) / (high - low) * area.height()

        ink = self._ink(line)
        ink.setAlphaF(0.14)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ink)
        if len(line.marks) == 1:
            mark = line.marks[0]
            painter.drawRect(QRectF(QPointF(self._x(mark) - 5, y(mark.high)), QPointF(self._x(mark) + 5, y(mark.low))))
            return
        above = [QPointF(self._x(mark), y(mark.high)) for mark in line.marks]
        below = [QPointF(self._x(mark), y(mark.low)) for mark in reversed(line.marks)]
        painter.drawPolygon(QPolygonF([*above, *below]))

    def _paint_line(self, painter: QPainter, line: Line) -> None:
        ink = self._ink(line)
        style = Qt.PenStyle.DashLine if line.dashed else Qt.PenStyle.SolidLine
        painter.setPen(QPen(ink, 2, style, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        places = [self._place(mark) for mark in line.marks]
        painter.drawPolyline(QPolygonF(places))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ink)
        for place in places:
            painter.drawEllipse(place, DOT_PX, DOT_PX)

    def _paint_names(self, painter: QPainter) -> None:
        """The names beside the last points, moved apart where lines end near each other."""
        ends = sorted(
            (
                (self._place(line.marks[-1]).y(), self._place(line.marks[-1]).x(), line)
                for line in self._lines
                if line.marks
            ),
            key=lambda end: end[0],
        )
        before = -1e9
        for y, x, line in ends:
            at = max(y, before + BETWEEN_NAMES_PX)
            before = at
            left = x + 10
            area = QRectF(left, at - 9, self.width() - left - 2, 18)
            draw_text(painter, area, line.name, fonts.text(11), self._ink(line).name(), LEFT)

    def _paint_pointed(self, painter: QPainter, number: int, index: int) -> None:
        c, font, line = colours(), fonts.text(11), self._lines[number]
        mark = line.marks[index]
        place = self._place(mark)
        painter.setPen(QPen(self._ink(line), 1.5))
        painter.setBrush(QColor(c.raised))
        painter.drawEllipse(place, DOT_PX + 2, DOT_PX + 2)
        text = f"{line.name} · {mark.said}"
        width = min(QFontMetricsF(font).horizontalAdvance(text) + 18, self.width() - 8.0)
        left = min(max(4.0, place.x() - width / 2), self.width() - width - 4)
        top = place.y() - 34 if place.y() > 44 else place.y() + 12
        box = QRectF(left, top, width, 22)
        draw_round(painter, box, 5, c.raised, c.edge)
        draw_text(painter, box.adjusted(9, 0, -9, 0), text, font, c.text, CENTRE)
