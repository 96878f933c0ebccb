"""The queue as the window sees it, the pages beside the chat, and leaving while something runs."""

import msgspec
import pytest
from PySide6.QtWidgets import QMessageBox
from pytestqt.qtbot import QtBot

from app.desktop.window.main_window import MainWindow
from models import events
from models.errors import BadInput, DiskFull
from models.jobs.kinds.fetch import Fetch
from models.jobs.kinds.finetune import Finetune
from models.jobs.kinds.fuse import Fuse
from models.jobs.kinds.import_model import ImportModel
from models.jobs.kinds.publish_checkpoint import PublishCheckpoint
from models.jobs.kinds.quantize import Quantize
from tests.app.desktop.fake_engine import STARTER, FakeEngine
from tests.app.desktop.staged_queue import STOPPED, StagedQueue


@pytest.fixture
def queue(engine: FakeEngine) -> StagedQueue:
    return StagedQueue(engine)


TRAINING = Finetune(model="starter", traces="sums", name="adder")
DOWNLOAD = Fetch(repo="o/tiny")


def test_what_can_not_be_queued_is_raised(queue: StagedQueue) -> None:
    with pytest.raises(BadInput, match="9bit"):
        queue.add(Quantize(model="o/tiny", recipe="9bit"))
    assert queue.all() == []


def test_what_nobody_waits_for_is_told(queue: StagedQueue, qtbot: QtBot) -> None:
    def full() -> None:
        raise DiskFull("There is no space left on the disk.")

    with qtbot.waitSignal(queue.refused) as refused:
        assert not queue.attempt(full)
    assert refused.args[0].kind == "disk_full"


def test_a_run_tells_its_steps_and_can_be_kept_half_way(queue: StagedQueue, engine: FakeEngine, qtbot: QtBot) -> None:
    job = queue.add(TRAINING, title="Starter")
    run = queue.steps(job)[0].run_id()
    assert run.endswith("-adder")
    step = events.Step(step=3, steps=9, loss=1.0, learning_rate=1e-3, tokens=9, tokens_per_s=5, peak_bytes=1)
    with qtbot.waitSignal(queue.run_event) as told:
        queue.say(job, step)
    assert told.args == [job, step]
    assert (queue.all()[0].done, queue.all()[0].total) == (3, 9)
    queue.keep_so_far(job)
    queue.stopped(job)
    qtbot.waitUntil(lambda: engine.requests[len(engine.requests)] == PublishCheckpoint(run=run, name="adder"))
    adapter = msgspec.structs.replace(STARTER, name="adder", kind="adapter", base="starter")
    queue.say(job, events.Done(result=adapter))
    qtbot.waitUntil(lambda: queue.all()[0].state == "done")
    assert queue.all()[0].model == "adder"
    assert queue.steps(job)[0].run_id() == run


def test_only_a_run_is_kept_half_way(queue: StagedQueue, engine: FakeEngine) -> None:
    queue.keep_so_far(queue.add(DOWNLOAD))
    assert engine.cancelled == []


def test_a_failure_is_told_on_whatever_page_is_in_front(window: MainWindow, engine: FakeEngine, qtbot: QtBot) -> None:
    window.services.jobs.add(DOWNLOAD, title="Tiny")
    engine.play(len(engine.requests), events.Failed(kind="offline", text="There is no network.", hint="Look."))
    qtbot.waitUntil(lambda: "Tiny: There is no network." in window.notices.text)
    window.pages.show_page("Models")
    window.services.jobs.resume(1)
    engine.play(len(engine.requests), events.Failed(kind="offline", text="Still none.", hint=""))
    qtbot.waitUntil(lambda: "Still none." in window.pages.page("Models").notices.text)


def test_what_is_ready_is_offered_for_a_chat(window: MainWindow, engine: FakeEngine, qtbot: QtBot) -> None:
    window.services.jobs.add(ImportModel(path="/a/tiny.gguf"))
    engine.play(len(engine.requests), events.Done(result=msgspec.structs.replace(STARTER, name="tiny")))
    qtbot.waitUntil(lambda: "tiny.gguf is ready" in window.notices.text)


def test_leaving_while_something_runs_asks_once(window: MainWindow, engine: FakeEngine, qtbot: QtBot) -> None:
    window.services.jobs.add(DOWNLOAD, title="Tiny")
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
    assert engine.cancelled == [len(engine.requests)]
    engine.play(len(engine.requests), STOPPED)
    qtbot.waitUntil(lambda: not window.isVisible())
    assert engine.closed
    assert window.services.jobs.all()[0].state == "running"  # it goes on by itself when the queue is next opened


def test_leaving_waits_for_a_training_to_save_unless_one_does_not_want_to(
    window: MainWindow, engine: FakeEngine, qtbot: QtBot
) -> None:
    window.services.jobs.add(TRAINING)
    window.close()
    press(window, "leaving", "Pause and Quit")
    box = window.findChild(QMessageBox, "stopping")
    assert box is not None
    assert box.text() == "Stopping after this step …"
    press(window, "stopping", "Wait")
    assert window.isVisible()
    assert not engine.closed
    window.close()
    press(window, "stopping", "Quit Now")
    qtbot.waitUntil(lambda: not window.isVisible())
    assert engine.closed


def press(window: MainWindow, box_name: str, text: str) -> None:
    """Press a button of the box that is open."""
    box = next(box for box in window.findChildren(QMessageBox, box_name) if box.isVisible())
    {button.text(): button for button in box.buttons()}[text].click()


def test_a_fused_model_that_is_ready_is_announced(window: MainWindow, engine: FakeEngine, qtbot: QtBot) -> None:
    window.services.jobs.add(Fuse(model="starter", adapter="adder"))
    engine.play(len(engine.requests), events.Done(result=msgspec.structs.replace(STARTER, name="starter-adder")))
    qtbot.waitUntil(lambda: "starter + adder is ready" in window.notices.text)


def test_it_can_finish_in_the_background(window: MainWindow, engine: FakeEngine, qtbot: QtBot) -> None:
    window.services.jobs.add(DOWNLOAD, title="Tiny")
    window.close()
    box = window.findChild(QMessageBox, "leaving")
    assert box is not None
    {button.text(): button for button in box.buttons()}["Finish in the Background"].click()
    qtbot.waitUntil(lambda: not window.isVisible())
    assert not engine.closed
    engine.play(len(engine.requests), events.Done(result=STARTER))
    qtbot.waitUntil(lambda: engine.closed)
