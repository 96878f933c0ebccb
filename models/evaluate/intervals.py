"""How sure a share is: 95 % intervals that are honest for few problems, for several samples of each, and for pairs.

Problems are the unit: samples of one problem say the same thing again, and so do problems of one group (five questions
on one text), so each group counts once, with its mean. One reply a problem, each a group of its own: the Wilson
interval. Otherwise a Beta interval with as many trials as the spread between groups allows, and from CLUSTERS groups on
a bootstrap over groups. 0 of n and n of n have an interval too.

Sources: Brown, Cai, DasGupta, "Interval estimation for a binomial proportion" (2001); Miller, "Adding error bars to
evals" (2024), for clusters; Tango, "Equivalence test and confidence interval for the difference in proportions for the
paired-sample design" (1998); McNemar's exact test.
"""

import math
import random
from collections.abc import Callable, Sequence
from statistics import NormalDist

Interval = tuple[float, float]

LEVEL = 0.95
Z = NormalDist().inv_cdf(0.5 + LEVEL / 2)
POWER = 0.8
CLUSTERS = 100  # groups from which a bootstrap over them is trusted
DRAWS = 2000


def wilson(right: float, n: int) -> Interval:
    """The interval of a share, `right` of `n` independent problems. (0, 1) for none."""
    if n == 0:
        return 0.0, 1.0
    share, square = right / n, Z * Z
    middle = (share + square / (2 * n)) / (1 + square / n)
    half = Z / (1 + square / n) * math.sqrt(share * (1 - share) / n + square / (4 * n * n))
    return (0.0 if right == 0 else max(0.0, middle - half)), (1.0 if right == n else min(1.0, middle + half))


def mean(values: Sequence[float], groups: Sequence[str] = (), samples: int = 1, seed: int = 0) -> Interval:
    """The interval of the mean of problems' scores, each from 0 to 1.

    groups: of each problem; "" stands alone. samples: replies of which each score is the mean.
    """
    clusters = _clusters(values, groups)
    if not clusters:
        return 0.0, 1.0
    plain = len(clusters) == len(values) and all(value in (0.0, 1.0) for value in values)
    if plain:
        return wilson(sum(values), len(values))
    if len(clusters) >= CLUSTERS:
        return _bootstrap(clusters, seed)
    return _beta_mean(clusters, samples)


def difference(
    first: Sequence[float], second: Sequence[float], groups: Sequence[str] = (), seed: int = 0
) -> Interval:
    """The interval of mean(first) - mean(second) over the same problems."""
    n = len(first)
    if n == 0:
        return -1.0, 1.0
    deltas = [one - other for one, other in zip(first, second, strict=True)]
    clusters = _clusters(deltas, groups)
    if len(clusters) == n and all(delta in (-1.0, 0.0, 1.0) for delta in deltas):
        return tango(deltas.count(1.0), deltas.count(-1.0), n)
    if len(clusters) >= CLUSTERS:
        return _bootstrap(clusters, seed)
    return _t_mean(clusters)


def tango(only_first: int, only_second: int, n: int) -> Interval:
    """The score interval of (only_first - only_second) / n for n pairs of right or wrong; holds for few pairs too."""
    if n == 0:
        return -1.0, 1.0

    def score(delta: float) -> float:
        """How far the counts are from a difference of `delta`, in standard deviations."""
        b = -only_first - only_second + (2 * n - only_first + only_second) * delta
        c = -only_second * delta * (1 - delta)
        q = (math.sqrt(max(0.0, b * b - 8 * n * c)) - b) / (4 * n)  # share of only_second under that difference
        variance = n * (2 * q + delta * (1 - delta))
        apart = only_first - only_second - n * delta
        return apart / math.sqrt(variance) if variance > 1e-12 else math.copysign(math.inf, apart) if apart else 0.0

    found = (only_first - only_second) / n
    low = _root(lambda delta: score(delta) - Z, -1.0, found)
    high = _root(lambda delta: score(delta) + Z, found, 1.0)
    return low, high


def sign_test(only_first: int, only_second: int) -> float:
    """The probability, of two sides, of counts at least as uneven by chance alone (McNemar, exact)."""
    n, few = only_first + only_second, min(only_first, only_second)
    if n == 0:
        return 1.0
    tail = sum(math.comb(n, k) for k in range(few + 1)) / 2**n
    return min(1.0, 2 * tail)


def permutation_test(deltas: Sequence[float], groups: Sequence[str] = (), seed: int = 0) -> float:
    """The probability, of two sides, of a mean difference at least as large when the sign of each group's is chance."""
    sums = [sum(cluster) for cluster in _clusters(deltas, groups) if any(cluster)]
    found = abs(sum(sums)) - 1e-12
    if not sums:
        return 1.0
    if len(sums) <= 12:
        ways = range(1 << len(sums))
        hits = sum(abs(sum(-s if way >> i & 1 else s for i, s in enumerate(sums))) >= found for way in ways)
        return hits / len(ways)
    chance = random.Random(seed)
    hits = sum(abs(sum(s if chance.random() < 0.5 else -s for s in sums)) >= found for _ in range(DRAWS))
    return (hits + 1) / (DRAWS + 1)


