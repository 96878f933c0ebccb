"""Files to traces and a report of every row that became none. Nothing of a file is changed.

Each file is looked at before it is read: at its columns, to see what stands in them, and at its first rows, to see how
it writes thinking. A dump of replies whose template opened the tag has rows with a close alone; there a row with neither
tag is one whose thinking never closed.
"""

import hashlib
from array import array
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path

import msgspec

from models import events
from models.answers.known import KnownAnswers
from models.trace_report import ESTIMATED, Added, Columns, LeftOut, Reason, SourceFile
from models.traces import checks, column_choice, reading, secrets, shapes
from models.traces.checks import Count, Limits
from models.traces.column_choice import Choice
from models.traces.draft import SHARED, Draft, draft_of
from models.traces.duplicates import Duplicates
from models.traces.fault import Fault
from models.traces.overlap import EvaluationSets
from models.traces.text_source import Kind
from models.traces.trace import Trace, identify, said

LISTED = 10_000  # rows left out that are listed; all are counted
LONGEST_SENTENCE = 500  # characters of why a row was left out; what it quotes may be of any length
PEEKED = 200  # rows
SHOWN = 200  # columns of a preview
STEP = 1 << 20  # bytes between two events

Item = Trace | events.Progress


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """The first rows of a file as they would be added."""

    shape: str
    traces: list[Trace]
    left_out: list[LeftOut]
    columns: list[str] = []  # the file's; none when it holds conversations or records of programs
    chosen: Columns = Columns()  # which of them are taken


class TraceImport:
    """One import of any number of files: give `read` each, keep what it yields, then take `result`.

    count: tokens of a text, as the model that will learn counts them. evaluation: files whose problems must not be learned.
    """

    def __init__(
        self, limits: Limits | None = None, count: Count | None = None, evaluation: Sequence[Path] = ()
    ) -> None:
        self.limits = limits or Limits()
        self.files: list[SourceFile] = []
        self.choice = column_choice.choose([])  # of the columns of the file that was read last
        self.left_out: list[LeftOut] = []
        self.counts: Counter[Reason] = Counter()
        self.secrets: Counter[str] = Counter()
        self._count = count
        self._evaluation = EvaluationSets(evaluation)
        self._duplicates = Duplicates(self.limits.near)
        self._answers = KnownAnswers()
        self._names = [""]  # of files; the first is the set itself
        self._origins, self._lines = array("I"), array("I")  # of each kept trace: a place in the names, and its line

    def know(self, trace: Trace) -> None:
        """Take notice of a trace that is in the set already, so that it does not come in twice."""
        self._number_if_new(said(trace.problem, trace.thinking, trace.answer, trace.turns), trace.line, "")

    def take(self, trace: Trace) -> LeftOut | None:
        """Judge a trace that comes from no file, as from a chat; None when it may be kept."""
        draft = draft_of(trace)
        checks.mend(draft)
        why = self._fault(draft, trace.line, trace.source)
        return self._leave_out(trace.line, why, trace.source) if why else None

    def read(
        self, path: Path, done: int = 0, total: int = 0, columns: Columns | None = None
    ) -> Generator[Item, None, None]:
        """Yield a file's traces, and progress; done, total: bytes of all files before it, and of all.

        columns: chosen by hand. Raises NotFound, BadInput, Corrupt, Unsupported for a file that can't be read at all.
        """
        kind = reading.recognise(path)
        self.choice = choice = column_choice.of_file(path, kind, columns)
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        by_template = _closes_alone(path, kind, choice)
        told: Counter[str] = Counter()
        fixed: Counter[str] = Counter()
        left: Counter[Reason] = Counter()
        rows, kept, next_step = 0, 0, 0
        for row in reading.rows(path, kind):
            rows += 1
            if row.done >= next_step:
                at = done + row.done
                yield events.Progress(stage="read", done=min(at, total or at), total=total, unit="bytes")
                next_step = row.done + STEP
            trace_or_fault: Trace | Fault
            if row.value is None:
                trace_or_fault = row.fault or Fault("broken", "It is empty.")
            else:
                draft = shapes.read(row.value, choice)
                told[shapes.sentence(draft)] += 1
                fixed.update(checks.mend(draft))
                checks.compare(draft, self._answers)
                if by_template and draft.thinking == "" and draft.where == "no thinking" and not draft.fault:
                    draft.fault = Fault("not_closed", f"It has no {by_template}, which other rows of this file have.")
                trace_or_fault = self._judge(draft, row.line, path.name)
            if isinstance(trace_or_fault, Trace):
                kept += 1
                yield trace_or_fault
            else:
                left[trace_or_fault.reason] += 1
                self._leave_out(row.line, trace_or_fault, path.name)
        self.files.append(
            SourceFile(
                name=path.name,
                sha256=sha256,
                size_bytes=path.stat().st_size,
                format=kind.format,
                encoding=kind.encoding,
                shape=_most(told),
                shapes=dict(told.most_common(20)),
                rows=rows,
                kept=kept,
                left_out=dict(left),
                fixed=dict(fixed),
            )
        )

    def result(self, name: str, total: int) -> Added:
        """The report. total: traces that the set has now."""
        return Added(
            name=name,
            shape=self.files[0].shape if self.files else "",
            rows=sum(file.rows for file in self.files),
            kept=sum(file.kept for file in self.files),
            left_out=self.left_out,
            counts=dict(self.counts),
            files=self.files,
            secrets=dict(self.secrets),
            total=total,
            estimated=self.limits.max_tokens is not None and self._count is None,
            notes=self._notes(),
        )

    def _judge(self, draft: Draft, line: int, name: str) -> Trace | Fault:
        if fault := self._fault(draft, line, name):
            return fault
        self.secrets.update(secrets.kinds(draft.said))
        return _trace_of(draft, line, name)

    def _fault(self, draft: Draft, line: int, name: str) -> Fault | None:
        why = checks.why_left_out(draft, self.limits, self._count) or self._evaluated(draft)
        return why or self._repeated(draft.said, line, name)

    def _evaluated(self, draft: Draft) -> Fault | None:
        asked = (draft.problem, *(turn.content for turn in draft.turns if turn.role == "user"))
        found = next((place for text in asked if (place := self._evaluation.find(text))), "")
        return Fault("overlap", found) if found else None

    def _repeated(self, content: bytes, line: int, name: str) -> Fault | None:
        found = self._number_if_new(content, line, name)
        if found is None:
            return None
        number, same = found
        file = self._names[self._origins[number]]
        row = self._lines[number] if file else 0
        where = "a trace of this set" if not file else f"row {row}" if file == name else f"row {row} of {file}"
        text = f"It is the same as {where}." if same else f"It is nearly the same as {where}."
        return Fault("duplicate", text, near=not same, same_as_line=row, same_as_file="" if file == name else file)

    def _number_if_new(self, content: bytes, line: int, name: str) -> tuple[int, bool] | None:
        found = self._duplicates.find(content, len(self._origins))
        if found is None:
            if name not in self._names:
                self._names.append(name)
            self._origins.append(self._names.index(name))
            self._lines.append(line)
        return found

    def _leave_out(self, line: int, fault: Fault, name: str) -> LeftOut:
        self.counts[fault.reason] += 1
        if len(fault.text) > LONGEST_SENTENCE:
            fault = fault._replace(text=fault.text[: LONGEST_SENTENCE - 1] + "…")
        left = LeftOut(line=line, file=name, **fault._asdict())
        if len(self.left_out) < LISTED:
            self.left_out.append(left)
        return left

    def _notes(self) -> list[str]:
        notes = []
        if self.limits.max_tokens is not None and self._count is None:
            notes.append(ESTIMATED)
        if self.counts.total() > LISTED:
            notes.append(f"{self.counts.total():,} rows were left out; the first {LISTED:,} are listed.")
        for kind, traces in sorted(self.secrets.items()):
            article = "an" if kind[0] in "aeiouA" else "a"
            notes.append(f"{traces:,} {'trace seems' if traces == 1 else 'traces seem'} to hold {article} {kind}.")
        return notes


