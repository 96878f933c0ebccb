"""What an import and a set of traces tell of themselves. All plain data: it crosses the wire and lies on the disk."""

from typing import Literal, NamedTuple, get_args

import msgspec

from models import quantities
from models.events import Record

Reason = Literal[
    "broken",  # no row, or a row of no known shape
    "encoding",  # bytes that are no text, lone surrogates, NUL
    "no_problem",
    "no_answer",
    "not_closed",  # the thinking never ends, or the reply was cut at a limit
    "control_tokens",  # a chat template's own tokens, or think tags, inside the text
    "too_long",  # dropped, never cut: a cut trace teaches never to answer
    "language",  # too much in another script than the problem's
    "overlap",  # its problem is in an evaluation set
    "duplicate",  # the same, or nearly
]
REASONS: tuple[Reason, ...] = get_args(Reason)
# A note of Added, for one who gave no model; the window, where the base model decides, says its first half.
ESTIMATED = "Lengths were estimated at 3.2 characters a token; name the model to have them counted."
LINES_SHOWN = 5  # of a file, beside a reason


IN_ANSWER = "-"  # in the place of a column of thinking: it stands inside the answer, in tags


class Columns(msgspec.Struct, frozen=True, kw_only=True):
    """The columns of a file that hold the parts of a trace, as the file names them; empty: chosen by their content."""

    problem: str = ""
    thinking: str = ""
    answer: str = ""


class ReasonWords(NamedTuple):
    """A reason in words."""

    cause: str  # by itself: "no answer after the thinking"
    rows: str  # of rows, after their number: "without an answer"
    in_short: str  # the same where many stand on a line
    one_in_short: str = ""  # of a single row, where that is another word

    def short(self, count: int) -> str:
        """The short one for so many rows."""
        return self.one_in_short if count == 1 and self.one_in_short else self.in_short


REASON_WORDS: dict[Reason, ReasonWords] = {
    "broken": ReasonWords("no row that can be read", "in no known shape", "broken"),
    "encoding": ReasonWords("not text", "no readable text", "not text"),
    "no_problem": ReasonWords("no problem", "without a problem", "without a problem"),
    "no_answer": ReasonWords("no answer after the thinking", "without an answer", "without an answer"),
    "not_closed": ReasonWords("thinking never closes", "whose thinking never ends", "whose thinking never ends"),
    "control_tokens": ReasonWords(
        "control tokens in the text", "with a template's own tokens in the text", "with a template’s own tokens inside"
    ),
    "too_long": ReasonWords("too long", "too long", "too long"),
    "language": ReasonWords("changes its script", "in another script than the problem's", "in another script"),
    "overlap": ReasonWords("in an evaluation set", "that are in an evaluation set", "of an evaluation set"),
    "duplicate": ReasonWords("duplicate", "there already", "duplicates", "duplicate"),
}


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """A row that became no trace."""

    line: int  # from 1; of a JSON array or Parquet file the element
    reason: Reason
    text: str  # a sentence
    file: str = ""  # its name
    limit: int | None = None  # tokens that a row may have; of one that is too long
    # Of a duplicate; a report of before these fields has None and "".
    near: bool = False  # nearly the same
    same_as_line: int | None = None  # the row it repeats; 0: a trace that the set had before
    same_as_file: str = ""  # the file of that row; empty when it is the same file


class SourceFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was added."""

    name: str
    sha256: str
    size_bytes: int
    format: str  # "JSONL", "JSON", "CSV", "TSV" or "Parquet"
    encoding: str  # as it was found
    shape: str  # the sentence that says what was recognised, of most of its rows
    shapes: dict[str, int]  # rows of each such sentence
    rows: int
    kept: int
    left_out: dict[Reason, int]
    fixed: dict[str, int] = {}  # rows in which something harmless was mended, by what it was


class Added(Record, frozen=True, kw_only=True, tag="traces_added"):
    """What `traces add` ends with."""

    name: str
    shape: str  # of the first file
    rows: int  # of all files, as is kept
    kept: int
    left_out: list[LeftOut]  # the first LISTED rows that were, in order
    counts: dict[Reason, int]  # all of them
    files: list[SourceFile]
    # traces that seem to hold a key or an e-mail address, by kind
    secrets: dict[str, int] = msgspec.field(default_factory=dict)
    total: int = 0  # traces in the set now
    estimated: bool = False  # lengths were estimated from characters, as no tokenizer was given
    notes: list[str] = msgspec.field(default_factory=list)  # sentences to read

    def sentences(self) -> list[str]:
        found = [f"Recognised as {self.shape}."] if self.shape else []
        kept = f"{self.name}: {self.kept:,} of {self.rows:,} traces kept, {self.total:,} in all."
        return [*found, kept, *(f"Left out: {line}." for line in self.reasons()), *self.notes]

    def reasons(self) -> list[str]:
        """Why rows were left out: a line a reason, with the first lines of the file."""
        told = []
        for reason, count in self.counts.items():
            lines = [entry.line for entry in self.left_out if entry.reason == reason][:LINES_SHOWN]
            where = f" (line {', '.join(map(str, lines))}{' …' if count > len(lines) else ''})" if lines else ""
            told.append(f"{count:,} {REASON_WORDS[reason].rows}{where}")
        return told


class TraceSet(Record, frozen=True, kw_only=True, tag="trace_set"):
    """A set of traces on this disk."""

    name: str
    created: str  # ISO 8601, UTC, as is changed
    changed: str
    traces: int  # all of them
    size_bytes: int  # of traces.jsonl
    data_hash: str  # its SHA-256
    files: list[SourceFile] = msgspec.field(default_factory=list)
    excluded: int = 0  # traces left out by hand
    problems: int = 0  # different ones
    thinking: int = 0  # traces with some
    verified: int = 0  # traces by what is known of their answers, as wrong and unchecked
    wrong: int = 0
    unchecked: int = 0
    characters: int = 0  # of thinking and answers together
    teachers: dict[str, int] = msgspec.field(default_factory=dict)  # traces of each, as are sources and licences
    sources: dict[str, int] = msgspec.field(default_factory=dict)
    licences: dict[str, int] = msgspec.field(default_factory=dict)
    problem: str = ""  # why the set can't be read, empty when it can

    def sentences(self) -> list[str]:
        return [f"{self.name}: {self.traces:,} traces of {self.problems:,} problems."]


class Exported(Record, frozen=True, kw_only=True, tag="traces_exported"):
    """A file that was written from a set."""

    name: str
    path: str
    shape: str
    traces: int
    size_bytes: int

    def sentences(self) -> list[str]:
        return [f"{self.traces:,} traces are in {self.path}: {quantities.size(self.size_bytes)}."]


class Histogram(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens of thinking and answer."""

    edges: list[int]
    counts: list[int]  # counts[i]: traces below edges[i] and not below edges[i - 1]; the last: all above
    median: int
    longest: int
    total: int
    estimated: bool  # from characters
