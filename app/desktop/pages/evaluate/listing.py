"""What the page lists: evaluations of the same problems as one, each with the job that works on it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from models.evaluate.board import Board
from models.evaluate.evaluations import Evaluation
from models.evaluate.problems import Task
from models.evaluate.records import Contender, EvaluationCard, Race, TaskFacts
from models.evaluate.scores import Point
from models.events import Model
from models.jobs.kinds.evaluate import Evaluate
from models.jobs.queue import Job
from models.trace_report import TraceSet

State = Literal["waiting", "running", "paused", "failed", "stopped", "done"]


class Measured(msgspec.Struct, frozen=True):
    """What an evaluation came to, as the table has it."""

    evaluation: Evaluation
    points: list[Point]


class Listing(msgspec.Struct, frozen=True):
    """What there is on this disk."""

    models: list[Model]
    sets: list[TraceSet]
    measured: list[Measured]  # oldest first
    here: frozenset[str]  # tasks that are built in and need no network

    @property
    def evaluations(self) -> list[Evaluation]:
        return [one.evaluation for one in self.measured]


class LoadedTask(msgspec.Struct, frozen=True):
    """The task that a form names, or why there is none."""

    name: str
    task: Task | None = None
    error: str = ""
    to_fetch: bool = False  # its problems are downloaded first
    accepted: bool = True  # the tests that it runs


@dataclass(frozen=True)
class Entry:
    """An evaluation as the page speaks of it: its folder, and the job that works on it."""

    key: str  # its id, which it has from the moment it is queued
    evaluation: Evaluation | None = None  # None while it has no card
    job: Job | None = None
    request: Evaluate | None = None

    @property
    def contenders(self) -> list[Contender]:
        if self.evaluation is not None:
            return self.evaluation.card.contenders
        return self.request.contenders if self.request else []

    @property
    def is_race(self) -> bool:
        """Whether it asks which is best."""
        if self.evaluation is not None:
            return self.evaluation.card.race
        return self.request is not None and self.request.race

    @property
    def state(self) -> State:
        """Where it stands; one that no job works on is stopped or done."""
        job = self.job
        if job is not None and job.state in ("waiting", "running", "paused", "failed"):
            states: dict[str, State] = {"waiting": "waiting", "running": "running", "paused": "paused"}
            return states.get(job.state, "failed")
        return "done" if self.evaluation is not None and self.evaluation.state == "done" else "stopped"

    @property
    def can_go_on(self) -> bool:
        """Whether replies are missing and nothing is under way."""
        return self.state in ("paused", "failed") or (self.state == "stopped" and self.evaluation is not None)


@dataclass(frozen=True)
class Group:
    """Evaluations of the same problems, newest first; of one that has no card yet itself alone."""

    key: str
    entries: tuple[Entry, ...]

    @property
    def facts(self) -> TaskFacts | None:
        return next((one.evaluation.card.task for one in self.entries if one.evaluation), None)

    @property
    def seed(self) -> int:
        newest = self.entries[0]
        return newest.evaluation.card.seed if newest.evaluation else newest.request.seed if newest.request else 0

    @property
    def task_name(self) -> str:
        facts = self.facts
        return facts.name if facts else self.entries[0].request.task if self.entries[0].request else ""

    @property
    def evaluations(self) -> list[Evaluation]:
        """Those with a card, oldest first."""
        return [one.evaluation for one in reversed(self.entries) if one.evaluation]


class OpenedGroup(msgspec.Struct, frozen=True):
    """A group's replies as they were read."""

    key: str
    board: Board
    raced: EvaluationCard | None = None  # the newest that asks which is best
    race: Race | None = None  # how it stands; None before all have answered a problem


def groups(
    evaluations: Sequence[Evaluation], jobs: Sequence[Job], request_of: Callable[[int], Evaluate | None]
) -> list[Group]:
    """All groups, the one with the newest evaluation first. evaluations, jobs: oldest first."""
    working: dict[str, tuple[Job, Evaluate]] = {}
    for job in jobs:
        request = request_of(job.id)
        if request is not None and request.run:
            working[request.run] = job, request
    found: dict[str, list[Entry]] = {}
    there = {one.id for one in evaluations}
    for run, (job, request) in working.items():
        if run not in there and job.state not in ("done", "cancelled"):
            found[run] = [Entry(run, None, job, request)]
    for one in evaluations:
        entry = Entry(one.id, one, *working.get(one.id, (None, None)))
        found.setdefault(one.card.task.hash, []).append(entry)
    made = [Group(key, tuple(reversed(entries))) for key, entries in found.items()]
    return sorted(made, key=lambda group: _began(group.entries[0]), reverse=True)


def _began(entry: Entry) -> str:
    if entry.evaluation is not None:
        return entry.evaluation.card.created
    return entry.job.created if entry.job else ""
