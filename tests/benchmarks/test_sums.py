"""The problems of the proof: as told, no two alike, and judged by their last number."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from models.finetune.examples import Example
from tests.benchmarks.sums import HELD_OUT, TRACES, WATCHED, is_right, problems, running_totals, write

LOADED: Any = SimpleNamespace(style=SimpleNamespace(family=SimpleNamespace(close="</think>")))


def test_the_thinking_is_the_running_totals() -> None:
    assert running_totals([13, 7, 20]) == "13 + 7 = 20\n20 + 20 = 40"


def test_problems_are_distinct_and_the_same_for_the_same_seed() -> None:
    made = problems(TRACES + WATCHED + HELD_OUT)
    assert len({example.problem for example in made}) == len(made)
    assert made == problems(TRACES + WATCHED + HELD_OUT)


def test_an_answer_counts_when_the_thinking_is_closed() -> None:
    example = Example("What is 1 + 2 + 3?", "1 + 2 = 3\n3 + 3 = 6", "6")
    assert is_right("1 + 2 = 3\n3 + 3 = 6\n</think>\n\n6", example, LOADED)
    assert not is_right("1 + 2 = 3\n3 + 3 = 6", example, LOADED)
    assert not is_right("3 + 3 = 6\n</think>\n\n7", example, LOADED)
    assert is_right("6", Example("What is 1 + 2 + 3?", "", "6"), LOADED)


def test_the_traces_are_written_as_they_are_learned(tmp_path: Path) -> None:
    write(tmp_path)
    for name, thinks in (("thinking", True), ("direct", False)):
        rows = [json.loads(line) for line in (tmp_path / f"{name}.jsonl").read_text().splitlines()]
        assert len(rows) == TRACES
        assert all(bool(row["reasoning"]) is thinks for row in rows)
        assert all(sum(map(int, row["problem"][8:-1].split(" + "))) == int(row["solution"]) for row in rows)
