"""The page in words: who is evaluated, on what, how far it is, and what a point says."""

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import msgspec

from app.desktop.pages.evaluate.listing import Entry, Group
from app.desktop.services import run_entries
from app.desktop.widgets import job_words
from models import budgets, quantities
from models.evaluate import race, tasks
from models.evaluate.board import Board
from models.evaluate.intervals import Interval
from models.evaluate.records import Contender, EvaluationCard, Standing
from models.evaluate.scores import Point, how_asked, percent
from models.events import Model
from models.jobs.kinds.evaluate import Evaluate
from models.jobs.queue import Job
from models.store import titles

PLAIN = "as it is"
_MATHS = re.compile(r"[$\\]")
_PIECE = re.compile(r"[^-\s·/]+[-\s·/]*")


def who(contender: Contender, models: Sequence[Model]) -> str:
    """What a person calls a contender."""
    base = run_entries.base_title(contender.model, models)
    adapter = run_entries.base_title(contender.adapter, models) if contender.adapter else ""
    return " · ".join(part for part in (base, adapter, "calm" if contender.calm else "") if part)


def curve_titles(board: Board, models: Sequence[Model]) -> list[str]:
    """What each curve is called; one that has the name of another gets a number."""
    plain = [who(series.contender, models) for series in board.series]
    before = [plain[:place].count(title) for place, title in enumerate(plain)]
    return [f"{title} ({same + 1})" if same else title for title, same in zip(plain, before, strict=True)]


def pill(group: Group) -> str:
    """A group in the toolbar: task, problems, seed."""
    facts = group.facts
    if facts is None:
        known = {task.name: task.title for task in tasks.built_in()}
        return f"{known.get(group.task_name) or Path(group.task_name).stem} · seed {group.seed}"
    of = f"{facts.problems:,} of {facts.of:,}" if facts.of > facts.problems else f"{facts.problems:,}"
    problems = "problem" if facts.problems == 1 and facts.of <= 1 else "problems"
    return f"{facts.title or facts.name} · {of} {problems} · seed {group.seed}"


def beside(group: Group, models: Sequence[Model]) -> str:
    """What stands beside a group in the menu: who was asked, or that it is under way."""
    busy = next((entry.state for entry in group.entries if entry.state not in ("done", "stopped")), "")
    names = list(dict.fromkeys(who(one, models) for entry in group.entries for one in entry.contenders))
    people = names[0] if len(names) == 1 else f"{len(names)} contenders"
    return busy or people


def short_names(titles: Sequence[str]) -> list[str]:
    """What tells names apart: of R1-Distill-Qwen-7B and R1-Distill-Qwen-1.5B the ends."""
    if len(titles) < 2:
        return list(titles)
    pieces = [_pieces(title) for title in titles]
    start = 0
    while all(len(one) > start for one in pieces) and len({one[start].strip("- ·/") for one in pieces}) == 1:
        start += 1
    rest = [one[start:] for one in pieces]
    found = []
    for number, one in enumerate(rest):
        others = [other for place, other in enumerate(rest) if place != number]
        length = next((n for n in range(1, len(one)) if all(other[-n:] != one[-n:] for other in others)), len(one))
        found.append("".join(one[-length:] if length else []).strip("- ·/") or PLAIN)
    return found if len(set(found)) == len(found) else list(titles)


def _pieces(title: str) -> list[str]:
    """A base in its parts; an adapter whole."""
    base, *more = title.split(" · ")
    return [*_PIECE.findall(base), *more]


def between(interval: Interval | tuple[float, float]) -> str:
    """An interval: "between 52 and 69"."""
    low, high = interval
    return f"between {100 * low:.0f} and {100 * high:.0f}"


def point_said(point: Point, tokens: float) -> str:
    """A point under the pointer. tokens: of thinking that a problem took on average."""
    used = f", {tokens:,.0f} used" if tokens else ""
    allowed = "without thinking" if point.think == 0 else f"{budgets.describe(point.think)} allowed{used}"
    cut = f" · {point.cut:,} of {point.samples:,} cut" if point.cut else ""
    return f"{percent(point.accuracy)} %, {between(point.interval)} · {allowed}{cut}"


def budget(think: int | None) -> str:
    """A budget in a narrow column: "off", "512", "no limit"."""
    return budgets.describe(think).removesuffix(" tokens")


def progress(job: Job) -> str:
    """How far it is, how quick, how long is left."""
    if job.doing != Evaluate.kind():
        return job_words.line(job)
    if job.unit != "replies":
        return "Loading the model" if job.stage else "Reading the problems"
    parts = [f"{job.done:,} of {job.total:,} replies", speed(job.rate) if job.state == "running" else ""]
    if job.seconds_left is not None and job.state == "running":
        parts.append(f"{quantities.seconds(round(job.seconds_left))} left")
    return " · ".join(part for part in parts if part)


def roughly(seconds: float) -> str:
    """How long something will take, as it is known beforehand."""
    minutes = seconds / 60
    if minutes < 1.5:
        return "a minute"
    return f"{minutes:.0f} minutes" if minutes < 90 else f"{minutes / 60:.1f}".removesuffix(".0") + " hours"


def speed(rate: float) -> str:
    """Replies a second, or a minute where they are slow."""
    if rate <= 0:
        return ""
    return (
        f"{rate:.1f} a second"
        if rate >= 1
        else f"{60 * rate:.0f} a minute"
        if rate >= 1 / 60
        else "less than one a minute"
    )


def title(entry: Entry, models: Sequence[Model]) -> str:
    """Who is evaluated, compared with whom, or may be the best."""
    names = [who(one, models) for one in entry.contenders]
    return f"the best of {', '.join(names)}" if entry.is_race else " against ".join(names)


def named_standings(card: EvaluationCard, standings: Sequence[Standing], models: Sequence[Model]) -> list[Standing]:
    """The candidates of a race under the names that the window has for them."""
    return [
        msgspec.structs.replace(
            one, title=f"{who(card.contenders[one.contender], models)}, {how_asked(one.think, one.votes)}"
        )
        for one in standings
    ]


def verdict(standings: Sequence[Standing]) -> str:
    """Which is best, once it is decided."""
    return " ".join(race.sentences(standings))


def so_far(standings: Sequence[Standing]) -> str:
    """How a race stands that is not decided."""
    best, out = standings[0], sum(one.dropped for one in standings)
    problems = quantities.counted(best.n, "problem")
    lost = f" {out} of {len(standings)} can't win any more." if out else ""
    return f"So far {best.title} leads: {percent(best.accuracy)} % right, on {problems}.{lost}"


@lru_cache(maxsize=4096)  # the table is filled anew while replies come
def line_of(problem: str) -> str:
    """A problem on one line, mathematics as far as a line goes."""
    return titles.suggest_title(problem) if _MATHS.search(problem) else quantities.one_line(problem, 160)
