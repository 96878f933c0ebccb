"""What the page says: why a row was left out, where a trace comes from, what a set holds."""

import re
from typing import Literal

from models import quantities
from models.store import titles
from models.trace_report import ESTIMATED, REASON_WORDS, Added, LeftOut, Reason, SourceFile, TraceSet
from models.traces import checks
from models.traces.trace import Trace

Tone = Literal["ok", "warn", "bad"]

# the mildest last: what is whole but not wanted is amber, what is damaged is red
AMBER: frozenset[Reason] = frozenset({"duplicate", "too_long", "overlap", "language"})
ADVICE: dict[Reason, str] = {
    "broken": "Mend the row in its file and import the file again; what is kept already does not come in twice.",
    "encoding": "Save the file as UTF-8 and import it again.",
    "no_problem": "Without a problem there is nothing to answer.",
    "no_answer": "A model that learns from it would learn to stop before it answers.",
    "not_closed": "A model that learns from it would learn to think without end.",
    "control_tokens": "A tokenizer would obey them in the middle of the text.",
    "too_long": "It is left out whole: a trace that is cut teaches never to answer. Import again with a higher limit.",
    "language": "A model that learns from it would learn to change its language while it thinks.",
    "overlap": "A model that has learned from it could not be judged by that set any more.",
    "duplicate": "What is seen twice counts twice.",
}
SHAPES = {
    "stillroom": "Stillroom, with everything that is known",
    "messages": "Messages, thinking in reasoning_content",
    "messages-inline": "Messages, thinking in <think>",
    "sharegpt": "ShareGPT",
    "bespoke": "Bespoke-Stratos, OpenThoughts",
    "openrouter": "OpenRouter",
    "prompt-completion": "Prompt and completion",
    "r1": "R1: prompt and response",
    "alpaca": "Alpaca",
    "columns": "Columns: problem, thinking, answer",
    "limo": "LIMO",
    "gsm8k": "GSM8K",
    "s1k": "s1K",
    "s1k-1.1": "s1K-1.1",
    "openthoughts": "OpenThoughts columns",
    "ollama": "Ollama",
}
_TITLE = 120  # characters of a problem
_ANSWER = 60  # characters of an answer that a row can show
_BOXED = re.compile(r"\\boxed\s*\{((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)\}")
_MATHS = re.compile(r"\$|\\[(\[a-z]")
_SIZE = re.compile(r"\b\d+(?:\.\d+)?[BM]\b")


def one_line(text: str, most: int) -> str:
    """The beginning of a text on one line."""
    return " ".join(text[: 2 * most].split())[:most]


def title(problem: str) -> str:
    """The beginning of a problem on one line, mathematics as far as a line goes."""
    return titles.suggest_title(problem) if _MATHS.search(problem) else one_line(problem, _TITLE)


def short_answer(answer: str) -> str:
    """What an answer comes to where it says so, else its first line."""
    if boxed := _BOXED.findall(answer):
        return one_line(titles.suggest_title(f"${boxed[-1].strip()}$"), _ANSWER)
    return one_line(answer.lstrip().split("\n", 1)[0], _ANSWER)


def origin(trace: Trace) -> str:
    """Where a trace comes from, in a word or two."""
    if trace.source == "chat":
        return "chat"
    if not trace.teacher:
        return "import"
    size = _SIZE.search(trace.teacher)
    return f"teacher {size[0] if size else trace.teacher.rsplit('/', 1)[-1]}"


def tone(reason: Reason) -> Tone:
    """How a reason is coloured."""
    return "warn" if reason in AMBER else "bad"


def why(left: LeftOut) -> str:
    """Why a row was left out, for the narrow column of a table."""
    if left.reason == "duplicate" and left.same_as_line is not None:
        row = f"row {left.same_as_line}" if left.same_as_line else "a trace of this set"
        file = f" of {left.same_as_file}" if left.same_as_file else ""
        return f"{'near ' if left.near else ''}duplicate of {row}{file}"
    if left.limit is not None:
        return f"longer than {left.limit:,} tokens"
    return REASON_WORDS[left.reason].cause


