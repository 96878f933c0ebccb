"""Ladders: exact answers, levels that grow, training and test apart."""

import re
from datetime import date
from itertools import islice

import pytest

from models.answers.verify import verify
from models.errors import BadInput
from models.evaluate import ladders
from models.evaluate.ladders import LADDERS, LEVELS, Rung

ALL = [(name, level) for name in LADDERS for level in LEVELS]


def some(name: str, level: int, count: int = 20, seed: int = 0, part: ladders.Part = "test") -> list[Rung]:
    return list(islice(ladders.problems(name, level, seed, part), count))


@pytest.mark.parametrize(("name", "level"), ALL)
def test_the_same_seed_gives_the_same_problems_and_the_verifier_takes_the_answer(name: str, level: int):
    rungs = some(name, level, 6)
    assert rungs == some(name, level, 6)
    assert rungs != some(name, level, 6, seed=1)
    for rung in rungs[:2]:
        assert verify(f"\\boxed{{{rung.answer}}}", rung.answer, rung.kind, unit=rung.unit).correct
        if rung.steps and name not in ("sequences", "units", "calendar"):
            assert rung.steps.endswith(rung.answer)


@pytest.mark.parametrize("name", LADDERS)
def test_training_and_test_never_share_a_problem(name: str):
    for level in (1, 5, 10):
        held_out = {rung.problem for seed in range(3) for rung in some(name, level, 60, seed)}
        learned = {rung.problem for seed in range(3) for rung in some(name, level, 60, seed, "train")}
        assert not held_out & learned
        assert all(ladders.part_of(problem) == "test" for problem in held_out)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "level"), ALL)
def test_no_level_ends_soon(name: str, level: int):
    rungs = some(name, level, 700)
    assert len({rung.problem for rung in rungs}) == 700


def test_answers_are_exact():
    """Against Python itself, from the text of the problem alone."""
    for level in LEVELS:
        for rung in some("sums", level) + some("products", level):
            asked = rung.problem.removeprefix("What is ").removesuffix("?").replace("×", "*")
            assert int(rung.answer) == eval(asked)
        for rung in some("boolean", level):
            asked = rung.problem.removeprefix("Is this true or false: ").removesuffix("?")
            assert rung.answer == str(eval(asked)).lower()
        for rung in some("counting", level):
            what, text = re.fullmatch(r'How often does the \w+ "(\w+)" stand in "(.*)"\?', rung.problem).groups()  # type: ignore[union-attr]
            assert int(rung.answer) == (text.count(what) if len(what) == 1 else text.split().count(what))
    for level in range(1, 9):
        for rung in some("equations", level):
            left, right = re.sub(r"(\d)(?=[x(])", r"\1*", rung.problem.removeprefix("Solve for x: ")).split("=")
            x = eval(rung.answer)
            assert eval(left, {"x": x}) == pytest.approx(eval(right, {"x": x}))
    for level in (7, 8):
        for rung in some("calendar", level):
            begin, end = re.findall(r"\d{4}-\d\d-\d\d", rung.problem)
            assert int(rung.answer) == (date.fromisoformat(end) - date.fromisoformat(begin)).days


def test_units_agree_with_pint():
    for level in range(1, 10):
        for rung in some("units", level, 6):
            into, amount, unit = re.fullmatch(r"How many (.+) are ([-\d./]+) (.+)\?", rung.problem).groups()  # type: ignore[union-attr]
            assert into == rung.unit
            assert verify(f"{amount} {unit}", f"{rung.answer} {into}", "number").correct, rung


def test_systems_have_the_answer_they_say():
    for level in (9, 10):
        for rung in some("equations", level, 5):
            asked, equations = re.fullmatch(r"Solve for (\w): (.*)", rung.problem).groups()  # type: ignore[union-attr]
            names = "xy" if level == 9 else "xyz"
            rows = []
            for equation in equations.split("; "):
                left, right = re.sub(r"(\d)(?=[xyz])", r"\1*", equation).split("=")
                zero = dict.fromkeys(names, 0)
                rows.append(([eval(left, {**zero, name: 1}) for name in names], int(right)))
            column = names.index(asked)
            whole = [factors for factors, _ in rows]
            replaced = [[*factors[:column], right, *factors[column + 1 :]] for factors, right in rows]
            assert ladders._determinant(replaced) == int(rung.answer) * ladders._determinant(whole)


def test_a_level_grows():
    lengths = [len(some("sums", level, 1)[0].problem.split("+")) for level in LEVELS]
    assert lengths == list(range(2, 12))


@pytest.mark.parametrize(
    ("name", "level", "words"),
    [("sums", 0, "levels 1 to 10, no level 0"), ("sums", 11, "no level 11"), ("songs", 1, "no ladder 'songs'")],
)
def test_what_is_not_there_is_a_sentence(name: str, level: int, words: str):
    with pytest.raises(BadInput, match=words):
        next(ladders.problems(name, level))


def test_a_level_that_is_used_up_says_so(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ladders, "MOST_TRIES", 50)
    few = ladders.Ladder("few", "Few", "nothing", lambda draw, level: Rung(f"What is {draw.randint(1, 20)}?", "1"))
    monkeypatch.setitem(LADDERS, "few", few)
    with pytest.raises(BadInput, match=r"Level 3 of Few has no more than \d+ different problems"):
        some("few", 3, 100)
