"""The engine process with a real worker and the tiny model: events, cancel, steering, death and replacement."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from models import errors, events, requests
from models.engine import client
from models.engine.client import Engine
from models.engine.worker import joined, stoppable
from models.generate.thinking import Steering
from models.jobs.kinds.finetune import Finetune
from models.jobs.kinds.import_model import ImportModel
from models.requests import ChatRequest, Load, Message, Sampling
from tests.tiny import make_tiny

SLOW = 4000  # tokens: more than any test waits for
Inbox = queue.Queue[tuple[int, events.Event]]


@pytest.fixture
def tiny(tmp_path: Path) -> str:
    return str(make_tiny(tmp_path / "tiny", thinking="opened", context=SLOW * 2))


@pytest.fixture(scope="module")
def warm() -> Iterator[tuple[Engine, Inbox]]:
    """An engine whose worker serves one test after the other, and where its events go."""
    inbox: Inbox = queue.Queue()
    engine = Engine(lambda call, event: inbox.put((call, event)))
    yield engine, inbox
    engine.close()


@pytest.fixture
def inbox(warm: tuple[Engine, Inbox]) -> Inbox:
    _, inbox = warm
    while not inbox.empty():
        inbox.get()
    return inbox


@pytest.fixture
def engine(warm: tuple[Engine, Inbox]) -> Iterator[Engine]:
    """The warm engine, which holds no model before the test and has nothing under way after it; not to be closed."""
    engine, inbox = warm
    yield engine
    last = engine.start(requests.Unload())
    while inbox.get(timeout=60)[0] != last:
        pass


@pytest.fixture
def new_engine(inbox: Inbox) -> Iterator[Engine]:
    """An engine whose worker has not finished a call yet."""
    engine = Engine(lambda call, event: inbox.put((call, event)))
    yield engine
    engine.close()


def ask(model: str, **options: object) -> ChatRequest:
    hello = [Message(role="user", content="Hello")]
    return ChatRequest(**{"model": model, "messages": hello, "sampling": Sampling(temperature=1.0, seed=1), **options})


def until_true(condition: Callable[[], bool]) -> None:
    """Wait for what another thread is about to do."""
    give_up = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.01)


def until(inbox: queue.Queue, kind: type) -> events.Event:
    """The next event of a kind; those before it are dropped."""
    while True:
        _, event = inbox.get(timeout=60)
        if isinstance(event, kind):
            return event


def worker_of(engine: Engine) -> psutil.Process:
    until_true(lambda: engine._resident is not None and engine._resident._process is not None)
    return psutil.Process(engine._resident._process.pid)


def test_a_chat_loads_the_model_and_ends_with_the_reply(engine: Engine, tiny: str):
    got = list(engine.run(ask(tiny, think=8, max_tokens=64)))
    kinds = [type(event).__name__ for event in got]
    assert kinds[0] == "Progress"
    assert "ThinkingClosed" in kinds
    assert isinstance(got[-1].result, events.Reply)
    assert got[-1].result.thinking == "".join(e.text for e in got if getattr(e, "channel", "") == "thinking").strip(
        "\n"
    )


def test_a_vote_ends_with_its_ballots(engine: Engine, tiny: str):
    got = list(engine.run(ask(tiny, votes=3, think=8, max_tokens=300)))
    reply = got[-1].result
    assert len(reply.votes) == 3
    assert 1 <= reply.agreement <= 3
    stages = [(event.stage, event.unit) for event in got if isinstance(event, events.Progress)]
    assert ("votes", "votes") in stages


def test_a_vote_that_makes_no_sense_loads_nothing(engine: Engine):
    with pytest.raises(errors.BadInput, match="1 to 16, not 99"):
        list(engine.run(ask("no-such-model", votes=99)))


def test_a_second_chat_finds_the_model_loaded_and_its_cache_warm(engine: Engine, tiny: str):
    list(engine.run(ask(tiny, think=0, max_tokens=4)))
    got = list(engine.run(ask(tiny, think=0, max_tokens=4)))
    assert not any(isinstance(event, events.Progress) for event in got)
    assert got[-1].result.cached_tokens == got[-1].result.prompt_tokens - 1


def test_load_tells_what_the_model_is(engine: Engine, tiny: str):
    *_, done = engine.run(Load(model=tiny))
    assert (done.result.thinks, done.result.context_limit) == (True, SLOW * 2)
    assert done.result.weights_bytes > 0
    assert engine.worker_bytes() > 1 << 20


def test_cancel_ends_a_reply_with_what_was_said(engine: Engine, tiny: str, inbox: queue.Queue):
    call = engine.start(ask(tiny, think=None))
    until(inbox, events.Token)
    engine.cancel(call)
    assert until(inbox, events.Done).result.finish == "cancelled"


def test_closing_the_iterator_cancels(engine: Engine, tiny: str, inbox: queue.Queue):
    replies = engine.run(ask(tiny, think=None))
    next(event for event in replies if isinstance(event, events.Token))
    replies.close()
    assert until(inbox, events.Done).result.finish == "cancelled"


def test_answer_now_and_think_longer_reach_a_reply(engine: Engine, tiny: str, inbox: queue.Queue):
    call = engine.start(ask(tiny, think=1000, think_min=1000))
    until(inbox, events.Token)
    engine.steer(call, "think_longer")
    while until(inbox, events.Budget).tokens == 1000:
        pass
    engine.steer(call, "answer_now")
    assert until(inbox, events.ThinkingClosed).how == "answer_now"
    engine.cancel(call)


def test_a_worker_killed_in_mid_reply_is_told_with_its_words_and_replaced(
    engine: Engine, tiny: str, inbox: queue.Queue
):
    list(engine.run(ask(tiny, think=0, max_tokens=2)))
    until(inbox, events.Done)
    engine.start(ask(tiny, think=None))
    said = until(inbox, events.Token).text
    worker_of(engine).send_signal(signal.SIGKILL)
    failed = until(inbox, events.Failed)
    assert (failed.kind, failed.thinking.startswith(said)) == ("worker_died", True)
    assert "memory" in failed.text
    assert worker_of(engine).is_running()
    *_, done = engine.run(ask(tiny, think=0, max_tokens=2))
    assert done.result.answer_tokens == 2


def test_a_worker_that_never_finished_a_call_is_not_replaced_by_itself(
    new_engine: Engine, tiny: str, inbox: queue.Queue
):
    new_engine.start(ask(tiny, think=None))
    until(inbox, events.Token)
    worker_of(new_engine).send_signal(signal.SIGSEGV)
    assert "SIGSEGV" in until(inbox, events.Failed).text
    assert new_engine._resident is None


def test_a_worker_that_does_not_listen_is_killed(
    engine: Engine, tiny: str, inbox: queue.Queue, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(client, "KILL_AFTER_S", 0.1)
    call = engine.start(ask(tiny, think=None))
    until(inbox, events.Token)
    worker_of(engine).suspend()
    engine.cancel(call)
    assert until(inbox, events.Failed).kind == "cancelled"


@pytest.mark.slow
def test_a_worker_outlives_its_parent_by_little(tmp_path: Path, tiny: str):
    script = (
        "import os, sys, time; from models.engine.client import Engine; from models.requests import *;"
        "engine = Engine(lambda call, event: (print(engine._resident._process.pid, flush=True)));"
        f"engine.start(ChatRequest(model={tiny!r}, messages=[Message(role='user', content='Hi')], think=None)); time.sleep(100)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    worker = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.wait()
    parent.stdout.close()
    worker.wait(30)


@pytest.mark.parametrize(
    ("break_it", "kind"),
    [
        (lambda folder: (folder / "config.json").unlink(), "not_found"),
        (lambda folder: (folder / "config.json").write_text("{"), "corrupt"),
        (lambda folder: (folder / "model.safetensors").unlink(), "not_found"),
        (lambda folder: (folder / "tokenizer.json").write_text("{}"), "corrupt"),
    ],
)
def test_a_broken_checkpoint_ends_in_a_sentence(engine: Engine, tiny: str, break_it: object, kind: str):
    break_it(Path(tiny))
    with pytest.raises(errors.StillroomError) as caught:
        list(engine.run(Load(model=tiny)))
    assert caught.value.kind == kind
    assert "Traceback" not in caught.value.text


def test_code_in_a_checkpoint_is_never_run_and_nothing_asks(engine: Engine, tiny: str, tmp_path: Path):
    folder, canary = Path(tiny), tmp_path / "canary"
    (folder / "evil.py").write_text(f"open({str(canary)!r}, 'w').close()\nclass Evil: pass\n")
    config = json.loads((folder / "tokenizer_config.json").read_text())
    config |= {"tokenizer_class": "Evil", "auto_map": {"AutoTokenizer": ["evil.Evil", None]}}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    model = json.loads((folder / "config.json").read_text()) | {"model_file": "evil.py"}
    (folder / "config.json").write_text(json.dumps(model))
    with pytest.raises(errors.StillroomError):
        list(engine.run(Load(model=tiny)))
    assert not canary.exists()


def test_import_runs_in_a_worker_of_its_own(new_engine: Engine, tiny: str, inbox: queue.Queue):
    *_, done = new_engine.run(ImportModel(path=tiny, name="mine"))
    assert done.result.name == "mine"
    assert new_engine._resident is None


def test_an_unknown_model_is_told(engine: Engine):
    with pytest.raises(errors.NotFound, match="no-such"):
        list(engine.run(Load(model="no-such")))


def test_a_closed_engine_takes_nothing_more(new_engine: Engine):
    new_engine.close()
    with pytest.raises(errors.Interrupted):
        new_engine.start(requests.Unload())


def test_closing_the_engine_ends_whoever_waits_for_a_call(new_engine: Engine, tiny: str):
    got: list[errors.StillroomError] = []

    def wait() -> None:
        try:
            for event in new_engine.run(ask(tiny, think=None)):
                if isinstance(event, events.Token):
                    under_way.set()
        except errors.StillroomError as error:
            got.append(error)

    under_way = threading.Event()
    waiting = threading.Thread(target=wait)
    waiting.start()
    assert under_way.wait(60)
    new_engine.close()
    waiting.join(30)
    assert not waiting.is_alive()
    assert [type(error) for error in got] == [errors.Interrupted]


def test_a_call_is_taken_before_its_process_is_there(
    new_engine: Engine, inbox: queue.Queue, monkeypatch: pytest.MonkeyPatch
):
    slow, let_go = client._environment, threading.Event()

    def environment(network: bool) -> dict[str, str]:
        assert let_go.wait(60)
        return slow(network)

    monkeypatch.setattr(client, "_environment", environment)
    call = new_engine.start(ImportModel(path="/nowhere"))
    assert new_engine.call_bytes(call) == 0
    let_go.set()
    assert until(inbox, events.Failed).kind == "not_found"


def test_what_is_cancelled_before_its_process_is_there_ends_as_cancelled(
    new_engine: Engine, inbox: queue.Queue, monkeypatch: pytest.MonkeyPatch
):
    slow, let_go = client._environment, threading.Event()
    monkeypatch.setattr(client, "_environment", lambda network: let_go.wait(60) and slow(network))
    monkeypatch.setattr(client, "KILL_AFTER_S", 0.05)
    monkeypatch.setattr(ImportModel, "patience_s", 0.05)
    new_engine.cancel(new_engine.start(ImportModel(path="/nowhere")))
    let_go.set()
    assert until(inbox, events.Failed).kind in ("cancelled", "not_found")


def test_a_process_that_can_not_be_started_is_told(
    new_engine: Engine, inbox: queue.Queue, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(client, "_command", lambda: ["/nowhere/python"])
    new_engine.start(requests.Unload())
    assert until(inbox, events.Failed).kind == "worker_died"


def test_what_is_done_when_the_cancel_comes_is_done() -> None:
    steering = Steering()

    def work():
        yield "last"
        return "made"

    running = stoppable(work(), steering)
    assert next(running) == "last"
    steering.cancel()
    with pytest.raises(StopIteration, match="made"):
        next(running)


def test_what_is_on_the_way_when_the_cancel_comes_tidies_up() -> None:
    steering, tidied = Steering(), []

    def work():
        try:
            yield "first"
            yield "second"
        finally:
            tidied.append(True)

    running = stoppable(work(), steering)
    assert next(running) == "first"
    steering.cancel()
    with pytest.raises(errors.Interrupted):
        next(running)
    assert tidied == [True]


def test_a_kind_of_work_has_its_own_patience(new_engine: Engine, inbox: queue.Queue, monkeypatch: pytest.MonkeyPatch):
    waited: list[float] = []

    class Timer(threading.Timer):
        def __init__(self, seconds: float, *rest: object) -> None:
            waited.append(seconds)
            super().__init__(seconds, *rest)

    monkeypatch.setattr(client.threading, "Timer", Timer)
    call = new_engine.start(Finetune(model="starter", traces="none", name="none"))
    new_engine.cancel(call)
    new_engine.cancel(call)
    assert waited == [Finetune.patience_s, client.KILL_AFTER_S]
    assert waited[0] > waited[1]


def test_tokens_of_one_frame_travel_as_one():
    def token(text: str, channel: str = "answer", n: int = 1) -> events.Token:
        return events.Token(channel=channel, text=text, n=n)

    source = [token("a"), *(token("b", n=n) for n in range(2, 9)), token("c", "thinking"), events.Done()]
    got = list(joined(iter(source)))
    assert [(event.channel, event.text) for event in got[:-1]] == [
        ("answer", "a"),
        ("answer", "bbbbbbb"),
        ("thinking", "c"),
    ]
    assert got[1].n == 8


def test_the_wire_survives_what_libraries_print(tiny: str):
    """What is printed in the worker goes to stderr, and reading stdin finds nothing."""
    script = (
        "import os, sys; import models.engine.worker as w; i, o = w._take_wire();"
        "print('noise'); os.write(1, b'more noise'); sys.stdout.flush(); assert sys.stdin.read() == '';"
        "o.write(b'wire'); o.flush()"
    )
    done = subprocess.run([sys.executable, "-c", script], input=b"y\n", capture_output=True, check=True)
    assert done.stdout == b"wire"
    assert b"noise" in done.stderr


def test_faces_import_nothing_heavy():
    script = "import sys, models, models.engine.client; print([m for m in ('mlx', 'mlx_lm', 'transformers', 'numpy') if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    assert done.stdout.strip() == "[]"