def counted(n: int, one: str, many: str = "") -> str:
    """A number of things: "1 trace", "1,000 traces"."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def kept(record: TraceSet) -> int:
    """Traces of a set that are learned from."""
    return record.traces - record.excluded


def pill(record: TraceSet, report: Added | None) -> str:
    """How many traces are kept and how many rows and traces are left out."""
    out = record.excluded + (sum(report.counts.values()) if report else 0)
    return f"{kept(record):,} kept · {out:,} left out" if out else f"{kept(record):,} kept"


def contents(record: TraceSet) -> str:
    """What a set holds."""
    parts = [counted(record.traces, "trace"), counted(record.problems, "problem")]
    if record.thinking < record.traces:
        parts.append(f"{record.thinking:,} with thinking")
    if record.excluded:
        parts.append(f"{record.excluded:,} left out by you")
    return " · ".join(parts)


def checked(record: TraceSet) -> str:
    """What is known of a set's answers; empty when none was checked."""
    if record.verified + record.wrong == 0:
        return ""
    parts = [f"{record.verified:,} verified"]
    parts += [f"{record.wrong:,} differ from the known answer"] if record.wrong else []
    parts += [f"{record.unchecked:,} not checked"] if record.unchecked else []
    return "Answers: " + " · ".join(parts)


def sources(record: TraceSet) -> str:
    """Files, teachers and licences of a set."""
    lines = []
    if record.files:
        lines.append("From " + _few([file.name for file in record.files]))
    if record.teachers:
        lines.append("Written by " + _few(list(record.teachers)))
    if record.licences:
        lines.append("Licence " + _few(list(record.licences)))
    return "\n".join(lines)


def thinking_tokens(trace: Trace) -> int:
    """Tokens of the thinking: its share of what the teacher counted, else estimated."""
    characters = len(trace.thinking) + len(trace.answer)
    if not trace.tokens or not characters:
        return checks.estimate_tokens(trace.thinking)
    return round(trace.tokens * len(trace.thinking) / characters)


def notes(report: Added) -> list[str]:
    """Sentences to read of a report, and what was mended."""
    notes = [
        "Lengths were estimated at 3.2 characters a token." if note == ESTIMATED else note for note in report.notes
    ]
    return [*notes, *([mended(report)] if mended(report) else [])]


def mended(report: Added) -> str:
    """What harmless was mended on the way in; empty when nothing was."""
    fixed: dict[str, int] = {}
    for file in report.files:
        for what, rows in file.fixed.items():
            fixed[what] = fixed.get(what, 0) + rows
    return "; ".join(
        f"{what} mended in {counted(rows, 'row')}" for what, rows in fixed.items()
    ).capitalize() + "." * bool(fixed)


def outcome(report: Added) -> str:
    """How an import ended."""
    out = sum(report.counts.values())
    return f"{report.kept:,} of {counted(report.rows, 'row')} kept" + (f", {out:,} left out" if out else "")


def told_of(file: SourceFile) -> str:
    """What a file was, and how many of its rows are kept."""
    return f"{file.name}: {file.format}, {file.shape}. {file.kept:,} of {counted(file.rows, 'row')} kept."


def provenance(trace: Trace) -> str:
    """Where a trace comes from, in a line."""
    if trace.source == "chat":
        parts = [f"Captured from a chat with {trace.teacher}" if trace.teacher else "Captured from a chat"]
    else:
        row = f"Row {trace.line:,} of {trace.source}" if trace.line and trace.source else trace.source
        parts = [row, f"written by {trace.teacher}" if trace.teacher else ""]
    parts += [f"budget {trace.budget:,}" if trace.budget else "", f"licence {trace.licence}" if trace.licence else ""]
    parts += [
        {None: "", True: "answer verified", False: f"the known answer is {one_line(trace.gold, 80)}"}[trace.verified]
    ]
    parts += ["edited" if trace.history else ""]
    said = ", ".join(part for part in parts if part)
    return said[:1].upper() + said[1:]


def recognised(shape: str, kept: int, out: int) -> str:
    """What a file was recognised as, said aloud, and how its first rows would fare."""
    rows = kept + out
    if not rows:
        return f"Recognised as {shape}."
    fare = "all would be kept" if not out else f"{kept:,} would be kept" if kept else "none would be kept"
    return f"Recognised as {shape}. Of its first {counted(rows, 'row')} {fare}."


def size(n_bytes: int) -> str:
    """A set's size on the disk."""
    return f"{quantities.size(n_bytes)} on this disk"


def _few(names: list[str], most: int = 3) -> str:
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest:,} more" if rest > 0 else "")
