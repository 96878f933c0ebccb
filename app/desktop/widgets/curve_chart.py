"""A chart of curves over steps, drawn by pyqtgraph: importing this module takes a quarter of a second.

No zoom and no menu: it always shows the whole run. The pointer, or the arrow keys, read values off it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPointF, QSize, Qt
from PySide6.QtGui import QColor, QFocusEvent, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QWidget

from app.desktop import fonts
from app.desktop.services.curve import Array, Curve
from app.desktop.theme import colours, theme
from app.desktop.widgets.layouts import in_column
from app.desktop.widgets.plain import Label

AXIS_PX, SPARE = 46, 0.08  # width of the left axis; room above and below the curves, as a share
DOT_PX = 7
MOST_POINTS = 400  # of a curve, as it is painted

pg.setConfigOptions(antialias=True)


def thinned(steps: Array, values: Array, most: int = MOST_POINTS) -> tuple[Array, Array]:
    """At most so many points of a curve, copied: of equal pieces the lowest and the highest value, so that no peak is lost.

    Painting ten thousand points took 68 ms, so many 13.
    """
    if len(steps) <= most:
        return steps.copy(), values.copy()
    size = -(-2 * len(steps) // most)
    whole = len(steps) // size * size
    pieces = values[:whole].reshape(-1, size)
    ends = np.stack([pieces.argmin(axis=1), pieces.argmax(axis=1)])
    places = (np.sort(ends, axis=0) + size * np.arange(len(pieces))).T.ravel()
    kept = np.append(places, len(steps) - 1)  # the newest value is always there
    return steps[kept], values[kept]


@dataclass(frozen=True)
class Line:
    """How a curve is drawn. ink: the palette's name of its colour; dots: at every value; faint: of a run beside."""

    name: str
    ink: str
    dots: bool = False
    faint: bool = False


