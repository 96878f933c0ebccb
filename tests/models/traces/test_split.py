import pytest

from models import errors
from models.traces.split import split
from tests.models.traces.made import make, many

SHARES = {"train": 0.9, "valid": 0.05, "test": 0.05}


def test_a_problem_is_on_one_side_alone() -> None:
    traces = [*many(300), *(make(trace.problem.upper() + " ", "Other.", trace.answer) for trace in many(300))]
    parts = split(traces, SHARES, seed=1)
    problems = {name: {trace.problem.lower().strip() for trace in part} for name, part in parts.items()}
    assert not problems["train"] & problems["valid"]
    assert not problems["train"] & problems["test"]
    assert not problems["valid"] & problems["test"]
    assert sum(map(len, parts.values())) == 600
    assert 0.84 < len(problems["train"]) / 300 < 0.96


def test_a_problem_stays_on_its_side_when_the_set_grows_and_another_seed_moves_it() -> None:
    few, more = split(many(200), SHARES, seed=3), split(many(400), SHARES, seed=3)
    for name, part in few.items():
        assert {trace.id for trace in part} <= {trace.id for trace in more[name]}
        assert all(split([trace], SHARES, 3)[name] == [trace] for trace in part)
    assert [trace.id for trace in split(many(200), SHARES, seed=4)["valid"]] != [trace.id for trace in few["valid"]]


@pytest.mark.parametrize("n", range(8))
def test_no_part_is_empty_when_there_are_problems_enough(n: int) -> None:
    parts = split(many(n), SHARES)
    assert sum(map(len, parts.values())) == n
    assert sum(bool(part) for part in parts.values()) == min(3, n)


def test_shares_that_are_none_are_refused() -> None:
    for wrong in ({}, {"a": 0.5}, {"a": 1.5, "b": -0.5}):
        with pytest.raises(errors.BadInput):
            split([], wrong)
