"""What the menu of runs lists: the runs on the disk, each with the job that works on it, and jobs that have none yet.

A run's folder is made by the worker, so for some seconds a job is there without one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from models.events import Model
from models.finetune.runs import Run
from models.jobs.kinds.finetune import Finetune
from models.jobs.queue import Job

State = Literal["waiting", "preparing", "running", "paused", "failed", "stopped", "done"]


@dataclass(frozen=True)
class RunEntry:
    """A run as the page speaks of it. number: 0 while it has no folder."""

    run: Run | None = None
    job: Job | None = None

    @property
    def key(self) -> str:
        """What it is recalled by: of the run, else of the job."""
        return self.run.id if self.run else f"job-{self.job.id}" if self.job else ""

    @property
    def number(self) -> int:
        """From 1, by the time it began."""
        return self.run.number if self.run else 0

    @property
    def adapter(self) -> str:
        """The adapter's name; empty when the run has none."""
        return self.run.adapter if self.run else self.job.subject if self.job else ""

    @property
    def traces(self) -> str:
        """The set's name, from the run's card or the job's title; empty when neither says it."""
        if self.run is not None and self.run.traces:
            return self.run.traces
        _, opened, rest = self.job.title.rpartition(" on “") if self.job else ("", "", "")
        return rest.removesuffix("”") if opened else ""

    @property
    def state(self) -> State:
        """Where it stands; a run that no job works on is stopped or done."""
        job, run = self.job, self.run
        if job is None or (job.state == "cancelled" and run is not None):
            return "done" if run is not None and run.state == "done" else "stopped"
        if job.state == "running":
            return "running" if job.stage in ("train", "validate", "sample") else "preparing"
        states: dict[str, State] = {"waiting": "waiting", "paused": "paused", "failed": "failed", "done": "done"}
        return states.get(job.state, "stopped")

    @property
    def can_go_on(self) -> bool:
        """Whether it stands still with steps left, as after a pause in the terminal, a cancel, or a kill."""
        return self.run is not None and self.state == "stopped"

    def title(self, models: Sequence[Model]) -> str:
        """What is trained on what: 'R1-Distill-Qwen-1.5B on “thesis-maths”'."""
        if self.job is not None:
            return self.job.title
        assert self.run is not None, "an entry has a run or a job"
        base = base_title(self.run.base, models)
        if self.run.traces:
            return titled(base, self.run.traces)
        return f"{base}, adapter {self.run.adapter}" if self.run.adapter else base

    def said(self, models: Sequence[Model]) -> str:
        """The same with its number: 'Run 7 · …'."""
        return f"{f'Run {self.number}' if self.number else 'New run'} · {self.title(models)}"


def titled(base: str, traces: str) -> str:
    """How a run is called."""
    return f"{base} on “{traces}”"


def base_title(name: str, models: Sequence[Model]) -> str:
    """What a person calls a base model."""
    return next((model.title for model in models if model.name == name), name).rsplit("/", 1)[-1]


def entries(runs: Sequence[Run], jobs: Sequence[Job], run_of: Callable[[int], str]) -> list[RunEntry]:
    """All of them, newest first. runs, jobs: oldest first; run_of: the id of a job's run."""
    training = [job for job in jobs if job.doing == Finetune.kind()]
    working = {run_of(job.id): job for job in training}  # the newest job of each
    there = {run.id for run in runs}
    alone = [job for job in training if run_of(job.id) not in there and job.state not in ("done", "cancelled")]
    return [
        *(RunEntry(job=job) for job in reversed(alone)),
        *(RunEntry(run=run, job=working.get(run.id)) for run in reversed(runs)),
    ]
