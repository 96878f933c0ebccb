"""What an evaluation's rows come to: points of a curve, comparisons of two contenders, and which budget is enough."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from models import budgets, quantities
from models.answers import verify
from models.evaluate import intervals, run_folder, scores
from models.evaluate.records import Contender, Evaluated, EvaluationCard, Paired, Point, Row
from models.evaluate.run_folder import Sitting
from models.evaluate.tasks import Problem

ByProblem = dict[str, list[Row]]  # samples in their order


def evaluated(folder: Path) -> Evaluated:
    """The record of an evaluation from its folder, as far as it is. Raises NotFound, Corrupt."""
    card = run_folder.read_card(folder)
    problems, rows = run_folder.read_problems(folder), run_folder.read_rows(folder)
    sittings = run_folder.read_sittings(folder)
    return Evaluated(
        id=card.id,
        folder=str(folder),
        task=card.task.title or card.task.name,
        points=points(card, problems, rows, sittings),
        paired=paired(card, problems, rows),
        notes=notes(card),
        seconds=round(sum(sitting.seconds for sitting in sittings), 1),
    )


def points(
    card: EvaluationCard, problems: Sequence[Problem], rows: Iterable[Row], sittings: Sequence[Sitting] = ()
) -> list[Point]:
    """A point for each contender, budget and number of votes that has a problem with all its replies."""
    groups, found = _groups(problems), []
    tables = _tables(card, rows)
    for number, contender in enumerate(card.contenders):
        for think in card.think:
            table = tables[number, think]
            for votes in (1, *card.votes):
                point = _point(card, contender, number, think, votes, problems, groups, table, sittings)
                if point is not None:
                    found.append(point)
    return found


def paired(card: EvaluationCard, problems: Sequence[Problem], rows: Iterable[Row]) -> list[Paired]:
    """The first contender against the second, for each budget and number of votes; empty for one alone."""
    if len(card.contenders) < 2:
        return []
    groups, tables, found = _groups(problems), _tables(card, rows), []
    for think in card.think:
        for votes in (1, *card.votes):
            first = _scores(card, problems, tables[0, think], votes)
            second = _scores(card, problems, tables[1, think], votes)
            both = [problem.id for problem in problems if problem.id in first and problem.id in second]
            if both:
                names = [contender.title for contender in card.contenders]
                of = [groups[each] for each in both]
                one, other = [first[each] for each in both], [second[each] for each in both]
                found.append(compared(one, other, of, names=(names[0], names[1]), think=think, votes=votes))
    return found


def compared(
    first: Sequence[float],
    second: Sequence[float],
    groups: Sequence[str] = (),
    *,
    names: tuple[str, str],
    think: int | None = None,
    votes: int = 1,
) -> Paired:
    """The scores of two on the same problems, with the sentence that says who is better."""
    n = len(first)
    deltas = [one - other for one, other in zip(first, second, strict=True)]
    only_first, only_second = sum(delta > 0 for delta in deltas), sum(delta < 0 for delta in deltas)
    low, high = intervals.difference(first, second, groups)
    whole = all(delta in (-1.0, 0.0, 1.0) for delta in deltas) and not any(groups)
    p_value = intervals.sign_test(only_first, only_second) if whole else intervals.permutation_test(deltas, groups)
    difference = sum(deltas) / n if n else 0.0
    # the interval and the test may differ by a hair where few problems differ: both have to say it
    sure = p_value < 1 - intervals.LEVEL and (low > 0 or high < 0)
    return Paired(
        think=think,
        votes=votes,
        n=n,
        difference=difference,
        interval=(low, high),
        only_first=only_first,
        only_second=only_second,
        p_value=p_value,
        sentence=_sentence(names, difference, (low, high), n, only_first, only_second, sure, _how(think, votes)),
    )


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


def outlook(problems: int, replies: int, accuracy: float = 0.5) -> str:
    """What so many problems can show, in a sentence. replies: to be drawn in all."""
    gain = intervals.detectable(problems, accuracy)
    counted = quantities.counted(problems, "problem")
    if gain >= 0.9:
        return f"{counted}: too few to show any difference between two models."
    return f"{counted} show a difference of about {100 * gain:.0f} points four times in five."


def notes(card: EvaluationCard) -> list[str]:
    """What a reader of the points has to know."""
    if len(card.think) > 1:
        return ["The budgets share their draws: a longer one goes on from the thinking of a shorter one."]
    return []


class Tally:
    """Accuracy so far of each contender and budget, while replies come in."""

    def __init__(self, card: EvaluationCard, rows: Iterable[Row]) -> None:
        self._samples = card.samples
        self._right: dict[tuple[int, int | None], dict[str, list[bool]]] = {}
        for row in rows:
            self._take(row)

    def take(self, row: Row) -> tuple[float, tuple[float, float]]:
        """Count a row; returns the mean over problems, and its interval as if each stood alone."""
        known = self._take(row)
        values = [sum(right) / len(right) for right in known.values()]
        if len(values) > 400 and all(value in (0.0, 1.0) for value in values):
            return sum(values) / len(values), intervals.wilson(sum(values), len(values))
        samples = max(len(right) for right in known.values())
        return sum(values) / len(values), intervals.mean(values, samples=samples)

    def _take(self, row: Row) -> dict[str, list[bool]]:
        known = self._right.setdefault((row.contender, row.think), {})
        known.setdefault(row.problem, []).append(row.correct is True)
        return known


def _point(
    card: EvaluationCard,
    contender: Contender,
    number: int,
    think: int | None,
    votes: int,
    problems: Sequence[Problem],
    groups: dict[str, str],
    table: ByProblem,
    sittings: Sequence[Sitting],
) -> Point | None:
    found = _scores(card, problems, table, votes)
    if not found:
        return None
    rows = [row for problem in found for row in table[problem]]
    values = list(found.values())
    took = [sitting for sitting in sittings if (sitting.contender, sitting.think) == (number, think)]
    seconds = sum(sitting.seconds for sitting in took)
    right = sum(values)
    several = card.samples if votes == 1 else 1
    best = None
    if card.samples > 1 and votes == 1:
        hits = [sum(row.correct is True for row in table[problem]) for problem in found]
        best = sum(scores.best_of(hit, card.samples, card.samples) for hit in hits) / len(hits)
    return Point(
        model=contender.model,
        adapter=contender.adapter,
        calm=contender.calm,
        contender=number,
        think=think,
        votes=votes,
        n=len(found),
        correct=int(right) if right == int(right) else round(right, 4),
        cut=sum(row.correct is None for row in rows),
        accuracy=right / len(found),
        interval=intervals.mean(values, [groups[problem] for problem in found], several),
        best_of=best,
        samples=card.samples,
        thinking_tokens=scores.middle([row.thinking_tokens for row in rows]),
        thinking_p90=scores.p90([row.thinking_tokens for row in rows]),
        answer_tokens=scores.middle([row.answer_tokens for row in rows]),
        seconds=round(scores.middle([row.seconds for row in rows]), 3),
        tokens_per_s=round(sum(sitting.tokens for sitting in took) / seconds, 2) if seconds else 0.0,
        peak_bytes=max((sitting.peak_bytes for sitting in took), default=0),
        shared=any(row.shared for row in rows),
    )


def _tables(card: EvaluationCard, rows: Iterable[Row]) -> dict[tuple[int, int | None], ByProblem]:
    tables: dict[tuple[int, int | None], ByProblem] = {
        (number, think): {} for number in range(len(card.contenders)) for think in card.think
    }
    for row in rows:
        if (row.contender, row.think) in tables:
            tables[row.contender, row.think].setdefault(row.problem, []).append(row)
    for table in tables.values():
        for found in table.values():
            found.sort(key=lambda row: row.sample)
    return tables


def _scores(card: EvaluationCard, problems: Sequence[Problem], table: ByProblem, votes: int) -> dict[str, float]:
    """Of each problem with all its replies: the share that is right, or whether the majority is."""
    whole = {each.id: table[each.id] for each in problems if len(table.get(each.id, ())) >= card.samples}
    if votes == 1:
        return {problem: scores.accuracy(rows) for problem, rows in whole.items()}
    readers = {each.id: verify.reader(each.kind) for each in problems}
    return {problem: scores.voted(rows[:votes], readers[problem]) for problem, rows in whole.items()}


def _groups(problems: Sequence[Problem]) -> dict[str, str]:
    return {problem.id: problem.group for problem in problems}


def _how(think: int | None, votes: int) -> str:
    return f"thinking {budgets.describe(think)}" + (f", majority of {votes}" if votes > 1 else "")


def _sentence(
    names: tuple[str, str],
    difference: float,
    interval: tuple[float, float],
    n: int,
    only_first: int,
    only_second: int,
    sure: bool,
    how: str,
) -> str:
    first, second = names
    low, high = (100 * bound for bound in interval)
    counts = f"of {quantities.counted(n, 'problem')} {only_first:,} only {first} got right, {only_second:,} only {second}"
    if not sure:
        return f"No difference is shown between {first} and {second} ({how}): {100 * difference:+.1f} points, between {low:+.1f} and {high:+.1f}; {counts}."
    word = "better" if difference > 0 else "worse"
    low, high = sorted((abs(low), abs(high)))
    return f"{first} is {word} than {second} by {abs(100 * difference):.1f} points, between {low:.1f} and {high:.1f} ({how}): {counts}."
