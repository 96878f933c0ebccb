"""The real queue of jobs, on a database in memory and an engine that says what a test lets it say."""

import sqlite3
from collections.abc import Callable
from typing import Any

import msgspec

from app.desktop.services.job_queue import JobQueue
from app.desktop.services.preferences import Preferences
from app.desktop.services.services import Services
from models import errors, events
from models.events import Model
from models.jobs import kinds
from models.jobs.queue import Job, _Running
from models.jobs.request import JobRequest
from models.jobs.rows import JobRows
from models.settings import Settings
from models.store import migrations
from tests.app.desktop.fake_engine import FakeEngine
from tests.returned import run

STOPPED = events.Failed(kind="cancelled", text="Stopped.")


class StagedQueue(JobQueue):
    """asked: title and steps of the jobs that were queued through add, in order."""

    def __init__(self, engine: FakeEngine | None = None) -> None:
        self.engine = engine or FakeEngine()
        self.asked: list[tuple[str, list[JobRequest]]] = []
        connection = sqlite3.connect(":memory:", isolation_level=None)
        for migration in (migrations.jobs, migrations.job_versions):
            migration(connection)
        self._rows = JobRows(connection)
        self._refusal: errors.StillroomError | None = None
        super().__init__(self.engine, self.engine.signals, self._rows)

    def add(self, *steps: JobRequest, title: str | None = None) -> int:
        """Queue a job, unless it is to be refused."""
        if self._refusal is not None:
            raise self._refusal
        job_id = super().add(*steps, title=title)
        self.asked.append((self.job(job_id).title, list(steps)))
        return job_id

    def refuse(self, error: errors.StillroomError) -> None:
        """Let the queue be one that can't be kept, as on a full disk."""
        self._refusal = error

    def job(self, job_id: int) -> Job:
        """A job as it is now."""
        return next(job for job in self.all() if job.id == job_id)

    def call_of(self, job_id: int) -> int:
        """The engine's call that works on a job."""
        return next(call for call, running in self._jobs._calls.items() if running.job_id == job_id)

    def say(self, job_id: int, *said: events.Event) -> None:
        """Let a job's worker say something."""
        self.engine.play(self.call_of(job_id), *said)

    def stopped(self, job_id: int) -> None:
        """Let a job's worker end as one that was told to stop."""
        self.say(job_id, STOPPED)

    def work(self, job_id: int) -> None:
        """Do what a job's step is to do, and let its worker say how that ended."""
        call = self.call_of(job_id)
        try:
            _, record = run(self.engine.requests[call].work())
        except errors.StillroomError as error:
            self.engine.play(call, events.Failed(kind=error.kind, text=error.text, hint=error.hint))
        else:
            self.engine.play(call, events.Done(result=record))

    # States that take minutes to come to

    def put(self, request: JobRequest | None = None, /, **values: Any) -> Job:
        """Put a job into the queue as if it had come that far."""
        request = request or plain(values.get("doing", "fetch"), values.get("subject", "o/a"))
        given = {"title": request.title(), "subject": request.subject(), "state": "running", "doing": request.kind()}
        given.update(values)
        steps = [request] * given.get("steps", 1)
        job = self._rows.add(Job(id=0, **given), steps)
        self._jobs._jobs[job.id], self._jobs._steps[job.id] = job, steps
        self._stage(job)
        return job

    def change(self, job_id: int, **values: Any) -> Job:
        """Let a job be another one."""
        job = msgspec.structs.replace(self.job(job_id), **values)
        self._jobs._jobs[job_id] = job
        self._stage(job)
        return job

    def _stage(self, job: Job) -> None:
        """Tell of a job; what runs has a call and nothing else has."""
        calls = self._jobs._calls
        mine = [call for call, running in calls.items() if running.job_id == job.id]
        step = self._jobs.steps(job.id)[job.step]
        if job.state == "running" and not mine:
            calls[self.engine.start(step)] = _Running(job.id, step)
        elif job.state != "running":
            for call in mine:
                del calls[call]
        self.changed.emit(job)


def plain(kind: str, subject: str) -> JobRequest:
    """A request of a kind that is about something."""
    fields = [field.name for field in msgspec.structs.fields(kinds.of(kind)) if field.required]
    return kinds.of(kind)(**{name: "4bit" if name == "recipe" else subject for name in fields})


def no_delete(name: str) -> int:
    raise AssertionError(f"{name} was deleted")


def services_of(
    jobs: StagedQueue,
    preferences: Preferences | None = None,
    list_models: Callable[[], list[Model]] = list,
    delete: Callable[[str], int] = no_delete,
) -> Services:
    """What a page beside the chat works with."""
    engine, preferences = jobs.engine, preferences or Preferences(Settings())
    chats: Any = None
    return Services(chats, engine, engine.signals, preferences, jobs, list_models, delete)
