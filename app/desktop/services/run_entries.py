"""What the menu of runs lists: the runs on the disk, each with the job that works on it, and jobs that have none yet.

A run's folder is made by the worker, so for some seconds a job is there without one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from models.events import Model
from models.finetune.runs import Run
from models.finetune_config import FinetuneConfig
from models.jobs.kinds.finetune import Finetune
from models.jobs.queue import Job

State = Literal["waiting", "preparing", "running", "paused", "failed", "stopped", "done"]


@dataclass(frozen=True)
class RunEntry:
    """A run as a page speaks of it."""

    run: Run | None = None  # None while it has no folder
    job: Job | None = None  # None when no job works on it
    request: Finetune | None = None  # of the job

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
    def base(self) -> str:
        """The base model's name; empty when it is not known."""
        return self.run.base if self.run else self.request.model if self.request else ""

    @property
    def traces(self) -> str:
        """The set's name; empty when it is not known."""
        return (self.run.traces if self.run else "") or (self.request.traces if self.request else "")

    @property
    def config(self) -> FinetuneConfig | None:
        """The recipe; None when it is not known."""
        return self.run.config if self.run else self.request.config if self.request else None

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


def entries(runs: Sequence[Run], jobs: Sequence[Job], request_of: Callable[[int], Finetune | None]) -> list[RunEntry]:
    """All of them, newest first. runs, jobs: oldest first; request_of: what a job was asked to train."""
    training = [(job, request_of(job.id)) for job in jobs if job.doing == Finetune.kind()]
    working = {request.run: (job, request) for job, request in training if request}  # the newest job of each
    there = {run.id for run in runs}
    return [
        *(
            RunEntry(job=job, request=request)
            for job, request in reversed(training)
            if (request is None or request.run not in there) and job.state not in ("done", "cancelled")
        ),
        *(RunEntry(run, *working.get(run.id, (None, None))) for run in reversed(runs)),
    ]
