"""Several evaluations of the same problems beside each other: curves of their points, and each problem's attempts."""

from collections.abc import Mapping, Sequence

import msgspec

from models.evaluate import results, scores
from models.evaluate.evaluations import Contents
from models.evaluate.problems import Task
from models.evaluate.records import Contender, EvaluationCard, Paired, ReplyRow, TaskFacts
from models.evaluate.scores import Point
from models.evaluate.tables import row_of

Key = tuple[int, int | None, int]  # a curve, a budget, a number of votes


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """The points of one contender, by budget and number of votes in ascending order."""

    contender: Contender
    points: list[Point]

    def points_of(self, votes: int) -> list[Point]:
        """Those of one number of votes."""
        return [point for point in self.points if point.votes == votes]

    @property
    def votes(self) -> list[int]:
        """The numbers of votes that it has points for."""
        return sorted({point.votes for point in self.points})


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one problem: of one contender, at one budget."""

    share: float  # of its replies that are right, or of its majorities
    cut: bool  # all of its replies were cut
    rows: list[ReplyRow]
    card: EvaluationCard  # of the evaluation that they belong to


class Board(msgspec.Struct, frozen=True, kw_only=True):
    """Evaluations of the same problems."""

    facts: TaskFacts
    task: Task
    cards: list[EvaluationCard]  # oldest first
    series: list[Series]
    attempts: dict[Key, dict[str, Attempt]]  # by the problem's id
    compared: list[Contender]  # by the newest evaluation that compares two; empty without one
    comparisons: list[Paired]  # its own

    def attempt(self, key: Key, problem: str) -> Attempt | None:
        """What came of a problem; None while nothing did."""
        return self.attempts.get(key, {}).get(problem)

    def used(self, series: int, think: int | None) -> float:
        """Thinking tokens of a reply, on average."""
        rows = [row for attempt in self.attempts.get((series, think, 1), {}).values() for row in attempt.rows]
        return sum(row.thinking_tokens for row in rows) / len(rows) if rows else 0.0

    def budgets(self) -> list[int | None]:
        """All budgets, ascending."""
        return sorted({think for _, think, _ in self.attempts}, key=lambda think: (think is None, think or 0))


def board(opened: Sequence[Contents], known: Mapping[str, list[Point]] | None = None) -> Board:
    """Put evaluations of the same problems together; where two asked the same of the same, the newer one counts.

    opened: one at least, oldest first, of one task hash; known: points of some of them, by id, that need not be computed.
    """
    found: dict[bytes, dict[int | None, tuple[Contents, int]]] = {}
    whose: dict[bytes, Contender] = {}
    for contents in opened:
        for number, contender in enumerate(contents.card.contenders):
            key = _identity(contents.card, contender)
            whose[key] = contender
            for think in contents.card.think:
                found.setdefault(key, {})[think] = contents, number
    points = {contents.card.id: (known or {}).get(contents.card.id) or results.points(contents) for contents in opened}
    replies = {contents.card.id: _replies(contents) for contents in opened}
    series: list[Series] = []
    attempts: dict[Key, dict[str, Attempt]] = {}
    for place, (key, budgets) in enumerate(found.items()):
        mine: list[Point] = []
        for think, (contents, number) in sorted(budgets.items(), key=lambda one: (one[0] is None, one[0] or 0)):
            mine += [one for one in points[contents.card.id] if (one.contender, one.think) == (number, think)]
            by_problem = replies[contents.card.id].get((number, think), {})
            for votes in (1, *contents.card.votes):
                attempts[place, think, votes] = {
                    problem: _attempt(contents, rows, votes) for problem, rows in by_problem.items()
                }
        series.append(Series(contender=whose[key], points=mine))
    newest = opened[-1]
    comparing = next((one for one in reversed(opened) if one.card.is_comparison), None)
    return Board(
        facts=newest.card.task,
        task=newest.task,
        cards=[contents.card for contents in opened],
        series=series,
        attempts=attempts,
        compared=comparing.card.contenders if comparing else [],
        comparisons=results.compared(comparing) if comparing else [],
    )


def _identity(card: EvaluationCard, contender: Contender) -> bytes:
    """What makes points belong to one curve: the same files, asked in the same way."""
    return msgspec.json.encode((contender, card.sampling, card.answer_tokens, card.seed))


def _replies(contents: Contents) -> dict[tuple[int, int | None], dict[str, list[ReplyRow]]]:
    tables: dict[tuple[int, int | None], dict[str, list[ReplyRow]]] = {}
    for row in contents.rows:
        tables.setdefault((row.contender, row.think), {}).setdefault(row.problem, []).append(row)
    return tables


def _attempt(contents: Contents, rows: list[ReplyRow], votes: int) -> Attempt:
    rows = sorted(rows, key=lambda row: row.sample)
    (share,) = scores.shares_right({"": [row_of(row) for row in rows]}, votes)
    return Attempt(share=share, cut=all(row.correct is None for row in rows), rows=rows, card=contents.card)
