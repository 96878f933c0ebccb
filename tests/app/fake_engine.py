"""An engine that replays events instead of running a model."""

import threading
from collections.abc import Callable, Iterator

import msgspec

from models import events, requests
from models.engine.wire import Request
from models.errors import Interrupted, StillroomError

Script = Callable[["FakeEngine", Request], Iterator[events.Event]]

LOADED = events.Loaded(
    model="starter",
    family="none",
    thinks=False,
    note="",
    weights_bytes=100,
    context_limit=2048,
    seconds=0.1,
)

REPLY = events.Reply(
    thinking="Let me see.",
    answer="Paris.",
    thinking_tokens=3,
    answer_tokens=2,
    prompt_tokens=9,
    cached_tokens=0,
    ttft_s=0.25,
    tokens_per_s=20.0,
    finish="eos",
    closed_by="budget",
    thinking_s=1.5,
    budget=3,
)

MODEL = events.Model(
    name="tiny",
    title="Tiny",
    path="/models/tiny",
    architecture="llama",
    family="none",
    params=134_515_008,
    bits=4.5,
    size_bytes=98_400_000,
    context_limit=2048,
    source="tiny.gguf",
    created="2025-01-01T00:00:00Z",
)


def paris(_engine: "FakeEngine", _request: Request) -> Iterator[events.Event]:
    """Think for three tokens, be closed by the budget, answer."""
    yield events.Progress(job="chat", stage="prefill", done=9, total=9, unit="tokens")
    yield events.Budget(tokens=3, used=0)
    yield events.Token(channel="thinking", text="Let me", n=2)
    yield events.Token(channel="thinking", text=" see.", n=3)
    yield events.ThinkingClosed(tokens=3, seconds=1.5, how="budget")
    yield events.Token(channel="answer", text="Par", n=1)
    yield events.Token(channel="answer", text="is.", n=2)
    yield events.Done(result=REPLY)


def voting(_engine: "FakeEngine", _request: Request) -> Iterator[events.Event]:
    """Draw three replies, two of which agree."""
    yield events.Progress(job="chat", stage="votes", done=0, total=3, unit="votes")
    yield events.Progress(job="chat", stage="votes", done=24, total=0, unit="tokens", rate=30.0)
    yield events.Progress(job="chat", stage="votes", done=3, total=3, unit="votes")
    yield events.Token(channel="answer", text="Paris.", n=2)
    votes = [
        events.Candidate(answer=answer, thinking="Hm.", canonical=form, tokens=4, finish="eos", counted=True)
        for answer, form in (("Paris.", "paris"), ("Lyon\x07", "lyon\x07"), ("Paris", "paris"))
    ]
    yield events.Done(result=msgspec.structs.replace(REPLY, votes=votes, agreement=2))


def loading(_engine: "FakeEngine", _request: Request) -> Iterator[events.Event]:
    """Load at once."""
    yield events.Progress(job="load", stage="load", done=50, total=100, unit="bytes")
    yield events.Done(result=LOADED)


class FakeEngine:
    """Replays a script per kind of request; a script may raise what a call fails with, and wait for `cancelled`."""

    def __init__(
        self,
        chat: Script = paris,
        load: Script = loading,
        importing: Script | None = None,
        **others: Script,
    ) -> None:
        self.requests: list[Request] = []
        self.steered: list[requests.Action] = []
        self.cancelled = threading.Event()
        self.steering = threading.Event()
        self.closed = False
        self._scripts = {"ChatRequest": chat, "Load": load, "ImportModel": importing, **others}  # by class

    def opened(self) -> "FakeEngine":
        """Be the engine of another command."""
        self.closed = False
        return self

    @property
    def chats(self) -> list[requests.ChatRequest]:
        """The chat requests that came."""
        return [request for request in self.requests if isinstance(request, requests.ChatRequest)]

    def start_watched(self, request: Request) -> tuple[int, Iterator[events.Event]]:
        """Take a request."""
        if self.closed:
            raise Interrupted("The engine is closed.")
        self.requests.append(request)
        self.cancelled.clear()
        script = self._scripts[type(request).__name__]
        assert script is not None
        return len(self.requests), script(self, request)

    def cancel(self, _call_id: int) -> None:
        """Take a cancel."""
        self.cancelled.set()

    def steer(self, _call_id: int, action: requests.Action) -> None:
        """Take a steer."""
        self.steered.append(action)
        self.steering.set()

    def close(self) -> None:
        """Be closed."""
        self.closed = True


def failing(error: BaseException, before: list[events.Event] | None = None) -> Script:
    """A script that fails."""

    def script(_engine: FakeEngine, _request: Request) -> Iterator[events.Event]:
        yield from before or []
        raise error

    return script


def fails(kind: type[StillroomError], text: str, hint: str = "") -> Script:
    """A script that fails as the world does."""
    return failing(kind(text, hint))
