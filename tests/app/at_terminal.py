"""A chat with an engine that replays events, for tests that drive it in a terminal of its own (test_terminal.py)."""

import sys
from collections.abc import Iterator

from app.cli import command_parts, main
from models import events
from models.engine.wire import Request
from tests.app.fake_engine import REPLY, FakeEngine


def thinks_until_steered(engine: FakeEngine, _request: Request) -> Iterator[events.Event]:
    """Think until a key is pressed or the reply is stopped."""
    yield events.Budget(tokens=512, used=0)
    for n in range(1, 30):
        yield events.Token(channel="thinking", text=f"thought {n}\n", n=n)
    while not engine.steering.wait(0.02):
        if engine.cancelled.is_set():
            yield events.Done(result=events.Reply(**{**_fields(), "finish": "cancelled"}))
            return
        yield events.Token(channel="thinking", text=".", n=30)
    yield events.ThinkingClosed(tokens=30, seconds=1.0, how="answer_now")
    yield events.Token(channel="answer", text="Steered " + ", ".join(engine.steered), n=1)
    yield events.Done(result=REPLY)


def _fields() -> dict[str, object]:
    return {name: getattr(REPLY, name) for name in REPLY.__struct_fields__}


if __name__ == "__main__":
    command_parts.open_engine = lambda: FakeEngine(chat=thinks_until_steered)  # type: ignore[assignment,return-value]
    sys.exit(main.run(sys.argv[1:]))
