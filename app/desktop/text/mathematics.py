"""Formulas as vector pictures: LaTeX in, shapes with a baseline out.

ziamath lays the MathML out with the glyphs of STIX Two Math; instead of its SVG text the laid-out tree is walked and
every glyph becomes a QPainterPath, taken once from the font. A formula is then a few filled paths: sharp at any
scale, without a colour of its own (the theme's text colour is given when it is painted), cheap to keep and to paint.
Sizes are per 1 px of font size and scale with it, so one cache entry serves all sizes.
"""

import gc
import logging
import threading
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QPointF, QRectF, Qt, QThreadPool
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen, QTransform

from app.desktop.text.mathml import BadFormula, to_mathml

log = logging.getLogger(__name__)

# Glyph coordinates are kept at this font size, in px, and scaled when painted.
UNIT = 100.0
MOST_KNOWN = 6000
_lock = threading.Lock()
_ready = threading.Event()
_preparing = False
_known: "dict[tuple[str, bool], Formula | None]" = {}


@dataclass(frozen=True)
class Outline:
    """A path in units of UNIT px. colour: None for the text's own; width: of the pen, 0 to fill."""

    path: QPainterPath
    colour: str | None = None
    width: float = 0.0


@dataclass(frozen=True)
class Formula:
    """A laid-out formula at 1 px font size: multiply by the font's px. ascent and descent count from the baseline."""

    width: float
    ascent: float
    descent: float
    shapes: tuple[Outline, ...]

    def paint(self, painter: QPainter, left: float, baseline: float, px: float, colour: QColor) -> None:
        """Paint with the baseline's left end at (left, baseline)."""
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.translate(left, baseline)
        painter.scale(px / UNIT, px / UNIT)
        for shape in self.shapes:
            ink = QColor(shape.colour) if shape.colour else colour
            if shape.width:
                painter.strokePath(shape.path, QPen(ink, shape.width))
            else:
                painter.fillPath(shape.path, ink)
        painter.restore()


def is_ready() -> bool:
    """Whether the renderer and its font are loaded, so that a formula costs milliseconds."""
    return _ready.is_set()


def prepare() -> None:
    """Load the renderer and its font on another thread, once."""
    global _preparing
    if not _preparing:
        _preparing = True
        QThreadPool.globalInstance().start(warm_up)


def warm_up() -> None:
    """Load the renderer and its font now. Safe in any thread."""
    typeset(r"x^2 = \frac{a}{b}", False)
    # Tens of thousands of objects that stay for good: the collector must not go through them in mid-stream.
    gc.freeze()
    _ready.set()


def is_known(tex: str, display: bool) -> bool:
    """Whether `typeset` would answer without work."""
    return (tex, display) in _known


def typeset(tex: str, display: bool) -> Formula | None:
    """Lay out a formula without its delimiters; None when it cannot be, and its source should be shown."""
    key = (tex, display)
    if key not in _known:
        with _lock:  # the font file is read by seeking
            formula = _try(tex, display)
        if len(_known) >= MOST_KNOWN:
            del _known[next(iter(_known))]
        _known[key] = formula
    return _known[key]


def _try(tex: str, display: bool) -> Formula | None:
    try:
        return _layout(tex, display)
    except BadFormula as error:
        log.debug("formula of %d characters not typeset: %s", len(tex), error)
    except Exception as error:
        # ziamath fails in many ways (AssertionError, IndexError, KeyError, RecursionError) on odd input.
        log.debug("formula of %d characters not drawn: %r", len(tex), error)
    return None


