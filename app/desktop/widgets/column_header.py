"""A table without a grid or a frame, and the titles above its columns."""

from collections.abc import Callable, Container, Sequence

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHeaderView, QTableView, QWidget

from app.desktop import fonts
from app.desktop.theme import colours
from app.desktop.widgets.drawing import LEFT, RIGHT, draw_line, draw_text
from app.desktop.widgets.named import named


class ColumnHeader(QHeaderView):
    """Column titles, small and muted, on a hairline.

    right: columns whose titles stand on the right; inset: pixels of a column that its title leaves free, on its left and
    on its right; line_left: where the hairline begins.
    """

    def __init__(
        self,
        titles: Sequence[str],
        height: int,
        right: Container[int],
        inset: Callable[[int], tuple[int, int]],
        line_left: int = 0,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._titles = titles
        self._right = right
        self._inset = inset
        self._line_left = line_left
        self.setFixedHeight(height)
        self.setSectionsClickable(False)
        self.setHighlightSections(False)
        self.setMinimumSectionSize(44)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        for section in range(self.count()):
            if self.isSectionHidden(section):
                continue
            before, after = self._inset(section)
            left, width = self.sectionViewportPosition(section) + before, self.sectionSize(section) - before - after
            align = RIGHT if section in self._right else LEFT
            area = QRectF(left, 0, width, self.height())
            draw_text(painter, area, self._titles[section], fonts.text(11, fonts.BOLD), colours().muted, align)
        draw_line(painter, self._line_left, self.width(), self.height())


class PlainTable(QTableView):
    """Shows rows of one height; nothing is edited in it, and Tab leaves it."""

    def __init__(self, name: str, header: ColumnHeader, row_px: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, "plain_table", name)
        self.setHorizontalHeader(header)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setDefaultSectionSize(row_px)
        self.setShowGrid(False)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setEditTriggers(QTableView.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
