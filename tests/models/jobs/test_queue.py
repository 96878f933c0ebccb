"""The queue runs a job's steps one after the other, one job a lane, and is the same after a restart."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from models import errors, events, requests
from models.jobs import journeys
from models.jobs.queue import Job, Jobs
from models.jobs.rows import JobRows
from models.store.database import open_database


class Engine:
    """Takes requests, says nothing by itself."""

    def __init__(self) -> None:
        self.started: list[requests.Request] = []
        self.cancelled: list[int] = []

    def start(self, request: requests.Request) -> int:
        self.started.append(request)
        return len(self.started)

    def cancel(self, call_id: int) -> None:
        self.cancelled.append(call_id)

    def call_bytes(self, call_id: int) -> int:
        return 1000 * call_id


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = open_database(tmp_path / "jobs.db")
    yield connection
    connection.close()


class Queue:
    """A queue with its engine and what it told."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.engine = Engine()
        self.told: list[Job] = []
        self.jobs = Jobs(self.engine, JobRows(connection), self.told.append)

    def get(self, repo: str, recipe: str = "4bit") -> int:
        return self.jobs.add(repo, repo, journeys.get(repo, recipe=recipe))

    def states(self) -> list[str]:
        return [job.state for job in self.jobs.all()]


def record(name: str) -> events.Model:
    return events.Model(
        name=name, title=name, path="", architecture="", family="", params=0, bits=0, size_bytes=0, context_limit=0,
        source="", created="",
    )  # fmt: skip


STOPPED = events.Failed(kind="cancelled", text="Stopped.")


def test_the_steps_of_a_job_follow_each_other(connection: sqlite3.Connection) -> None:
    queue = Queue(connection)
    queue.get("o/a")
    (job,) = queue.jobs.all()
    assert (job.state, job.doing, job.then) == ("running", "fetch", "then quantize to 4-bit")
    queue.jobs.handle(1, events.Done(result=record("o/a")))
    (job,) = queue.jobs.all()
    assert (job.state, job.step, job.doing, job.then) == ("running", 1, "quantize", "")
    queue.jobs.handle(2, events.Done(result=record("a-4bit")))
    (job,) = queue.jobs.all()
    assert (job.state, job.model) == ("done", "a-4bit")
    assert job.ended
    assert [type(request) for request in queue.engine.started] == [requests.Fetch, requests.Quantize]


def test_one_model_downloads_while_the_one_before_is_quantized(connection: sqlite3.Connection) -> None:
    queue = Queue(connection)
    for repo in ("o/a", "o/b", "o/c"):
        queue.get(repo)
    assert queue.states() == ["running", "waiting", "waiting"]
    queue.jobs.handle(1, events.Done(result=record("o/a")))
    assert queue.states() == ["running", "running", "waiting"]
    assert [job.doing for job in queue.jobs.busy()] == ["quantize", "fetch"]


