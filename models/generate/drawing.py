"""One reply while it is drawn, all of it but the KV cache: the same alone (reply.py) and as a row of the pool (pool.py).

Whoever holds the cache draws a token, hands it to `take`, and then does what the drawing says: takes `drop` tokens back
from the cache, reads what `context` holds beyond it (text that was forced), or ends when `finish` is set. Budgets,
forced closes and take-backs are therefore as exact in a batch as alone: it is the same code.

A drawing may go on from tokens that were drawn before with the same seed and another budget (`Drawn`). A budget changes
no draw before the thinking is closed, and draw n has noise of its own (models/generate/sampling.py); so the tokens of a
shorter budget up to its close are those that a longer one would draw, and taking them in place of drawing them gives
the very reply of the longer budget. They are taken by the same state machine, which may also close sooner.
"""

import hashlib
import time
from collections.abc import Iterator

import msgspec

from models.answers.majority import check_votes
from models.errors import BadInput
from models.events import Event, Finish
from models.families import Advice, thinks
from models.generate.load import LoadedModel, Prompting
from models.generate.sampling import RowSampling, fresh_seed
from models.generate.stream import ReplyStream
from models.generate.template import Prompt, build_prompt
from models.generate.thinking import Steering, Thinking, largest_budget
from models.requests import ChatRequest

UNTRAINED_LEAST = 64  # tokens of thinking asked of a model that was never trained to
VARIETY = 0.7  # temperature at which a family that answers greedily says a thing in another way


class Forced(msgspec.Struct, frozen=True):
    """What a state machine did after a draw: tokens taken back, and tokens put in."""

    after: int  # draws by then
    drop: int
    tokens: list[int]


class Drawn(msgspec.Struct, frozen=True, kw_only=True):
    """The tokens of a reply as they were drawn, from which another budget can go on."""

    seed: int
    way: str  # a hash of all that draws hang on beside the seed: prompt, adapter, sampling
    tokens: list[int]  # also those that were taken back
    forced: list[Forced]


class Drawing:
    """A reply that is drawn.

    steering: its own; prompt: that of the request, rendered here when it is None; former: it goes on from there when that fits, and passes over it when it does not. Raises as
    check_request and room_for_reply.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        request: ChatRequest,
        steering: Steering | None = None,
        *,
        prompt: Prompt | None = None,
        former: Drawn | None = None,
    ) -> None:
        begun = time.perf_counter()
        check_request(request)
        self.loaded = loaded
        self.request = request
        self.steering = steering or Steering()
        self.prompt = prompt or read_prompt(loaded, request)
        self.room = room_for_reply(loaded, self.prompt, request.max_tokens)
        thinking = thinking_for(loaded, request, self.prompt, self.room, self.steering)
        self.stream = ReplyStream(loaded, request, self.prompt, thinking, begun)
        advice = advice_for(loaded, request)
        self._way = _way(loaded, request, self.prompt, advice)
        former = former if former is not None and former.way == self._way else None
        seed = request.sampling.seed
        if seed is None:
            seed = fresh_seed() if former is None else former.seed
        self._former = former if former is not None and former.seed == seed else None
        self.sampling = RowSampling(advice, seed)
        self.context = list(self.prompt.tokens)  # what the cache holds or is about to
        self.drop = 0  # tokens to take back from the cache after the last draw
        self.forced = False  # text was put into the context after the last draw
        self.finish: Finish | None = None
        self._logprob, self._scored = 0.0, 0
        self._full = f"the context of {loaded.context_limit:,} tokens is full"
        self._tokens: list[int] = []
        self._forced: list[Forced] = []

    @property
    def calm(self) -> bool:
        """Whether the next draw is damped. The one under way is not looked at: it is known one token late."""
        return self.request.calm and self.stream.thinking.state == "thinking"

    @property
    def left(self) -> int:
        """Tokens that the reply may still have."""
        return self.room - (len(self.context) - len(self.prompt.tokens))

    @property
    def mean_logprob(self) -> float:
        """Mean of the logprobs that were given to `score`, in nats; 0 without any."""
        return self._logprob / max(1, self._scored)

    def score(self, logprob: float) -> None:
        """Count the logprob of a draw, where whoever draws knows it."""
        self._logprob += logprob
        self._scored += 1

    def opening(self) -> Iterator[Event]:
        """The events before the first draw, and those of all that is known already."""
        yield from self.stream.opening()
        if self._former is None:
            return
        known = {forced.after: forced for forced in self._former.forced}
        for number, token in enumerate(self._former.tokens, 1):
            yield from self.take(token)
            made = self._forced[-1] if self.forced else None
            if self.finish is not None or made != known.get(number):
                break
        self.drop, self.forced = 0, False  # no cache holds any of it yet

    def take(self, token: int) -> Iterator[Event]:
        """Take the next drawn token, which is in the cache by then."""
        self.context.append(token)
        self._tokens.append(token)
        step = self.stream.take(token)
        yield from self.stream.events(step)
        self.drop, self.forced = step.drop, step.force is not None
        if self.forced:
            self._forced.append(Forced(len(self._tokens), step.drop, self.stream.forced))
            if step.drop:
                del self.context[-step.drop :]
            self.context += self.stream.forced
            if self.left <= 0:
                yield from self._cut()
        elif self.stream.ended:
            self.finish = "eos"
        elif self.steering.cancelled:
            self.finish = "cancelled"
        elif self.stream.thinking.answer_loops():
            yield self.stream.note("The answer had come to repeat itself and was stopped.")
            self.finish = "length"
        elif self.left <= 0:
            yield from self.stream.events(self.stream.cut())
            yield from self._cut()

    def limit(self, tokens: int) -> None:
        """Have prompt and reply together end at so many tokens."""
        self.room = min(self.room, tokens - len(self.prompt.tokens))
        self.stream.thinking.cap = largest_budget(self.room, closing_tokens(self.loaded))
        self._full = "there is no memory for a longer one"

    def drawn(self) -> Drawn:
        """What another budget can go on from."""
        return Drawn(seed=self.sampling.seed, way=self._way, tokens=self._tokens, forced=self._forced)

    def _cut(self) -> Iterator[Event]:
        limit = self.request.max_tokens
        if limit is not None and self.room == limit:
            yield self.stream.note(f"The reply was cut at {limit:,} tokens.")
        else:
            yield self.stream.note(f"The reply was cut: {self._full}.")
        self.finish = "length"


def check_request(request: ChatRequest) -> None:
    """Check a request's numbers and messages. Raises BadInput."""
    if request.think is not None and request.think < 0:
        raise BadInput(f"A thinking budget can't be negative: {request.think}.")
    if request.think_min < 0:
        raise BadInput(f"The least thinking can't be negative: {request.think_min}.")
    if request.think is not None and request.think_min > request.think:
        least, most = request.think_min, request.think
        raise BadInput(f"The least thinking ({least} tokens) is more than the budget ({most} tokens).")
    if request.max_tokens is not None and request.max_tokens < 1:
        raise BadInput(f"A reply needs at least one token: {request.max_tokens}.")
    if not request.messages or request.messages[-1].role != "user":
        raise BadInput("There is no message to answer.")
    check_votes(request.votes, request.sampling.temperature)


