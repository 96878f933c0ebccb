"""The queue runs a job's steps one after the other, one job a lane, and is the same after a restart."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from models import errors, events
from models.jobs import chains
from models.jobs.kinds.export_traces import ExportTraces
from models.jobs.kinds.fetch import Fetch
from models.jobs.kinds.finetune import Finetune
from models.jobs.kinds.import_model import ImportModel
from models.jobs.kinds.quantize import Quantize
from models.jobs.queue import Job, Jobs
from models.jobs.request import JobRequest
from models.jobs.rows import JobRows
from models.store.database import open_database


class Engine:
    """Takes requests, says nothing by itself."""

    def __init__(self) -> None:
        self.started: list[JobRequest] = []
        self.cancelled: list[int] = []

    def start(self, request: JobRequest) -> int:
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
        return self.jobs.add(*chains.get(repo, recipe=recipe))

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
    assert [type(request) for request in queue.engine.started] == [Fetch, Quantize]


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
        queue.jobs.handle(1, events.Progress(stage="download", done=done, total=900, unit="bytes"))
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
    assert isinstance(later.engine.started[0], Quantize)


def test_those_that_ended_can_be_forgotten(connection: sqlite3.Connection) -> None:
    queue = Queue(connection)
    queue.get("o/a", recipe="")
    queue.get("o/b", recipe="")
    queue.jobs.handle(1, events.Done(result=record("o/a")))
    queue.jobs.clear()
    assert [job.subject for job in queue.jobs.all()] == ["o/b"]
    assert [job.subject for job in Queue(connection).jobs.all()] == ["o/b"]


@pytest.mark.parametrize(
    ("record_json", "steps_json", "version"),
    [
        ('{"id":1,"title":"Levitate it","subject":"it","state":"paused"}', '[{"type":"levitate"}]', 1),
        ('{"id":1,"title":"Levitate it","subject":"it","state":"hovering"}', '[{"type":"fetch","repo":"o/a"}]', 1),
        ('{"id":1,"title":"Levitate it","subject":"it","state":"waiting"}', '[{"type":"fetch","repo":"o/a"}]', 99),
        ('{"id":1,"title":"Levitate it","subject":"it","state":"waiting"}', "[]", 1),
        ("nonsense", "more of it", 1),
    ],
)
def test_a_job_that_another_stillroom_wrote_is_shown_as_failed_and_its_row_stays(
    connection: sqlite3.Connection, record_json: str, steps_json: str, version: int
) -> None:
    row = (record_json, steps_json, version)
    connection.execute("INSERT INTO jobs (record, steps, version) VALUES (?, ?, ?)", row)
    queue = Queue(connection)
    (job,) = queue.jobs.all()
    assert job.state == "failed"
    assert job.title == ("Job 1" if record_json == "nonsense" else "Levitate it")
    assert ("damaged" if record_json == "nonsense" else "another version of Stillroom") in job.error
    queue.jobs.go_on()
    queue.jobs.cancel(job.id)
    with pytest.raises(errors.StillroomError, match="can't be read"):
        queue.jobs.resume(job.id)
    assert queue.engine.started == []
    assert connection.execute("SELECT record, steps, version FROM jobs").fetchall() == [row]
    queue.jobs.clear()
    assert connection.execute("SELECT record FROM jobs").fetchall() == []


def test_nothing_light_waits_for_a_training(connection: sqlite3.Connection) -> None:
    queue = Queue(connection)
    queue.jobs.add(Finetune(model="starter", traces="sums", name="adder", run="r"))
    queue.jobs.add(ExportTraces(name="sums", path="/tmp/sums.jsonl"))
    queue.jobs.add(ImportModel(path="/tmp/a.gguf"))
    queue.jobs.add(Quantize(model="o/a", recipe="4bit"))
    queue.get("o/b")
    assert queue.states() == ["running", "running", "waiting", "waiting", "running"]
    queue.jobs.handle(2, events.Done())
    assert queue.states() == ["running", "done", "running", "waiting", "running"]


def test_what_is_done_before_it_hears_of_the_cancel_is_done_and_not_discarded(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.hub.cache.discard", lambda repo: pytest.fail(f"{repo} was discarded"))
    queue = Queue(connection)
    first = queue.get("o/a", recipe="")
    queue.jobs.cancel(first)
    queue.jobs.handle(1, events.Done(result=record("o/a")))
    assert (queue.jobs.all()[0].state, queue.jobs.all()[0].model) == ("done", "o/a")
    second = queue.get("o/b")
    queue.jobs.cancel(second)
    queue.jobs.handle(2, events.Done(result=record("o/b")))
    assert queue.jobs.all()[1].state == "cancelled"


def test_a_run_that_ends_before_it_hears_that_it_should_be_kept_is_done(connection: sqlite3.Connection) -> None:
    queue = Queue(connection)
    request = Finetune(model="starter", traces="sums", name="adder", run="r")
    job = queue.jobs.add(request)
    queue.jobs.finish_with(job, request.publication())
    queue.get("o/a")
    assert queue.states() == ["waiting", "running"]
    trained = events.Finetuned(
        adapter="adder", base="starter", steps=1, loss=1.0, validation_loss=None, best_step=1, seconds=1.0, tokens=1,
        peak_bytes=1, path="", run="r",
    )  # fmt: skip
    queue.jobs.handle(1, events.Done(result=trained))
    assert (queue.jobs.all()[0].state, queue.jobs.all()[0].model) == ("done", "adder")


def test_what_is_stopping_is_told_until_it_has_stopped(connection: sqlite3.Connection) -> None:
    queue = Queue(connection)
    job = queue.get("o/a")
    queue.jobs.pause(job)
    assert queue.told[-1].stopping
    assert [busy.id for busy in queue.jobs.busy()] == [job]
    queue.jobs.handle(1, STOPPED)
    assert not queue.told[-1].stopping
    assert queue.jobs.busy() == []


def test_what_is_suspended_goes_on_when_the_queue_is_opened_again(connection: sqlite3.Connection) -> None:
    queue = Queue(connection)
    queue.get("o/a")
    queue.get("o/b")
    queue.jobs.suspend()
    assert queue.engine.cancelled == [1]
    queue.jobs.handle(1, STOPPED)
    assert queue.jobs.busy() == []
    assert len(queue.engine.started) == 1
    later = Queue(connection)
    later.jobs.go_on()
    assert later.states() == ["running", "waiting"]
    assert not later.jobs.all()[0].stopping


def test_a_refused_job_is_not_queued(connection: sqlite3.Connection) -> None:
    queue = Queue(connection)
    with pytest.raises(errors.BadInput):
        queue.jobs.add(Quantize(model="o/a", recipe="no such recipe"))
    connection.execute("PRAGMA query_only = 1")
    with pytest.raises(errors.StillroomError):
        queue.get("o/a")
    assert queue.jobs.all() == []
    assert queue.told == []


def test_only_what_downloading_can_mend_is_repaired() -> None:
    half = record("o/a")
    broken = {"repo": "o/a", "revision": "0" * 40, "state": "broken", "repairable": True}
    (fetch,) = chains.repair(msgspec.structs.replace(half, kind="original", **broken))
    assert fetch == Fetch(repo="o/a", revision="0" * 40)
    fetch, quantize = chains.repair(msgspec.structs.replace(half, name="a-4bit", recipe="4bit", **broken))
    assert quantize == Quantize(model="o/a", recipe="4bit", name="a-4bit", replace=True)
    with pytest.raises(errors.BadInput, match="can't be repaired"):
        chains.repair(half)


def test_a_second_job_for_an_adapter_of_one_name_is_refused_when_it_is_asked_for(connection: sqlite3.Connection):
    queue = Queue(connection)
    first = queue.jobs.add(Finetune(model="tiny", traces="sums", name="adder"))
    with pytest.raises(errors.Busy, match="adapter named adder"):
        queue.jobs.add(Finetune(model="other", traces="sums", name="Adder"))
    queue.jobs.pause(first)
    with pytest.raises(errors.Busy):
        queue.jobs.add(Finetune(model="other", traces="sums", name="adder"))
    queue.jobs.cancel(first)
    queue.jobs.add(Finetune(model="other", traces="sums", name="adder"))
    assert len(queue.states()) == 2


def test_one_job_that_ended_is_forgotten_and_none_that_has_not(connection: sqlite3.Connection) -> None:
    queue = Queue(connection)
    first, second, third = (queue.get(f"o/{name}") for name in "abc")
    queue.jobs.cancel(second)
    queue.jobs.cancel(first)  # it is stopping still
    for job_id in (first, second, third):
        queue.jobs.forget(job_id)
    assert [job.id for job in queue.jobs.all()] == [first, third]
    assert [job.id for job in Queue(connection).jobs.all()] == [first, third]
