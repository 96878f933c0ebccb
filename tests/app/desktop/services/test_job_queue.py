"""The queue as the window sees it, the pages beside the chat, and leaving while something runs."""

import msgspec
import pytest
from PySide6.QtWidgets import QMessageBox
from pytestqt.qtbot import QtBot

from app.desktop.services.job_queue import JobQueue
from app.desktop.window.main_window import MainWindow
from models import events
from models.finetune.runs import Run
from models.finetune_config import FinetuneConfig
from models.jobs.kinds.add_traces import AddTraces
from models.jobs.kinds.export_traces import ExportTraces
from models.jobs.kinds.fetch import Fetch
from models.jobs.kinds.finetune import Finetune
from models.jobs.kinds.import_model import ImportModel
from models.jobs.kinds.measure_card import MeasureCard
from models.jobs.kinds.publish_checkpoint import PublishCheckpoint
from models.jobs.kinds.quantize import Quantize
from tests.app.desktop.fake_engine import STARTER, FakeEngine
from tests.app.desktop.fake_rows import job_queue


@pytest.fixture
def queue(engine: FakeEngine) -> JobQueue:
    return job_queue(engine)


def test_a_wish_becomes_the_requests_that_fulfil_it(queue: JobQueue, engine: FakeEngine) -> None:
    queue.get("Tiny", "o/tiny", "main", "4bit", True)
    queue.quantize("starter", "Starter", "8bit")
    queue.measure("starter", "Starter")
    queue.import_path("/a/b.gguf")
    queue.add_traces("sums", ["/a.jsonl"])
    queue.export_traces("sums", "/b.jsonl", "messages")
    steps = [step for job in queue.all() for step in queue._jobs.steps(job.id)]
    assert [type(step) for step in steps] == [
        Fetch, Quantize, Quantize, MeasureCard, ImportModel,
        AddTraces, ExportTraces,
    ]  # fmt: skip


def test_what_can_not_be_queued_is_told(queue: JobQueue, qtbot: QtBot) -> None:
    with qtbot.waitSignal(queue.refused) as refused:
        assert queue.get("Tiny", "o/tiny", "main", "9bit", False) == 0
    assert "9bit" in refused.args[0].text
    with qtbot.waitSignal(queue.refused):
        queue.repair("no-such-model")


def test_a_run_tells_its_steps_and_can_be_kept_half_way(queue: JobQueue, engine: FakeEngine, qtbot: QtBot) -> None:
    job = queue.finetune("starter", "Starter", "sums", "adder", FinetuneConfig(), 0.05)
    run = queue.run_of(job)
    assert run.endswith("-adder")
    call = len(engine.requests)
    step = events.Step(step=3, steps=9, loss=1.0, learning_rate=1e-3, tokens=9, tokens_per_s=5, peak_bytes=1)
    with qtbot.waitSignal(queue.run_event) as told:
        engine.play(call, step)
    assert told.args == [job, step]
    assert (queue.all()[0].done, queue.all()[0].total) == (3, 9)
    queue.stop_and_keep(job)
    engine.play(call, events.Failed(kind="cancelled", text="Stopped."))
    qtbot.waitUntil(lambda: engine.requests[len(engine.requests)] == PublishCheckpoint(run=run, name="adder"))
    adapter = msgspec.structs.replace(STARTER, name="adder", kind="adapter", base="starter")
    engine.play(len(engine.requests), events.Done(result=adapter))
    qtbot.waitUntil(lambda: queue.all()[0].state == "done")
    assert queue.all()[0].model == "adder"
    assert queue.run_of(job) == run


def test_a_run_that_no_job_works_on_is_taken_up(queue: JobQueue, engine: FakeEngine) -> None:
    run = Run(
        id="20251124-100000-adder", number=1, folder="/r", created="", base="starter", base_folder="/b", adapter="adder",
        config=FinetuneConfig(rank=4), examples=9, valid_examples=1, traces="sums",
    )  # fmt: skip
    job = queue.take_up(run, "Starter on “sums”")
    request = engine.requests[len(engine.requests)]
    assert isinstance(request, Finetune)
    assert (request.run, request.resume, request.name, request.config.rank) == (run.id, True, "adder", 4)
    assert queue.run_of(job) == run.id


def test_a_failure_is_told_on_whatever_page_is_in_front(window: MainWindow, engine: FakeEngine, qtbot: QtBot) -> None:
    window.services.jobs.get("Tiny", "o/tiny", "main", "", False)
    engine.play(len(engine.requests), events.Failed(kind="offline", text="There is no network.", hint="Look."))
    qtbot.waitUntil(lambda: "Tiny: There is no network." in window.notices.text)
    window.show_page("Models")
    window.services.jobs.resume(1)
    engine.play(len(engine.requests), events.Failed(kind="offline", text="Still none.", hint=""))
    qtbot.waitUntil(lambda: "Still none." in window.more_pages.models.notices.text)


def test_what_is_ready_is_offered_for_a_chat(window: MainWindow, engine: FakeEngine, qtbot: QtBot) -> None:
    window.services.jobs.import_path("/a/tiny.gguf")
    engine.play(len(engine.requests), events.Done(result=msgspec.structs.replace(STARTER, name="tiny")))
    qtbot.waitUntil(lambda: "tiny.gguf is ready" in window.notices.text)


def test_leaving_while_something_runs_asks_once(window: MainWindow, engine: FakeEngine, qtbot: QtBot) -> None:
    window.services.jobs.get("Tiny", "o/tiny", "main", "", False)
    window.close()
    assert window.isVisible()
    box = window.findChild(QMessageBox, "leaving")
    assert box is not None
    assert "Tiny is still under way" in box.text()
    pressed = {button.text(): button for button in box.buttons()}
    pressed["Cancel"].click()
    assert window.isVisible()
    window.close()
    box = window.findChild(QMessageBox, "leaving")
    assert box is not None
    {button.text(): button for button in box.buttons()}["Pause and Quit"].click()
    qtbot.waitUntil(lambda: not window.isVisible())
    assert engine.closed


def test_it_can_finish_in_the_background(window: MainWindow, engine: FakeEngine, qtbot: QtBot) -> None:
    window.services.jobs.get("Tiny", "o/tiny", "main", "", False)
    window.close()
    box = window.findChild(QMessageBox, "leaving")
    assert box is not None
    {button.text(): button for button in box.buttons()}["Finish in the Background"].click()
    qtbot.waitUntil(lambda: not window.isVisible())
    assert not engine.closed
    engine.play(len(engine.requests), events.Done(result=STARTER))
    qtbot.waitUntil(lambda: engine.closed)
