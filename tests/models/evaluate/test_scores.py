"""Scores of rows: means over problems, majorities, pass@k, comparisons and their sentences."""

import statistics
from itertools import combinations

import pytest

from models.evaluate import scores
from models.evaluate.scores import Row


def rows(*problems: str, group: str = "") -> list[Row]:
    """A word a problem, a letter a reply: the answer it gives, R being right, C cut."""
    found = []
    for number, word in enumerate(problems):
        for sample, letter in enumerate(word):
            correct = None if letter == "C" else letter == "R"
            found.append(
                Row(id=str(number), correct=correct, vote="" if letter == "C" else letter, sample=sample, group=group)
            )
    return found


def test_accuracy_is_the_mean_over_problems():
    point = scores.score(rows("RRRR", "abab", "Ra"))
    assert point.accuracy == pytest.approx((1 + 0 + 0.5) / 3)
    assert (point.n, point.samples, point.correct, point.cut) == (3, 10, 5, 0)
    assert point.interval.low < point.accuracy < point.interval.high


def test_a_cut_reply_is_counted_apart_and_is_not_right():
    point = scores.score(rows("RC", "CC"))
    assert (point.correct, point.cut, point.accuracy) == (1, 3, 0.25)
    assert "3 of 4 replies cut" in point.sentence()


def test_of_nothing_nothing_is_right():
    assert scores.score([]).interval == (0.0, 1.0)


@pytest.mark.parametrize(
    ("word", "votes", "right"),
    [
        ("RRa", 3, 1.0),
        ("Raa", 3, 0.0),
        ("Rab", 3, 1.0),
        ("aRa", 1, 1 / 3),
        ("RC", 2, 1.0),
        ("CCC", 3, 0.0),
        ("RRaab", 5, 1.0),
    ],
)
def test_the_majority_of_all_replies(word: str, votes: int, right: float):
    if votes == 1:
        assert scores.score(rows(word)).accuracy == pytest.approx(right)
    else:
        assert scores.majority_right(rows(word), votes) == right


def test_the_majority_of_some_is_the_mean_over_all_that_could_be_drawn():
    of_one = rows("RRaab")
    mean = statistics.fmean(scores.majority_right(list(three), 3) for three in combinations(of_one, 3))
    assert scores.majority_right(of_one, 3) == pytest.approx(mean)
    assert scores.majority_right(of_one, 9) == scores.majority_right(of_one, 5)
    many = rows("Ra" * 20)
    assert scores.majority_right(many, 7) == scores.majority_right(many, 7)  # drawn, by a seed of its own


@pytest.mark.parametrize(("word", "k"), [("Raaa", 1), ("Raaa", 2), ("RRaaaa", 3), ("aaaa", 2), ("RRRR", 3), ("Ra", 5)])
def test_pass_at_k_is_the_share_of_draws_with_one_right(word: str, k: int):
    of_one = rows(word)
    drawn = list(combinations(of_one, min(k, len(word))))
    exact = sum(any(row.correct for row in some) for some in drawn) / len(drawn)
    assert scores.pass_at(of_one, k) == pytest.approx(exact)
    assert scores.mean_pass_at(of_one * 1, k) == pytest.approx(exact)


def test_tokens_and_time():
    made = [Row(id=str(n), correct=True, thinking_tokens=n, answer_tokens=10, seconds=0.5) for n in (1, 2, 3, 4, 100)]
    point = scores.score(made)
    assert (point.thinking_tokens, point.thinking_tokens_p90) == (3, 100)
    assert (point.answer_tokens, point.seconds, point.tokens_per_s) == (10, 2.5, 64)
    unknown = scores.score(rows("R"))
    assert (unknown.thinking_tokens, unknown.seconds, unknown.tokens_per_s) == (None, None, None)


def test_a_comparison_on_the_same_problems_says_itself():
    first = rows(*["R"] * 12, *["a"] * 31, *["R"] * 100, *["a"] * 57)
    second = rows(*["a"] * 12, *["R"] * 31, *["R"] * 100, *["a"] * 57)
    found = scores.compare(first, second)
    assert found.sentence() == (
        "Better by 9.5 points, between 3.2 and 16.1: of 200 problems 31 only it got right, 12 only the other."
    )
    assert (found.verdict, len(found.only_first), found.only_second[0]) == ("better", 12, "12")
    turned = scores.compare(second, first)
    assert turned.sentence().startswith("Worse by 9.5 points, between 3.2 and 16.1")
    even = scores.compare(first[:5], first[:5])
    assert even.verdict == "even"
    assert even.sentence().startswith("No clear difference: +0.0 points")


def test_problems_that_only_one_was_asked_are_left_out():
    found = scores.compare(rows("R", "a", "R"), rows("R", "R"))
    assert (found.n, found.left_out, found.only_second) == (2, 1, ["1"])


def test_what_can_be_shown_is_said_before():
    assert scores.what_can_be_shown(200).startswith(
        "200 problems show a difference of about 8 points four times in five"
    )
    assert scores.what_can_be_shown(1).startswith("1 problem shows")
