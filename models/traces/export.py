"""A set as a file in any of the shapes that are read, so that what Stillroom made can be used elsewhere.

Every shape reads back to the same problem, system prompt, thinking and answer. Thinking stands in <think> where a shape
has no place of its own for it. What a trace knows besides goes along under names that are read again: model, license,
gold, verified.
"""

import csv
import os
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path

import msgspec

from models import errors, events
from models.checkpoint import folders
from models.trace_report import Exported
from models.traces import parquet, store
from models.traces.trace import Trace

Row = dict[str, object]
_EVERY = 200  # traces between two events


def _inline(trace: Trace) -> str:
    return f"<think>\n{trace.thinking}\n</think>\n\n{trace.answer}" if trace.thinking else trace.answer


def _asked(trace: Trace) -> list[Row]:
    system: list[Row] = [{"role": "system", "content": trace.system}] if trace.system else []
    turns: list[Row] = [{"role": turn.role, "content": turn.content} for turn in trace.turns]
    return [*system, *turns, {"role": "user", "content": trace.problem}]


def _messages(trace: Trace) -> Row:
    thought = {"reasoning_content": trace.thinking} if trace.thinking else {}
    return {"messages": [*_asked(trace), {"role": "assistant", **thought, "content": trace.answer}]}


def _messages_inline(trace: Trace) -> Row:
    return {"messages": [*_asked(trace), {"role": "assistant", "content": _inline(trace)}]}


def _sharegpt(trace: Trace, reply: str = "") -> Row:
    names = {"system": "system", "user": "human", "assistant": "gpt"}
    asked: list[Row] = [{"from": names[str(turn["role"])], "value": turn["content"]} for turn in _asked(trace)]
    return {"conversations": [*asked, {"from": "gpt", "value": reply or _inline(trace)}]}


def _bespoke(trace: Trace) -> Row:
    thought = f"<|begin_of_thought|>\n\n{trace.thinking}\n\n<|end_of_thought|>\n\n"
    solution = f"<|begin_of_solution|>\n\n{trace.answer}\n\n<|end_of_solution|>"
    return _sharegpt(trace, thought + solution if trace.thinking else trace.answer)


def _gsm8k(trace: Trace) -> Row:
    if "####" in trace.answer:
        raise errors.BadInput(f"The answer of trace {trace.id} holds ####, which ends the solution in GSM8K's shape.")
    return {"question": trace.problem, "answer": f"{trace.thinking}\n#### {trace.answer}"}


def _openrouter(trace: Trace) -> Row:
    thought = {"reasoning": trace.thinking} if trace.thinking else {}
    message = {"role": "assistant", **thought, "content": trace.answer}
    return {"messages": _asked(trace), "choices": [{"finish_reason": "stop", "message": message}]}


def _columns(problem: str, thinking: str, answer: str, gold: str = "") -> Callable[[Trace], Row]:
    """A shape of columns with these names."""

    def make(trace: Trace) -> Row:
        row: Row = {problem: trace.problem, thinking: trace.thinking, answer: trace.answer}
        return {**row, gold: trace.gold} if gold else row

    return make


# What each shape makes of a trace.
SHAPES: dict[str, Callable[[Trace], Row]] = {
    "stillroom": msgspec.to_builtins,
    "messages": _messages,
    "messages-inline": _messages_inline,
    "sharegpt": _sharegpt,
    "bespoke": _bespoke,
    "openrouter": _openrouter,
    "prompt-completion": lambda trace: {"prompt": trace.problem, "completion": _inline(trace)},
    "r1": lambda trace: {"prompt": trace.problem, "response": _inline(trace)},
    "alpaca": lambda trace: {"instruction": trace.problem, "input": "", "output": _inline(trace)},
    "columns": _columns("problem", "thinking", "answer"),
    "limo": _columns("question", "solution", "answer"),
    "gsm8k": _gsm8k,
    "s1k": lambda trace: {
        "question": trace.problem,
        "thinking_trajectories": [trace.thinking],
        "attempt": trace.answer,
        "solution": trace.gold,
    },
    "s1k-1.1": _columns("question", "deepseek_thinking_trajectory", "deepseek_attempt", "solution"),
    "openthoughts": _columns("problem", "deepseek_reasoning", "deepseek_solution", "ground_truth_solution"),
    "ollama": _columns("problem", "message_thinking", "message_content"),
}
# Those that can hold earlier turns.
CONVERSATIONS = frozenset({"stillroom", "messages", "messages-inline", "sharegpt", "bespoke", "openrouter"})


