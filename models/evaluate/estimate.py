"""How long an evaluation will take, by what a model took before on this machine."""

import math
from collections.abc import Iterable, Sequence

from models.evaluate.scores import Point

ENDLESS = 32768  # what no limit counts as
LEAST = 64  # an answer without thinking takes time too


def seconds(points: Iterable[Point], model: str, budgets: Sequence[int | None], replies: int) -> float | None:
    """Seconds for so many replies at each budget; None for a model that was never evaluated.

    points: of earlier evaluations, the newest last. A budget that was not tried takes what the nearest one took.
    """
    known: dict[float, float] = {}
    for point in points:
        if point.model == model and point.votes == 1 and point.seconds and point.samples:
            known[_size(point.think)] = point.seconds / point.samples
    if not known:
        return None
    return math.fsum(known[min(known, key=lambda size: abs(size - _size(think)))] * replies for think in budgets)


def _size(think: int | None) -> float:
    return math.log(LEAST + (ENDLESS if think is None else think))
