"""Reads sets of traces on other threads: which there are, a set's rows, one trace, what holds a text, a file's preview.

100,000 traces may be half a gigabyte. The first rows are told at once, the rest as they come; of several askings of one
kind the last one counts, and the work for those before it ends at its next step.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import msgspec
from PySide6.QtCore import QObject, Signal

from app.desktop.pages.traces.rows import TraceRow, interleaved, merged, row_of
from app.desktop.pages.traces.trace_file import TraceFile
from app.desktop.services.background import Background, guarded
from models.errors import StillroomError, from_os_error
from models.trace_report import Added, Columns, Histogram, TraceSet
from models.traces import importing, looking, store
from models.traces.trace import Trace

T = TypeVar("T")
log = logging.getLogger(__name__)

FIRST, BATCH = 100, 1000  # rows told at a time
EVERY, REST_S = 20, 0.0003  # traces between two rests, and how long one is
TELL_S = 0.3  # between two tellings of what was found


def gently(traces: Iterable[T]) -> Iterator[T]:
    """Pass traces on and let go of the interpreter now and then.

    The GUI thread asks for it a hundred times while it paints, and would wait up to 5 ms each time.
    """
    for number, trace in enumerate(traces):
        if number % EVERY == EVERY - 1:
            time.sleep(REST_S)
        yield trace


class OpenedSet(msgspec.Struct, frozen=True):
    """What is known of a set before its rows are read. turn: which asking this answers."""

    turn: int
    record: TraceSet
    report: Added | None


class CountedSet(msgspec.Struct, frozen=True):
    """A set as it is now, with the lengths of what is kept of it."""

    record: TraceSet
    report: Added | None
    histogram: Histogram


class Previewed(msgspec.Struct, frozen=True):
    """What the first rows of a file would become, or why it can't be read."""

    path: str
    preview: importing.Preview | None = None
    error: str = ""


