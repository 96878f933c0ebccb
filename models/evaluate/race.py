"""Which is best for these problems: candidates over one task, each stopped as soon as it can't win any more.

A candidate is a contender under one budget, by a single reply or by the majority of several. All are asked the first 32
problems, those that are left the next 64, then 128, and so on; memory holds one model, so they take turns. After each of
these rounds there is a look at all that are left: who is worse than the one that leads, by the interval of the paired
difference, is out, and so is who would still be behind with every problem to come.

Looking often, and at many, finds differences that are not there: each comparison therefore has an error of 5 % divided
by all that may be made with the best one, looks times candidates but one (Bonferroni). So the chance that the one that
is truly best goes out on the way is below 5 %, however many candidates and looks there are; the price is that a
candidate which is a little worse stays longer. What is said at the end has the same level.

Who is out follows from the rows alone, so a race that was stopped goes on as it would have.
"""

import math
import statistics
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from models.evaluate import intervals, scores
from models.evaluate.evaluations import Contents
from models.evaluate.intervals import Paired
from models.evaluate.records import Dropped, EvaluationCard, Race, Standing
from models.evaluate.scores import Row, how_asked, percent
from models.evaluate.tables import Tables, tables

FIRST_LOOK = 32  # problems that every candidate answers


class Candidate(NamedTuple):
    """What may win."""

    contender: int
    think: int | None
    votes: int


def looks(n: int) -> list[int]:
    """Problems answered at each look: 32, 96, 224 … and all."""
    ends: list[int] = []
    size = FIRST_LOOK
    while (end := (ends[-1] if ends else 0) + size) < n:
        ends.append(end)
        size *= 2
    return [*ends, n]


def candidates(card: EvaluationCard) -> list[Candidate]:
    """Who takes part."""
    return [
        Candidate(contender, think, votes)
        for contender in range(len(card.contenders))
        for think in card.think
        for votes in (1, *card.votes)
    ]


def title(card: EvaluationCard, candidate: Candidate) -> str:
    """What a person calls a candidate."""
    return f"{card.contenders[candidate.contender].title}, {how_asked(candidate.think, candidate.votes)}"


def dropped(contents: Contents) -> dict[Candidate, Dropped]:
    """Who is out by the rows so far, in the order in which they went; looks are made only where all have answered."""
    card, answered = contents.card, tables(contents)
    ids, everyone = [problem.id for problem in contents.task.problems], candidates(contents.card)
    still, out = list(everyone), {}
    for end in looks(len(ids))[:-1]:
        asked = ids[:end]
        if len(still) == 1 or any(_lacks(answered, one, asked) for one in still):
            break
        shares = {one: _shares(answered, one, asked) for one in still}
        leader = max(still, key=lambda one: math.fsum(shares[one]))
        for one in [one for one in still if one != leader]:
            found = _paired(answered, leader, one, asked, shares, level_of(card, len(ids)))
            ahead = math.fsum(shares[leader]) - math.fsum(shares[one])
            if found.interval.high < 0 or ahead > len(ids) - end:
                still.remove(one)
                out[one] = Dropped(
                    who=title(card, one),
                    think=one.think,
                    votes=one.votes,
                    n=end,
                    leader=title(card, leader),
                    difference=found.difference,
                    interval=found.interval,
                )
    return out


def level_of(card: EvaluationCard, n: int) -> float:
    """The level of each comparison, by which all that may be made with the best one hold together."""
    return 1 - (1 - intervals.LEVEL) / max(1, len(looks(n)) * (len(candidates(card)) - 1))