def detectable(n: int, accuracy: float = 0.5, apart: float | None = None) -> float:
    """The smallest difference that n paired problems show in four of five comparisons, 0 to 1; 1 when none would.

    accuracy: about where the two stand; apart: the share of problems on which they differ, guessed from the accuracy
    when None: two related models agree on about half of what two strangers would differ on.
    """
    if n < 1:
        return 1.0
    discordant = accuracy * (1 - accuracy) if apart is None else apart
    power = NormalDist().inv_cdf(POWER)
    low, high = 0.0, 1.0
    for _ in range(50):
        delta = (low + high) / 2
        share = max(discordant, delta)
        need = (Z * math.sqrt(share) + power * math.sqrt(max(0.0, share - delta * delta))) ** 2 / max(delta, 1e-9) ** 2
        low, high = (low, delta) if need <= n else (delta, high)
    return 1.0 if high > 0.999 else high


def beta_interval(right: float, wrong: float) -> Interval:
    """The interval of a share with Jeffreys' prior; whole numbers are not needed."""
    low = 0.0 if right <= 0 else _beta_quantile((1 - LEVEL) / 2, right + 0.5, wrong + 0.5)
    high = 1.0 if wrong <= 0 else _beta_quantile((1 + LEVEL) / 2, right + 0.5, wrong + 0.5)
    return low, high


def _clusters(values: Sequence[float], groups: Sequence[str]) -> list[list[float]]:
    found: dict[object, list[float]] = {}
    for place, value in enumerate(values):
        group = groups[place] if place < len(groups) else ""
        found.setdefault(group or place, []).append(value)
    return list(found.values())


def _spread(clusters: list[list[float]]) -> tuple[float, float]:
    """Mean over all values, and its variance with whole clusters as the unit."""
    n, m = sum(map(len, clusters)), len(clusters)
    middle = sum(map(sum, clusters)) / n
    if m < 2:
        return middle, math.inf
    squares = sum((sum(cluster) - len(cluster) * middle) ** 2 for cluster in clusters)
    return middle, squares / (n * n) * m / (m - 1)


def _beta_mean(clusters: list[list[float]], samples: int) -> Interval:
    """Shares of few groups: as many trials as their spread is worth, at least one, at most one a reply."""
    middle, variance = _spread(clusters)
    m = len(clusters)
    if m < 2:
        return beta_interval(middle, 1 - middle)
    trials = middle * (1 - middle) / variance if variance > 0 else float(m)
    trials = min(max(trials, 1.0), float(samples * sum(map(len, clusters))))
    trials *= (Z / _t(m - 1)) ** 2  # the spread of few groups is known badly
    return beta_interval(middle * trials, (1 - middle) * trials)


def _t_mean(clusters: list[list[float]]) -> Interval:
    """A mean of differences of few groups by Student's t, widened to what one group more on either side would do."""
    middle, variance = _spread(clusters)
    m = len(clusters)
    if m < 2:
        return -1.0, 1.0
    floor = 1 / (m + 2) ** 2  # all alike is no proof that no other is possible
    half = _t(m - 1) * math.sqrt(max(variance, floor / m))
    return max(-1.0, middle - half), min(1.0, middle + half)


def _bootstrap(clusters: list[list[float]], seed: int) -> Interval:
    chance = random.Random(seed)
    sums = [(sum(cluster), len(cluster)) for cluster in clusters]
    means = []
    for _ in range(DRAWS):
        drawn = chance.choices(sums, k=len(sums))
        means.append(sum(total for total, _ in drawn) / sum(size for _, size in drawn))
    means.sort()
    low, high = means[round(DRAWS * (1 - LEVEL) / 2)], means[round(DRAWS * (1 + LEVEL) / 2) - 1]
    if low == high and low in (0.0, 1.0):  # all right or all wrong: the bootstrap can't see beyond
        return wilson(low * len(clusters), len(clusters))
    return low, high


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    """Where a falling function crosses 0."""
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) > 0 else (low, middle)
    return (low + high) / 2


def _beta_quantile(share: float, a: float, b: float) -> float:
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _beta_below(middle, a, b) < share else (low, middle)
    return (low + high) / 2


def _beta_below(x: float, a: float, b: float) -> float:
    """The regularized incomplete beta function, by its continued fraction (Numerical Recipes, 6.4)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(x, a, b) / a
    return 1 - front * _fraction(1 - x, b, a) / b


def _fraction(x: float, a: float, b: float) -> float:
    tiny = 1e-30
    c, d = 1.0, 1 / ((1 - (a + b) * x / (a + 1)) or tiny)
    total = d
    for m in range(1, 300):
        for step in (m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
                     -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))):  # fmt: skip
            d = 1 / ((1 + step * d) or tiny)
            c = (1 + step / c) or tiny
            total *= c * d
        if abs(c * d - 1) < 1e-12:
            break
    return total


def _t(freedom: int) -> float:
    """Student's t for LEVEL, by the Beta distribution that it is made of."""
    x = _beta_quantile(1 - LEVEL, freedom / 2, 0.5)  # P(|T| > t) = I_x(freedom / 2, 1 / 2)
    return math.sqrt(freedom * (1 - x) / x)
