"""Run a generator of the core to its end in a test: its events, and what it returns."""

from collections.abc import Generator, Iterator
from typing import TypeVar

from models.events import Done, Event, Record

Yielded = TypeVar("Yielded")
Returned = TypeVar("Returned")


def run(source: Generator[Yielded, None, Returned]) -> tuple[list[Yielded], Returned]:
    """All events, and the result."""
    seen: list[Yielded] = []
    while True:
        try:
            seen.append(next(source))
        except StopIteration as end:
            return seen, end.value


def result_of(source: Generator[Yielded, None, Returned]) -> Returned:
    """The result alone."""
    return run(source)[1]


def with_done(source: Generator[Event, None, Record | None]) -> Iterator[Event]:
    """The events as a worker tells them: what is returned comes last, as Done."""
    result = yield from source
    yield Done(result=result)
