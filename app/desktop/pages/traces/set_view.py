"""A set as one looks at it: the filter, the table, and beside it the chosen trace or the set in short."""

from collections.abc import Callable
from typing import cast

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QSplitter, QStackedWidget, QWidget

from app.desktop.pages.traces import words
from app.desktop.pages.traces.rows import Show, TraceRow
from app.desktop.pages.traces.set_panel import SetPanel
from app.desktop.pages.traces.table import TraceTable, TraceView
from app.desktop.pages.traces.trace_panel import UNSAVED, TracePanel
from app.desktop.widgets.buttons import RowButton
from app.desktop.widgets.cards import label
from app.desktop.widgets.layouts import in_column, in_row
from app.desktop.widgets.segments import Segments
from models.trace_report import REASON_WORDS, Reason
from models.traces.trace import Trace

SHOWS: dict[Show, str] = {"all": "All", "kept": "Kept", "left": "Left out"}
SIDE_BY_SIDE_PX, PANEL_PX = 740, 376


class SetView(QWidget):
    """Filter, table and panel.

    Signals:
        trace_wanted: a TraceRow whose trace is to be shown.
        show_chosen: all, kept or left.
        selection_changed: other rows are chosen.
        loaded: all rows are shown.
    """

    trace_wanted = Signal(object)
    show_chosen = Signal(str)
    selection_changed = Signal()
    loaded = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = TraceTable(self)
        self.table = TraceView(self.model)
        self.panel = TracePanel()
        self.about = SetPanel()
        self.segments = Segments("Show", {str(key): title for key, title in SHOWS.items()})
        self._only = RowButton("", "Show every reason")
        self._only.clicked.connect(lambda: self.show_only(None))
        self._count = label("", "small", wraps=False)
        self._empty = label("", "muted")
        self._query = ""
        self._loading = self._searching = False
        self._again: tuple[set[str], str] | None = None  # what is to be chosen when the rows are there
        self._batches: list[tuple[list[TraceRow], bool]] = []
        self._feed = QTimer(self, singleShot=True, interval=0)
        self._feed.timeout.connect(self._add_batch)
        self._lay_out()
        self._connect()
        self.show_filter("all")

    @property
    def current(self) -> TraceRow | None:
        return self.table.current()

    @property
    def sentence(self) -> str:
        """What stands in place of rows; empty when there are some."""
        return "" if self._empty.isHidden() else self._empty.text()

    def begin(self, keep: bool) -> None:
        """Rows of a set will come. keep: it is the same set again, so what is chosen stays so."""
        chosen, current = self.table.chosen(), self.table.current()
        self._again = ({row.key for row in chosen}, current.key if current else "") if keep and chosen else None
        self._loading = True
        self._batches.clear()
        self._feed.stop()
        self.model.clear()
        if not keep:
            self.show_only(None)
        self._told()

    def add_rows(self, rows: list[TraceRow], last: bool) -> None:
        """Show more rows: a batch a turn of the event loop, so that what is pressed meanwhile is heard."""
        self._batches.append((rows, last))
        if not self._feed.isActive():
            self._feed.start()

    def _add_batch(self) -> None:
        rows, last = self._batches.pop(0)
        self.model.add(rows)
        if self._again is not None and (last or any(row.key == self._again[1] for row in rows)):
            self.table.choose_all(*self._again)
            self._again = None
        self._loading = not last
        self._told()
        if self._batches:
            self._feed.start()
        if last:
            self.loaded.emit()

    def show_filter(self, show: Show) -> None:
        """Show all, what is kept, or what is left out."""
        self.segments.show_chosen(show)
        self._filter(show, None)

    def show_only(self, reason: Reason | None) -> None:
        """Show what was left out for a reason; None for every reason."""
        show: Show = "left" if reason else cast(Show, self.segments.current)
        self.segments.show_chosen(show)
        self._filter(show, reason)
        if reason:
            self._only.set_caption(f"Only: {REASON_WORDS[reason].cause}  ✕")

    def look_for(self, query: str) -> None:
        """Show what holds a text; traces follow by show_found."""
        self._query, self._searching = query, bool(query)
        self._keeping(lambda: self.model.set_query(query))

    def show_found(self, keys: set[str], last: bool) -> None:
        self._searching = not last
        self._keeping(lambda: self.model.add_found(keys))

    def change_rows(self, keys: frozenset[str], out: bool) -> None:
        """Let traces be left out, or be kept again."""
        for row in self.model.rows:
            if row.key in keys:
                row.excluded = out
        self._keeping(self.model.refilter)
        self.table.viewport().update()
        self._show_row()

    def show_trace(self, key: str, trace: Trace) -> None:
        """Show the trace of the chosen row, if it is still that one."""
        row = self.table.current()
        if row is not None and row.key == key:
            self.panel.show_trace(trace)

    def start_edit(self) -> None:
        if self.panel.isVisible():
            self.panel.start_edit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The panel stands below the table where it is narrow."""
        super().resizeEvent(event)
        self._turn()

    def _turn(self) -> None:
        wide = self.width() >= SIDE_BY_SIDE_PX
        way = Qt.Orientation.Horizontal if wide else Qt.Orientation.Vertical
        if self._split.orientation() != way or not any(self._split.sizes()):
            self._split.setOrientation(way)
            self._share()

    def _share(self) -> None:
        if self._split.orientation() == Qt.Orientation.Horizontal:
            self._split.setSizes([self.width() - PANEL_PX, PANEL_PX])
        else:
            self._split.setSizes([self.height() // 2, self.height() - self.height() // 2])

    def _row_chosen(self) -> None:
        row = self.table.current()
        if self.panel.dirty and self.panel.row is not None and (row is None or row.key != self.panel.row.key):
            key = self.panel.row.key
            self.table.blockSignals(True)
            back = self.table.choose(key)
            self.table.blockSignals(False)
            if back or row is None:  # where it is not shown any more the edit stays open all the same
                self.panel.show_fault(UNSAVED)
                return
        self._show_row()

    def _show_row(self) -> None:
        row = self.table.current()
        if self.panel.editing and row is not None and self.panel.row is not None and row.key == self.panel.row.key:
            return
        self._side.setCurrentWidget(self.panel if row is not None else self.about)
        if row is not None:
            self.panel.show_row(row, max(1, len(self.table.chosen())))
            if row.left_out is None:
                self.trace_wanted.emit(row)
        self.selection_changed.emit()

    def _keeping(self, change: Callable[[], None]) -> None:
        """Do what fills the table anew and choose again what was chosen."""
        chosen, current = self.table.chosen(), self.table.current()
        change()
        if chosen:
            self.table.choose_all({row.key for row in chosen}, current.key if current else "")
        self._told()

    def _filter(self, show: Show, reason: Reason | None) -> None:
        self._only.setVisible(reason is not None)
        self._keeping(lambda: self.model.set_filter(show, reason))

    def _told(self) -> None:
        shown = len(self.model.shown)
        busy = self._searching or self._loading
        self._count.setText(
            f"{shown:,} found{' so far' if busy else ''}" if self._query else f"{shown:,} so far" if self._loading
            else words.counted(shown, "row")
        )  # fmt: skip
        self._empty.setVisible(shown == 0 and not busy)
        self.table.setVisible(shown > 0 or busy)
        if shown == 0:
            what = {"all": "trace", "kept": "kept trace", "left": "row that was left out"}[
                self.segments.current or "all"
            ]
            nothing = {"all": "This set holds nothing.", "kept": "No trace is kept.", "left": "Nothing was left out."}
            said = f"No {what} holds “{self._query}”." if self._query else nothing[self.segments.current or "all"]
            self._empty.setText(said)

    def _press_segment(self, show: str) -> None:
        self._filter(cast(Show, show), None)
        self.show_chosen.emit(show)

    def _connect(self) -> None:
        self.segments.chosen.connect(self._press_segment)
        self.table.row_chosen.connect(lambda _row: self._row_chosen())
        self.table.edit_pressed.connect(self.start_edit)
        self.panel.edit_ended.connect(self._edit_ended)
        self.about.reason_chosen.connect(self.show_only)

    def _edit_ended(self) -> None:
        self._show_row()
        self.table.setFocus()

    def _lay_out(self) -> None:
        bar = in_row(None, self.segments, self._only, 1, self._count, margins=(20, 10, 12, 4), spacing=10)
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        left = QWidget()
        in_column(left, bar, (self.table, 1), (self._empty, 1))
        self._side = QStackedWidget()
        self._side.addWidget(self.about)
        self._side.addWidget(self.panel)
        self._side.setMinimumSize(240, 150)
        self._split = QSplitter(Qt.Orientation.Horizontal)
        self._split.setObjectName("plain_split")
        self._split.setHandleWidth(1)
        self._split.setChildrenCollapsible(False)
        self._split.addWidget(left)
        self._split.addWidget(self._side)
        self._split.setStretchFactor(0, 1)
        self._split.setStretchFactor(1, 0)
        self._split.setSizes([600, PANEL_PX])
        in_column(self, self._split)
