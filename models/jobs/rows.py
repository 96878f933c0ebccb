"""The queue of jobs as rows, so that it is the same after the app or the machine went down."""

import logging
import sqlite3
from typing import Any

import msgspec

from models import errors, utf8
from models.jobs import kinds
from models.jobs.queue import Job
from models.jobs.request import JobRequest
from models.store.database import faults, transaction

log = logging.getLogger(__name__)

VERSION = 1  # of what a row holds: raised when an older Stillroom would misread it
UNREADABLE = "This job can't be read: another version of Stillroom wrote it."
DAMAGED = "This job can't be read: its row in the database is damaged."
KEPT = "It is kept as it is. Open it with that version, or clear it."

_record = msgspec.json.Decoder(Job)


class JobRows:
    """The table of jobs, through a connection of models.store.database.

    Methods raise what `database.faults` turns SQLite's errors into.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._unread: set[int] = set()  # rows that are never written over

    def add(self, job: Job, steps: list[JobRequest]) -> Job:
        """Keep a new job; gives it with its id."""
        with transaction(self._connection):
            cursor = self._connection.execute(
                "INSERT INTO jobs (record, steps, version) VALUES ('', ?, ?)", (_encoded(steps), VERSION)
            )
            job = msgspec.structs.replace(job, id=cursor.lastrowid or 0)
            self._write(job)
        return job

    def save(self, job: Job) -> None:
        """Keep a job as it is now."""
        with transaction(self._connection):
            self._write(job)

    def replace(self, job: Job, steps: list[JobRequest]) -> None:
        """Keep a job as it is now, with other steps."""
        with transaction(self._connection):
            self._connection.execute("UPDATE jobs SET steps = ? WHERE id = ?", (_encoded(steps), job.id))
            self._write(job)

    def remove(self, job_id: int) -> None:
        """Forget a job."""
        with transaction(self._connection):
            self._connection.execute("DELETE FROM jobs WHERE id = ?", (job_id,))

    def all(self) -> list[tuple[Job, list[JobRequest]]]:
        """All jobs with their steps, oldest first. One that can't be read is failed and has no steps; its row stays."""
        with faults(self._connection):
            rows = self._connection.execute("SELECT id, record, steps, version FROM jobs ORDER BY id").fetchall()
        return [self._read(*row) for row in rows]

    def _read(self, job_id: int, record: str, steps: str, version: int) -> tuple[Job, list[JobRequest]]:
        try:
            job, requests = _record.decode(record), kinds.steps_decoder().decode(steps)
            if version <= VERSION and 0 <= job.step < len(requests):
                return msgspec.structs.replace(job, id=job_id, steps=len(requests)), requests
        except (msgspec.MsgspecError, TypeError) as error:
            log.warning("job %d can't be read: %s", job_id, error)
        self._unread.add(job_id)
        return _unreadable(job_id, record), []

    def _write(self, job: Job) -> None:
        if job.id not in self._unread:
            record = utf8.json(job).decode()
            self._connection.execute("UPDATE jobs SET record = ? WHERE id = ?", (record, job.id))


def _encoded(steps: list[JobRequest]) -> str:
    return utf8.json(steps).decode()


def _unreadable(job_id: int, record: str) -> Job:
    """What can be said of a job whose row this version does not understand."""
    try:
        found = msgspec.json.decode(record, type=dict[str, object])
    except (msgspec.MsgspecError, TypeError):
        return Job(
            id=job_id, title=f"Job {job_id}", subject="", state="failed", kind=errors.Corrupt.kind, error=DAMAGED
        )
    texts: dict[str, Any] = {"title": f"Job {job_id}", "subject": ""}
    for key in ("title", "subject", "doing", "created", "ended"):
        if isinstance(value := found.get(key), str) and value:
            texts[key] = value
    return Job(id=job_id, state="failed", kind=errors.Newer.kind, error=UNREADABLE, hint=KEPT, **texts)
