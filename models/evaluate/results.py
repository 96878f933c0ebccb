"""What an evaluation's rows come to: points of a curve, comparisons of two contenders, and which budget is enough."""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from models.evaluate import intervals, race, scores
from models.evaluate.evaluations import Contents, open_evaluation
from models.evaluate.intervals import Interval
from models.evaluate.records import Evaluated, EvaluationCard, Paired, ReplyRow
from models.evaluate.scores import Point, how_asked
from models.evaluate.tables import tables


def evaluated(folder: Path) -> Evaluated:
    """The record of an evaluation from its folder, as far as it is. Raises NotFound, Corrupt."""
    contents = open_evaluation(str(folder))
    comparisons = compared(contents)
    longest = [pair for pair in comparisons if pair.votes == 1]
    return Evaluated(
        id=contents.card.id,
        folder=str(folder),
        task=contents.card.task.name,
        title=contents.card.task.title or contents.card.task.name,
        points=points(contents),
        paired=longest[-1] if longest else None,
        comparisons=comparisons,
        notes=notes(contents.card),
        race=race.verdict(contents) if contents.card.race else None,
        seconds=round(math.fsum(sitting.seconds for sitting in contents.sittings), 1),
        unread=contents.task.left_out,
    )


def points(contents: Contents) -> list[Point]:
    """A point for each contender, budget and number of votes that has a problem with all its replies."""
    card, found = contents.card, []
    answered = tables(contents)
    for number, contender in enumerate(card.contenders):
        for think in card.think:
            rows = [row for of_one in answered[number, think].values() for row in of_one]
            if not rows:
                continue
            took = [one for one in contents.sittings if (one.contender, one.think) == (number, think)]
            seconds = math.fsum(sitting.seconds for sitting in took)
            tokens = sum(sitting.tokens for sitting in took)
            alone = [row.seconds for row in rows if row.seconds is not None]
            for votes in (1, *card.votes):
                found.append(
                    msgspec.structs.replace(
                        scores.score(rows, think=think, votes=votes),
                        seconds=round(seconds, 1) or None,
                        tokens_per_s=round(tokens / seconds, 2) if seconds else None,
                        peak_bytes=max((sitting.peak_bytes for sitting in took), default=None),
                        contender=number,
                        model=contender.model,
                        adapter=contender.adapter,
                        calm=contender.calm,
                        best_of=scores.mean_pass_at(rows, card.samples) if card.samples > 1 and votes == 1 else None,
                        reply_seconds=scores.percentile(alone, 0.5),
                        shared=think in sharing(card)[1:],
                    )
                )
    return found


def compared(contents: Contents) -> list[Paired]:
    """The first contender against the second, for each budget and number of votes; empty for one alone and for a race."""
    card = contents.card
    if not card.is_comparison:
        return []
    answered, found = tables(contents), []
    names = [contender.title for contender in card.contenders]
    for think in card.think:
        first, second = ([row for rows in answered[n, think].values() for row in rows] for n in (0, 1))
        both = answered[0, think].keys() & answered[1, think].keys()
        for votes in (1, *card.votes) if both else ():
            pair = scores.compare(second, first, votes)
            found.append(
                Paired(
                    think=think,
                    votes=votes,
                    n=pair.n,
                    difference=pair.difference,
                    interval=pair.interval,
                    p=pair.p,
                    only_first=len(pair.only_second),
                    only_second=len(pair.only_first),
                    flipped=pair.only_second,
                    lost=pair.only_first,
                    verdict=pair.sentence(),
                    sentence=f"{names[0]} against {names[1]}, {how_asked(think, votes)}: {pair.sentence()}",
                )
            )
    return found


def enough(found: Sequence[Point]) -> Point | None:
    """The point with the shortest budget whose accuracy lies within the interval of the best one; None without points.

    found: of one contender.
    """
    plain = [point for point in found if point.votes == 1]
    if not plain:
        return None
    best = max(plain, key=lambda point: point.accuracy)
    good = [point for point in plain if point.accuracy >= best.interval[0]]
    return min(good, key=lambda point: (point.think is None, point.think or 0))


def notes(card: EvaluationCard) -> list[str]:
    """What a reader of the points has to know."""
    if len(sharing(card)) > 1:
        return ["The budgets share their draws: a longer one goes on from the thinking of a shorter one."]
    return []


def sharing(card: EvaluationCard) -> list[int | None]:
    """The budgets that may share draws, in ascending order: a reply without thinking is another one from its start."""
    return [think for think in card.think if think != 0]


class Tally:
    """Accuracy so far of each contender and budget, while replies come in."""

    def __init__(self, rows: Iterable[ReplyRow]) -> None:
        self._right: dict[tuple[int, int | None], dict[str, list[bool]]] = {}
        for row in rows:
            self._take(row)

    def take(self, row: ReplyRow) -> tuple[float, Interval]:
        """Count a row; returns the mean over problems so far, and its interval as if each stood alone."""
        known = self._take(row)
        values = [sum(right) / len(right) for right in known.values()]
        mean = math.fsum(values) / len(values)
        if len(values) >= intervals.MANY and any(0 < value < 1 for value in values):
            return mean, intervals.wilson(mean * len(values), len(values))  # a bootstrap a reply would take too long
        return mean, intervals.mean_interval(values)

    def _take(self, row: ReplyRow) -> dict[str, list[bool]]:
        known = self._right.setdefault((row.contender, row.think), {})
        known.setdefault(row.problem, []).append(row.correct is True)
        return known
