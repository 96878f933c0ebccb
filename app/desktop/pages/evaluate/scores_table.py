"""The table of scores: measured rows, a gap, then published ones, fainter; never sorted in with each other."""

from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from app.desktop import fonts
from app.desktop.pages.evaluate.scores import ScoreRow, ScoreTable
from app.desktop.theme import colours, theme
from app.desktop.widgets.column_header import ColumnHeader, PlainTable
from app.desktop.widgets.drawing import LEFT, RIGHT, draw_line, draw_pill, draw_text
from app.desktop.widgets.plain import tip

Index = QModelIndex | QPersistentModelIndex
ROW_PX, HEADER_PX, PAD, EDGE_PX = 39, 33, 10, 8
NUMBER_PX, SOURCE_PX, LEAST_TITLE_PX = 96, 138, 170
FACTS = ("thinking, median", "tok/s", "memory")
FACT_PX = (124, 62, 84)
ROW = Qt.ItemDataRole.UserRole + 1


class ScoresModel(QAbstractTableModel):
    """Model, a column a task, thinking, speed, memory, source."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.table = ScoreTable([], [])

    def show_table(self, table: ScoreTable) -> bool:
        """Show another table; gives whether it is one."""
        if table == self.table:
            return False
        self.beginResetModel()
        self.table = table
        self.endResetModel()
        return True

    @property
    def titles(self) -> list[str]:
        return ["Model", *(title for _, title in self.table.tasks), *FACTS, "source"]

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  the default is Qt's own
        return 0 if parent.isValid() else len(self.table.rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  the default is Qt's own
        return 0 if parent.isValid() else len(self.titles)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Give a cell's text; the ScoreRow under ROW."""
        if not index.isValid():
            return None
        row, column, tasks = self.table.rows[index.row()], index.column(), self.table.tasks
        if role == ROW:
            return row
        score = row.scores.get(tasks[column - 1][0]) if 0 < column <= len(tasks) else None
        if role == Qt.ItemDataRole.DisplayRole:
            if 0 < column <= len(tasks):
                return score.percent if score else "—"
            return (
                row.title
                if not column
                else (row.thinking, row.speed, row.memory, row.source)[column - 1 - len(tasks)] or "—"
            )
        if role == Qt.ItemDataRole.ToolTipRole:
            return tip(
                score.said
                if score
                else row.said
                if column == self.columnCount() - 1
                else row.title
                if not column
                else ""
            )
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        shown = orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole
        return self.titles[section] if shown and 0 <= section < len(self.titles) else None


class _Cells(QStyledItemDelegate):
    """Paints a cell; a hairline below each row, a heavier one where measured rows end."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(NUMBER_PX, ROW_PX)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        c, row, area = colours(), index.data(ROW), QRectF(option.rect)
        assert isinstance(row, ScoreRow)
        last = index.model().columnCount() - 1
        painter.save()
        inside = area.adjusted(PAD, 0, -PAD, 0)
        ink = c.text if row.here else c.muted
        if index.column() == last:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            draw_pill(
                painter,
                inside.left(),
                area.center().y(),
                row.source,
                fonts.text(12),
                c.ok if row.here else c.muted,
                inside.width(),
            )
        elif not row.source:
            draw_text(painter, inside.adjusted(0, 6, 0, 0), row.title, fonts.text(11, fonts.BOLD), c.muted, LEFT)
        elif index.column() == 0:
            draw_text(
                painter, inside, row.title, fonts.text(weight=fonts.BOLD) if row.here else fonts.text(), ink, LEFT
            )
        else:
            said = str(index.data())
            draw_text(painter, inside, said, fonts.text(), c.faint if said == "—" else ink, RIGHT)
        draw_line(painter, area.left(), area.right() + 1, area.bottom())
        painter.restore()


class ScoresTable(PlainTable):
    """All its rows are shown, none is chosen; its accessible name is "Scores"."""

    def __init__(self, parent: QWidget | None = None) -> None:
        self._titles: list[str] = []
        right: set[int] = set()
        super().__init__(
            "Scores", ColumnHeader(self._titles, HEADER_PX, right, lambda _column: (PAD, PAD)), ROW_PX, parent
        )
        self._right = right
        self.scores = ScoresModel(self)
        self.setModel(self.scores)
        self.setItemDelegate(_Cells(self))
        self.setWordWrap(False)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        theme.changed.connect(self.viewport().update)

    def show_table(self, table: ScoreTable) -> None:
        """Show other rows, as high as they are."""
        if self.scores.show_table(table):
            self._titles[:] = self.scores.titles
            self._right.clear()
            self._right.update(range(1, len(self._titles) - 1))
            self.setFixedHeight(HEADER_PX + ROW_PX * len(table.rows) + 2)
            self.clearSpans()
            for place, row in enumerate(table.rows):
                if not row.source:
                    self.setSpan(place, 0, 1, len(self._titles))
            self._share()

    def wheelEvent(self, event: Any) -> None:
        event.ignore()  # the page scrolls

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._share()

    def _share(self) -> None:
        """Share the width out; where it is narrow memory goes first, then speed, thinking, and tasks from the right."""
        count, width = len(self._titles), self.viewport().width()
        if not count:
            return
        tasks = count - 2 - len(FACTS)
        widths = {column: NUMBER_PX for column in range(1, tasks + 1)}
        widths.update({tasks + 1 + place: px for place, px in enumerate(FACT_PX)})
        widths[count - 1] = SOURCE_PX
        shown = self.scores.table.shown + 1
        going = [tasks + 3, tasks + 2, tasks + 1, *(task for task in range(tasks, 0, -1) if task != shown)]
        hidden: set[int] = set()
        while going and width - sum(px for column, px in widths.items() if column not in hidden) < LEAST_TITLE_PX:
            hidden.add(going.pop(0))
        for column, px in widths.items():
            self.setColumnHidden(column, column in hidden)
            self.setColumnWidth(column, px)
        self.setColumnWidth(0, max(90, width - sum(px for column, px in widths.items() if column not in hidden)))
