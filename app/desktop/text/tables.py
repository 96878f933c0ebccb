"""Tables of a message as tables of its QTextDocument; a table that grows gets rows, and is not written anew.

A QTextTable stands between two blocks. The one before it is made as low as can be and gives the margin, the one
after it is used by what follows, or says how many rows are left out.
"""

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import Qt
from PySide6.QtGui import (
    QBrush,
    QColor,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextFrameFormat,
    QTextTable,
    QTextTableCell,
    QTextTableFormat,
)

from app.desktop import fonts
from app.desktop.text.blocks import Inline, Maths, Run, Table
from app.desktop.text.text_style import MARGIN, TextStyle, direction

ALIGNMENTS = {"l": Qt.AlignmentFlag.AlignLeft, "c": Qt.AlignmentFlag.AlignHCenter, "r": Qt.AlignmentFlag.AlignRight}


class TableWriter:
    """Writes the tables of one document. write_runs: puts text and formulas at a cursor."""

    def __init__(self, write_runs: Callable[[QTextCursor, tuple[Inline, ...]], None]) -> None:
        self._write_runs = write_runs
        self._last: QTextTable | None = None

    def insert(self, cursor: QTextCursor, leaf: Table, look: TextStyle) -> None:
        """Write a table at the cursor, which stands in an empty block, and leave the cursor behind it."""
        above = QTextBlockFormat(look.placed(leaf.place))
        above.setLineHeight(1, int(QTextBlockFormat.LineHeightTypes.FixedHeight.value))
        above.setTopMargin(MARGIN - 2)
        tiny = QTextCharFormat()
        tiny.setFont(fonts.text(1))
        cursor.setBlockFormat(above)
        cursor.setBlockCharFormat(tiny)
        table = cursor.insertTable(1 + len(leaf.rows), len(leaf.header), self._format(leaf, look))
        self._last = table
        for column, cell in enumerate(leaf.header):
            self._fill(_cell(table, 0, column), cell, _alignment(leaf, column), look, head=True)
        self._fill_rows(table, leaf, 0, look)
        cursor.movePosition(QTextCursor.MoveOperation.End)
        self._end(cursor, leaf, look)

    def amend(self, cursor: QTextCursor, old: Table, new: Table, look: TextStyle) -> bool:
        """Add the rows that came. Returns False when the table is not a continuation."""
        kept = max(len(old.rows) - 1, 0)
        if self._last is None or len(new.rows) < len(old.rows) or new.rows[:kept] != old.rows[:kept]:
            return False
        if len(new.rows) > len(old.rows):
            self._last.appendRows(len(new.rows) - len(old.rows))
        if new.rows != old.rows:
            for column in range(len(new.header)):
                if kept < len(old.rows):
                    _empty(_cell(self._last, 1 + kept, column))
            self._fill_rows(self._last, new, kept, look)
        cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor.movePosition(QTextCursor.MoveOperation.StartOfBlock, QTextCursor.MoveMode.KeepAnchor)
        cursor.removeSelectedText()
        self._end(cursor, new, look)
        return True

    def make_room_below(self, height: float) -> None:
        """Leave that much room below the last table, for the top margin of what follows a table counts for nothing."""
        if self._last is not None:
            form = self._last.format()
            form.setBottomMargin(height)
            self._last.setFormat(form)

    def _end(self, cursor: QTextCursor, leaf: Table, look: TextStyle) -> None:
        """The block after the table."""
        form = look.placed(replace(leaf.place, markers=()))
        form.setTopMargin(5)
        cursor.setBlockFormat(form)
        cursor.setBlockCharFormat(QTextCharFormat())
        if leaf.more:
            muted = QTextCharFormat()
            muted.setForeground(QColor(look.colours.muted))
            cursor.insertText(f"{leaf.more:,} more rows are not shown.", muted)

    def _fill_rows(self, table: QTextTable, leaf: Table, start: int, look: TextStyle) -> None:
        for number in range(start, len(leaf.rows)):
            for column, cell in enumerate(leaf.rows[number]):
                self._fill(_cell(table, 1 + number, column), cell, _alignment(leaf, column), look)

    def _fill(
        self,
        cell: QTextTableCell,
        runs: tuple[Inline, ...],
        align: Qt.AlignmentFlag,
        look: TextStyle,
        head: bool = False,
    ) -> None:
        cursor = cell.firstCursorPosition()
        form = QTextBlockFormat()
        form.setAlignment(align)
        form.setLayoutDirection(direction(runs))
        form.setLineHeight(look.leading / 2, int(QTextBlockFormat.LineHeightTypes.LineDistanceHeight.value))
        cursor.setBlockFormat(form)
        if head:
            shade = QTextCharFormat()
            shade.setBackground(QColor(look.colours.sidebar))
            cell.setFormat(shade)
            runs = tuple(run if isinstance(run, Maths) else _bold(run) for run in runs)
        self._write_runs(cursor, runs)

    def _format(self, leaf: Table, look: TextStyle) -> QTextTableFormat:
        form = QTextTableFormat()
        form.setBorder(1)
        form.setBorderStyle(QTextFrameFormat.BorderStyle.BorderStyle_Solid)
        form.setBorderBrush(QBrush(QColor(look.colours.line)))
        form.setBorderCollapse(True)
        form.setCellSpacing(0)
        form.setCellPadding(6)
        form.setLeftMargin(look.placed(leaf.place).leftMargin())
        if leaf.place.from_right:
            form.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
            form.setAlignment(Qt.AlignmentFlag.AlignRight)
            form.setRightMargin(look.placed(leaf.place).rightMargin())
        form.setHeaderRowCount(1)
        form.setBottomMargin(MARGIN)
        return form


def _cell(table: QTextTable, row: int, column: int) -> QTextTableCell:
    """A cell by its column in reading order: Qt lays columns out from the left, whatever the table's direction."""
    return table.cellAt(row, table.columns() - 1 - column if is_from_right(table) else column)


def is_from_right(table: QTextTable) -> bool:
    """Whether the first column of a table stands at the right."""
    return table.format().layoutDirection() == Qt.LayoutDirection.RightToLeft


def _alignment(leaf: Table, column: int) -> Qt.AlignmentFlag:
    """Where the text of a column stands; "l" is said of columns of which nothing is, and means where reading begins."""
    if leaf.place.from_right and leaf.aligns[column] != "c":
        return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignAbsolute
    return ALIGNMENTS[leaf.aligns[column]]


def _bold(run: Run) -> Run:
    return Run(run.text, True, run.italic, run.struck, run.code, run.forced, run.href)


def _empty(cell: QTextTableCell) -> None:
    cursor = cell.firstCursorPosition()
    cursor.setPosition(cell.lastCursorPosition().position(), QTextCursor.MoveMode.KeepAnchor)
    cursor.removeSelectedText()
