"""What the fakes of the engine promise is what the real one does: the same steps on each of them."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication

from models import errors, events
from models.engine.client import Engine
from models.engine.wire import Request
from models.requests import Load, Unload
from tests.app import fake_engine as terminal
from tests.app.desktop.fake_engine import FakeEngine
from tests.app.desktop.staged_queue import STOPPED

MISSING = Load(model="no-such-model")


class Real:
    """The engine and what it told."""

    def __init__(self) -> None:
        self.told: list[tuple[int, events.Event]] = []
        self.engine: Any = Engine(lambda call, event: self.told.append((call, event)))

    def let_end(self, call: int) -> None:
        """Wait for its last event."""
        give_up = time.monotonic() + 60
        while not self.ends(call):
            assert time.monotonic() < give_up
            time.sleep(0.01)

    def ends(self, call: int) -> list[events.Event]:
        """Its last events; there is never more than one."""
        return [event for told, event in self.told if told == call and isinstance(event, events.Done | events.Failed)]


class Fake(Real):
    """The window's fake, which ends a call when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.engine = FakeEngine(answers_loads=False)
        self.engine.signals.arrived.connect(lambda call, event: self.told.append((call, event)))

    def let_end(self, call: int) -> None:
        self.engine.play(call, STOPPED)


@pytest.fixture(params=[Real, Fake])
def told(request: pytest.FixtureRequest, qapp: QApplication) -> Iterator[Real]:
    made: Real = request.param()
    yield made
    made.engine.close()


def test_calls_have_numbers_of_their_own_and_each_ends_once(told: Real) -> None:
    engine = told.engine
    first = engine.start(MISSING)
    assert not told.ends(first)
    second = engine.start(MISSING)
    assert 0 < first < second
    for call in (first, second):
        told.let_end(call)
        assert len(told.ends(call)) == 1


def test_calls_that_are_not_there_are_passed_over(told: Real) -> None:
    told.engine.cancel(99)
    told.engine.steer(99, "answer_now")
    assert told.engine.call_bytes(99) == 0


def test_a_closed_one_takes_and_tells_nothing_more(told: Real) -> None:
    call = told.engine.start(MISSING)
    told.engine.close()
    told.engine.close()
    with pytest.raises(errors.Interrupted):
        told.engine.start(Unload())
    assert told.told == []
    told.engine.cancel(call)


def fails(_engine: terminal.FakeEngine, _request: Request) -> Iterator[events.Event]:
    raise errors.NotFound("There is no model named no-such-model.")
    yield


@pytest.mark.parametrize("make", [Engine, lambda: terminal.FakeEngine(load=fails)])
def test_the_terminals_raises_what_a_call_fails_with_and_nothing_once_closed(make: Callable[[], Any]) -> None:
    engine = make()
    try:
        call, reports = engine.start_watched(MISSING)
        assert call == 1
        with pytest.raises(errors.NotFound):
            list(reports)
        engine.cancel(call)
    finally:
        engine.close()
    with pytest.raises(errors.Interrupted):
        engine.start_watched(MISSING)
