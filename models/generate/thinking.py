"""Thinking budgets: the state machine that splits a reply into thinking and answer, and says when thinking must end.

    waiting ──open tag──▶ thinking ──budget used──▶ grace ──newline, or grace used──▶ forced close ──▶ answer
       │                     │  ▲                     │                                                ▲
       │ 32 tokens, no tag   │  └── closed before the minimum: take the close back, say "Wait"         │
       └─────────────────────┼───── close tag ────────┴────────────────────────────────────────────────┤
                             └───── "answer now" ──────────────────────▶ forced close ─────────────────┘

The machine sees one token at a time, as text, and never touches a model. After each token it says whether text has to
be forced into the context, and how many tokens must be taken back first; `generate` does so on the same KV cache.
Tags are matched on text, since they may be split over tokens, merged with other characters, or be no single token at
all; text that could still become a tag is held back.

The budget counts the model's own tokens after the open tag, without the tags. Past it the model may finish its line:
at most max(32, budget // 10) tokens more (NVIDIA NIM's grace). Budget forcing and "Wait": s1, arXiv 2501.19393; the
phrase: Qwen3 technical report, section 4.3.
"""

from collections import deque
from dataclasses import KW_ONLY, dataclass, field
from typing import Literal

from models.events import Channel, ClosedBy
from models.families import Tags

ThinkingState = Literal["waiting", "thinking", "answer"]
Piece = tuple[Channel, str]

OPEN_WITHIN = 32  # tokens a reply may have before its open tag
EXTEND_AT_MOST = 8  # times an early close is taken back
LOOP_WINDOW = 200  # tokens of thinking that must repeat to be called a loop
ANSWER_LOOP_WINDOW = 256  # tokens of answer that must: an answer may have reasons to say a thing again
LOOP_PERIOD = 50  # the longest period looked for
LEAST_EXTENSION = 128  # tokens that "think longer" grants at least
ANSWER_RESERVE = 512  # tokens kept for the answer


@dataclass
class ThinkingStep:
    """What a token turned into."""

    pieces: list[Piece] = field(default_factory=list)  # text per channel
    # text to put into the context now, or None; `shown` is the part of it that the reader sees as thinking
    force: str | None = None
    shown: str = ""
    drop: int = 0  # tokens to take back before that, counted from the last one


