"""The environment that a worker gets, and how a call ends that never reaches one."""

from collections.abc import Iterator
from typing import Any

import pytest

from models import events, requests
from models.engine import client, wire
from models.engine.client import Engine, _environment
from models.errors import BadInput, StillroomError
from models.jobs import kinds
from models.jobs.kinds.fetch import Fetch
from models.jobs.kinds.fetch_task import FetchTask
from models.jobs.kinds.search import Search


def test_only_what_needs_the_hub_may_use_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    assert _environment(network=False)["HF_HUB_OFFLINE"] == "1"
    assert "HF_HUB_OFFLINE" not in _environment(network=True)
    assert {kind for kind in kinds.by_name().values() if kind.needs_network} == {Search, Fetch, FetchTask}


def test_none_tells_anybody_anything() -> None:
    for network in (True, False):
        assert _environment(network)["HF_HUB_DISABLE_TELEMETRY"] == "1"
        assert _environment(network)["DO_NOT_TRACK"] == "1"


# A call always ends


def ends_with(engine: Engine, request: wire.Request) -> StillroomError:
    with pytest.raises(StillroomError) as failed:
        list(engine.run(request))
    return failed.value


def asked(**values: Any) -> requests.ChatRequest:
    return requests.ChatRequest(
        model="no such", messages=[requests.Message(role="user", content="caf\udce9")], **values
    )


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = Engine()
    yield engine
    engine.close()


def test_what_the_wire_can_not_carry_ends_in_a_sentence(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    too_large = ends_with(engine, asked(think=object()))
    assert (too_large.kind, "can't be sent" in too_large.text) == ("bad_input", True)
    assert ends_with(engine, asked()).kind == "not_found"  # its text was made whole
    assert "caf\ufffd" in ends_with(engine, requests.Load(model="caf\udce9")).text
    with monkeypatch.context() as patch:
        patch.setattr(wire, "line", lambda call: b'{"type":"call","id":%d,"request":{"type":"unheard"}}\n' % call.id)
        assert "can't read what it was asked" in ends_with(engine, asked()).text
    assert ends_with(engine, asked()).kind == "not_found"  # and the engine goes on


@pytest.mark.parametrize("error", [BadInput("STILLROOM_BLAS names no file."), PermissionError(13, "Permission denied")])
def test_an_engine_that_can_not_be_started_ends_the_call(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def failing(_network: bool) -> dict[str, str]:
        raise error

    monkeypatch.setattr(client, "_environment", failing)
    assert ends_with(engine, asked()).kind == "bad_input"


@pytest.mark.bug
def test_nor_one_whose_start_fails_as_nobody_foresaw(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_environment", lambda _network: 1 / 0)
    assert ends_with(engine, asked()).kind == "bug"


def test_the_text_of_an_event_is_made_whole() -> None:
    line = wire.line(wire.Report(id=1, event=events.Note(text="\udce9 \ud83d\ude00 \ud83d")))
    assert wire.read_report(line).event == events.Note(text="\ufffd \U0001f600 \ufffd")
