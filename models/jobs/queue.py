"""Long work that outlives a click: a queue of jobs, each some requests one after the other, kept in the database.

A job is what a person asked for ("get R1-Distill-Qwen-7B as 4-bit"); its steps are requests, each run in a worker of its
own. What a step is, the queue does not know: models/jobs/request.py is all it asks. Lanes run side by side, one job of
each at a time, so that one model downloads while another is quantized and an export waits for neither. Every change is
written before it is told, so the queue is the same after the app, or the Mac, went down: what was running then waits
again and goes on where it stopped.
"""

import logging
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple, Protocol

import msgspec

from models import errors, events
from models.jobs.request import JobRequest

log = logging.getLogger(__name__)

JobState = Literal["waiting", "running", "paused", "done", "failed", "cancelled"]
ENDED = ("done", "failed", "cancelled")


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A job as its row shows it, whole at every change, so that a late listener is right at once."""

    id: int
    title: str
    subject: str  # what it is about: a Hub repository, a model's, an adapter's or a set's name
    state: JobState

    # its steps
    step: int = 0  # the request under way, from 0
    steps: int = 1  # how many there are
    doing: str = ""  # the kind of the request under way: "fetch", "quantize"
    recipe: str = ""  # the title of the recipe that it quantizes to
    then: str = ""  # in words what comes after it, as in "then quantize to 4-bit"
    stopping: bool = False  # it was told to stop and its process is not done yet

    # how far the request under way is, as its last Progress said
    stage: str = ""
    done: int = 0
    total: int = 0
    unit: str = ""
    rate: float = 0.0  # units a second
    seconds_left: float | None = None  # None while not known
    peak_bytes: int = 0  # of memory, 0 when not known
    note: str = ""  # the last sentence it had to say

    # how it ended
    model: str = ""  # the library's name of what it made
    kind: str = ""  # of the error, as in models/errors.py
    error: str = ""
    hint: str = ""

    created: str = ""  # ISO 8601, UTC, as is ended
    ended: str = ""


class EngineLike(Protocol):
    """What the queue needs of models.engine.client.Engine."""

    def start(self, request: JobRequest) -> int: ...
    def cancel(self, call_id: int) -> None: ...
    def call_bytes(self, call_id: int) -> int: ...


class Rows(Protocol):
    """Where the queue is kept: models.jobs.rows.JobRows."""

    def add(self, job: Job, steps: list[JobRequest]) -> Job: ...
    def save(self, job: Job) -> None: ...
    def replace(self, job: Job, steps: list[JobRequest]) -> None: ...
    def remove(self, job_id: int) -> None: ...
    def all(self) -> list[tuple[Job, list[JobRequest]]]: ...


class Jobs:
    """The queue. All methods belong to one thread, that of `rows`; events of the engine are handed to `handle` there.

    on_change is told of each job that changed, after it was kept. Methods raise StillroomError when the queue can't be
    kept, and KeyError for a job that is not there.
    """

    def __init__(self, engine: EngineLike, rows: Rows, on_change: Callable[[Job], None]) -> None:
        self._engine = engine
        self._rows = rows
        self._on_change = on_change
        self._jobs: dict[int, Job] = {}
        self._steps: dict[int, list[JobRequest]] = {}
        self._calls: dict[int, _Running] = {}  # by the number of a call that runs, or that was told to stop
        self._began: dict[int, tuple[str, float, int]] = {}  # of a job's stage: its name, when, and what was done then
        self._suspended = False
        for job, steps in rows.all():
            self._steps[job.id] = steps
            # what ran when the app went down goes on by itself
            state: JobState = "waiting" if job.state == "running" else job.state
            self._jobs[job.id] = msgspec.structs.replace(job, state=state, stopping=False)

    def all(self) -> list[Job]:
        """All jobs, oldest first."""
        return list(self._jobs.values())

    def busy(self) -> list[Job]:
        """The jobs that have a process now, those among them that are stopping."""
        return [self._jobs[job_id] for job_id in self._working()]

    def go_on(self) -> None:
        """Start what waits, where a lane is free. To be called once when the app is up."""
        if self._suspended:
            return
        taken = {running.step.lane for running in self._calls.values()}
        for job in self.all():
            if job.state == "waiting" and job.id not in self._working():
                lane = self._steps[job.id][job.step].lane
                if lane not in taken:
                    taken.add(lane)
                    self._start(job)

    def add(self, *steps: JobRequest, title: str | None = None) -> int:
        """Queue a job and give its number. title: the first step's own when None. Raises what keeps it from being queued."""
        self._check_names(steps)
        queued = [step.queued() for step in steps]
        title, subject = title or queued[0].title(), queued[0].subject()
        job = Job(id=0, title=title, subject=subject, state="waiting", steps=len(steps), created=_now())
        job = self._rows.add(_described(job, queued), queued)
        self._jobs[job.id] = job
        self._steps[job.id] = queued
        self._on_change(job)
        self.go_on()
        return job.id

    def _check_names(self, steps: Sequence[JobRequest]) -> None:
        """Raise Busy for an adapter that another job is to make: it would be told only when both are trained."""
        wanted = {step.subject().lower() for step in steps if step.makes == "adapter"}
        for job in self.all():
            for step in self._steps[job.id] if job.state not in ENDED else ():
                if step.makes == "adapter" and step.subject().lower() in wanted:
                    fault = f"Another job is making an adapter named {step.subject()}."
                    raise errors.Busy(fault, "Choose another name, or cancel that job.")

    def steps(self, job_id: int) -> list[JobRequest]:
        """The requests that a job is made of."""
        return self._steps[job_id]

    def owner(self, call_id: int) -> int | None:
        """The job that a call of the engine belongs to."""
        running = self._calls.get(call_id)
        return running.job_id if running else None

    def pause(self, job_id: int) -> None:
        """Stop a job so that it can go on later where it stopped."""
        if self._jobs[job_id].state in ("running", "waiting"):
            self._change(job_id, state="paused", rate=0.0, seconds_left=None)
            self._stop(job_id)

    def resume(self, job_id: int) -> None:
        """Let a job go on that was paused or failed. For one that can't be read, raises why: Newer or Corrupt."""
        job = self._jobs[job_id]
        if not self._steps[job_id]:
            raise errors.from_kind(job.kind, job.error, job.hint)
        if self._jobs[job_id].state in ("paused", "failed", "cancelled"):
            self._change(job_id, state="waiting", kind="", error="", hint="", note="", ended="")
            self.go_on()

    def cancel(self, job_id: int) -> None:
        """Stop a job for good. What it has not finished is given back to the disk."""
        if self._jobs[job_id].state in ("done", "cancelled") or not self._steps[job_id]:
            return
        self._change(job_id, state="cancelled", rate=0.0, seconds_left=None, ended=_now())
        if not self._stop(job_id):
            self._discard(job_id)

    def finish_with(self, job_id: int, step: JobRequest) -> None:
        """Stop a job where it is and end it with another step instead."""
        job = msgspec.structs.replace(self._jobs[job_id], state="waiting", step=0, steps=1, rate=0.0, seconds_left=None)
        self._steps[job_id] = [step]
        self._jobs[job_id] = _described(job, [step])
        self._rows.replace(self._jobs[job_id], [step])
        self._on_change(self._jobs[job_id])
        if not self._stop(job_id):
            self.go_on()

    def suspend(self) -> None:
        """Stop all that runs, to go on when the queue is next opened, and start nothing more.

        Each job is told of again once it has stopped: busy() is empty after the last.
        """
        self._suspended = True
        for job in self.busy():
            self._stop(job.id)

    def clear(self) -> None:
        """Forget the jobs that ended."""
        for job in self.all():
            self.forget(job.id)

    def forget(self, job_id: int) -> None:
        """Forget a job that ended; any other stays."""
        if self._jobs[job_id].state in ENDED and job_id not in self._working():
            self._rows.remove(job_id)
            del self._jobs[job_id], self._steps[job_id]

    def handle(self, call_id: int, event: events.Event) -> None:
        """Take an event of the engine; those of calls that are no job's are passed over."""
        job_id = self.owner(call_id)
        if job_id is None:
            return
        match event:
            case events.Note(text=text):
                self._change(job_id, note=text)
            case events.Done(result=result):
                self._finish_step(self._stopped(call_id), result)
            case events.Failed():
                self._stopped(call_id)
                self._end(job_id, event)
            case _:
                if (progress := event.progress()) is not None:
                    self._progress(job_id, call_id, progress)

    def _start(self, job: Job) -> None:
        step = self._steps[job.id][job.step]
        step = step.resumed() if job.done else step
        self._change(job.id, state="running", stage="", done=0, total=0, rate=0.0, note="")
        self._calls[self._engine.start(step)] = _Running(job.id, step)

    def _working(self) -> list[int]:
        return [running.job_id for running in self._calls.values()]

    def _stop(self, job_id: int) -> bool:
        """Tell what runs of a job to stop. Gives whether anything does, and so will end with an event."""
        calls = [call for call, running in self._calls.items() if running.job_id == job_id]
        for call in calls:
            self._engine.cancel(call)
            self._change(job_id, stopping=True)
        return bool(calls)

    def _stopped(self, call_id: int) -> "_Running":
        """A call has ended; gives what it ran."""
        running = self._calls.pop(call_id)
        self._began.pop(running.job_id, None)
        self._jobs[running.job_id] = msgspec.structs.replace(self._jobs[running.job_id], stopping=False)
        return running

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

    def _finish_step(self, running: "_Running", result: events.Record | None) -> None:
        """A step is done, also when it was told to stop too late: what is made is made, and nothing of it is discarded."""
        job_id = running.job_id
        job, steps = self._jobs[job_id], self._steps[job_id]
        made = running.step.made(result) or job.model
        if job.step + 1 < job.steps:
            to = _described(msgspec.structs.replace(job, step=job.step + 1), steps)
            state = "waiting" if job.state == "running" else job.state
            self._change(job_id, step=to.step, doing=to.doing, then=to.then, model=made, state=state)
        else:
            self._change(job_id, state="done", model=made, rate=0.0, seconds_left=None, ended=_now())
        self.go_on()

    def _end(self, job_id: int, failed: events.Failed) -> None:
        job = self._jobs[job_id]
        if job.state == "cancelled":
            self._change(job_id)
            self._discard(job_id)
        elif job.state == "running" and self._suspended and failed.kind == errors.Interrupted.kind:
            self._change(job_id, rate=0.0, seconds_left=None)  # as one that ran when the app went down
        elif job.state == "running":
            why: dict[str, Any] = {"kind": failed.kind, "error": failed.text, "hint": failed.hint}
            self._change(job_id, state="failed", rate=0.0, seconds_left=None, ended=_now(), **why)
        else:
            self._change(job_id)
        self.go_on()

    def _discard(self, job_id: int) -> None:
        """Remove what a cancelled step left, unless another job is about the same."""
        job = self._jobs[job_id]
        alive = [other for other in self.all() if other.state in ("waiting", "running", "paused")]
        if not any(other.subject == job.subject for other in alive):
            self._steps[job_id][job.step].discard()

    def _change(self, job_id: int, keep: bool = True, **values: Any) -> None:
        job = self._jobs[job_id] = msgspec.structs.replace(self._jobs[job_id], **values)
        if keep:
            self._rows.save(job)
        self._on_change(job)


class _Running(NamedTuple):
    """What a process works on: a job, and the request as it was sent, which the job may have been given another for since."""

    job_id: int
    step: JobRequest


def _described(job: Job, steps: list[JobRequest]) -> Job:
    step = steps[job.step]
    after = ", ".join(f"then {later.words()}" for later in steps[job.step + 1 :])
    return msgspec.structs.replace(job, doing=step.kind(), then=after, recipe=step.recipe_title())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
