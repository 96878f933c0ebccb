"""One reply as it streams: drawn tokens go in, events come out, and the Reply at the end.

Text from tokens, and the state machine of models/generate/thinking.py. It knows no KV cache: `take` says what has to be
taken back and put in; models/generate/drawing.py keeps the context, and whoever holds the cache does it.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from models.events import Budget, ClosedBy, Event, Finish, Note, Reply, ThinkingClosed, Token
from models.generate.load import LoadedModel
from models.generate.running_text import RunningText
from models.generate.template import Prompt
from models.generate.thinking import Thinking, ThinkingStep
from models.requests import ChatRequest


@dataclass(eq=False)
class ReplyStream:
    """The stream of one reply."""

    loaded: LoadedModel
    request: ChatRequest
    prompt: Prompt
    thinking: Thinking
    begun: float  # when the request came, of time.perf_counter()

    def __post_init__(self) -> None:
        self.ended = False  # the model's end of reply came, and nothing was to be forced after it
        self.drawn = 0  # tokens of the model's own
        self._parts: dict[str, list[str]] = {"thinking": [], "answer": []}
        self._notes: list[str] = []
        self.forced: list[int] = []  # tokens of the text that the last step forces
        self._running = RunningText(self.loaded.tokenizer, self.prompt.tokens)
        self._first_token_at = 0.0
        self._thinking_seconds = 0.0
        self._announced: ClosedBy | None = None
        self._announced_budget: int | None = None

    def opening(self) -> Iterator[Event]:
        """Events before the first token."""
        if self.request.think == 0:
            yield from self._announce_close()
            return
        if note := self.loaded.record().note:  # none with an adapter, which has taught it to think
            yield Note(text=note)
        if self.prompt.shut:
            yield self.note(
                f"{self.loaded.name} answers without thinking: its chat template closes it and has no switch to open it."
            )
        asked, given = self.request.think, self.thinking.budget
        if asked is not None and given is not None and given < asked:
            text = f"Thinking was held to {given:,} of the {asked:,} tokens asked for, so that an answer fits."
            yield self.note(text)
        yield from self._budget_event()

    def note(self, text: str) -> Note:
        """A sentence about this reply; it stays with its record."""
        self._notes.append(text)
        return Note(text=text)

    def take(self, token: int) -> ThinkingStep:
        """Take the next drawn token. The step's `drop` and then `forced` are to be done before the next one."""
        if not self.drawn:
            self._first_token_at = time.perf_counter()
        self.drawn += 1
        if token in self.loaded.tokenizer.eos_token_ids:
            step = self.thinking.end(self._running.rest())
            self.ended = step.force is None
        else:
            step = self.thinking.feed(self._running.add(token), token)
        if step.force is not None:
            self.forced = self.loaded.tokenizer.encode(step.force, add_special_tokens=False)
            self._running = RunningText(self.loaded.tokenizer, self.forced)
        return step

    def cut(self) -> ThinkingStep:
        """End at the limit of tokens."""
        return ThinkingStep(self.thinking.end(self._running.rest()).pieces)

    def events(self, step: ThinkingStep) -> Iterator[Event]:
        """The events of a token."""
        for channel, text in step.pieces:
            if channel == "thinking":
                yield self._token_event(channel, text)
        if step.shown:
            yield self._token_event("thinking", step.shown, forced=True)
        yield from self._announce_close()
        for channel, text in step.pieces:
            if channel == "answer":
                yield self._token_event(channel, text)
        yield from self._budget_event()

    def closing(self) -> Iterator[Event]:
        """The events of what was held back."""
        yield from self.events(ThinkingStep(self.thinking.finish()))
        if self._announced is None and self.thinking.state == "waiting":
            self.thinking.closed_by = "model"
            yield from self._announce_close()

    @property
    def text(self) -> tuple[str, str]:
        """Thinking and answer so far."""
        return "".join(self._parts["thinking"]).strip("\n"), "".join(self._parts["answer"]).strip()

    def record(self, finish: Finish, cached: int, context_tokens: int) -> Reply:
        """The whole reply. cached: prompt tokens that were in the KV cache; context_tokens: what is in it now."""
        now = time.perf_counter()
        decoding = now - self._first_token_at if self.drawn > 1 else 0.0
        thinking, answer = self.text
        return Reply(
            thinking=thinking,
            answer=answer,
            thinking_tokens=self.thinking.tokens,
            answer_tokens=self.thinking.answer_tokens,
            prompt_tokens=len(self.prompt.tokens),
            cached_tokens=cached,
            ttft_s=round(self._first_token_at - self.begun, 4) if self.drawn else 0.0,
            tokens_per_s=round((self.drawn - 1) / decoding, 2) if decoding else 0.0,
            finish=finish,
            closed_by=self._announced,
            thinking_s=round(self._thinking_seconds, 3),
            budget=self.thinking.budget if self.request.think != 0 else None,
            context_tokens=context_tokens,
            context_limit=self.loaded.context_limit,
            notes=self._notes,
        )

    def _token_event(self, channel: str, text: str, forced: bool = False) -> Token:
        self._parts[channel].append(text)
        if channel == "thinking":
            return Token(channel="thinking", text=text, n=self.thinking.tokens, forced=forced)
        return Token(channel="answer", text=text, n=self.thinking.answer_tokens)

    def _announce_close(self) -> Iterator[Event]:
        how = self.thinking.closed_by
        if how is None or how == self._announced:
            return
        self._announced = how
        self._thinking_seconds = time.perf_counter() - self._first_token_at if self._first_token_at else 0.0
        yield ThinkingClosed(tokens=self.thinking.tokens, seconds=round(self._thinking_seconds, 3), how=how)

    def _budget_event(self) -> Iterator[Event]:
        first = self._announced_budget is None and not self.drawn
        budget = self.thinking.budget
        if self.thinking.closed_by is None and (first or budget != self._announced_budget):
            self._announced_budget = budget
            yield Budget(tokens=budget, used=self.thinking.tokens)