def _layout(tex: str, display: bool) -> Formula:
    from app.desktop.text.math_rows import Math  # imports ziamath: not before the first formula

    math = Math(to_mathml(tex, display), size=UNIT, margin=0)
    walk = _Walk()
    walk.visit(math.node, 0.0, 0.0)
    box = math.node.bbox
    ink = walk.bounds()
    left = min(box.xmin, ink.left(), 0.0)
    width = max(box.xmax, ink.right()) - left
    ascent = max(box.ymax, -ink.top()) if abs(box.ymax) < 9000 else -ink.top()
    descent = max(-box.ymin, ink.bottom()) if abs(box.ymin) < 9000 else ink.bottom()
    if not (0 < width < 1e5 and ascent < 1e5 and descent < 1e5):
        raise BadFormula("The formula has no size.")
    shapes = tuple(Outline(path.translated(-left, 0), colour, pen) for (colour, pen), path in walk.paths.items())
    return Formula(width / UNIT, max(ascent, 0.0) / UNIT, max(descent, 0.0) / UNIT, shapes)


class _Walk:
    """Collects the paths of a laid-out tree by colour and pen."""

    def __init__(self) -> None:
        self.paths: dict[tuple[str | None, float], QPainterPath] = {}

    def bounds(self) -> QRectF:
        rect = QRectF()
        for path in self.paths.values():
            rect = rect.united(path.boundingRect())
        return rect

    def visit(self, node: Any, x: float, y: float) -> None:
        """Add a node drawn with its origin at (x, y)."""
        if getattr(node, "phantom", False):
            return
        kind = type(node).__name__
        if kind == "Glyph":
            self._glyph(node, x, y)
        elif kind in ("HLine", "VLine"):
            across = kind == "HLine"
            rect = QRectF(x, y, node.length, node.lw) if across else QRectF(x - node.lw / 2, y, node.lw, node.height)
            self._path(node, 0.0).addRect(rect)
        elif kind == "Box":
            path = self._path(node, node.lw)
            path.addRoundedRect(QRectF(x, y - node.height, node.width, node.height), UNIT * 0.22, UNIT * 0.22)
        elif kind == "Ellipse":
            self._path(node, node.lw).addEllipse(QRectF(x, y - node.height, node.width, node.height))
        elif kind == "Diagonal":
            path = self._path(node, node.lw)
            path.moveTo(x, y - node.height)
            path.lineTo(x + node.width, y)
        else:
            for (nx, ny), child in zip(node.nodexy, node.nodes, strict=False):
                self.visit(child, x + nx, y + ny)

    def _path(self, node: Any, pen: float) -> QPainterPath:
        colour = str(node.style.mathcolor)
        key = (colour if colour != "black" and QColor.isValidColorName(colour) else None, pen)
        if key not in self.paths:
            self.paths[key] = path = QPainterPath()
            path.setFillRule(Qt.FillRule.WindingFill)
        return self.paths[key]

    def _glyph(self, node: Any, x: float, y: float) -> None:
        glyph = node.glyph
        scale = node.size / glyph.font.info.layout.unitsperem
        path = self._path(node, 0.0)
        if not hasattr(glyph, "offsets"):
            path.addPath(QTransform(scale, 0, 0, -scale, x, y).map(_outline(glyph)))
            return
        for part, offset in zip(glyph.glyphs, glyph.offsets, strict=True):  # a fence assembled from several glyphs
            dx, dy = (0.0, offset * scale) if glyph.vert else (offset * scale, 0.0)
            path.addPath(QTransform(scale, 0, 0, -scale, x + dx, y - dy).map(_outline(part)))


_outlines: dict[int, tuple[Any, QPainterPath]] = {}


def _outline(glyph: Any) -> QPainterPath:
    """A glyph's outline in font units; kept with its glyph, which the font keeps for good."""
    if (known := _outlines.get(id(glyph))) and known[0] is glyph:
        return known[1]
    path = QPainterPath()
    for step in glyph.operators:
        points = [QPointF(point.x, point.y) for point in step.points()[0]]
        match type(step).__name__:
            case "Moveto":
                path.closeSubpath()
                path.moveTo(points[0])
            case "Lineto":
                path.lineTo(points[0])
            case "Quad":
                path.quadTo(*points)
            case "Cubic":
                path.cubicTo(*points)
    path.closeSubpath()
    if len(_outlines) < 4096:
        _outlines[id(glyph)] = (glyph, path)
    return path
