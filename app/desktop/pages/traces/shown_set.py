"""The set that is shown: which sets there are, which of them stands in the view, and what the disk says of it."""

from PySide6.QtCore import QObject, Signal

from app.desktop.pages.traces.reader import CountedSet, OpenedSet, TracesReader
from app.desktop.pages.traces.rows import TraceRow, row_of
from app.desktop.pages.traces.set_view import SetView
from app.desktop.pages.traces.set_writer import Exclusion
from app.desktop.pages.traces.toolbar import TracesToolbar
from app.desktop.services.deletions import Deletions
from app.desktop.services.preferences import Preferences
from models.trace_report import Added, TraceSet
from models.traces.trace import Trace


class ShownSet(QObject):
    """Opens one set at a time, and keeps view and toolbar at what was read of it.

    Signals:
        changed: the sets, or the one that is shown, are other ones.
    """

    changed = Signal()

    def __init__(
        self,
        reading: TracesReader,
        removals: Deletions,
        view: SetView,
        toolbar: TracesToolbar,
        preferences: Preferences,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._reading = reading
        self._removals = removals
        self._view = view
        self._toolbar = toolbar
        self._preferences = preferences
        self._all: list[TraceSet] = []
        self._listed = False
        self._turn = 0
        self._report: Added | None = None
        self._rows_hash: str | None = (
            ""  # of the traces whose rows stand in the view; None: after an edit, not known yet
        )
        self._stale = False  # the rows in the view are not those of the disk any more
        self.record: TraceSet | None = None
        toolbar.show_sets([], None)
        reading.listed.connect(self._take_sets)
        reading.opened.connect(self._opened)
        reading.rows_read.connect(self._rows_read)
        reading.looked.connect(self._looked)
        removals.changed.connect(self._removals_changed)
        view.loaded.connect(lambda: reading.measure(self.name))
        view.panel.edit_ended.connect(self._edit_ended)

    @property
    def sets(self) -> list[TraceSet]:
        """The sets that are not to be deleted."""
        hidden = self._removals.pending()
        return [found for found in self._all if found.name not in hidden]

    @property
    def name(self) -> str:
        """The set that is shown; "" for none."""
        return self.record.name if self.record else ""

    def find(self, name: str) -> TraceSet | None:
        """The set of that name, if there is one."""
        return next((known for known in self.sets if known.name == name), None)

    def open(self, found: TraceSet) -> None:
        """Show a set and read its rows."""
        same = self.name == found.name
        if self._view.panel.editing and same:
            self._stale = True  # it was changed from outside: the edit goes first
            return
        self._stale = False
        self.record, self._rows_hash = found, found.data_hash
        if not same:
            self._report = None
            self._toolbar.search.clear()
            self._view.look_for("")
            self._view.about.show_lengths(None)
        self._show_record(found, self._report)
        self._view.begin(same)
        self._remember(found.name)
        self._turn = self._reading.open_set(found.name)
        self.changed.emit()

    def open_next(self, name: str) -> None:
        """Show a set as soon as it is listed."""
        if name != self.name:
            self._remember(name)
            self.record = None
            self._reading.list_sets()

    def read_again(self, name: str) -> None:
        """List the sets again; the rows of this one are others now."""
        self._stale = self._stale or name == self.name
        self._reading.list_sets()

    def apply(self, choice: Exclusion) -> None:
        """Let the traces of a choice be left out, or be kept again, where their set is shown."""
        if choice.name == self.name:
            self._view.change_rows(choice.keys, choice.out)

    def measure(self, choice: Exclusion) -> None:
        """Read lengths and counts anew where a choice is of the set that is shown."""
        if choice.name == self.name:
            self._reading.measure(choice.name)

    def take_edit(self, name: str, key: str, trace: Trace) -> None:
        """Show an edited trace in the row that had this key."""
        row = next((row for row in self._view.model.rows if row.key == key), None)
        if name != self.name or row is None:
            return
        fresh = row_of(trace, row.excluded)
        self._view.model.change(
            key, new_key=trace.id, problem=fresh.problem, tokens=fresh.tokens, estimated=fresh.estimated,
            answer=fresh.answer, verified=fresh.verified,
        )  # fmt: skip
        self._reading.put(row, trace)
        self._rows_hash = None
        self._view.panel.show_saved(trace)
        self._reading.measure(name)

    def _remember(self, name: str) -> None:
        with self._preferences.remember() as window:
            window.traces_set = name

    def _take_sets(self, sets: list[TraceSet]) -> None:
        told = sets != self._all or not self._listed
        self._all, self._listed = sets, True
        self._show_sets()
        if told:
            self.changed.emit()

    def _show_sets(self) -> None:
        shown = self.sets
        wanted = self.name or self._preferences.window.traces_set
        found = next((known for known in shown if known.name == wanted), shown[0] if shown else None)
        self._toolbar.show_sets(shown, found)
        if found is None:
            self._show_none()
        elif self._stale or self.record is None or self._differs(found):
            self.open(found)
        else:
            self._show_record(found, self._report)

    def _show_none(self) -> None:
        if self.record is not None:
            self.record, self._report = None, None
            self._turn = self._reading.open_set("")
            self._view.begin(False)
        self._toolbar.show_counts(None, None)

    def _show_record(self, record: TraceSet, report: Added | None) -> None:
        self.record, self._report = record, report
        self._all = [record if known.name == record.name else known for known in self._all]
        self._toolbar.show_sets(self.sets, record)
        self._toolbar.show_counts(record, report)
        self._view.about.show_set(record, report)

    def _differs(self, found: TraceSet) -> bool:
        """Whether a set is another one than the rows in the view are of, or has other traces by now."""
        return found.name != self.name or self._rows_hash not in (None, found.data_hash)

    def _opened(self, opened: OpenedSet) -> None:
        if opened.turn == self._turn:
            self._rows_hash = opened.record.data_hash
            self._show_record(opened.record, opened.report)

    def _rows_read(self, turn: int, rows: list[TraceRow], last: bool) -> None:
        if turn == self._turn:
            self._view.add_rows(rows, last)

    def _looked(self, looked: CountedSet) -> None:
        if looked.record.name == self.name:
            self._rows_hash = looked.record.data_hash if self._rows_hash is None else self._rows_hash
            if self._differs(looked.record):  # a chat or the terminal added to it meanwhile
                self.open(looked.record)
                return
            self._show_record(looked.record, looked.report)
            self._view.about.show_lengths(looked.histogram)
            self.changed.emit()

    def _edit_ended(self) -> None:
        if self._stale:
            self._reading.list_sets()

    def _removals_changed(self) -> None:
        if self.name in self._removals.pending():
            self.record = None
        self._show_sets()
        self.changed.emit()
