"""The arithmetic of the benchmarks' figures."""

import pytest

from tests.benchmarks.figures import Figure, at_least, at_most, median_ratio, percentile, table


@pytest.mark.parametrize(("percent", "value"), [(0, 1), (50, 50), (99, 99), (99.5, 100), (100, 100)])
def test_a_percentile_is_one_of_the_values(percent: float, value: float) -> None:
    assert percentile(range(100, 0, -1), percent) == value


def test_one_slow_round_does_not_change_the_ratio() -> None:
    assert median_ratio([10.0, 1.0, 12.0], [10.0, 1.0, 6.0]) == 1.0


def test_the_table_says_which_aims_are_met() -> None:
    lines = table([Figure("told", 1234.5, "s"), at_least("quick", 0.98, "", 0.97), at_most("slow", 60.5, "ms", 50)])
    assert [line.split() for line in lines.splitlines()] == [
        ["told", "1,234", "s"],
        ["quick", "0.980", "aim", ">=", "0.970:", "met"],
        ["slow", "60.5", "ms", "aim", "<=", "50:", "MISSED"],
    ]
