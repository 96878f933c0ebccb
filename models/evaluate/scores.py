"""What replies to problems come to: the mean over samples, the majority, the best of k, and how long they thought."""

import math
from collections.abc import Callable, Sequence
from statistics import median

from models.answers import majority
from models.evaluate.records import Row


def accuracy(rows: Sequence[Row]) -> float:
    """The share of one problem's replies that are right; one that was cut is not."""
    return sum(row.correct is True for row in rows) / len(rows)


def voted(rows: Sequence[Row], reader: Callable[[str], str]) -> float:
    """Whether what most of the replies to one problem say is right, 1 or 0; elected as a chat's votes are.

    reader: the form in which two answers are the same.
    """
    elected, _ = majority.winner([majority.Vote(reader(row.answer), row.logprob, row.correct is None) for row in rows])
    return float(rows[elected].correct is True)


def best_of(right: int, n: int, k: int) -> float:
    """pass@k: the chance that one of k replies drawn from n is right, unbiased (Chen et al., 2107.03374)."""
    return 1.0 - math.comb(n - right, k) / math.comb(n, k) if n >= k else float(right > 0)


def middle(values: Sequence[float]) -> float:
    """The median; 0 for none."""
    return float(median(values)) if values else 0.0


def p90(values: Sequence[float]) -> float:
    """The value that nine of ten do not exceed; 0 for none."""
    return float(sorted(values)[max(0, math.ceil(0.9 * len(values)) - 1)]) if values else 0.0
