"""Intervals and tests: against exact formulas, slow references and simulated coverage."""

import math
import random
from itertools import product

import pytest

from models.evaluate import intervals
from models.evaluate.intervals import Interval


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    # R: binom::binom.wilson and binom.exact
    [(0, 20, 0.0, 0.16113), (20, 20, 0.83887, 1.0), (7, 20, 0.18119, 0.56715), (135, 144, 0.88546, 0.96677)],
)
def test_wilson(right: int, n: int, low: float, high: float):
    assert intervals.wilson(right, n) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("right", "n", "low", "high"), [(0, 20, 0.0, 0.16843), (7, 20, 0.15391, 0.59219), (20, 20, 0.83157, 1.0)]
)
def test_clopper_pearson(right: int, n: int, low: float, high: float):
    assert intervals.clopper_pearson(right, n) == pytest.approx((low, high), abs=5e-5)


def test_the_incomplete_beta_function_is_the_sum_of_binomials():
    for a, b, x in product((1, 3, 8), (1, 4, 11), (0.05, 0.4, 0.93)):
        n = a + b - 1
        exact = math.fsum(math.comb(n, k) * x**k * (1 - x) ** (n - k) for k in range(a, n + 1))
        assert intervals.beta_share(x, a, b) == pytest.approx(exact, abs=1e-12)


def test_students_quantiles():
    known = {1: 12.706, 4: 2.776, 9: 2.262, 30: 2.042}
    assert {n: round(intervals.student_quantile(0.975, n), 3) for n in known} == known


@pytest.mark.parametrize(("first", "second"), [(0, 0), (3, 1), (12, 31), (5, 0), (7, 7), (0, 40)])
def test_the_sign_test_is_the_sum_of_all_outcomes_as_uneven(first: int, second: int):
    n = first + second
    exact = sum(math.comb(n, k) for k in range(n + 1) if abs(2 * k - n) >= abs(first - second)) / 2**n
    assert intervals.sign_test(first, second) == pytest.approx(exact)


def test_tango_refuses_what_its_score_does():
    low, high = intervals.tango(12, 31, 200)
    assert (low, high) == pytest.approx((0.0321, 0.1607), abs=5e-4)
    assert intervals.tango(31, 12, 200) == pytest.approx((-high, -low), abs=1e-6)
    assert intervals.tango(0, 0, 30) == pytest.approx((-0.1135, 0.1135), abs=5e-4)
    assert intervals.tango(0, 5, 5).high == 1.0


@pytest.mark.parametrize("values", [[0.0] * 20, [1.0] * 20, [0.0] * 300, [1.0] * 3, [0.0]])
@pytest.mark.parametrize("groups", [None, "alone", "one"])
def test_none_and_all_of_few_or_many_have_an_interval(values: list[float], groups: str | None):
    named = {None: None, "alone": [str(n) for n in range(len(values))], "one": ["text"] * len(values)}[groups]
    low, high = intervals.mean_interval(values, named)
    assert (low == 0.0) is (values[0] == 0.0)
    assert (high == 1.0) is (values[0] == 1.0)
    assert 0.001 < high - low < 1


def test_of_nothing_nothing_is_known():
    assert intervals.mean_interval([]) == Interval(0.0, 1.0)
    assert intervals.paired([], []).interval == Interval(-1.0, 1.0)


def test_samples_of_a_problem_are_not_independent():
    """Ten problems, eight samples each, all the same: as much is known as of ten."""
    same = [1.0] * 5 + [0.0] * 5
    low, high = intervals.mean_interval([*same[:9], 0.125])
    alone = intervals.wilson(5, 10)
    assert high - low > 0.8 * (alone.high - alone.low)


def test_problems_of_a_group_count_as_one():
    values = [float(n < 20) for n in range(40)]
    texts = [f"text {n // 5}" for n in range(40)]
    alone, grouped = intervals.mean_interval(values), intervals.mean_interval(values, texts)
    assert grouped.high - grouped.low > 1.5 * (alone.high - alone.low)


def test_a_problem_without_a_group_stands_alone():
    values = [1.0, 0.0, 1.0, 1.0]
    assert intervals.mean_interval(values, ["", "", "", ""]) == intervals.mean_interval(values)


