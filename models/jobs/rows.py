"""The queue of jobs as rows, so that it is the same after the app or the machine went down."""

import logging
import sqlite3

import msgspec

from models import requests
from models.jobs.queue import Job
from models.store.database import faults, transaction

log = logging.getLogger(__name__)

_steps = msgspec.json.Decoder(list[requests.Job])
_record = msgspec.json.Decoder(Job)


class JobRows:
    """The table of jobs, through a connection of models.store.database.

    Methods raise what `database.faults` turns SQLite's errors into.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def add(self, job: Job, steps: list[requests.Job]) -> Job:
        """Keep a new job; gives it with its id."""
        encoded = msgspec.json.encode(steps).decode()
        with transaction(self._connection):
            cursor = self._connection.execute("INSERT INTO jobs (record, steps) VALUES ('', ?)", (encoded,))
            job = msgspec.structs.replace(job, id=cursor.lastrowid or 0)
            self._write(job)
        return job

    def save(self, job: Job) -> None:
        """Keep a job as it is now."""
        with transaction(self._connection):
            self._write(job)

    def replace(self, job: Job, steps: list[requests.Job]) -> None:
        """Keep a job as it is now, with other steps."""
        encoded = msgspec.json.encode(steps).decode()
        with transaction(self._connection):
            self._connection.execute("UPDATE jobs SET steps = ? WHERE id = ?", (encoded, job.id))
            self._write(job)

    def remove(self, job_id: int) -> None:
        """Forget a job."""
        with transaction(self._connection):
            self._connection.execute("DELETE FROM jobs WHERE id = ?", (job_id,))

    def all(self) -> list[tuple[Job, list[requests.Job]]]:
        """All jobs with their steps, oldest first. One that a newer Stillroom wrote and this one can't read is left out."""
        found = []
        with faults(self._connection):
            rows = self._connection.execute("SELECT record, steps FROM jobs ORDER BY id").fetchall()
        for record, steps in rows:
            try:
                found.append((_record.decode(record), _steps.decode(steps)))
            except msgspec.MsgspecError as error:
                log.warning("a job is left out: %s", error)
        return found

    def _write(self, job: Job) -> None:
        self._connection.execute("UPDATE jobs SET record = ? WHERE id = ?", (msgspec.json.encode(job).decode(), job.id))
