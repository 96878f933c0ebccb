"""A training that is stopped saves where it stands, however long its steps take, and goes on from there."""

import io
import queue
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from models import events, paths
from models.engine import client, wire
from models.engine.client import Engine
from models.engine.worker import GRACE_S, Worker
from models.finetune import checkpoints, runs
from models.finetune_config import FinetuneConfig
from models.jobs.kinds.finetune import Finetune
from models.traces import store
from models.traces.trace import from_chat
from tests.tiny import make_tiny

STEPS = FinetuneConfig(
    rank=2, steps=400, batch_rows=2, micro_tokens=128, validate_every=0, checkpoint_every=0, samples=0
)


@pytest.fixture
def inbox() -> "queue.Queue[events.Event]":
    return queue.Queue()


@pytest.fixture
def engine(inbox: "queue.Queue[events.Event]") -> Iterator[Engine]:
    engine = Engine(lambda _call, event: inbox.put(event))
    yield engine
    engine.close()


def until(inbox: "queue.Queue[events.Event]", kind: type) -> events.Event:
    while not isinstance(event := inbox.get(timeout=60), kind):
        assert not isinstance(event, events.Failed), event.text
    return event


@pytest.mark.slow
def test_what_was_learned_before_a_slow_step_is_not_lost(
    engine: Engine, inbox: "queue.Queue[events.Event]", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "KILL_AFTER_S", 0.2)
    store.append("sums", [from_chat(f"{n}+1?", f"{n} and 1.", str(n + 1), "teacher") for n in range(12)])
    request = Finetune(
        model=str(make_tiny(tmp_path / "tiny", thinking="tokens")), traces="sums", name="adder", config=STEPS
    ).queued()
    call = engine.start(request)
    until(inbox, events.Step)
    worker = psutil.Process(engine._workers[call]._process.pid)
    worker.suspend()  # a step that takes longer than any other kind of work would be given
    engine.cancel(call)
    time.sleep(0.6)
    worker.resume()
    stopped = until_stopped(inbox)
    assert stopped.kind == "cancelled"
    folder = paths.runs_folder() / request.run
    _, state = checkpoints.newest(folder)
    assert state.step >= 1
    (run,) = runs.runs()
    assert (run.id, run.state) == (request.run, "stopped")
    engine.start(request.resumed())
    assert until(inbox, events.Prepared).first_step == state.step


def until_stopped(inbox: "queue.Queue[events.Event]") -> events.Failed:
    while not isinstance(event := inbox.get(timeout=60), events.Failed):
        assert not isinstance(event, events.Done)
    return event


def test_a_training_whose_parent_is_gone_has_the_time_to_save() -> None:
    worker = Worker(io.BytesIO(), io.BytesIO())
    assert worker._grace_s == GRACE_S
    worker._receive(wire.Call(id=1, request=Finetune(model="tiny", traces="sums", name="adder")))
    assert worker._grace_s == Finetune.patience_s > GRACE_S
