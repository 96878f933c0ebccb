import pytest

from models import errors
from models.traces.split import split
from models.traces.trace import Trace, Turn
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
    assert [trace.id for trace in split(many(200), SHARES, seed=4)["valid"]] != [trace.id for trace in few["valid"]]


@pytest.mark.parametrize("n", range(8))
def test_no_part_is_empty_when_there_are_problems_enough(n: int) -> None:
    parts = split(many(n), SHARES)
    assert sum(map(len, parts.values())) == n
    assert sum(bool(part) for part in parts.values()) == min(3, n)


@pytest.mark.parametrize("seed", range(20))
def test_a_single_problem_is_learned_and_never_held_out(seed: int) -> None:
    alone = [make(thinking=str(n)) for n in range(5)]
    for held_out in (0.05, 0.9):
        assert split(alone, {"train": 1 - held_out, "valid": held_out}, seed) == {"train": alone, "valid": []}


def talk(*said: str) -> Trace:
    turns = [Turn("assistant" if at % 2 else "user", text) for at, text in enumerate(said[:-2])]
    return make(said[-2], "", said[-1], turns=turns)


def test_conversations_that_end_in_the_same_words_are_different_problems() -> None:
    talks = [talk(f"Mine is {n}.", "Noted.", "Double it.", str(2 * n)) for n in range(200)]
    parts = split(talks, {"train": 0.5, "valid": 0.5})
    assert 60 < len(parts["valid"]) < 140


def test_a_conversation_and_one_that_goes_on_with_it_are_on_one_side() -> None:
    short = [talk(f"Mine is {n}.", "Noted.") for n in range(100)]
    longer = [talk(f"mine is {n}", "Noted.", "Double it.", str(2 * n), "Halve it.", str(n)) for n in range(100)]
    parts = split([*short, *longer], {"train": 0.5, "valid": 0.5})
    begun = [{(trace.turns[0].content if trace.turns else trace.problem).strip(".").lower() for trace in part}
             for part in parts.values()]  # fmt: skip
    assert begun[0]
    assert begun[1]
    assert not begun[0] & begun[1]


def test_shares_that_are_none_are_refused() -> None:
    for wrong in ({}, {"a": 0.5}, {"a": 1.5, "b": -0.5}):
        with pytest.raises(errors.BadInput):
            split([], wrong)
