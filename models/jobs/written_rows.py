"""The rows of jobs on the thread that writes, for whoever asks from another one."""

import sqlite3
from collections.abc import Callable
from typing import TypeVar

from models.jobs.queue import Job
from models.jobs.request import JobRequest
from models.jobs.rows import JobRows
from models.store.writer import Writer

T = TypeVar("T")


class WrittenRows:
    """JobRows through a Writer, method by method. Each waits: a job changes rarely, and is kept before it is told."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._rows: JobRows | None = None

    def add(self, job: Job, steps: list[JobRequest]) -> Job:
        return self._wait(lambda rows: rows.add(job, steps))

    def save(self, job: Job) -> None:
        self._wait(lambda rows: rows.save(job))

    def replace(self, job: Job, steps: list[JobRequest]) -> None:
        self._wait(lambda rows: rows.replace(job, steps))

    def remove(self, job_id: int) -> None:
        self._wait(lambda rows: rows.remove(job_id))

    def all(self) -> list[tuple[Job, list[JobRequest]]]:
        return self._wait(lambda rows: rows.all())

    def _wait(self, work: Callable[[JobRows], T]) -> T:
        def do(connection: sqlite3.Connection) -> T:
            if self._rows is None:
                self._rows = JobRows(connection)
            return work(self._rows)

        return self._writer.submit(do).result()