class CurveChart(QWidget):
    """Its accessible description says the last values. said: writes a value of the left axis and under the pointer."""

    def __init__(self, name: str, lines: list[Line], said: Callable[[float], str], height: int) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setFixedHeight(height)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._lines = lines
        self._said = said
        self._shown: dict[str, tuple[Curve, int]] = {}
        self._steps = 0
        self._drawn = -1.0, 0.0, 0.0  # the ranges in force: those of pyqtgraph cost a layout each time
        self._best: tuple[int, str] | None = None
        self.plot = pg.PlotWidget(self)
        self.plot.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._items = {line.name: self._item() for line in lines}
        self._best_line = pg.InfiniteLine(angle=90, movable=False, label="", labelOpts={"position": 0.94, "anchors": [(0, 0.5), (1, 0.5)]})  # fmt: skip
        self._pointer = pg.InfiniteLine(angle=90, movable=False)
        self.values = Label(parent=self)
        self.values.setObjectName("chart_values")
        self.values.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.values.hide()
        self._pointed: int | None = None
        self._set_up()
        theme.changed.connect(self._dress)
        self._dress()

    def show_curves(
        self, curves: dict[str, tuple[Curve, int]], steps: int, best: tuple[int, str] | None = None
    ) -> None:
        """Draw curves, by the names of their lines; each with its column. steps: of the whole run; best: a step to mark
        and in which words."""
        self._shown, self._best = curves, best
        for name, item in self._items.items():
            curve, column = curves.get(name, (None, 0))
            if curve is None or not curve.count:
                item.setData([], [])
            else:
                item.setData(*thinned(curve.steps, curve.values(column)))
        self._set_ranges(steps)
        self._show_best()
        if self._pointed is not None:
            self.point_at(self._pointed)
        last = [f"{name} {self._said(value)}" for name in self._items if (value := self._last(name)) is not None]
        self.setAccessibleDescription(", ".join(last) or "no values yet")

    def point_at(self, step: float) -> None:
        """Read the values nearest to a step off the chart."""
        found = {name: curve.at(step, column) for name, (curve, column) in self._shown.items()}
        known = {name: at for name, at in found.items() if at is not None}
        if not known:
            self.point_nowhere()
            return
        place = next(iter(known.values()))[0]
        self._pointed = place
        self._pointer.setPos(place)
        self._pointer.show()
        parts = [
            f"{name} {self._said(value)}" + (f" ({at:,})" if at != place else "") for name, (at, value) in known.items()
        ]
        self.values.setText(f"step {place:,} · {' · '.join(parts)}")
        self.values.adjustSize()
        self.values.move(self._beside_pointer(place), 26)
        self.values.show()

    def point_nowhere(self) -> None:
        self._pointed = None
        self._pointer.hide()
        self.values.hide()

    def sizeHint(self) -> QSize:
        return QSize(360, self.height())

    def minimumSizeHint(self) -> QSize:
        return QSize(160, self.height())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Left and Right read the values step by step, Escape stops that."""
        ways = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
        if event.key() in ways:
            self._walk(ways[Qt.Key(event.key())])
        elif event.key() == Qt.Key.Key_Escape and self._pointed is not None:
            self.point_nowhere()
        else:
            super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.point_nowhere()

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self.point_nowhere()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        box = self.plot.getPlotItem().vb
        place = self.plot.mapToScene(self.plot.mapFrom(self, event.position().toPoint()))
        if box.sceneBoundingRect().contains(place):
            self.point_at(box.mapSceneToView(place).x())
        else:
            self.point_nowhere()

    def _walk(self, way: int) -> None:
        curve = next((curve for curve, _ in self._shown.values() if curve.count), None)
        if curve is None:
            return
        steps = curve.steps
        here = len(steps) if self._pointed is None else int(np.argmin(np.abs(steps - self._pointed)))
        self.point_at(float(steps[min(max(here + way, 0), len(steps) - 1)]))

    def _beside_pointer(self, step: float) -> int:
        """Where the values stand: right of the pointer, or left of it where there is no room."""
        box = self.plot.getPlotItem().vb
        at: int = round(box.mapViewToScene(QPointF(step, 0)).x())
        room = self.width() - at - 8
        width = self.values.width()
        return at + 8 if room > width else max(AXIS_PX, at - 8 - width)

    def _last(self, name: str) -> float | None:
        curve, column = self._shown.get(name, (None, 0))
        return curve.last(column) if curve is not None else None

    def _tick(self, value: float) -> str:
        return self._said(value) if any(curve.count for curve, _ in self._shown.values()) else ""

    def _step_tick(self, value: float) -> str:
        return f"{value:,.0f}" if self._drawn[0] > 1 and value == int(value) else ""

    def _set_ranges(self, steps: int) -> None:
        values = [curve.values(column) for curve, column in self._shown.values() if curve.count]
        low = min((float(part.min()) for part in values), default=0.0)
        high = max((float(part.max()) for part in values), default=1.0)
        spare = SPARE * (high - low) or 0.05 * abs(high) or 1.0
        right = float(max(steps, *(curve.steps[-1] for curve, _ in self._shown.values() if curve.count), 1))
        wanted = right, max(0.0, low - spare) if low >= 0 else low - spare, high + spare
        if wanted != self._drawn:
            self._drawn = wanted
            self.plot.setXRange(0, right, padding=0.015)
            self.plot.setYRange(wanted[1], wanted[2], padding=0)

    def _show_best(self) -> None:
        self._best_line.setVisible(self._best is not None)
        if self._best is not None:
            self._best_line.setPos(self._best[0])
            self._best_line.label.setFormat(self._best[1])

    def _item(self) -> pg.PlotDataItem:
        item = pg.PlotDataItem()
        self.plot.addItem(item)
        return item

    def _set_up(self) -> None:
        part = self.plot.getPlotItem()
        part.hideButtons()
        part.setMenuEnabled(False)
        part.setMouseEnabled(False, False)
        part.setContentsMargins(0, 6, 14, 0)
        part.showGrid(x=False, y=True, alpha=1.0)
        for line in (self._best_line, self._pointer):
            self.plot.addItem(line, ignoreBounds=True)
            line.hide()
        left, bottom = part.getAxis("left"), part.getAxis("bottom")
        left.setWidth(AXIS_PX)
        left.tickStrings = lambda values, _scale, _spacing: [self._tick(value) for value in values]
        bottom.tickStrings = lambda values, _scale, _spacing: [self._step_tick(value) for value in values]
        for axis in (left, bottom):
            axis.enableAutoSIPrefix(False)
            axis.setZValue(-1)  # the grid is the axis's: below the curves
            axis.setStyle(
                tickLength=0, maxTickLevel=0, tickTextOffset=6, tickFont=fonts.text(11), hideOverlappingLabels=False
            )
        bottom.setHeight(20)
        # pointer and wheel are this widget's and the page's: pyqtgraph would keep them
        self.plot.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setMouseTracking(True)
        in_column(self, self.plot)

    def _dress(self) -> None:
        c = colours()
        self.plot.setBackground(c.raised)
        for side in ("left", "bottom"):
            axis = self.plot.getPlotItem().getAxis(side)
            axis.setPen(pg.mkPen(None))
            axis.setTickPen(pg.mkPen(c.line))
            axis.setTextPen(pg.mkPen(c.muted))
        for line in self._lines:
            ink = QColor(getattr(c, line.ink))
            ink.setAlphaF(0.4 if line.faint else 1.0)
            item = self._items[line.name]
            item.setPen(pg.mkPen(ink, width=1.8 if line.dots and not line.faint else 1.3))
            if line.dots:
                item.setSymbol("o")
                item.setSymbolSize(DOT_PX - 2 if line.faint else DOT_PX)
                item.setSymbolBrush(pg.mkBrush(ink))
                item.setSymbolPen(pg.mkPen(None))
        self._best_line.setPen(pg.mkPen(c.ok, width=1.4, style=Qt.PenStyle.DotLine))
        self._best_line.label.setColor(c.ok)
        self._best_line.label.setFont(fonts.text(11))
        self._pointer.setPen(pg.mkPen(c.faint, width=1))
