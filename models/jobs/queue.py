"""Long work that outlives a click: a queue of jobs, each some requests one after the other, kept in the database.

A job is what a person asked for ("get R1-Distill-Qwen-7B as 4-bit"); its steps are requests of the wire, each run in a
worker of its own. Steps that load the network and steps that load the machine run side by side, one of each kind at a
time, so that one model downloads while the one before is quantized. Every change is written before it is told, so the
queue is the same after the app, or the Mac, went down: what was running then waits again and goes on where it stopped.
"""

import logging
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

import msgspec

from models import events, recipes, requests
from models.engine import wire
from models.jobs import journeys

log = logging.getLogger(__name__)

JobState = Literal["waiting", "running", "paused", "done", "failed", "cancelled"]


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A job as its row shows it, whole at every change, so that a late listener is right at once.

    subject: what it is about, a Hub repository or a model's name; doing: the kind of the request under way, as on the wire
    ("fetch", "quantize"); recipe: the title of one that is quantized to;
    then: in words what comes after it, as in "quantize to 4-bit"; step and steps: the request under way, from 0, and how
    many there are; stage, done, total, unit, rate: of the last Progress; seconds_left: None while not known; peak_bytes:
    of memory, 0 when not known; model: the library's name of what it made, once it is done; kind, error, hint: why it
    failed; created, ended: ISO 8601, UTC.
    """

    id: int
    title: str
    subject: str
    state: JobState
    step: int = 0
    steps: int = 1
    doing: str = ""
    recipe: str = ""
    then: str = ""
    stage: str = ""
    done: int = 0
    total: int = 0
    unit: str = ""
    rate: float = 0.0
    seconds_left: float | None = None
    peak_bytes: int = 0
    note: str = ""
    model: str = ""
    kind: str = ""
    error: str = ""
    hint: str = ""
    created: str = ""
    ended: str = ""


class EngineLike(Protocol):
    """What the queue needs of models.engine.client.Engine."""

    def start(self, request: requests.Request) -> int:
        """Send a request and return the number of its call at once."""

    def cancel(self, call_id: int) -> None:
        """Stop a call; it still ends with an event."""

    def call_bytes(self, call_id: int) -> int:
        """Resident memory of the process that runs a call."""


class Rows(Protocol):
    """Where the queue is kept: models.jobs.rows.JobRows."""

    def add(self, job: Job, steps: list[requests.Job]) -> Job:
        """Keep a new job; gives it with its id."""

    def save(self, job: Job) -> None:
        """Keep a job as it is now."""

    def replace(self, job: Job, steps: list[requests.Job]) -> None:
        """Keep a job as it is now, with other steps."""

    def remove(self, job_id: int) -> None:
        """Forget a job."""

    def all(self) -> list[tuple[Job, list[requests.Job]]]:
        """All jobs with their steps, oldest first."""


Lane = Literal["network", "machine"]


class Jobs:
    """The queue. All methods belong to one thread, that of `rows`; events of the engine are handed to `handle` there.

    on_change is told of each job that changed, after it was kept.
    """

    def __init__(self, engine: EngineLike, rows: Rows, on_change: Callable[[Job], None]) -> None:
        self._engine = engine
        self._rows = rows
        self._on_change = on_change
        self._jobs: dict[int, Job] = {}
        self._steps: dict[int, list[requests.Job]] = {}
        self._calls: dict[int, int] = {}  # the job of a call that runs, or that was told to stop
        self._began: dict[int, tuple[str, float, int]] = {}  # of a job's stage: its name, when, and what was done then
        for job, steps in rows.all():
            self._steps[job.id] = steps
            # what ran when the app went down goes on by itself
            self._jobs[job.id] = msgspec.structs.replace(job, state="waiting") if job.state == "running" else job

    def all(self) -> list[Job]:
        """All jobs, oldest first."""
        return list(self._jobs.values())

    def busy(self) -> list[Job]:
        """The jobs that run now."""
        return [job for job in self._jobs.values() if job.state == "running"]

    def go_on(self) -> None:
        """Start what waits, where a lane is free. To be called once when the app is up."""
        lanes = {self._lane(job_id) for job_id in self._calls.values()}
        for job in self.all():
            if job.state == "waiting" and job.id not in self._calls.values() and self._lane(job.id) not in lanes:
                lanes.add(self._lane(job.id))
                self._start(job)

    def add(self, title: str, subject: str, steps: list[requests.Job]) -> int:
        """Queue a job and give its number."""
        job = Job(id=0, title=title, subject=subject, state="waiting", steps=len(steps), created=_now())
        job = self._rows.add(self._described(job, steps), steps)
        self._jobs[job.id] = job
        self._steps[job.id] = steps
        self._on_change(job)
        self.go_on()
        return job.id

    def steps(self, job_id: int) -> list[requests.Job]:
        """The requests that a job is made of."""
        return self._steps[job_id]

    def owner(self, call_id: int) -> int | None:
        """The job that a call of the engine belongs to."""
        return self._calls.get(call_id)

    def pause(self, job_id: int) -> None:
        """Stop a job so that it can go on later where it stopped."""
        if self._jobs[job_id].state in ("running", "waiting"):
            self._change(job_id, state="paused", rate=0.0, seconds_left=None)
            self._stop(job_id)

    def resume(self, job_id: int) -> None:
        """Let a job go on that was paused or failed."""
        if self._jobs[job_id].state in ("paused", "failed", "cancelled"):
            self._change(job_id, state="waiting", kind="", error="", hint="", note="", ended="")
            self.go_on()

    def cancel(self, job_id: int) -> None:
        """Stop a job for good. What it downloaded so far is given back to the disk."""
        if self._jobs[job_id].state in ("done", "cancelled"):
            return
        self._change(job_id, state="cancelled", rate=0.0, seconds_left=None, ended=_now())
        if not self._stop(job_id):
            self._discard(job_id)

    def finish_with(self, job_id: int, step: requests.Job) -> None:
        """Stop a job where it is and end it with another step instead."""
        job = msgspec.structs.replace(self._jobs[job_id], state="waiting", step=0, steps=1, rate=0.0, seconds_left=None)
        self._steps[job_id] = [step]
        self._jobs[job_id] = self._described(job, [step])
        self._rows.replace(self._jobs[job_id], [step])
        self._on_change(self._jobs[job_id])
        if not self._stop(job_id):
            self.go_on()

    def clear(self) -> None:
        """Forget the jobs that ended."""
        for job in self.all():
            if job.state in ("done", "failed", "cancelled") and job.id not in self._calls.values():
                self._rows.remove(job.id)
                del self._jobs[job.id], self._steps[job.id]

    def handle(self, call_id: int, event: wire.AnyEvent) -> None:
        """Take an event of the engine; those of calls that are no job's are passed over."""
        job_id = self._calls.get(call_id)
        if job_id is None:
            return
        match event:
            case events.Progress():
                self._progress(job_id, call_id, event)
            case events.Step(step=step, steps=steps):
                self._progress(
                    job_id,
                    call_id,
                    events.Progress(job="finetune", stage="train", done=step, total=steps, unit="steps"),
                )
            case events.Note(text=text):
                self._change(job_id, note=text)
            case events.Done(result=result):
                del self._calls[call_id]
                self._finish_step(job_id, result)
            case events.Failed():
                del self._calls[call_id]
                self._end(job_id, event)

    def _start(self, job: Job) -> None:
        step = _pinned(self._steps[job.id][job.step]) if job.done else self._steps[job.id][job.step]
        self._change(job.id, state="running", stage="", done=0, total=0, rate=0.0, note="")
        self._calls[self._engine.start(step)] = job.id

    def _stop(self, job_id: int) -> bool:
        calls = [call for call, owner in self._calls.items() if owner == job_id]
        for call in calls:
            self._engine.cancel(call)
        return bool(calls)

    def _progress(self, job_id: int, call_id: int, event: events.Progress) -> None:
        job = self._jobs[job_id]
        if job.state != "running":
            return
        now = time.monotonic()
        stage, since, before = self._began.get(job_id, ("", now, event.done))
        if stage != event.stage:
            since, before = now, event.done
            self._began[job_id] = (event.stage, since, before)
        rate = event.rate or ((event.done - before) / (now - since) if now > since else 0.0)
        left = (event.total - event.done) / rate if rate > 0 and event.total else None
        self._change(
            job_id, keep=job.stage != event.stage, stage=event.stage, done=event.done, total=event.total,
            unit=event.unit, rate=rate, seconds_left=left,
            peak_bytes=max(job.peak_bytes, self._engine.call_bytes(call_id)),
        )  # fmt: skip

    def _finish_step(self, job_id: int, result: events.Result | None) -> None:
        job = self._jobs[job_id]
        self._began.pop(job_id, None)
        made = job.model
        if isinstance(result, events.Model):
            made = result.name
        elif isinstance(result, events.Finetuned):
            made = result.adapter
        if job.step + 1 < job.steps:
            described = self._described(msgspec.structs.replace(job, step=job.step + 1), self._steps[job_id])
            state = "waiting" if job.state == "running" else job.state
            self._change(
                job_id, step=described.step, doing=described.doing, then=described.then, model=made, state=state
            )
            if job.state == "cancelled":
                self._discard(job_id)
        else:
            # also when it was told to stop too late: what is made is made
            self._change(job_id, state="done", model=made, rate=0.0, seconds_left=None, ended=_now())
        self.go_on()

    def _end(self, job_id: int, failed: events.Failed) -> None:
        job = self._jobs[job_id]
        self._began.pop(job_id, None)
        if job.state == "cancelled":
            self._discard(job_id)
        elif job.state == "running":
            self._change(
                job_id, state="failed", kind=failed.kind, error=failed.text, hint=failed.hint, rate=0.0,
                seconds_left=None, ended=_now(),
            )  # fmt: skip
        self.go_on()

    def _discard(self, job_id: int) -> None:
        """Remove what a cancelled download left, unless another job is about the same repository."""
        job = self._jobs[job_id]
        step = self._steps[job_id][job.step]
        alive = [other for other in self.all() if other.state in ("waiting", "running", "paused")]
        if isinstance(step, requests.Fetch) and not any(other.subject == job.subject for other in alive):
            from models.hub import cache

            cache.discard(step.repo)
        if isinstance(step, requests.Quantize) and step.recipe.startswith("dwq"):
            from models import paths

            shutil.rmtree(paths.home() / "dwq", ignore_errors=True)  # one such job runs at a time

    def _change(self, job_id: int, keep: bool = True, **values: Any) -> None:
        job = msgspec.structs.replace(self._jobs[job_id], **values)
        self._jobs[job_id] = job
        if keep:
            self._rows.save(job)
        self._on_change(job)

    def _lane(self, job_id: int) -> Lane:
        step = self._steps[job_id][self._jobs[job_id].step]
        return "network" if isinstance(step, requests.NETWORK) else "machine"

    def _described(self, job: Job, steps: list[requests.Job]) -> Job:
        step = steps[job.step]
        after = ", ".join(f"then {journeys.words(step)}" for step in steps[job.step + 1 :])
        recipe = recipes.parse(step.recipe).title if isinstance(step, requests.Quantize) else ""
        return msgspec.structs.replace(job, doing=str(step.__struct_config__.tag), then=after, recipe=recipe)


def _pinned(step: requests.Job) -> requests.Job:
    """The same download at the commit it began with, whatever its branch stands for by now."""
    if not isinstance(step, requests.Fetch):
        return step
    from models.hub import manifests

    begun = [manifest.commit for manifest in manifests.of_repo(step.repo) if manifest.revision == step.revision]
    return msgspec.structs.replace(step, revision=begun[-1]) if begun else step


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