def grace_tokens(budget: int) -> int:
    """Tokens beyond the budget within which a line may be finished."""
    return max(32, budget // 10)


def largest_budget(room: int, closing_tokens: int) -> int:
    """The largest budget for which thinking, grace, forced close and an answer fit into `room` tokens.

    The answer's share is ANSWER_RESERVE, or half of a smaller room.
    """
    most = room - min(ANSWER_RESERVE, room // 2) - closing_tokens
    return max(0, min(most - 32, most * 10 // 11))


@dataclass
class Steering:
    """What the user asks for while a reply runs. Set from any thread, looked at between tokens."""

    cancelled: bool = False
    answer: bool = False
    longer: int = 0

    def cancel(self) -> None:
        """Stop the reply."""
        self.cancelled = True

    def answer_now(self) -> None:
        """End the thinking at the next token."""
        self.answer = True

    def think_longer(self) -> None:
        """Double what is left of the budget, at the next token."""
        self.longer += 1


@dataclass(eq=False)
class Thinking:
    """The thinking of one reply."""

    tags: Tags
    budget: int | None  # tokens, None for no limit
    state: ThinkingState  # at the start "thinking" when the prompt opened the tag, "answer" when thinking is off
    _: KW_ONLY
    cap: int = 1 << 30  # what fits at most, whatever is asked for
    least: int = 0  # tokens before which a close is taken back
    steering: Steering = field(default_factory=Steering)

    def __post_init__(self) -> None:
        self.budget = self.budget if self.budget is None else min(self.budget, self.cap)
        self.least = min(self.least, self.cap)
        self.tokens = 0
        self.answer_tokens = 0
        self.closed_by: ClosedBy | None = "off" if self.state == "answer" else None
        self._forced = self.state == "answer"  # after a forced close the model may open and close once more
        self._thinking_started = False
        self._answer_started = False
        self._held: list[str] = []  # texts of the last thinking tokens, which may still become the close
        self._given = 0  # characters of those that were handed out already
        self._tail = ""  # text of the answer that may still become a tag
        self._recent: deque[int] = deque(maxlen=ANSWER_LOOP_WINDOW)
        self._extended = 0
        self._reopened = 0

    def feed(self, text: str, token: int = -1) -> ThinkingStep:
        """Take the text of the next token; it is empty while a character is incomplete."""
        self._recent.append(token)
        if self.state == "thinking":
            return self._think(text)
        self.answer_tokens += 1
        return self._wait(text) if self.state == "waiting" else self._answer(text)

    def end(self, text: str = "") -> ThinkingStep:
        """Take the model's end of reply and the last text before it: while it thinks it only ends the thinking."""
        if self.state != "thinking":
            return ThinkingStep(self._answer_pieces(text) + self.finish())
        self._held.append(text)
        pieces = self.finish()
        if self._too_early():
            return self._extend(pieces, drop=1)
        used_up = self.budget is not None and self.tokens >= self.budget
        self._close("budget" if used_up else "model")
        return ThinkingStep(pieces, force=self.tags.close + "\n\n", drop=1)

    def finish(self) -> list[Piece]:
        """Release the text that was held back, at the end of the reply."""
        if self.state == "thinking":
            return self._take(len("".join(self._held)))
        tail, self._tail = self._tail, ""
        return [("answer", tail)] if tail.strip() else []

    def answer_loops(self) -> bool:
        """Whether the answer has come to repeat itself; looked at every 32 tokens."""
        if self.state == "thinking" or self.answer_tokens < ANSWER_LOOP_WINDOW or self.answer_tokens % 32:
            return False
        return _repeats(list(self._recent), ANSWER_LOOP_WINDOW)

    # waiting for the open tag

    def _wait(self, text: str) -> ThinkingStep:
        held = self._tail + text
        at = held.find(self.tags.open)
        if at >= 0:
            return self._open(held[:at], held[at + len(self.tags.open) :])
        step = ThinkingStep(self._answer_pieces(text))
        if self.answer_tokens >= OPEN_WITHIN:
            self.state, self.closed_by = "answer", "model"
        return step

    def _open(self, before: str, after: str) -> ThinkingStep:
        self.state, self.answer_tokens, self._tail, self._answer_started = "thinking", 0, "", False
        step = self._think(after) if after.strip() else ThinkingStep()
        if before.strip():
            step.pieces.insert(0, ("answer", before))
        return step

    # thinking

    def _think(self, text: str) -> ThinkingStep:
        self.tokens += 1
        self._held.append(text)
        held = "".join(self._held)
        at = held.find(self.tags.close)
        if at >= 0:
            return self._closed_by_model(held, at)
        guarded = (self.tags.close,) if self._thinking_started else (self.tags.open, self.tags.close)
        pieces = self._take(len(held) - _partial(held, guarded))
        how = self._must_close(text)
        if how is None:
            return ThinkingStep(pieces)
        pieces += self.finish()
        self._close(how)
        self._forced = True
        return ThinkingStep(pieces, force=self.tags.phrase + self.tags.close + "\n\n", shown=self.tags.phrase)

    def _closed_by_model(self, held: str, at: int) -> ThinkingStep:
        drop, keep = self._tokens_from(at)
        self.tokens -= drop
        pieces = self._take(at)
        if self._too_early():
            self._held, self._given = [], 0
            return self._extend(pieces, drop, keep)
        self._close("model")
        return ThinkingStep(pieces + self._answer_pieces(held[at + len(self.tags.close) :]))

    def _extend(self, pieces: list[Piece], drop: int, keep: str = "") -> ThinkingStep:
        self._extended += 1
        self._thinking_started = True
        return ThinkingStep(pieces, force=keep + self.tags.extension, shown=self.tags.extension, drop=drop)

    def _must_close(self, text: str) -> ClosedBy | None:
        if self.steering.answer:
            return "answer_now"
        self._steer()
        limit = self.cap if self.budget is None else self.budget
        over = self.tokens - limit
        grace = grace_tokens(limit) if limit else 0  # with no budget left the answer needs the room
        if over >= 0 and self.tokens >= self.least and ("\n" in text or over >= grace):
            return "budget"
        return "loop" if self.budget is None and self.tokens % 32 == 0 and self._loops() else None

    def _steer(self) -> None:
        while self.steering.longer:
            self.steering.longer -= 1
            if self.budget is not None:
                left = max(LEAST_EXTENSION, self.budget - self.tokens)
                self.budget = min(self.cap, max(self.budget, self.tokens) + left)

    def _too_early(self) -> bool:
        early = self.tokens < self.least and not self.steering.answer
        return early and self._extended < EXTEND_AT_MOST and not self._loops()

    def _loops(self) -> bool:
        return _repeats(list(self._recent)[-LOOP_WINDOW:], LOOP_WINDOW)

    def _close(self, how: ClosedBy) -> None:
        self.state, self.closed_by, self._held, self._given = "answer", how, [], 0

    def _take(self, upto: int) -> list[Piece]:
        """Release the held text up to a character, as thinking, and forget tokens that lie wholly before it."""
        out = "".join(self._held)[self._given : upto]
        if not self._thinking_started:
            out = out.lstrip()
            while out.startswith(self.tags.open):  # said once more, though the prompt or the model had opened it
                out = out[len(self.tags.open) :].lstrip()
        self._thinking_started = self._thinking_started or bool(out)
        self._given = upto
        while self._held and len(self._held[0]) <= self._given:
            self._given -= len(self._held.pop(0))
        return [("thinking", out)] if out else []

    def _tokens_from(self, at: int) -> tuple[int, str]:
        """Count the held tokens with text beyond `at`, and return the first one's text before it."""
        start = 0
        for index, text in enumerate(self._held):
            if start + len(text) > at:
                return len(self._held) - index, text[: at - start]
            start += len(text)
        return 0, ""

    # answer

    def _answer(self, text: str) -> ThinkingStep:
        held = (self._tail + text).lstrip()
        if self._forced and not self._answer_started and self._reopened < 2 and held.startswith(self.tags.open):
            self._reopened += 1
            self._tail = ""
            return ThinkingStep(force=self.tags.close + "\n\n")
        return ThinkingStep(self._answer_pieces(text))

    def _answer_pieces(self, text: str) -> list[Piece]:
        """Add to the answer; closes at its start are swallowed, and anywhere when the thinking was closed by force."""
        held = self._tail + text
        close = self.tags.close
        if self._forced:
            held = held.replace(close, "")
        if not self._answer_started:
            held = held.lstrip()
            while held.startswith(close):
                held = held[len(close) :].lstrip()
        guarded = self._forced or not self._answer_started or self.state == "waiting"
        ready = len(held) - (_partial(held, (self.tags.open, close)) if guarded else 0)
        self._tail = held[ready:]
        self._answer_started = self._answer_started or ready > 0
        return [("answer", held[:ready])] if ready else []


def _repeats(tokens: list[int], window: int) -> bool:
    """Whether `window` tokens are a stretch of at most LOOP_PERIOD tokens, repeated."""
    periods = range(1, LOOP_PERIOD + 1)
    return len(tokens) == window and any(tokens[period:] == tokens[:-period] for period in periods)


def _partial(text: str, tags: tuple[str, ...]) -> int:
    """Length of the longest suffix of text that is a proper prefix of one of the tags."""
    longest = max(len(tag) for tag in tags)
    for length in range(min(longest - 1, len(text)), 0, -1):
        if any(len(tag) > length and tag.startswith(text[-length:]) for tag in tags):
            return length
    return 0