def covered(n: int, k: int, a: float, b: float, size: int, rounds: int) -> float:
    """How often the interval holds the truth: n problems in groups of `size`, k samples, difficulties Beta(a, b)."""
    draw, hits = random.Random(f"{n} {k} {a} {b} {size}"), 0
    for _ in range(rounds):
        values, groups = [], []
        for index in range(n):
            if index % size == 0:
                share = draw.betavariate(a, b)
            values.append(sum(draw.random() < share for _ in range(k)) / k)
            groups.append(str(index // size))
        low, high = intervals.mean_interval(values, groups if size > 1 else None)
        hits += low <= a / (a + b) <= high
    return hits / rounds


@pytest.mark.parametrize(
    ("n", "k", "a", "b", "size"), [(12, 4, 1, 1, 1), (30, 4, 0.3, 0.3, 1), (30, 1, 3, 1, 1), (40, 1, 1, 1, 5)]
)
def test_the_interval_holds_the_truth_as_often_as_it_says(n: int, k: int, a: float, b: float, size: int):
    assert covered(n, k, a, b, size, 150) >= 0.9


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "k", "a", "b", "size"),
    [
        (8, 4, 1, 1, 1),
        (30, 8, 9, 1, 1),
        (80, 4, 0.5, 2, 1),
        (120, 4, 0.5, 0.5, 1),
        (60, 1, 0.3, 0.3, 6),
        (100, 1, 20, 1, 5),
    ],
)
def test_the_interval_holds_the_truth_in_many_settings(n: int, k: int, a: float, b: float, size: int):
    assert covered(n, k, a, b, size, 200 if n > 100 else 1000) >= 0.91


def test_pairs_hold_the_truth_and_are_seldom_fooled():
    for n, only_second, only_first in ((20, 0.1, 0.1), (50, 0.25, 0.05)):
        draw, hits, fooled = random.Random(n), 0, 0
        for _ in range(150):
            pairs = draw.choices([(0, 1), (1, 0), (1, 1)], [only_second, only_first, 1 - only_second - only_first], k=n)
            found = intervals.paired([a for a, _ in pairs], [b for _, b in pairs])
            hits += found.interval.low - 1e-9 <= only_second - only_first <= found.interval.high + 1e-9
            fooled += only_first == only_second and found.p < 0.05
        assert hits / 150 >= 0.9
        assert fooled / 150 <= 0.06


def test_a_pair_of_means_is_compared_by_all_changes_of_sign():
    first, second = [0.5, 0.25, 0.0, 1.0, 0.5], [0.75, 0.5, 0.5, 1.0, 1.0]
    differences = [0.25, 0.25, 0.5, 0.5]
    exact = sum(
        abs(sum(sign * value for sign, value in zip(signs, differences, strict=True))) >= 1.5
        for signs in product((1, -1), repeat=4)
    )
    found = intervals.paired(first, second)
    assert found.p == exact / 16
    assert found.interval.low <= 0 < found.interval.high  # five problems can't claim what the test does not
    assert (found.only_first, found.only_second, found.n) == (0, 4, 5)


def test_equal_pairs_still_have_an_interval():
    found = intervals.paired([0.5] * 30, [0.5] * 30)
    assert found.difference == 0
    assert found.interval.low < -0.01
    assert found.interval.high > 0.01


def test_a_long_comparison_is_bootstrapped_by_cluster():
    draw = random.Random(1)
    first = [draw.choice([0.0, 0.5, 1.0]) for _ in range(240)]
    second = [min(1.0, value + draw.choice([0.0, 0.0, 0.5])) for value in first]
    found = intervals.paired(first, second, [str(n // 2) for n in range(240)])
    assert 0 < found.interval.low < found.difference < found.interval.high
    assert found.p < 0.01


def test_what_so_many_problems_can_show():
    assert intervals.detectable(200) == pytest.approx(0.080, abs=0.002)
    assert intervals.detectable(50) > 1.9 * intervals.detectable(200) > 3.9 * intervals.detectable(3200)
    assert intervals.detectable(1) == 1.0
    draw, shown, gain = random.Random(5), 0, intervals.detectable(100)
    weights = [(intervals.FLIPS + gain) / 2, (intervals.FLIPS - gain) / 2, 1 - intervals.FLIPS]
    for _ in range(200):
        pairs = draw.choices([(0, 1), (1, 0), (1, 1)], weights, k=100)
        shown += intervals.paired([a for a, _ in pairs], [b for _, b in pairs]).p < 0.05
    assert 0.65 < shown / 200 < 0.9  # the exact test asks a little more than the formula