def to_row(trace: Trace, shape: str) -> Row:
    """A trace in a shape. Raises BadInput for a shape that is not in SHAPES or can't hold this trace."""
    make = SHAPES.get(shape)
    if make is None:
        raise errors.BadInput(f"There is no shape {shape!r}.", f"There are {', '.join(SHAPES)}.")
    if trace.turns and shape not in CONVERSATIONS:
        fault = f"Trace {trace.id} has earlier turns, which the shape {shape} has no place for."
        raise errors.BadInput(fault, f"Choose one of {', '.join(sorted(CONVERSATIONS))}.")
    row = make(trace)
    if shape == "stillroom":
        return row
    system = {} if shape in CONVERSATIONS else {"system": trace.system}
    known = {"gold": trace.gold, "model": trace.teacher, "license": trace.licence, "verified": trace.verified}
    return {**row, **{name: value for name, value in (system | known).items() if value not in ("", None)}}


def export(
    name: str, path: Path, shape: str = "stillroom", *, with_excluded: bool = False
) -> Generator[events.Progress, None, Exported]:
    """Write a set to a file; its ending says the format: .jsonl, .json, .csv, .tsv or .parquet.

    The file appears when it is whole. Raises NotFound, BadInput, DiskFull, and Unsupported for Parquet without pyarrow.
    """
    write = _WRITERS.get(path.suffix.lower())
    if write is None:
        raise errors.BadInput(f"{path.name} has no ending that is known.", f"Choose one of {', '.join(_WRITERS)}.")
    total = store.get(name).traces
    draft = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    written = 0
    try:
        for _ in write(draft, (to_row(trace, shape) for trace in store.read(name, with_excluded))):
            written += 1
            if written % _EVERY == 1:
                yield events.Progress(stage="export", done=written, total=total, unit="traces")
        folders.sync(draft)
        draft.replace(path)
    except OSError as error:
        raise errors.from_os_error(error, "writing traces", writing=True) from error
    finally:
        draft.unlink(missing_ok=True)
    return Exported(name=name, path=str(path), shape=shape, traces=written, size_bytes=path.stat().st_size)


def _lines(path: Path, rows: Iterable[Row]) -> Iterator[None]:
    with path.open("wb") as file:
        for row in rows:
            file.write(msgspec.json.encode(row) + b"\n")
            yield


def _array(path: Path, rows: Iterable[Row]) -> Iterator[None]:
    with path.open("wb") as file:
        before = b"[\n"
        for row in rows:
            file.write(before + msgspec.json.encode(row))
            before = b",\n"
            yield
        file.write(b"\n]\n" if before == b",\n" else b"[]\n")


def _table(path: Path, rows: Iterable[Row]) -> Iterator[None]:
    kept, columns = _with_columns({key: _cell(value) for key, value in row.items()} for row in rows)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
        writer.writeheader()
        for row in kept:
            writer.writerow(row)
            yield


def _cell(value: object) -> object:
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], str):
        return value[0]
    return msgspec.json.encode(value).decode() if isinstance(value, bool | list | dict) else value


def _parquet(path: Path, rows: Iterable[Row]) -> Iterator[None]:
    kept, columns = _with_columns(rows)
    parquet.write(path, [{key: row.get(key) for key in columns} for row in kept])
    yield from (None for _ in kept)


def _with_columns(rows: Iterable[Row]) -> tuple[list[Row], list[str]]:
    """Rows and all columns they have: a table names them before its first row, and not every trace has all."""
    kept = list(rows)
    return kept, list(dict.fromkeys(key for row in kept for key in row))


_WRITERS = {
    **dict.fromkeys((".jsonl", ".ndjson"), _lines),
    ".json": _array,
    **dict.fromkeys((".csv", ".tsv"), _table),
    ".parquet": _parquet,
}
