"""95 % intervals that are honest for few problems, for clustered ones, and where all or none are right.

The unit is the problem: samples of one problem are not independent, nor are problems of one group (five questions on
one text). So a mean over problems has the variance that its clusters show, added to that of two more clusters as bad as
can be, since few clusters show too little of theirs; it is told as the number of independent yes-or-no answers that would
vary as much, and goes into Wilson's interval, which neither leaves 0 to 1 nor vanishes at its ends. From MANY clusters on,
values that are no yes or no are bootstrapped by cluster. Pairs are compared by their differences: exactly (McNemar's
test, or all changes of sign) where they are few; the interval of two proportions is Tango's (Statistics in Medicine 1998).

Everything here takes plain numbers and is deterministic.
"""

import math
import random
from collections.abc import Callable, Hashable, Sequence
from functools import cache
from itertools import product
from statistics import NormalDist
from typing import NamedTuple

LEVEL = 0.95
MANY = 100  # clusters from which on a bootstrap may be believed
RESAMPLES = 2000
MOST_EXACT = 14  # clusters of which all changes of sign are tried
DRAWN_SIGNS = 20_000
POWER = 0.8  # four times in five
FLIPS = 1 / 6  # of the problems that one of two gets right and the other does not, as a proposal
PSEUDO = 2.0  # clusters that vary as much as can be, added to those that are seen


class Interval(NamedTuple):
    """Bounds of a share, or of a difference of shares."""

    low: float
    high: float


class Paired(NamedTuple):
    """What a comparison on the same problems says. p: that as much would be seen if there were no difference."""

    difference: float  # second minus first, of the means
    interval: Interval
    p: float
    n: int
    only_first: int  # problems that only the first got right (in most samples)
    only_second: int


def _quantile(level: float, clusters: int | None = None) -> float:
    """Two-sided quantile: the normal one, or Student's for so many clusters."""
    upper = 0.5 + level / 2
    if clusters is None:
        return NormalDist().inv_cdf(upper)
    return student_quantile(upper, max(1, clusters - 1))


def wilson(right: float, n: float, level: float = LEVEL, z: float | None = None) -> Interval:
    """Wilson's score interval of a share. right, n: counts, or what they are worth."""
    if n <= 0:
        return Interval(0.0, 1.0)
    z = _quantile(level) if z is None else z
    share, square = right / n, z * z
    middle = (share + square / (2 * n)) / (1 + square / n)
    half = z / (1 + square / n) * math.sqrt(max(0.0, share * (1 - share) / n + square / (4 * n * n)))
    return Interval(max(0.0, middle - half) if right > 0 else 0.0, min(1.0, middle + half) if right < n else 1.0)


def clopper_pearson(right: int, n: int, level: float = LEVEL) -> Interval:
    """The exact interval of a share: at least as wide as it must be."""
    tail = (1 - level) / 2
    low = beta_quantile(tail, right, n - right + 1) if right else 0.0
    high = beta_quantile(1 - tail, right + 1, n - right) if right < n else 1.0
    return Interval(low, high)


def mean_interval(
    values: Sequence[float], groups: Sequence[Hashable] | None = None, level: float = LEVEL, seed: int = 0
) -> Interval:
    """The interval of a mean over problems. values: of each problem 0 to 1; groups: which of them belong together."""
    n = len(values)
    if not n:
        return Interval(0.0, 1.0)
    clusters = _clusters(n, groups)
    mean = math.fsum(values) / n
    if len(clusters) == n and all(value in (0, 1) for value in values):
        return wilson(math.fsum(values), n, level)
    if len(clusters) >= MANY and 0 < mean < 1:
        return _bootstrap(values, clusters, level, seed)
    smoothed = (mean * len(clusters) + 1) / (len(clusters) + 2)
    variance = _variance(values, clusters, mean, smoothed * (1 - smoothed))
    worth = smoothed * (1 - smoothed) / variance
    return wilson(mean * worth, worth, level, _quantile(level, len(clusters)) if len(clusters) < MANY else None)