class TracesReader(QObject):
    """Tells what was read by signals, on the GUI thread.

    Signals:
        listed: all sets (list of TraceSet).
        opened: an OpenedSet.
        rows_read: a turn, rows (list of TraceRow), and whether these were the last ones.
        trace_read: the key of a row and its Trace.
        found: a query, keys of traces that hold it (set of str), and whether these were the last ones.
        looked: a CountedSet.
        reported: the name of a set and its last report (Added), or None where there is none.
        previewed: a Previewed.
        failed: a StillroomError.
    """

    listed = Signal(list)
    opened = Signal(object)
    rows_read = Signal(int, list, bool)
    trace_read = Signal(str, object)
    found = Signal(str, object, bool)
    looked = Signal(object)
    reported = Signal(str, object)
    previewed = Signal(object)
    failed = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.turn = 0
        self._to_open: tuple[int, str] | None = None
        self._query = self._searched = ""
        self._measured = ""
        self._to_report: list[str] = []
        self._file: TraceFile | None = None
        self._edited: dict[str, Trace] = {}  # newer than the file that is open
        self._wanted: TraceRow | None = None
        self._to_preview: list[tuple[str, Columns]] = []
        self._closing = False
        self._sets = self._thread(self._read_sets)
        self._rows = self._thread(self._read_rows)
        self._trace = self._thread(self._read_trace)
        self._search = self._thread(self._find)
        self._lengths = self._thread(self._measure)
        self._reports = self._thread(self._read_report)
        self._previews = self._thread(self._preview)
        self._works = (
            self._sets, self._rows, self._trace, self._search, self._lengths, self._reports, self._previews
        )  # fmt: skip

    def list_sets(self) -> None:
        self._sets.start()

    def open_set(self, name: str) -> int:
        """Read a set's rows; "" for none. Gives the turn that the signals will carry."""
        self.turn += 1
        self._to_open = (self.turn, name)
        self._edited = {}
        self._rows.start()
        return self.turn

    def read_trace(self, row: TraceRow) -> None:
        self._wanted = row
        self._trace.start()

    def put(self, row: TraceRow, trace: Trace) -> None:
        """Take notice of a trace that was edited."""
        self._edited[row.key] = trace

    def search(self, name: str, query: str) -> None:
        """Find the traces of a set that hold a text; "" ends a search."""
        self._searched, self._query = name, query
        if query:
            self._search.start()

    def measure(self, name: str) -> None:
        """Read a set's record and lengths anew."""
        self._measured = name
        self._lengths.start()

    def read_report(self, name: str) -> None:
        """Read what the last import into a set left out."""
        self._to_report.append(name)
        self._reports.start()

    def preview(self, path: str, columns: Columns) -> None:
        """Look at the first rows of a file. columns: chosen by hand."""
        self._to_preview.append((path, columns))
        self._previews.start()

    def close(self) -> None:
        """Stop and wait for all threads."""
        self._closing = True
        self.turn += 1
        self._query = self._measured = ""
        for work in self._works:
            work.close()
        if self._file is not None:
            self._file.close()

    def _thread(self, work: Callable[[], None]) -> Background:
        return Background(guarded(work, self.failed, "reading traces"), self)

    def _read_sets(self) -> None:
        self.listed.emit(store.all_sets())

    def _read_rows(self) -> None:
        # taken once: of two askings the thread may come to the first when the second is there already
        wanted, self._to_open = self._to_open, None
        if wanted is None:
            return
        turn, name = wanted
        if self._file is not None:
            self._file.close()
            self._file = None
        if not name or self._closing:
            return
        record, report, out = store.get(name), store.report(name), store.excluded(name)
        self._file = file = TraceFile(name)
        self.opened.emit(OpenedSet(turn, record, report))
        left_out = report.left_out if report else []
        traces = ((row_of(trace, trace.id in out, at, size), trace.line) for trace, at, size in gently(file.traces()))
        batch: list[TraceRow] = []
        told = 0
        for row in merged(traces, left_out, interleaved(record, report)):
            batch.append(row)
            if len(batch) >= (BATCH if told else FIRST):
                if self.turn != turn:
                    return
                self.rows_read.emit(turn, batch, False)
                told += len(batch)
                batch = []
        self.rows_read.emit(turn, batch, True)

    def _read_trace(self) -> None:
        row, self._wanted = self._wanted, None
        if row is None or row.left_out is not None:
            return
        file = self._file
        trace = self._edited.get(row.key) or (file.read(row.offset, row.size) if file else None)
        if trace is not None:
            self.trace_read.emit(row.key, trace)

    def _find(self) -> None:
        name, query = self._searched, self._query

        def traces() -> Iterator[Trace]:
            for trace in gently(store.read(name, with_excluded=True)):
                if (self._searched, self._query) != (name, query):
                    return
                yield trace

        keys: set[str] = set()
        told = time.monotonic() - TELL_S  # the first at once
        for trace in looking.search(traces(), query) if query else ():
            keys.add(trace.id)
            if time.monotonic() - told >= TELL_S:
                self.found.emit(query, keys, False)
                keys, told = set(), time.monotonic()
        if (self._searched, self._query) == (name, query) and query:
            self.found.emit(query, keys, True)

    def _measure(self) -> None:
        name = self._measured
        if not name:
            return

        def traces() -> Iterator[Trace]:
            for trace in gently(store.read(name)):
                if self._measured != name:
                    return
                yield trace

        histogram = looking.histogram(traces())
        if self._measured == name:
            self.looked.emit(CountedSet(store.get(name), store.report(name), histogram))

    def _read_report(self) -> None:
        name = self._to_report.pop(0)
        there = any(found.name == name for found in store.all_sets())
        self.reported.emit(name, store.report(name) if there else None)

    def _preview(self) -> None:
        while self._to_preview and not self._closing:
            path, columns = self._to_preview.pop(0)
            try:
                self.previewed.emit(Previewed(path, importing.preview(Path(path), columns=columns)))
            except StillroomError as error:
                self.previewed.emit(Previewed(path, error=f"{error.text} {error.hint}".strip()))
            except OSError as error:
                self.previewed.emit(Previewed(path, error=from_os_error(error, "reading the file").text))
