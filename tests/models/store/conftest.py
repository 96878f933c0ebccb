import sqlite3
from collections.abc import Iterator

import pytest

from models import events
from models.store.chats import Chats
from models.store.database import open_database


class Clock:
    """A clock that moves a second at each look, and further when told."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    opened = open_database()
    yield opened
    opened.close()


@pytest.fixture
def chats(connection: sqlite3.Connection, clock: Clock) -> Chats:
    return Chats(connection, clock)


@pytest.fixture
def reply() -> events.Reply:
    return events.Reply(
        thinking="Paris or Lyon? Paris.",
        answer="It is **Paris**.",
        thinking_tokens=7,
        answer_tokens=6,
        prompt_tokens=31,
        cached_tokens=12,
        ttft_s=0.25,
        tokens_per_s=41.5,
        finish="eos",
        closed_by="budget",
        thinking_s=1.5,
        budget=7,
    )