def paired(
    first: Sequence[float], second: Sequence[float], groups: Sequence[Hashable] | None = None, level: float = LEVEL
) -> Paired:
    """Compare two on the same problems. first, second: each problem's share of right samples, in the same order."""
    differences = [b - a for a, b in zip(first, second, strict=True)]
    n = len(differences)
    mean = math.fsum(differences) / n if n else 0.0
    clusters = _clusters(n, groups)
    only_first = sum(a > b for a, b in zip(first, second, strict=True))
    only_second = sum(b > a for a, b in zip(first, second, strict=True))
    if not n:
        return Paired(0.0, Interval(-1.0, 1.0), 1.0, 0, 0, 0)
    binary = all(value in (0, 1) for value in (*first, *second))
    if binary and len(clusters) == n:
        p, interval = sign_test(only_first, only_second), tango(only_first, only_second, n, level)
    else:
        p = _signs_test(differences, clusters)
        interval = _difference_interval(differences, clusters, mean, level)
    if p > 1 - level:  # the test is the exact one: an interval never claims what it does not
        interval = Interval(min(interval.low, 0.0), max(interval.high, 0.0))
    return Paired(mean, interval, p, n, only_first, only_second)


def ratio(first: Sequence[float], second: Sequence[float], level: float = LEVEL) -> tuple[float, Interval] | None:
    """What the second sums to over the first, on the same problems, and the interval of that; None where the first is 0.

    The interval is that of a ratio estimate: the differences from the ratio, as a mean's.
    """
    n, total = len(first), math.fsum(first)
    if n < 2 or not total:
        return None
    found = math.fsum(second) / total
    spread = math.fsum((b - found * a) ** 2 for a, b in zip(first, second, strict=True)) / (n - 1)
    half = _quantile(level, n) * math.sqrt(spread / n) / (total / n)
    return found, Interval(max(0.0, found - half), found + half)


def sign_test(only_first: int, only_second: int) -> float:
    """McNemar's exact test: how likely two equals flip this unevenly."""
    n, fewer = only_first + only_second, min(only_first, only_second)
    tail = math.fsum(math.exp(_log_choose(n, k) - n * math.log(2)) for k in range(fewer + 1))
    return min(1.0, 2 * tail)


def tango(only_first: int, only_second: int, n: int, level: float = LEVEL) -> Interval:
    """The score interval of a difference of paired shares, second minus first: all differences the data do not refuse."""
    z, b, c = _quantile(level), only_second, only_first
    seen = (b - c) / n

    def score(delta: float) -> float:
        # the likeliest share of problems only the first gets right, were the difference delta
        linear = -b - c + (2 * n - b + c) * delta
        constant = -c * delta * (1 - delta)
        share = (math.sqrt(max(0.0, linear * linear - 8 * n * constant)) - linear) / (4 * n)
        spread = n * (2 * share + delta * (1 - delta))
        far = b - c - n * delta
        return far / math.sqrt(spread) if spread > 1e-12 else math.copysign(math.inf, far) if abs(far) > 1e-6 else 0.0

    low = -1.0 if score(-1 + 1e-9) < z else _bisect(lambda delta: score(delta) - z, -1 + 1e-9, seen)
    high = 1.0 if score(1 - 1e-9) > -z else _bisect(lambda delta: score(delta) + z, seen, 1 - 1e-9)
    return Interval(low, high)


def detectable(n: int, flips: float = FLIPS, power: float = POWER, level: float = LEVEL) -> float:
    """The difference that n problems show with that power. flips: problems that one gets right and the other does not."""
    if n < 1:
        return 1.0
    alpha, beta = _quantile(level), NormalDist().inv_cdf(power)

    def needed(delta: float) -> float:
        return ((alpha * math.sqrt(flips) + beta * math.sqrt(max(0.0, flips - delta * delta))) / delta) ** 2

    if needed(flips) > n:  # more than all that flips: then more must flip
        return min(1.0, (alpha + beta) ** 2 / n)
    return _bisect(lambda delta: needed(delta) - n, 1e-6, flips)


def half_width(n: int, share: float = 0.5, level: float = LEVEL) -> float:
    """How far an accuracy of that share will be known with n problems, to either side."""
    low, high = wilson(share * n, n, level)
    return (high - low) / 2


def _clusters(n: int, groups: Sequence[Hashable] | None) -> list[list[int]]:
    """Which problems belong together; those without a group stand alone."""
    if groups is None:
        return [[index] for index in range(n)]
    found: dict[Hashable, list[int]] = {}
    for index, group in enumerate(groups):
        found.setdefault((group,) if group not in (None, "") else (None, index), []).append(index)
    return list(found.values())


