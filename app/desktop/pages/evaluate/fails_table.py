"""The table of problems: what came of each, contender by contender, or budget by budget."""

from collections.abc import Sequence
from typing import Any

import msgspec
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QKeyEvent, QPainter, QPen, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from app.desktop import fonts
from app.desktop.theme import colours, theme
from app.desktop.widgets.column_header import ColumnHeader, PlainTable
from app.desktop.widgets.drawing import LEFT, RIGHT, draw_line, draw_text
from app.desktop.widgets.plain import tip
from models.evaluate.board import Attempt, Key

Index = QModelIndex | QPersistentModelIndex
ROW_PX, HEADER_PX, PAD, CELL_PX, SHOWN_ROWS = 33, 30, 10, 48, 6
LEAST_PROBLEM_PX = 130
CELL = Qt.ItemDataRole.UserRole + 1


class Column(msgspec.Struct, frozen=True):
    """Whose attempts a column shows."""

    key: Key
    title: str  # in a few letters
    said: str  # in full


class FailRow(msgspec.Struct, frozen=True):
    """A problem and what came of it, in the order of the columns; None where it was not answered yet."""

    id: str
    title: str
    attempts: tuple[Attempt | None, ...]


def cell_said(attempt: Attempt | None) -> str:
    """What came of a problem in a word."""
    if attempt is None:
        return "—"
    if attempt.cut:
        return "cut"
    if attempt.share in (0.0, 1.0):
        return "right" if attempt.share else "wrong"
    return f"{100 * attempt.share:.0f} %"


class FailsModel(QAbstractTableModel):
    """The rows that suit the filter."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.columns: Sequence[Column] = ()
        self.rows: Sequence[FailRow] = ()

    def show_rows(self, columns: Sequence[Column], rows: Sequence[FailRow]) -> None:
        self.beginResetModel()
        self.columns, self.rows = columns, rows
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  the default is Qt's own
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  the default is Qt's own
        return 0 if parent.isValid() else 1 + len(self.columns)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Give a cell's text; the Attempt under CELL."""
        if not index.isValid():
            return None
        row, column = self.rows[index.row()], index.column() - 1
        if role == CELL:
            return row.attempts[column] if column >= 0 else None
        if role == Qt.ItemDataRole.DisplayRole:
            return row.title if column < 0 else cell_said(row.attempts[column])
        if role == Qt.ItemDataRole.ToolTipRole:
            return tip(row.title if column < 0 else f"{self.columns[column].said}: {cell_said(row.attempts[column])}")
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Horizontal and 0 <= section <= len(self.columns):
            if role == Qt.ItemDataRole.DisplayRole:
                return "Problem" if not section else self.columns[section - 1].title
            if role == Qt.ItemDataRole.ToolTipRole and section:
                return tip(self.columns[section - 1].said)
        return None


class _Cells(QStyledItemDelegate):
    """Paints a cell; a hairline below each row."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(CELL_PX, ROW_PX)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        view, c = self.parent(), colours()
        assert isinstance(view, FailsTable)
        area = QRectF(option.rect)
        painter.save()
        if view.selectionModel().isSelected(index) or view.pointed_row == index.row():
            ground = QColor(c.accent if view.hasFocus() and view.selectionModel().isSelected(index) else c.muted)
            ground.setAlphaF(0.11)
            painter.fillRect(area.adjusted(0, 0, 0, -1), ground)
        inside = area.adjusted(PAD, 0, -PAD, 0)
        if index.column() == 0:
            draw_text(painter, inside, str(index.data()), fonts.text(), c.text, LEFT)
        else:
            _draw_attempt(painter, inside, index.data(CELL))
        draw_line(painter, area.left(), area.right() + 1, area.bottom())
        painter.restore()


def _draw_attempt(painter: QPainter, area: QRectF, attempt: Attempt | None) -> None:
    c, said = colours(), cell_said(attempt)
    if said not in ("right", "wrong"):
        ink = c.warn if said == "cut" else c.faint if attempt is None else c.text
        draw_text(painter, area, said, fonts.text(12), ink, RIGHT)
        return
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(QColor(c.ok if said == "right" else c.bad), 1.3, c=Qt.PenCapStyle.RoundCap))
    x, y = area.right() - 4.5, area.center().y()
    if said == "right":
        painter.drawPolyline([QPointF(x - 4, y + 0.5), QPointF(x - 1, y + 3.5), QPointF(x + 4, y - 3)])
    else:
        painter.drawLine(QPointF(x - 3, y - 3), QPointF(x + 3, y + 3))
        painter.drawLine(QPointF(x - 3, y + 3), QPointF(x + 3, y - 3))


class FailsTable(PlainTable):
    """The table; its accessible name is "Where it fails".

    Signals:
        opened: the place of a row that was clicked, or on which Return was pressed, and of the column; -1 for none.
    """

    opened = Signal(int, int)

    def __init__(self, model: FailsModel, parent: QWidget | None = None) -> None:
        self._titles: list[str] = ["Problem"]
        header = ColumnHeader(self._titles, HEADER_PX, range(1, 99), lambda _column: (PAD, PAD))
        super().__init__("Where it fails", header, ROW_PX, parent)
        self.pointed_row = -1
        self.setItemDelegate(_Cells(self))
        self.setWordWrap(False)
        self.setMouseTracking(True)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setMinimumHeight(HEADER_PX + SHOWN_ROWS * ROW_PX)
        self.setModel(model)
        self._model = model
        model.modelReset.connect(self._take_titles)
        self.clicked.connect(lambda index: self.opened.emit(index.row(), index.column() - 1))
        self.entered.connect(lambda index: self._point_at(index.row()))
        theme.changed.connect(self.viewport().update)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space) and self.currentIndex().isValid():
            self.opened.emit(self.currentIndex().row(), -1)
        else:
            super().keyPressEvent(event)

    def leaveEvent(self, event: Any) -> None:
        super().leaveEvent(event)
        self._point_at(-1)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._share()

    def _point_at(self, row: int) -> None:
        if row != self.pointed_row:
            self.pointed_row = row
            self.viewport().update()

    def _take_titles(self) -> None:
        self._titles[:] = ["Problem", *(column.title for column in self._model.columns)]
        self._share()

    def _share(self) -> None:
        """The problems take what the other columns leave, which are as wide as their titles where there is room."""
        count = len(self._model.columns)
        if not count:
            return
        width = self.viewport().width()
        metrics = QFontMetricsF(fonts.text(11, fonts.BOLD))
        wanted = [
            max(CELL_PX, round(metrics.horizontalAdvance(column.title)) + 2 * PAD + 2) for column in self._model.columns
        ]
        while sum(wanted) > width - LEAST_PROBLEM_PX and max(wanted) > CELL_PX:
            wanted[wanted.index(max(wanted))] -= 1
        for place, px in enumerate(wanted, 1):
            self.setColumnWidth(place, px)
        self.setColumnWidth(0, max(90, width - sum(wanted)))