def test_progress_is_told_whole_with_rate_time_left_and_memory(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([10.0, 12.0])
    monkeypatch.setattr("models.jobs.queue.time.monotonic", lambda: next(clock))
    queue = Queue(connection)
    queue.get("o/a")
    for done in (100, 300):
        queue.jobs.handle(1, events.Progress(job="fetch", stage="download", done=done, total=900, unit="bytes"))
    told = queue.told[-1]
    assert (told.stage, told.done, told.total, told.unit) == ("download", 300, 900, "bytes")
    assert (told.rate, told.seconds_left, told.peak_bytes) == (100.0, 6.0, 1000)


def test_a_paused_job_stays_where_it_is_and_frees_its_lane_when_it_has_stopped(connection: sqlite3.Connection) -> None:
    queue = Queue(connection)
    first, _ = queue.get("o/a"), queue.get("o/b")
    queue.jobs.pause(first)
    assert queue.engine.cancelled == [1]
    assert queue.states() == ["paused", "waiting"]
    queue.jobs.handle(1, STOPPED)
    assert queue.states() == ["paused", "running"]
    queue.jobs.resume(first)
    assert queue.states() == ["waiting", "running"]


def test_one_that_is_resumed_before_it_has_stopped_starts_once(connection: sqlite3.Connection) -> None:
    queue = Queue(connection)
    job = queue.get("o/a")
    queue.jobs.pause(job)
    queue.jobs.resume(job)
    assert len(queue.engine.started) == 1
    queue.jobs.handle(1, STOPPED)
    assert queue.states() == ["running"]
    assert len(queue.engine.started) == 2


def test_a_failure_is_kept_in_words_and_can_be_tried_again(connection: sqlite3.Connection) -> None:
    queue = Queue(connection)
    job = queue.get("o/a")
    queue.jobs.handle(1, events.Failed(kind="offline", text="No network.", hint="Look at it."))
    failed = queue.jobs.all()[0]
    assert (failed.state, failed.kind, failed.error, failed.hint) == ("failed", "offline", "No network.", "Look at it.")
    queue.jobs.resume(job)
    again = queue.jobs.all()[0]
    assert (again.state, again.error) == ("running", "")


def test_a_cancelled_download_is_given_back_once_it_has_stopped(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    discarded: list[str] = []
    monkeypatch.setattr("models.hub.cache.discard", discarded.append)
    queue = Queue(connection)
    job = queue.get("o/a")
    queue.jobs.cancel(job)
    assert (queue.states(), discarded) == (["cancelled"], [])
    queue.jobs.handle(1, STOPPED)
    assert discarded == ["o/a"]


def test_a_download_that_another_job_wants_is_not_given_back(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.hub.cache.discard", lambda repo: pytest.fail(f"{repo} was discarded"))
    queue = Queue(connection)
    first = queue.get("o/a")
    queue.get("o/a", recipe="8bit")
    queue.jobs.cancel(first)
    queue.jobs.handle(1, STOPPED)
    assert queue.states() == ["cancelled", "running"]


def test_after_a_crash_the_queue_goes_on_where_it_was(connection: sqlite3.Connection) -> None:
    queue = Queue(connection)
    queue.get("o/a")
    paused = queue.get("o/b")
    queue.jobs.pause(paused)
    queue.jobs.handle(1, events.Done(result=record("o/a")))
    later = Queue(connection)
    assert later.states() == ["waiting", "paused"]
    assert later.engine.started == []
    later.jobs.go_on()
    assert isinstance(later.engine.started[0], requests.Quantize)


def test_those_that_ended_can_be_forgotten(connection: sqlite3.Connection) -> None:
    queue = Queue(connection)
    queue.get("o/a", recipe="")
    queue.get("o/b", recipe="")
    queue.jobs.handle(1, events.Done(result=record("o/a")))
    queue.jobs.clear()
    assert [job.subject for job in queue.jobs.all()] == ["o/b"]
    assert [job.subject for job in Queue(connection).jobs.all()] == ["o/b"]


def test_a_job_of_a_newer_stillroom_is_left_out(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO jobs (record, steps) VALUES ('{}', '[{\"type\": \"levitate\"}]')")
    assert Queue(connection).jobs.all() == []


def test_only_what_downloading_can_mend_is_repaired() -> None:
    half = record("o/a")
    broken = {"repo": "o/a", "revision": "0" * 40, "state": "broken", "repairable": True}
    (fetch,) = journeys.repair(msgspec.structs.replace(half, kind="original", **broken))
    assert fetch == requests.Fetch(repo="o/a", revision="0" * 40)
    fetch, quantize = journeys.repair(msgspec.structs.replace(half, name="a-4bit", recipe="4bit", **broken))
    assert quantize == requests.Quantize(model="o/a", recipe="4bit", name="a-4bit", replace=True)
    with pytest.raises(errors.BadInput, match="can't be repaired"):
        journeys.repair(half)
