"""The worker and adapters: a base stays in memory while they come and go."""

import io
from pathlib import Path

import msgspec
import pytest

from models import errors, events, paths
from models.checkpoint import folders
from models.engine.client import Engine
from models.engine.worker import Worker, ending
from models.generate import load
from models.generate.thinking import Steering
from models.requests import ChatRequest, Load, Message, Sampling
from tests.models.generate.test_adapters import make_adapter
from tests.tiny import make_tiny


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return make_tiny(tmp_path / "tiny")


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    read: list[object] = []
    original = load.load_model
    monkeypatch.setattr(load, "load_model", lambda *given, **named: (read.append(given), original(*given, **named))[1])
    return read


@pytest.fixture
def worker() -> Worker:
    return Worker(io.BytesIO(), io.BytesIO())


def run(worker: Worker, request: Load | ChatRequest) -> events.Record:
    *_, done = ending(worker._work(request, Steering()))
    return done.result


def ask(base: Path, adapter: str | None) -> ChatRequest:
    hello = [Message(role="user", content="Hello")]
    greedy = Sampling(temperature=0.0)
    return ChatRequest(model=str(base), messages=hello, think=0, max_tokens=12, sampling=greedy, adapter=adapter)


def test_replies_with_and_without_an_adapter_read_the_base_once(base: Path, reads: list[object], worker: Worker):
    make_adapter(paths.adapters_folder() / "adds", base)
    reads.clear()
    plain = run(worker, ask(base, None))
    adapted = run(worker, ask(base, "adds"))
    again = run(worker, ask(base, None))
    assert len(reads) == 1
    assert plain.answer == again.answer != adapted.answer
    assert again.cached_tokens == 0
    assert run(worker, ask(base, None)).cached_tokens > 0


@pytest.mark.slow
def test_a_chat_through_the_engine_switches_twice_in_one_process(base: Path):
    make_adapter(paths.adapters_folder() / "adds", base)
    make_adapter(paths.adapters_folder() / "all", base, "full")
    engine = Engine(lambda call, event: None)
    try:
        told = [list(engine.run(ask(base, adapter))) for adapter in (None, "adds", "all", None)]
    finally:
        engine.close()
    stages = [[event.stage for event in reply if isinstance(event, events.Progress)] for reply in told]
    assert ["load" in each for each in stages] == [True, False, False, False]
    answers = [reply[-1].result.answer for reply in told]
    assert answers[0] == answers[3]
    assert len(set(answers)) == 3


def test_a_full_fine_tune_and_the_way_back_read_the_base_once(base: Path, reads: list[object], worker: Worker):
    make_adapter(paths.adapters_folder() / "adds", base)
    make_adapter(paths.adapters_folder() / "all", base, "full")
    reads.clear()
    for adapter in (None, "all", "all", "adds", None):
        run(worker, Load(model=str(base), adapter=adapter))
    assert len(reads) == 1


def test_an_adapter_of_another_base_is_told_once_for_each_time_it_is_put_on(base: Path, worker: Worker):
    for name, method in (("adds", "lora"), ("all", "full")):
        adapter = paths.adapters_folder() / name
        make_adapter(adapter, base, method)
        record = folders.new_record(adapter, name, "a test")
        folders.write_record(adapter, msgspec.structs.replace(record, base="one", lineage=["of another"]))
    told = []
    for adapter in ("adds", "adds", None, "all"):
        told.append(list(ending(worker._work(Load(model=str(base), adapter=adapter), Steering()))))
    assert run(worker, ask(base, "adds")).notes[0] == "adds was trained on one, which is not tiny as it is here."
    assert "trained on" not in run(worker, ask(base, "adds")).notes[0]
    notes = [[event.text for event in each if isinstance(event, events.Note)] for each in told]
    assert notes == [
        ["adds was trained on one, which is not tiny as it is here."], [], [],
        ["all was trained on one, which is not tiny as it is here."],
    ]  # fmt: skip


def test_an_adapter_that_is_gone_or_another_models_leaves_the_base_in_memory(
    base: Path, reads: list[object], worker: Worker
):
    make_adapter(paths.adapters_folder() / "adds", base)
    (paths.adapters_folder() / "adds" / "adapter_config.json").write_text('{"num_layers": 2}')
    reads.clear()
    run(worker, Load(model=str(base)))
    with pytest.raises(errors.NotFound, match="no adapter named gone"):
        run(worker, Load(model=str(base), adapter="gone"))
    with pytest.raises(errors.BadInput, match="adds does not fit this model"):
        run(worker, Load(model=str(base), adapter="adds"))
    run(worker, Load(model=str(base)))
    assert len(reads) == 1
