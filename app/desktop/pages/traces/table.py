"""The table of a set: its rows, which of them are shown, and how they are painted."""

from collections.abc import Iterable
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from app.desktop import fonts
from app.desktop.pages.traces.rows import Show, TraceRow
from app.desktop.theme import colours, theme
from app.desktop.widgets.column_header import ColumnHeader, PlainTable
from app.desktop.widgets.drawing import LEFT, RIGHT, draw_line, draw_text
from app.desktop.widgets.plain import tip
from models.trace_report import Reason

Index = QModelIndex | QPersistentModelIndex

COLUMNS = ("Problem", "tokens", "answer", "from", "state")
PROBLEM, TOKENS, ANSWER, FROM, STATE = range(5)
ROW_PX, HEADER_PX, PAD = 33, 36, 20
ROW = Qt.ItemDataRole.UserRole + 1
BESIDE = 10  # of a column's left edge


class TraceTable(QAbstractTableModel):
    """All rows of a set; those are shown that suit the filter and the search."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows: list[TraceRow] = []
        self.shown: list[TraceRow] = []
        self._show: Show = "all"
        self._reason: Reason | None = None
        self._query = ""
        self._found: set[str] = set()

    def clear(self) -> None:
        self.beginResetModel()
        self.rows, self.shown = [], []
        self.endResetModel()

    def add(self, rows: list[TraceRow]) -> None:
        self.rows += rows
        self._match(rows)
        suited = self._suited(rows)
        if suited:
            first = len(self.shown)
            self.beginInsertRows(QModelIndex(), first, first + len(suited) - 1)
            self.shown += suited
            self.endInsertRows()

    def set_filter(self, show: Show, reason: Reason | None = None) -> None:
        """Show all, what is kept, or what is left out; of that only for one reason, if there is one."""
        if (show, reason) != (self._show, self._reason):
            self._show, self._reason = show, reason
            self._filter()

    def set_query(self, query: str) -> None:
        """Show what holds a text: rows left out at once, traces as `add_found` names them."""
        self._query, self._found = query.casefold(), set()
        self._match(self.rows)
        self._filter()

    def add_found(self, keys: set[str]) -> None:
        self._found |= keys
        self._filter()

    def change(self, key: str, new_key: str, **values: Any) -> None:
        """Let a row be another one; values are those of TraceRow."""
        for row in self.rows:
            if row.key == key:
                row.key, row.line = new_key, ""
                for name, value in values.items():
                    setattr(row, name, value)
                break
        if key in self._found:
            self._found.add(new_key)
        place = self.place_of(new_key)
        if place >= 0:
            self.dataChanged.emit(self.index(place, 0), self.index(place, len(COLUMNS) - 1))

    def refilter(self) -> None:
        """Take off what does not suit the filter any more, and bring back what does."""
        if self._show != "all" or self._query:
            self._filter()

    def place_of(self, key: str) -> int:
        """Where a row is shown; -1 when it is not."""
        return next((place for place, row in enumerate(self.shown) if row.key == key), -1)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  the default is Qt's own
        return 0 if parent.isValid() else len(self.shown)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  the default is Qt's own
        return 0 if parent.isValid() else len(COLUMNS)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Give a cell's text; the Row under ROW."""
        if not index.isValid():
            return None
        row = self.shown[index.row()]
        if role == ROW:
            return row
        if role == Qt.ItemDataRole.DisplayRole:
            return (row.title, row.length, row.answer, row.origin, row.state)[index.column()]
        if role == Qt.ItemDataRole.ToolTipRole and index.column() != TOKENS:
            said = row.left_out.text if row.left_out and index.column() == STATE else index.data()
            return tip(str(said))
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Horizontal and 0 <= section < len(COLUMNS):
            if role == Qt.ItemDataRole.DisplayRole:
                return COLUMNS[section]
            if role == Qt.ItemDataRole.ToolTipRole and section == TOKENS:
                return "Of thinking and answer, as the teacher counted them; ≈ estimated from the characters"
        return None

    def _suited(self, rows: list[TraceRow]) -> list[TraceRow]:
        """Those that suit filter and search: of 100,000 in a few milliseconds, hence no call for each."""
        if self._show == "kept":
            rows = [row for row in rows if row.left_out is None and not row.excluded]
        elif self._show == "left":
            rows = [row for row in rows if row.left_out is not None or row.excluded]
        if self._reason is not None:
            rows = [row for row in rows if row.left_out is not None and row.left_out.reason == self._reason]
        if self._query:
            rows = [row for row in rows if row.key in self._found]
        return rows

    def _match(self, rows: list[TraceRow]) -> None:
        """Find the rows left out that hold what is searched for; of traces the disk has the text."""
        if self._query:
            left = ((row, row.left_out) for row in rows if row.left_out is not None)
            said = ((row.key, f"{row.problem} {out.text} {row.state}") for row, out in left)
            self._found |= {key for key, text in said if self._query in text.casefold()}

    def _filter(self) -> None:
        self.beginResetModel()
        suited = self._suited(self.rows)
        self.shown = list(suited) if suited is self.rows else suited
        self.endResetModel()


