"""The rows of the table of scores: what was measured here, and below it, apart, what others published."""

from collections.abc import Sequence

import msgspec

from app.desktop.pages.evaluate import words
from app.desktop.pages.evaluate.listing import Measured
from models import budgets, quantities
from models.evaluate import published, results, tasks
from models.evaluate.records import Contender
from models.evaluate.scores import Point, percent
from models.events import Model

MOST_TASKS = 3
APART = "Published by others, measured elsewhere and in other ways"
USUAL = ("aime24", "math500", "gsm8k")  # columns beside those of which figures are published


class Score(msgspec.Struct, frozen=True):
    """An accuracy, and what is to be known of it."""

    percent: str
    said: str


class ScoreRow(msgspec.Struct, frozen=True, kw_only=True):
    """A model with its scores by task."""

    title: str
    scores: dict[str, Score]
    thinking: str = ""
    speed: str = ""
    memory: str = ""
    source: str  # "measured here" or "published"; empty for the line between them
    said: str  # of the source
    here: bool


class ScoreTable(msgspec.Struct, frozen=True):
    """tasks: name and title of each column; shown: the place of the one that the page is about."""

    tasks: list[tuple[str, str]]
    rows: list[ScoreRow]
    shown: int = 0


def table(measured: Sequence[Measured], task: str, models: Sequence[Model]) -> ScoreTable:
    """The table: a measured row a contender, the newest first, each accuracy at the budget that is enough for it.

    task: the name of the one that is shown.
    """
    columns = _columns(measured, task)
    titles = _titles(measured)
    names = [name for name, _ in columns]
    rows = _measured_rows(measured, names, task, models)
    others = _published_rows(names)
    apart = [ScoreRow(title=APART, scores={}, source="", said="", here=False)] if others else []
    shown = names.index(task) if task in names else 0
    return ScoreTable([(name, titles.get(name, title)) for name, title in columns], [*rows, *apart, *others], shown)


def _columns(measured: Sequence[Measured], task: str) -> list[tuple[str, str]]:
    newest = [one.evaluation.card.task.name for one in reversed(measured)]
    wanted = list(dict.fromkeys([*([task] if task else []), *newest]))[:MOST_TASKS]
    if any(name in one.accuracy for one in published.published() for name in wanted):
        wanted += [name for name in USUAL if name not in wanted][: MOST_TASKS - len(wanted)]
    known = {one.name: one.title for one in tasks.built_in()}
    order = [*(name for name in USUAL if name in wanted), *(name for name in wanted if name not in USUAL)]
    return [(name, known.get(name, name)) for name in order]


def _titles(measured: Sequence[Measured]) -> dict[str, str]:
    return {
        one.evaluation.card.task.name: one.evaluation.card.task.title
        for one in measured
        if one.evaluation.card.task.title
    }


def _measured_rows(
    measured: Sequence[Measured], names: Sequence[str], task: str, models: Sequence[Model]
) -> list[ScoreRow]:
    found: dict[Contender, dict[str, tuple[Measured, Point]]] = {}
    for one in reversed(measured):
        for number, contender in enumerate(one.evaluation.card.contenders):
            points = [point for point in one.points if point.contender == number and point.votes == 1]
            if points:
                mine = found.setdefault(contender, {})
                mine.setdefault(one.evaluation.card.task.name, (one, results.enough(points) or points[-1]))
    rows = []
    for contender, mine in found.items():
        shown = {name: mine[name] for name in names if name in mine}
        if not shown:
            continue
        point = (shown.get(task) or next(iter(shown.values())))[1]
        rows.append(
            ScoreRow(
                title=words.who(contender, models),
                scores={name: _score(one, at) for name, (one, at) in shown.items()},
                thinking=f"{point.thinking_tokens:,.0f}" if point.thinking_tokens is not None else "",
                speed=f"{point.tokens_per_s:,.0f}" if point.tokens_per_s else "",
                memory=quantities.size(point.peak_bytes) if point.peak_bytes else "",
                source="measured here",
                said="Measured on this computer",
                here=True,
            )
        )
    return rows


def _published_rows(names: Sequence[str]) -> list[ScoreRow]:
    return [
        ScoreRow(
            title=one.title,
            scores={name: Score(f"{one.accuracy[name]:.1f}", one.source) for name in names if name in one.accuracy},
            source="published",
            said=one.source,
            here=False,
        )
        for one in published.published()
        if any(name in one.accuracy for name in names)
    ]


def _score(one: Measured, point: Point) -> Score:
    facts = one.evaluation.card.task
    problems = f"{facts.problems:,} of {facts.of:,} problems" if facts.of > facts.problems else f"{point.n:,} problems"
    return Score(
        f"{100 * point.accuracy:.1f}",
        f"{percent(point.accuracy)} %, {words.between(point.interval)}, thinking {budgets.describe(point.think)}, {problems}",
    )
