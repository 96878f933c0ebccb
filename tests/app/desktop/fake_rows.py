"""A queue of jobs that is kept nowhere."""

import msgspec

from app.desktop.services.job_queue import JobQueue
from models.jobs.queue import Job
from models.jobs.request import JobRequest
from tests.app.desktop.fake_engine import FakeEngine


class FakeRows:
    def __init__(self) -> None:
        self.kept: dict[int, tuple[Job, list[JobRequest]]] = {}

    def add(self, job: Job, steps: list[JobRequest]) -> Job:
        job = msgspec.structs.replace(job, id=len(self.kept) + 1)
        self.kept[job.id] = (job, steps)
        return job

    def save(self, job: Job) -> None:
        self.kept[job.id] = (job, self.kept[job.id][1])

    def replace(self, job: Job, steps: list[JobRequest]) -> None:
        self.kept[job.id] = (job, steps)

    def remove(self, job_id: int) -> None:
        del self.kept[job_id]

    def all(self) -> list[tuple[Job, list[JobRequest]]]:
        return list(self.kept.values())


def job_queue(engine: FakeEngine) -> JobQueue:
    return JobQueue(engine, engine.signals, FakeRows())


def no_delete(name: str) -> int:
    raise AssertionError(f"{name} was deleted")