class _Cells(QStyledItemDelegate):
    """Paints a cell; a hairline below each row."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(60, ROW_PX)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        view, c = self.parent(), colours()
        assert isinstance(view, TraceView)
        row, column = index.data(ROW), index.column()
        area = QRectF(option.rect)
        painter.save()
        if view.selectionModel().isSelected(index):
            ground = QColor(c.accent if view.hasFocus() else c.muted)
            ground.setAlphaF(0.13)
            painter.fillRect(area.adjusted(PAD - 10 if column == PROBLEM else 0, 0, 0, -1), ground)
        faint = row.left_out is not None or row.excluded
        ink = c.muted if faint or column == FROM else c.text
        if column == STATE:
            ink = {"ok": c.ok, "warn": c.warn, "bad": c.bad}[row.tone]
        inside = area.adjusted(PAD if column == PROBLEM else BESIDE, 0, -BESIDE, 0)
        draw_text(painter, inside, str(index.data()), fonts.text(), ink, RIGHT if column == TOKENS else LEFT)
        draw_line(painter, area.left() + (PAD - 10 if column == PROBLEM else 0), area.right() + 1, area.bottom())
        painter.restore()


def _inset(column: int) -> tuple[int, int]:
    return PAD if column == PROBLEM else BESIDE, BESIDE


class TraceView(PlainTable):
    """The table; its accessible name is "Traces".

    Signals:
        row_chosen: the Row that is current now, or None.
        leave_out_pressed: Delete or Backspace.
        edit_pressed: Return or a double click.
    """

    row_chosen = Signal(object)
    leave_out_pressed = Signal()
    edit_pressed = Signal()

    def __init__(self, model: TraceTable, parent: QWidget | None = None) -> None:
        super().__init__("Traces", ColumnHeader(COLUMNS, HEADER_PX, {TOKENS}, _inset, PAD - 10), ROW_PX, parent)
        self.setItemDelegate(_Cells(self))
        self.setWordWrap(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setMinimumHeight(HEADER_PX + 2 * ROW_PX)
        self._model = model
        self.setModel(model)
        # a selection is told of before the current row is another one, so both are listened to
        self.selectionModel().currentRowChanged.connect(lambda _new, _old: self.row_chosen.emit(self.current()))
        self.selectionModel().selectionChanged.connect(lambda _new, _old: self.row_chosen.emit(self.current()))
        model.modelReset.connect(lambda: self.row_chosen.emit(None))
        self.doubleClicked.connect(self.edit_pressed)
        theme.changed.connect(self.viewport().update)

    def current(self) -> TraceRow | None:
        """The row that is chosen; of several the one chosen last, if it still is."""
        rows = self.selectionModel().selectedRows()
        if not rows:
            return None
        index = self.currentIndex()
        last = index if len(rows) > 1 and self.selectionModel().isSelected(index) else rows[0]
        return self._model.shown[last.row()]

    def chosen(self) -> list[TraceRow]:
        return [self._model.shown[index.row()] for index in self.selectionModel().selectedRows()]

    def choose(self, key: str) -> bool:
        """Choose a row; False when it is not shown."""
        place = self._model.place_of(key)
        if place >= 0:
            # not selectRow: that adds to what is chosen while a key such as Command is held
            flags = QItemSelectionModel.SelectionFlag
            self.selectionModel().setCurrentIndex(self._model.index(place, 0), flags.ClearAndSelect | flags.Rows)
        return place >= 0

    def choose_all(self, keys: Iterable[str], current: str) -> None:
        """Choose rows again after the table was filled anew; those that are not shown are passed over."""
        wanted, last = set(keys), len(COLUMNS) - 1
        selection = QItemSelection()
        for place, row in enumerate(self._model.shown):
            if row.key in wanted:
                selection.select(self._model.index(place, 0), self._model.index(place, last))
        place = self._model.place_of(current)
        flags = QItemSelectionModel.SelectionFlag
        if place >= 0:
            self.selectionModel().setCurrentIndex(self._model.index(place, 0), flags.NoUpdate)
        self.selectionModel().select(selection, flags.ClearAndSelect)

    def choose_none(self) -> None:
        """Choose nothing, so that the panel speaks of the whole set."""
        self.clearSelection()
        self.setCurrentIndex(QModelIndex())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Return edits, Delete or Backspace leaves out, Escape chooses nothing."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.edit_pressed.emit()
        elif event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.leave_out_pressed.emit()
        elif event.key() == Qt.Key.Key_Escape and self.selectionModel().hasSelection():
            self.choose_none()
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Share the width out; where it is narrow the source goes first, then the answer."""
        super().resizeEvent(event)
        width = self.viewport().width()
        widths = {TOKENS: 66, ANSWER: 92 if width < 760 else 130, FROM: 104 if width < 760 else 140, STATE: 184}
        self.setColumnHidden(FROM, width < 580)
        self.setColumnHidden(ANSWER, width < 460)
        beside = sum(px for column, px in widths.items() if not self.isColumnHidden(column))
        for column, px in widths.items():
            self.setColumnWidth(column, px)
        self.setColumnWidth(PROBLEM, max(120, width - beside))
