"""Rows for the benchmarks of training: real reasoning traces and GSM8K's solutions, read from a folder beside the project.

STILLROOM_BENCH_DATA names that folder; without it, it is ../shared/data, seen from the project.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path

from models.finetune.examples import Example

TRACES = "traces/math_r1distill_llama8b_153.jsonl"
SOLUTIONS = "train_questions/gsm8k_train.jsonl"


def folder() -> Path | None:
    """Where the data is; None when it is not there."""
    named = os.environ.get("STILLROOM_BENCH_DATA")
    place = Path(named) if named else Path(__file__).resolve().parents[3] / "shared" / "data"
    return place if (place / TRACES).is_file() and (place / SOLUTIONS).is_file() else None


def traces(data: Path) -> Iterator[Example]:
    """The traces that close their thinking."""
    for row in _rows(data / TRACES):
        thinking, close, answer = row["response"].partition("</think>")
        if close:
            yield Example(row["problem"], thinking.replace("<think>", ""), answer)


def solutions(data: Path) -> Iterator[Example]:
    """GSM8K's training problems, their solutions as thinking."""
    for row in _rows(data / SOLUTIONS):
        thinking, _, answer = row["answer"].partition("####")
        yield Example(row["question"], thinking, answer)


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)
