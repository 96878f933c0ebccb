"""ziamath with rows that are laid out once and tables with their rules. Importing this imports ziamath (0.3 s).

ziamath keeps a registry from MathML tags to node classes, and naming the tag puts a class of ours there.
"""

import itertools
import warnings
from typing import Any

with warnings.catch_warnings():
    # ziamath finds its font by a function that importlib.resources has deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    from ziamath import Math
from ziafont.fonttypes import BBox
from ziamath.drawable import Box, HLine, VLine
from ziamath.nodes import Mnode
from ziamath.nodes.menclose import Menclose
from ziamath.nodes.mrow import Mrow
from ziamath.nodes.mtable import Mtable

__all__ = ["Enclosure", "Math", "MathRow", "Table"]


class MathRow(Mrow, tag="mrow"):  # type: ignore[misc, call-arg]
    """A row. ziamath's own builds every child twice to learn how far fences stretch: 2^depth for nested rows."""

    def _setup_single_line(self, line: list[Any], **kwargs: Any) -> None:
        children = [child for child in line if child.tag != "mo" or (child.text or "").strip()]
        self.nodes = []
        for child in children:  # fences in their plain size for now
            given = {**kwargs, "nostretch": True} if _stretches(child) else kwargs
            self.nodes.append(Mnode.fromelement(child, parent=self, **given))
        firm = [node.bbox for child, node in zip(children, self.nodes, strict=True) if not _stretches(child)]
        reach = {
            "rowymin": min((box.ymin for box in firm), default=0.0),
            "rowymax": max((box.ymax for box in firm), default=0.0),
        }
        first, self.nodes = self.nodes, []
        for child, node in zip(children, first, strict=True):
            again = _stretches(child) and firm
            self.nodes.append(Mnode.fromelement(child, parent=self, **{**kwargs, **reach}) if again else node)
        self._place()

    def _place(self) -> None:
        """Set the nodes side by side on the baseline."""
        x = left = right = 0.0
        low, high = 9999.0, -9999.0
        for node in self.nodes:
            limits = _has_limits(node)
            x += max(0.0, -node.bbox.xmin) if limits else 0.0  # limits wider than their operator take room
            self.nodexy.append((x, 0))
            left, right = min(left, x + node.bbox.xmin), max(right, x + node.bbox.xmax)
            low, high = min(low, node.bbox.ymin), max(high, node.bbox.ymax)
            x += max(node.xadvance(), node.bbox.xmax) if limits else node.xadvance()
        self.bbox = BBox(left, right, low, high) if self.nodes else BBox(0, 0, 0, 0)
        self._xadvance = x


class Table(Mtable, tag="mtable"):  # type: ignore[misc, call-arg]
    """A table that draws the rules between its columns and rows, which ziamath leaves out."""

    def _setup(self, **kwargs: Any) -> None:
        super()._setup(**kwargs)
        cells = list(zip(self.nodes, self.nodexy, strict=True))
        rows: list[list[tuple[Any, tuple[float, float]]]] = []
        for row in self.element:
            rows.append([cells.pop(0) for _ in row])
        thick = self.units_to_points(self.font.math.consts.fractionRuleThickness)
        for index, (above, below) in enumerate(itertools.pairwise(rows)):
            if self._ruled("rowlines", index):
                bottom = max(y - node.bbox.ymin for node, (_, y) in above)
                top = min(y - node.bbox.ymax for node, (_, y) in below)
                self._draw(HLine(self.bbox.xmax, thick, style=self.style, **kwargs), 0.0, (bottom + top) / 2)
        for index in range(max(map(len, rows)) - 1):
            if self._ruled("columnlines", index):
                right = max(x + node.bbox.xmax for row in rows for node, (x, _) in row[index : index + 1])
                left = min(x + node.bbox.xmin for row in rows for node, (x, _) in row[index + 1 : index + 2])
                height = self.bbox.ymax - self.bbox.ymin
                self._draw(VLine(height, thick, style=self.style, **kwargs), (right + left) / 2, -self.bbox.ymax)

    def _ruled(self, attribute: str, index: int) -> bool:
        kinds = self.element.get(attribute, "").split()
        return bool(kinds) and kinds[min(index, len(kinds) - 1)] != "none"

    def _draw(self, rule: Any, x: float, y: float) -> None:
        self.nodes.append(rule)
        self.nodexy.append((x, y))


class Enclosure(Menclose, tag="menclose"):  # type: ignore[misc, call-arg]
    """A box with room to breathe, as TeX's fboxsep gives it; other notations as ziamath draws them."""

    def _setup(self, **kwargs: Any) -> None:
        if self.notation != ["box"]:
            super()._setup(**kwargs)
            return
        inside = self.base.bbox
        across, along = self.glyphsize * 0.32, self.glyphsize * 0.5
        thick = self.units_to_points(self.font.math.consts.fractionRuleThickness)
        width = inside.xmax - inside.xmin + 2 * along
        height = inside.ymax - inside.ymin + 2 * across
        self.nodes = [Box(width, height, thick, style=self.style, **kwargs), self.base]
        self.nodexy = [(0.0, across - inside.ymin), (along - inside.xmin, 0.0)]
        self.bbox = BBox(0.0, width, inside.ymin - across, inside.ymax + across)


def _has_limits(node: Any) -> bool:
    """Whether a node's scripts stand above and below it."""
    base = getattr(node, "base", None)
    return base is not None and base.style.displaystyle and getattr(base, "params", {}).get("movablelimits") == "true"


def _stretches(element: Any) -> bool:
    """Whether an operator grows with its row, as the fences of `left` and `right` do."""
    return element.tag == "mo" and element.get("stretchy") == "true" and "minsize" not in element.attrib
