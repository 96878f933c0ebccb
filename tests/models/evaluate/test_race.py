"""Which is best: who can't win is stopped, the best hardly ever is, and what is said is what the rows show."""

import random
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from models import errors
from models.engine import wire
from models.evaluate import evaluate, evaluations, from_task, race, results
from models.evaluate.evaluations import Contents
from models.evaluate.problems import Problem, Task
from models.evaluate.race import Candidate
from models.evaluate.records import Contender, Dropped, EvaluationCard, ReplyRow, TaskFacts
from models.evaluate.run_folder import Sitting
from models.evaluate.scores import Scored
from models.requests import Sampling
from tests.models.evaluate.runs import BASE, make_model, rows, say, sums
from tests.models.scripted_rows import scripted_rows
from tests.returned import result_of, run


def contents(
    n: int, right: dict[str, list[bool]], *, answered: int | None = None, tokens: dict[str, int] | None = None
) -> Contents:
    """A race of models over n problems; right: whether each got each problem right, as far as it was asked."""
    problems = [Problem(id=str(k), problem=f"{k}?", gold="1") for k in range(n)]
    card = EvaluationCard(
        id="one", created="2026", contenders=[Contender(model=name) for name in right], think=[64], answer_tokens=9,
        task=TaskFacts(name="t", problems=n, hash="h"), race=True,
    )  # fmt: skip
    lengths = tokens or {}
    made = [
        ReplyRow(contender=number, think=64, problem=str(k), sample=0, correct=value, thinking_tokens=lengths.get(name, 10))
        for number, (name, values) in enumerate(right.items()) for k, value in enumerate(values[:answered])
    ]  # fmt: skip
    took = [Sitting(contender=c, think=64, seconds=10.0, tokens=100, peak_bytes=7) for c in range(len(right))]
    return Contents(card=card, task=Task(name="t", title="T", problems=problems), rows=made, sittings=took)


def share(part: int, n: int = 400) -> list[bool]:
    return [k * 7919 % 100 < part for k in range(n)]


def test_looks_are_taken_after_rounds_that_double():
    assert [race.looks(n) for n in (1, 32, 33, 100, 400)] == [[1], [32], [32, 33], [32, 96, 100], [32, 96, 224, 400]]


def test_who_is_far_behind_is_out_at_the_first_look_and_the_others_stay():
    found = race.dropped(contents(400, {"good": share(80), "bad": share(10), "near": share(75)}, answered=32))
    assert list(found) == [Candidate(1, 64, 1)]
    event = found[Candidate(1, 64, 1)]
    assert (event.n, event.leader) == (32, "good, thinking 64 tokens")
    assert event.difference < event.interval[1] < 0
    assert event.line().startswith("bad, thinking 64 tokens can't win any more: ")


def test_before_all_have_answered_nobody_is_out():
    some = contents(400, {"good": share(80), "bad": share(10)}, answered=32)
    some = msgspec.structs.replace(some, rows=some.rows[:-1])
    assert race.dropped(some) == {}


def test_who_would_be_behind_with_every_problem_to_come_is_out_without_an_interval():
    first, second = [True] * 33, [k >= 2 for k in range(33)]
    found = race.dropped(contents(33, {"a": first, "b": second}))
    assert found[Candidate(1, 64, 1)].interval[1] >= 0


def test_the_best_is_stopped_by_luck_less_than_once_in_twenty():
    """Ten equals: whoever goes out might have been the best; each comparison is looked at four times."""
    luck = random.Random(0)
    out = 0
    for _ in range(20):
        table = {str(name): [luck.random() < 0.5 for _ in range(400)] for name in range(10)}
        full = contents(400, table)
        found = race.dropped(full)
        out += Candidate(0, 64, 1) in found
    assert out <= 1


def test_the_end_is_a_sentence_with_the_pair_that_matters_and_what_a_problem_takes():
    full = contents(100, {"slow": share(81, 100), "bad": share(20, 100), "quick": share(80, 100)}, tokens={"slow": 50})
    found = race.verdict(full)
    assert found is not None
    assert [one.title.partition(",")[0] for one in found.standings] == ["slow", "quick", "bad"]
    best, quick, bad = found.standings
    assert (best.difference, best.accuracy, best.seconds, quick.seconds) == (None, 0.81, 5.0, 1.0)
    assert bad.dropped
    assert bad.n == 100
    assert found.sentence.startswith("Of 3 slow, thinking 64 tokens did best: 81 % right, between ")
    assert "better than the next, bad, thinking 64 tokens, by 61.0 points, between" in found.sentence
    assert "no clear difference to quick, thinking 64 tokens: -1.0 points, between" in found.sentence
    assert "in 20% of the time" in found.sentence
    assert found.level == 1 - 0.05 / (3 * 2)


def test_of_two_that_are_right_as_often_the_quicker_one_is_taken():
    found = race.verdict(contents(40, {"slow": share(60, 40), "quick": share(60, 40)}, tokens={"slow": 50}))
    assert found is not None
    assert found.standings[0].title.startswith("quick")


def test_one_is_left_and_the_rest_is_not_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    make_model()
    monkeypatch.setattr(race, "FIRST_LOOK", 9)
    script = {
        f"{k}+1?<|im_end|>\n<|im_start|>assistant\n<think>\n": [f"So.</think>\n\nIt is {k + 1}."] for k in range(40)
    }
    script["<think>\n\n</think>\n\n"] = ["It is 99."]
    say(monkeypatch, scripted_rows(tmp_path / "scripted", script))
    card = evaluate.card_of(
        [BASE], sums(40), think=[0, 64], answer_tokens=20, sampling=Sampling(temperature=0), race=True
    )
    events, record = run(evaluate.begin(card, sums(40)))
    told = [event for event in events if isinstance(event, Dropped)]
    assert [(event.think, event.n) for event in told] == [(0, 9)]
    assert len(rows(record.folder)) == 18
    assert evaluations.get(record.id).state == "done"
    assert record.race is not None
    assert (record.race.standings[0].think, record.race.standings[0].accuracy) == (64, 1.0)
    assert record.race.sentence in record.sentences()
    assert record.race.sentence.startswith("tiny, thinking 64 tokens is the best of 2: 100 % right, between ")
    assert (record.paired, record.comparisons) == (None, [])
    # what was stopped goes on as it would have: nobody is asked who is out
    folder = Path(record.folder)
    lines = (folder / "rows.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "rows.jsonl").write_bytes(b"".join(lines[:-5]))
    (folder / "ended").unlink()
    events, again = run(evaluate.resume(folder))
    assert sum(isinstance(event, Scored) for event in events) == 5
    assert [(one.think, one.n, one.accuracy) for one in again.race.standings] == [
        (one.think, one.n, one.accuracy) for one in record.race.standings
    ]
    assert results.evaluated(folder).race == again.race


def test_a_parent_that_never_raced_can_read_who_is_out():
    event = next(iter(race.dropped(contents(400, {"good": share(80), "bad": share(10)}, answered=32)).values()))
    line = wire.line(wire.Report(id=1, event=event))
    code = f"from models.engine import wire; print(wire.read_report({line!r}).event.line())"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.strip() == event.line()


def test_one_candidate_is_no_race():
    make_model()
    with pytest.raises(errors.BadInput, match="best of one"):
        result_of(from_task.evaluate_task("tiny", "sums:1", think=[8], race=True))
    with pytest.raises(errors.BadInput, match="compared with itself"):
        result_of(from_task.evaluate_task(["tiny", "tiny"], "sums:1", think=[8], race=True))
    assert evaluations.evaluations() == []
