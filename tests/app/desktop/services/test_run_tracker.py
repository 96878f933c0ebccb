"""A run is followed without a widget: what is shown of it, and what can be done about it."""

from typing import Any

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.desktop.services.job_queue import JobQueue
from app.desktop.services.run_tracker import RunTracker
from models.events import Checkpoint, Failed, Note, Step
from models.finetune.runs import Run
from models.finetune_config import FinetuneConfig
from models.jobs.kinds.finetune import Finetune
from models.jobs.kinds.publish_checkpoint import PublishCheckpoint
from tests.app.desktop.fake_engine import FakeEngine
from tests.app.desktop.staged_queue import StagedQueue

REQUEST = Finetune(model="starter", traces="sums", name="adder", run="run-1")


@pytest.fixture
def queue(engine: FakeEngine) -> JobQueue:
    return StagedQueue(engine)


@pytest.fixture
def run(queue: JobQueue, qapp: QApplication) -> RunTracker:
    return RunTracker(queue)


def on_disk(number: int = 1, **values: Any) -> Run:
    return Run(
        id=f"run-{number}", number=number, folder="/r", created="", base="starter", base_folder="/b", adapter="adder",
        config=FinetuneConfig(rank=4), examples=9, valid_examples=1, **{"traces": "sums", "state": "stopped", **values},
    )  # fmt: skip


def step(number: int) -> Step:
    return Step(step=number, steps=9, loss=1 / number, learning_rate=1e-3, tokens=9, tokens_per_s=5, peak_bytes=1)


def can(run: RunTracker) -> tuple[bool, bool, bool, bool]:
    return run.can_pause, run.can_resume, run.can_stop, run.can_cancel


def tell(engine: FakeEngine, *events: Any) -> None:
    engine.play(len(engine.requests), *events)


def test_without_a_run_nothing_can_be_done(run: RunTracker, engine: FakeEngine) -> None:
    run.take_runs([on_disk()])
    assert run.entry is None
    assert can(run) == (False, False, False, False)
    for act in (run.pause, run.resume, run.stop_and_keep, run.cancel):
        act()
    assert not engine.requests


def test_a_run_is_begun_shown_and_finds_its_folder(run: RunTracker, qtbot: QtBot) -> None:
    with qtbot.waitSignals([run.shown, run.changed]):
        run.start(REQUEST, "Starter on “sums”")
    entry = run.entry
    assert entry is not None
    assert (run.key, entry.state, entry.base, entry.traces) == ("job-1", "preparing", "starter", "sums")
    assert can(run) == (True, False, False, True)
    run.take_runs([on_disk()])
    assert run.key == "run-1"
    assert run.entry is not None
    assert run.entry.run is not None


def test_what_can_be_done_follows_the_state(run: RunTracker, engine: FakeEngine, qtbot: QtBot) -> None:
    run.start(REQUEST, "Starter on “sums”")
    with qtbot.waitSignal(run.job_changed) as changed:
        tell(engine, step(1))
    assert changed.args == [True]
    assert can(run) == (True, False, True, True)
    run.pause()
    assert can(run) == (False, True, True, True)
    tell(engine, Failed(kind="cancelled", text="Stopped."))
    run.resume()
    assert can(run) == (True, False, False, True)
    run.cancel()
    assert can(run) == (False, False, False, False)


def test_stopping_and_keeping_is_asked_once(run: RunTracker, queue: JobQueue, engine: FakeEngine) -> None:
    run.start(REQUEST, "Starter on “sums”")
    tell(engine, step(1))
    run.take_runs([on_disk()])
    run.stop_and_keep()
    assert run.is_stopping
    assert can(run)[:3] == (False, False, False)
    assert queue.steps(1) == [PublishCheckpoint(run="run-1", name="adder")]


def test_what_is_told_while_the_metrics_are_read_comes_after_them(run: RunTracker, engine: FakeEngine) -> None:
    run.start(REQUEST, "Starter on “sums”")
    tell(engine, Note(text="One row is too long."))
    run.take_runs([on_disk()])
    run.show("run-1")
    assert not run.is_read
    tell(engine, step(3))
    assert run.curves.step == 0
    assert run.take_metrics("run-1", [step(1), step(2)])
    assert run.is_read
    assert run.curves.training.steps.tolist() == [1, 2, 3]
    assert run.curves.log == ["One row is too long."]
    tell(engine, step(4))
    assert run.curves.step == 4


def test_metrics_of_another_run_are_passed_over(run: RunTracker) -> None:
    run.take_runs([on_disk(1), on_disk(2)])
    run.show("run-1")
    run.show("run-2")
    assert not run.take_metrics("run-1", [step(1)])
    assert run.curves.step == 0
    assert run.take_metrics("run-2", [step(2)])
    assert run.curves.step == 2


def test_only_the_run_that_is_shown_tells(run: RunTracker, engine: FakeEngine, qtbot: QtBot) -> None:
    run.start(REQUEST, "Starter on “sums”")
    run.show("")
    with qtbot.assertNotEmitted(run.event_taken):
        tell(engine, step(1))
    run.show("job-1")
    with qtbot.waitSignals([run.event_taken, run.checkpoints_changed]):
        tell(engine, Checkpoint(step=2, path="/r", best=True))
    assert run.curves.best_step == 2


def test_a_run_that_stands_still_goes_on_by_a_new_job(run: RunTracker, queue: JobQueue) -> None:
    run.take_runs([on_disk()])
    run.show("run-1")
    assert can(run) == (False, True, False, False)
    run.resume()
    (request,) = queue.steps(1)
    assert request == Finetune(
        model="starter", traces="sums", name="adder", config=FinetuneConfig(rank=4), run="run-1", resume=True
    )
    assert run.key == "run-1"
    assert can(run) == (True, False, False, True)


def test_jobs_say_when_the_disk_has_changed(run: RunTracker, engine: FakeEngine, qtbot: QtBot) -> None:
    with qtbot.waitSignal(run.disk_changed):
        run.start(REQUEST, "Starter on “sums”")
    with qtbot.waitSignal(run.disk_changed):
        tell(engine, Failed(kind="oom", text="No memory is left."))
    assert run.entry is not None
    assert run.entry.state == "failed"