def _variance(values: Sequence[float], clusters: list[list[int]], mean: float, worst: float) -> float:
    """Variance of the mean, with PSEUDO clusters more of which every value varies by `worst`, and all as one."""
    seen = math.fsum(math.fsum(values[index] - mean for index in cluster) ** 2 for cluster in clusters)
    sizes = math.fsum(len(cluster) ** 2 for cluster in clusters) / len(clusters)
    blended = (seen + PSEUDO * worst * sizes) * len(clusters) / (len(clusters) + PSEUDO - 1)
    return blended / len(values) ** 2


def _difference_interval(
    differences: Sequence[float], clusters: list[list[int]], mean: float, level: float
) -> Interval:
    count = len(clusters)
    if count >= MANY and any(differences):
        return _bootstrap(differences, clusters, level, 0)
    worst = (math.fsum(value * value for value in differences) + 1) / (len(differences) + 2)
    half = _quantile(level, count) * math.sqrt(_variance(differences, clusters, mean, worst))
    return Interval(max(-1.0, mean - half), min(1.0, mean + half))


def _bootstrap(values: Sequence[float], clusters: list[list[int]], level: float, seed: int) -> Interval:
    """Percentiles of the means of resampled clusters."""
    draw = random.Random(seed)
    sums = [(math.fsum(values[index] for index in cluster), len(cluster)) for cluster in clusters]
    means = []
    for _ in range(RESAMPLES):
        drawn = draw.choices(sums, k=len(sums))
        means.append(math.fsum(total for total, _ in drawn) / sum(size for _, size in drawn))
    means.sort()
    skip = int(RESAMPLES * (1 - level) / 2)
    return Interval(means[skip], means[-skip - 1])


def _signs_test(differences: Sequence[float], clusters: list[list[int]]) -> float:
    """How likely a sum as far from zero is, were each cluster's difference as likely the other way round."""
    sums = [total for cluster in clusters if (total := math.fsum(differences[index] for index in cluster))]
    seen = abs(math.fsum(sums)) - 1e-9
    if not sums:
        return 1.0
    if len(sums) <= MOST_EXACT:
        hits = sum(
            abs(math.fsum(map(math.prod, zip(signs, sums, strict=True)))) >= seen
            for signs in product((1, -1), repeat=len(sums))
        )
        return float(hits / 2 ** len(sums))
    draw = random.Random(0)
    hits = 1  # the data's own signs are one of them
    for _ in range(DRAWN_SIGNS // max(1, len(sums) // 100)):
        bits = draw.getrandbits(len(sums))
        hits += abs(math.fsum(value if bits >> index & 1 else -value for index, value in enumerate(sums))) >= seen
    return hits / (DRAWN_SIGNS // max(1, len(sums) // 100) + 1)


@cache
def student_quantile(upper: float, freedom: int) -> float:
    """The quantile of Student's distribution. upper: above a half."""

    def below(t: float) -> float:
        return 1 - 0.5 * beta_share(freedom / (freedom + t * t), freedom / 2, 0.5)

    return _bisect(lambda t: below(t) - upper, 0.0, 1e4)


def beta_quantile(share: float, a: float, b: float) -> float:
    """The quantile of a Beta distribution."""
    return _bisect(lambda x: beta_share(x, a, b) - share, 0.0, 1.0)


def beta_share(x: float, a: float, b: float) -> float:
    """The regularized incomplete beta function I_x(a, b), by its continued fraction (Lentz)."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):
        return 1 - beta_share(1 - x, b, a)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)) / a
    c, d = 1.0, 1 / _not_zero(1 - (a + b) * x / (a + 1))
    fraction = d
    for m in range(1, 500):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        before = fraction
        for step in (even, odd):
            d = 1 / _not_zero(1 + step * d)
            c = _not_zero(1 + step / c)
            fraction *= c * d
        if abs(fraction - before) < 1e-14 * abs(fraction):
            break
    return front * fraction


def _not_zero(value: float) -> float:
    return value if abs(value) > 1e-300 else 1e-300


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _bisect(function: Callable[[float], float], low: float, high: float) -> float:
    """Where a monotone function crosses zero."""
    rising = function(high) > function(low)
    for _ in range(80):
        middle = (low + high) / 2
        if (function(middle) > 0) is rising:
            high = middle
        else:
            low = middle
    return (low + high) / 2