def verdict(contents: Contents) -> Race | None:
    """How it stands, the best one first; None before all that are left have answered a problem."""
    card, answered, out = contents.card, tables(contents), dropped(contents)
    ids = [problem.id for problem in contents.task.problems]
    still = [one for one in candidates(card) if one not in out]
    common = [each for each in ids if not any(each not in answered[one.contender, one.think] for one in still)]
    if not common:
        return None
    shares = {one: _shares(answered, one, common) for one in still}
    costs = {one: _seconds(contents, answered, one) for one in candidates(card)}
    # of two that are right as often the quicker one
    best = max(still, key=lambda one: (math.fsum(shares[one]), -(costs[one] or math.inf)))
    level = level_of(card, len(ids))
    standings = []
    for one in candidates(card):
        own = answered[one.contender, one.think]
        asked = [each for each in ids if each in own and each in answered[best.contender, best.think]]
        if not asked:
            continue
        found = None if one == best else _paired(answered, best, one, asked, None, level)
        point = scores.score((row for each in own for row in own[each]), think=one.think, votes=one.votes)
        standings.append(
            Standing(
                contender=one.contender,
                think=one.think,
                votes=one.votes,
                title=title(card, one),
                n=point.n,
                accuracy=point.accuracy,
                interval=point.interval,
                seconds=costs[one],
                peak_bytes=_peak(contents, one),
                dropped=one in out,
                difference=found.difference if found else None,
                difference_interval=found.interval if found else None,
                only_it=found.only_second if found else 0,
                only_best=found.only_first if found else 0,
            )
        )
    standings.sort(key=lambda one: (one.difference is not None, one.dropped, -one.accuracy))
    return Race(standings=standings, level=level, sentence=" ".join(sentences(standings)))


def sentences(standings: Sequence[Standing]) -> Iterator[str]:
    """Who is best, and by how much. standings: the best one first."""
    best, *others = standings
    low, high = best.interval
    even = [one for one in others if not one.dropped and one.difference_interval and one.difference_interval[1] >= 0]
    worse = [one for one in others if one not in even]
    is_best = f"{best.title} is the best of {len(standings)}"
    yield (
        f"{f'Of {len(standings)} {best.title} did best' if even else is_best}: {percent(best.accuracy)} % right, between"
        f" {percent(low)} and {percent(high)}, on {best.n:,} problems."
    )
    if worse:
        nearest = max(worse, key=lambda one: one.difference or 0.0)
        bounds = nearest.difference_interval or (0.0, 0.0)
        among = "the other" if len(worse) == len(others) == 1 else f"the next, {nearest.title},"
        yield f"It is better than {among} by {-100 * (nearest.difference or 0.0):.1f} points" + (
            f", between {-100 * bounds[1]:.1f} and {-100 * bounds[0]:.1f}." if bounds[1] < 0 else "."
        )
    for one in sorted(even, key=lambda one: one.seconds or math.inf)[:2]:
        bounds = one.difference_interval or (0.0, 0.0)
        pace = f", in {one.seconds / best.seconds:.0%} of the time" if one.seconds and best.seconds else ""
        yield (
            f"There is no clear difference to {one.title}: {100 * (one.difference or 0.0):+.1f} points, between"
            f" {100 * bounds[0]:+.1f} and {100 * bounds[1]:+.1f}{pace}."
        )


def _lacks(answered: Tables, one: Candidate, asked: Sequence[str]) -> bool:
    return any(each not in answered[one.contender, one.think] for each in asked)


def _rows(answered: Tables, one: Candidate, asked: Sequence[str]) -> dict[str, list[Row]]:
    return {each: answered[one.contender, one.think][each] for each in asked}


def _shares(answered: Tables, one: Candidate, asked: Sequence[str]) -> list[float]:
    return scores.shares_right(_rows(answered, one, asked), one.votes)


def _paired(
    answered: Tables,
    first: Candidate,
    second: Candidate,
    asked: Sequence[str],
    shares: dict[Candidate, list[float]] | None,
    level: float,
) -> Paired:
    a, b = (shares[one] if shares else _shares(answered, one, asked) for one in (first, second))
    return intervals.paired(a, b, scores.groups_of(_rows(answered, first, asked)), level)


def _seconds(contents: Contents, answered: Tables, one: Candidate) -> float | None:
    """Seconds a problem takes: the tokens of its replies at the pace at which the contender drew."""
    took = [sitting for sitting in contents.sittings if sitting.contender == one.contender]
    seconds, tokens = math.fsum(sitting.seconds for sitting in took), sum(sitting.tokens for sitting in took)
    replies = [row for rows in answered[one.contender, one.think].values() for row in rows]
    if not tokens or not replies:
        return None
    length = statistics.fmean((row.thinking_tokens or 0) + (row.answer_tokens or 0) for row in replies)
    return one.votes * length * seconds / tokens


def _peak(contents: Contents, one: Candidate) -> int | None:
    return max(
        (sitting.peak_bytes for sitting in contents.sittings if sitting.contender == one.contender), default=None
    )