def least_thinking(loaded: LoadedModel, request: ChatRequest) -> int:
    """Thinking tokens below which a close is taken back.

    A model never trained to think tends to stop after a sentence, so it is made to continue for a while. With an
    adapter it has learned how long to think.
    """
    if request.think == 0 or thinks(loaded.style.family.id, loaded.adapter is not None):
        return request.think_min
    untrained = UNTRAINED_LEAST if request.think is None else min(UNTRAINED_LEAST, request.think)
    return max(request.think_min, untrained)


def room_for_reply(loaded: LoadedModel, prompt: Prompt, max_tokens: int | None) -> int:
    """Tokens left for thinking and answer. Raises BadInput when the context has no room for a reply."""
    room = loaded.context_limit - len(prompt.tokens)
    if room < 1:
        count, most = len(prompt.tokens), loaded.context_limit
        text = f"The conversation has {count:,} tokens; the context of {loaded.name} holds {most:,}."
        raise BadInput(text, "Start a new chat, shorten the message, or take a model with a longer context.")
    return room if max_tokens is None else min(room, max_tokens)


def advice_for(loaded: LoadedModel, request: ChatRequest) -> Advice:
    """Sampling parameters: those of the request, else what is advised for this model."""
    advice = loaded.sampling
    if request.think == 0 and loaded.style.family.off_sampling is not None:
        advice = loaded.style.family.off_sampling
    asked = request.sampling

    given = {name: getattr(asked, name) for name in ("temperature", "top_p", "top_k", "min_p")}
    chosen = msgspec.structs.replace(advice, **{name: value for name, value in given.items() if value is not None})
    several = request.another or request.votes > 1
    if several and chosen.temperature == 0 and asked.temperature is None:
        return msgspec.structs.replace(chosen, temperature=VARIETY)
    return chosen


def read_prompt(loaded: LoadedModel, request: ChatRequest) -> Prompt:
    """Render the request's conversation as the model's prompt."""
    return build_prompt(loaded.style, request.messages, request.think != 0, loaded.render, loaded.tokenizer)


def thinking_for(loaded: LoadedModel, request: ChatRequest, prompt: Prompt, room: int, steering: Steering) -> Thinking:
    """The state machine of one reply; its budget is capped so that an answer still fits into `room` tokens."""
    cap, least = largest_budget(room, closing_tokens(loaded)), least_thinking(loaded, request)
    tags = loaded.style.family.tags
    return Thinking(tags, request.think, prompt.start, cap=cap, least=least, steering=steering)


def closing_tokens(loaded: LoadedModel | Prompting) -> int:
    """Tokens of a forced close."""
    tags = loaded.style.family.tags
    return len(loaded.tokenizer.encode(f"{tags.phrase}{tags.close}\n\n", add_special_tokens=False))


def _way(loaded: LoadedModel, request: ChatRequest, prompt: Prompt, advice: Advice) -> str:
    parts = [loaded.path, loaded.adapter, prompt.tokens, msgspec.structs.astuple(advice), request.calm]
    return hashlib.blake2b(repr(parts).encode(), digest_size=8).hexdigest()
