"""Evaluations of the same problems beside each other, what they will take, and what others published."""

from collections.abc import Sequence

import pytest

from models import errors
from models.evaluate import as_trace, board, estimate, published, results, tasks
from models.evaluate.evaluations import Contents
from models.evaluate.problems import Problem, Task
from models.evaluate.records import Contender, EvaluationCard, ReplyRow, TaskFacts
from models.evaluate.scores import Point
from models.finetune_config import FinetuneConfig
from models.traces import split, store
from models.traces.trace import Trace, from_chat
from tests.models.finetune import made_runs

TASK = Task(name="t", title="T", problems=[Problem(id=name, problem=f"What is {name}?", gold="1") for name in "abcd"])


def contents(
    name: str,
    contenders: Sequence[Contender],
    right: dict[tuple[int, int | None], str],
    samples: int = 1,
    votes: Sequence[int] = (),
    seed: int = 0,
) -> Contents:
    """An evaluation. right: of each contender and budget the problems that it got right."""
    think = sorted({budget for _, budget in right}, key=lambda budget: (budget is None, budget or 0))
    card = EvaluationCard(
        id=name, created="2025", contenders=list(contenders), think=think, samples=samples, votes=list(votes), seed=seed,
        task=TaskFacts(name="t", problems=4, hash=TASK.hash), answer_tokens=64,
    )  # fmt: skip
    rows = [
        ReplyRow(
            contender=number, think=budget, problem=problem.id, sample=sample, correct=problem.id in solved,
            vote="1" if problem.id in solved else str(sample), taken="1", thinking_tokens=budget or 0,
        )
        for (number, budget), solved in right.items()
        for problem in TASK.problems
        for sample in range(samples)
    ]  # fmt: skip
    return Contents(card=card, task=TASK, rows=rows, sittings=[])


ONE, OTHER = Contender(model="one"), Contender(model="other")


def test_the_newer_of_two_that_asked_the_same_counts():
    found = board.board([contents("a", [ONE], {(0, 0): "a", (0, 64): "ab"}), contents("b", [ONE], {(0, 64): "abc"})])
    (series,) = found.series
    assert [(point.think, point.accuracy) for point in series.points] == [(0, 0.25), (64, 0.75)]
    assert found.budgets() == [0, 64]
    assert found.attempt((0, 64, 1), "c").card.id == "b"  # type: ignore[union-attr]


def test_what_was_asked_in_another_way_is_a_curve_of_its_own():
    calm = Contender(model="one", calm=True)
    asked = [contents("a", [ONE, calm], {(0, 0): "a", (1, 0): "b"}), contents("b", [ONE], {(0, 0): "c"}, seed=5)]
    found = board.board(asked)
    assert [series.contender for series in found.series] == [ONE, calm, ONE]
    assert found.compared == [ONE, calm]
    assert len(found.comparisons) == 1


def test_votes_and_tokens_of_a_curve():
    found = board.board([contents("a", [ONE], {(0, 64): "ab"}, samples=3, votes=(3,))])
    assert found.series[0].votes == [1, 3]
    assert found.attempt((0, 64, 3), "a").share == 1.0  # type: ignore[union-attr]
    assert found.used(0, 64) == 64
    assert found.attempt((0, 128, 1), "a") is None


def test_points_that_are_known_are_not_computed_again(monkeypatch: pytest.MonkeyPatch):
    one = contents("a", [ONE], {(0, 64): "ab"})
    known = results.points(one)
    monkeypatch.setattr(results, "points", None)
    assert board.board([one], {"a": known}).series[0].points == known


def test_a_budget_that_was_not_tried_takes_what_the_nearest_one_took():
    def point(think: int | None, seconds: float) -> Point:
        return Point(n=10, samples=10, correct=0, cut=0, accuracy=0, interval=(0, 1), model="m", think=think, seconds=seconds)  # type: ignore[arg-type]  # fmt: skip

    known = [point(0, 10), point(1024, 100), point(None, 1000)]
    assert estimate.seconds(known, "m", [0, 512, 8192, None], 5) == 5 * (1 + 10 + 100 + 100)
    assert estimate.seconds(known, "n", [0], 5) is None


def test_published_figures_have_a_source_and_are_of_tasks_that_there_are():
    names = {task.name for task in tasks.built_in()}
    assert all(row.source and set(row.accuracy) <= names for row in published.published())


def test_a_right_reply_becomes_a_trace_with_its_gold_answer():
    one = contents("a", [Contender(model="o/one", adapter="x")], {(0, 64): "a"})
    trace = as_trace.as_trace(one.card, TASK.problems[0], one.rows[0])
    assert (trace.problem, trace.gold, trace.verified, trace.teacher) == ("What is a?", "1", True, "one · x")


def traces(count: int) -> list[Trace]:
    return [from_chat(f"What is {n} plus {n}?", "Let me see.", str(2 * n), "teacher") for n in range(count)]


def test_what_a_run_held_out_is_a_task():
    import msgspec

    kept = [msgspec.structs.replace(trace, gold=trace.answer) for trace in traces(40)]
    store.append("sums", kept)
    made_runs.make(
        "run-1", "2025-11-24T10:00:00+00:00", None, traces="sums", held_out=0.25, config=FinetuneConfig(seed=3)
    )
    from tests.returned import result_of

    task = result_of(tasks.load("run:run-1"))
    held = split.split(kept, {"train": 0.75, "valid": 0.25}, 3)["valid"]
    assert [problem.problem for problem in task.problems] == [trace.problem for trace in held]
    assert tasks.name_of("run:run-1") == "run:run-1"
    made_runs.make("run-2", "2025-11-24T10:00:00+00:00", None, traces="sums", held_out=0.0)
    with pytest.raises(errors.BadInput, match="held nothing out"):
        result_of(tasks.load("run:run-2"))
    with pytest.raises(errors.NotFound):
        result_of(tasks.load("run:run-9"))
