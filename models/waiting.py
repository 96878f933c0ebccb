"""Generators that say how far their work is: run to their end, or around a blocking call on a thread of its own."""

import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future
from typing import TypeVar

from models.events import Event

Yielded = TypeVar("Yielded")
Result = TypeVar("Result")
POLL_S = 0.1


def run(work: Generator[Yielded, None, Result], on_event: Callable[[Yielded], object] | None = None) -> Result:
    """Run a generator of the core to its end and return its result. on_event: called with each event on the way."""
    while True:
        try:
            event = next(work)
        except StopIteration as end:
            result: Result = end.value
            return result
        if on_event is not None:
            on_event(event)


def waited_for(
    call: Callable[[], Result], waiting: Callable[[], Event], every_s: float = 0.25
) -> Generator[Event, None, Result]:
    """Run a call on a daemon thread and return what it returns; yield an event about each every_s until then.

    Raises what the call raises. Closing the generator does not wait for the call: it has time limits of its own.
    """
    outcome: Future[Result] = Future()

    def run() -> None:
        try:
            outcome.set_result(call())
        except BaseException as error:  # handed on below
            outcome.set_exception(error)

    thread = threading.Thread(target=run, name="blocking-call", daemon=True)
    thread.start()
    told_at = time.monotonic()
    while thread.is_alive():
        thread.join(POLL_S)
        if thread.is_alive() and time.monotonic() - told_at >= every_s:
            told_at = time.monotonic()
            yield waiting()
    return outcome.result()
