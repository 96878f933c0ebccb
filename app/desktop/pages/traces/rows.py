"""A row of the table: a trace in short, with its place in the set's file, or a row of a file that became no trace.

The traces themselves stay on the disk: 100,000 of them may be half a gigabyte.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from app.desktop.pages.traces import words
from models.trace_report import Added, LeftOut, TraceSet
from models.traces import looking
from models.traces.trace import Trace

Show = Literal["all", "kept", "left"]
SHORT = 300  # characters of a problem that a row can show


@dataclass(slots=True)
class TraceRow:
    """What the table shows of a trace. offset, size: bytes of its line in the set's file; tokens: of thinking and answer;
    excluded: left out by hand; left_out: the row became no trace, and the rest is empty; line: the title, once it was made."""

    key: str
    problem: str = ""
    tokens: int = 0
    estimated: bool = False
    answer: str = ""
    origin: str = ""
    verified: bool | None = None
    excluded: bool = False
    offset: int = -1
    size: int = 0
    left_out: LeftOut | None = None
    line: str = ""

    @property
    def title(self) -> str:
        """Its problem on a line, mathematics as far as a line goes. Made when it is first shown."""
        if not self.line:
            self.line = self.problem if self.left_out else words.title(self.problem)
        return self.line

    @property
    def kept(self) -> bool:
        """Whether it is learned from."""
        return self.left_out is None and not self.excluded

    @property
    def state(self) -> str:
        """What became of it, in words."""
        if self.left_out is not None:
            return words.why(self.left_out)
        if self.excluded:
            return "left out by you"
        return {None: "kept", True: "kept · verified", False: "kept · answer differs"}[self.verified]

    @property
    def tone(self) -> words.Tone:
        """How its state is coloured."""
        if self.left_out is not None:
            return words.tone(self.left_out.reason)
        return "warn" if self.excluded else "bad" if self.verified is False else "ok"

    @property
    def length(self) -> str:
        """Its tokens, with a mark when they were estimated."""
        return "—" if self.left_out is not None else f"{'≈ ' if self.estimated else ''}{self.tokens:,}"


def row_of(trace: Trace, excluded: bool = False, offset: int = -1, size: int = 0) -> TraceRow:
    """A trace in short."""
    return TraceRow(
        key=trace.id,
        problem=trace.problem[:SHORT],
        tokens=looking.tokens_of(trace),
        estimated=not trace.tokens,
        answer=words.short_answer(trace.answer),
        origin=words.origin(trace),
        verified=trace.verified,
        excluded=excluded,
        offset=offset,
        size=size,
    )


def row_left_out(left: LeftOut, several: bool) -> TraceRow:
    """A row that became no trace. several: files, so that its own is named."""
    where = f" of {left.file}" if several and left.file else ""
    return TraceRow(
        f"{left.file}:{left.line}", f"(line {left.line:,}{where})", answer="—", origin="import", left_out=left
    )


def interleaved(record: TraceSet, report: Added | None) -> bool:
    """Whether the report is about the one file that the set was made of, so that its rows stand between the traces."""
    if report is None or len(record.files) != 1 or len(report.files) != 1:
        return False
    return record.files[0].sha256 == report.files[0].sha256


def merged(rows: Iterable[tuple[TraceRow, int]], left_out: Sequence[LeftOut], between: bool) -> Iterator[TraceRow]:
    """Rows of traces, with their lines, and those that were left out: between the traces by line, or after them."""
    several = len({left.file for left in left_out}) > 1
    waiting = sorted(left_out, key=lambda left: left.line) if between else list(left_out)
    place = 0
    for row, line in rows:
        while between and line and place < len(waiting) and waiting[place].line < line:
            yield row_left_out(waiting[place], several)
            place += 1
        yield row
    for left in waiting[place:]:
        yield row_left_out(left, several)