def preview(
    path: Path,
    most: int = 20,
    limits: Limits | None = None,
    count: Count | None = None,
    columns: Columns | None = None,
) -> Preview:
    """Show what a file's first `most` rows would become, without adding them. Raises as TraceImport.read."""
    job = TraceImport(limits, count)
    traces: list[Trace] = []
    for item in job.read(path, columns=columns):
        if isinstance(item, Trace):
            traces.append(item)
        if len(traces) + len(job.left_out) >= most:
            break
    kind = reading.recognise(path)
    choice = job.choice
    drafts = [shapes.read(row, choice) for row in _first(path, kind)]
    taken = Counter(draft.columns for draft in drafts if draft.columns)
    unknown = any(draft.title == shapes.UNKNOWN for draft in drafts)
    return Preview(
        shape=_most(Counter(map(shapes.sentence, drafts))),
        traces=traces[:most],
        left_out=job.left_out[:most],
        columns=list(choice.own_names.values())[:SHOWN] if taken or unknown else [],
        chosen=taken.most_common(1)[0][0] if taken else choice.first(),
    )


def _first(path: Path, kind: Kind) -> list[dict[str, object]]:
    with closing(reading.rows(path, kind)) as rows:
        return [row.value for row in islice(rows, PEEKED) if row.value is not None]


def _closes_alone(path: Path, kind: Kind, choice: Choice) -> str:
    """The close tag that most of the first rows have without its open, or nothing."""
    drafts = [shapes.read(row, choice) for row in _first(path, kind)]
    alone = [draft for draft in drafts if draft.by_template]
    thinking = [draft for draft in drafts if draft.thinking]
    return alone[0].where.removeprefix("thinking before ") if len(alone) * 2 > len(thinking) else ""


def _most(told: Counter[str]) -> str:
    known = Counter({sentence: n for sentence, n in told.items() if not sentence.startswith(shapes.UNKNOWN)})
    return (known or told or Counter([shapes.UNKNOWN])).most_common(1)[0][0]


def _trace_of(draft: Draft, line: int, name: str) -> Trace:
    texts = {field: getattr(draft, field) for field in SHARED}
    return Trace(id=identify(draft.said), line=line, **{**texts, "source": draft.source or name})
