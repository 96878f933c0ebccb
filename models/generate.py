"""Stream a reply under a thinking budget, on a KV cache that stays.

A reply is a series of stretches: prefill what the cache does not hold, decode until the state machine of `thinking`
wants text forced, force it, go on. mlx-lm's generate_step leaves the cache at exactly prompt + tokens taken, so a
stretch can be left at any token and the next one goes on from there: the budget is exact, and the result is the same
as a prompt that had the forced text in it.
"""

import time
from collections.abc import Generator, Iterator

import mlx.core as mx
from mlx_lm.generate import generate_step, generation_stream, wired_limit
from mlx_lm.sample_utils import make_sampler

from models.engine.messages import Chat
from models.errors import BadInput, NoMemory
from models.events import Budget, ClosedBy, Done, Event, Finish, Note, Progress, Reply, ThinkingClosed, Token
from models.load import LoadedModel
from models.template import Advice, Family, Prompt, build_prompt
from models.thinking import Fed, Steering, Thinking, largest_budget

UNTRAINED_LEAST = 64  # tokens of thinking asked of a model that was never trained to
CHECK_EVERY = 64  # tokens between looks at whether the logits are numbers


def reply(loaded: LoadedModel, request: Chat, steering: Steering | None = None) -> Iterator[Event]:
    """Answer a conversation; yields Note, Budget, Progress, Token and ThinkingClosed, and Done with the Reply last.

    A cancelled reply ends with Done too, its finish "cancelled". Raises BadInput when the conversation is longer than
    the model's context, NoMemory when the backend returns no numbers.
    """
    run = _Run(loaded, request, steering or Steering())
    with wired_limit(loaded.model, [generation_stream]):
        yield from run.events()


class _Run:
    """One reply under way."""

    def __init__(self, loaded: LoadedModel, request: Chat, steering: Steering) -> None:
        self.begun = time.perf_counter()
        self.loaded = loaded
        self.request = request
        self.steering = steering
        self.cache = loaded.cache
        check_request(request)
        self.prompt = build_prompt(loaded.style, request.messages, request.think != 0, loaded.render, loaded.tokenizer)
        self.room = room_for_reply(loaded, self.prompt, request.max_tokens)
        self.thinking = Thinking(
            loaded.style.family.tags,
            request.think,
            self.prompt.start,
            cap=largest_budget(self.room, self._closing_tokens()),
            least=least_thinking(loaded.style.family, request),
            steering=steering,
        )
        self.sampler = _sampler(loaded, request)
        self.context = list(self.prompt.tokens)  # what the cache holds or is about to
        self.said: dict[str, list[str]] = {"thinking": [], "answer": []}
        self.sampled = 0
        self.first_token_at = 0.0
        self.thinking_seconds = 0.0
        self.announced: ClosedBy | None = None
        self.budget_told: int | None = None

    def events(self) -> Iterator[Event]:
        """The whole reply."""
        if self.request.sampling.seed is not None:
            mx.random.seed(self.request.sampling.seed)
        cached = self.cache.reuse(self.prompt.tokens)
        yield from self._opening()
        finish: Finish | None = None
        while finish is None:
            finish = yield from self._stretch()
        self.cache.settle()
        yield from self._token_events(Fed(self.thinking.finish()))
        if self.announced is None and self.thinking.state == "waiting":
            self.thinking.closed_by = "model"
            yield from self._announce_close()
        yield Done(result=self._record(finish, cached))

    def _opening(self) -> Iterator[Event]:
        if self.request.think == 0:
            yield from self._announce_close()
            return
        if not self.loaded.style.family.trained:
            yield Note(text=self.loaded.record().note)
        asked, given = self.request.think, self.thinking.budget
        if asked is not None and given is not None and given < asked:
            yield Note(text=f"Thinking is held to {given:,} of the {asked:,} tokens asked for, so that an answer fits.")
        yield from self._budget_event()

    def _stretch(self) -> Generator[Event, None, Finish | None]:
        """Prefill and decode until text must be forced or the reply ends; returns how it ended, or None."""
        ahead = self.context[len(self.cache.tokens) :]
        if not (yield from self._prefill(ahead[:-1])):
            return "cancelled"
        left = self.room - (len(self.context) - len(self.prompt.tokens))
        if left <= 0:
            return "length"
        detokenizer = self.loaded.tokenizer.detokenizer
        steps = generate_step(
            mx.array(ahead[-1:]),
            self.loaded.model,
            max_tokens=left,
            sampler=self.sampler,
            prompt_cache=self.cache.layers,
        )
        self.cache.tokens.append(ahead[-1])
        for token, logprobs in steps:
            self._note_token(token, logprobs)
            if token in self.loaded.tokenizer.eos_token_ids:
                detokenizer.finalize()
                fed = self.thinking.end(detokenizer.last_segment)
                yield from self._token_events(fed)
                return None if self._force(fed) else "eos"
            detokenizer.add_token(token)
            fed = self.thinking.feed(detokenizer.last_segment, token)
            yield from self._token_events(fed)
            if self._force(fed):
                return None
            if self.steering.cancelled:
                return "cancelled"
        detokenizer.finalize()
        yield from self._token_events(Fed(self.thinking.end(detokenizer.last_segment).pieces))
        return "length"

    def _prefill(self, tokens: list[int]) -> Generator[Event, None, bool]:
        """Run tokens through the model in chunks; returns False when cancelled between two of them."""
        chunk = 256 if mx.default_device() == mx.Device(mx.cpu) else 512
        for start in range(0, len(tokens), chunk):
            if self.steering.cancelled:
                return False
            part = tokens[start : start + chunk]
            with mx.stream(generation_stream):
                self.loaded.model(mx.array(part)[None], cache=self.cache.layers)  # (1, L)
                mx.eval([layer.state for layer in self.cache.layers])
            self.cache.tokens.extend(part)
            mx.clear_cache()
            if len(tokens) > chunk:
                yield Progress(
                    job="chat", stage="prefill", done=start + len(part), total=len(tokens), unit="tokens", rate=0.0
                )
        return not self.steering.cancelled

    def _note_token(self, token: int, logprobs: mx.array) -> None:
        self.cache.tokens.append(token)
        self.context.append(token)
        if not self.sampled:
            self.first_token_at = time.perf_counter()
        if self.sampled % CHECK_EVERY == 0:
            _check_numbers(logprobs)
        self.sampled += 1

    def _force(self, fed: Fed) -> bool:
        """Take back and put in what the state machine wants; whether there was anything."""
        if fed.force is None:
            return False
        if fed.drop:
            del self.context[-fed.drop :]
        self.cache.take_back(fed.drop)
        self.context += self.loaded.tokenizer.encode(fed.force, add_special_tokens=False)
        return True

    def _token_events(self, fed: Fed) -> Iterator[Event]:
        for channel, text in fed.pieces:
            if channel == "thinking":
                yield self._token_event(channel, text)
        if fed.shown:
            yield self._token_event("thinking", fed.shown, forced=True)
        yield from self._announce_close()
        for channel, text in fed.pieces:
            if channel == "answer":
                yield self._token_event(channel, text)
        yield from self._budget_event()

    def _token_event(self, channel: str, text: str, forced: bool = False) -> Token:
        self.said[channel].append(text)
        if channel == "thinking":
            return Token(channel="thinking", text=text, n=self.thinking.tokens, forced=forced)
        return Token(channel="answer", text=text, n=self.thinking.answer_tokens)

    def _announce_close(self) -> Iterator[Event]:
        how = self.thinking.closed_by
        if how is None or how == self.announced:
            return
        self.announced = how
        self.thinking_seconds = time.perf_counter() - self.first_token_at if self.first_token_at else 0.0
        yield ThinkingClosed(tokens=self.thinking.tokens, seconds=round(self.thinking_seconds, 3), how=how)

    def _budget_event(self) -> Iterator[Event]:
        first = self.budget_told is None and not self.sampled
        budget = self.thinking.budget
        if self.thinking.closed_by is None and (first or budget != self.budget_told):
            self.budget_told = budget
            yield Budget(tokens=budget, used=self.thinking.tokens)

    def _closing_tokens(self) -> int:
        tags = self.loaded.style.family.tags
        return len(self.loaded.tokenizer.encode(f"{tags.phrase}{tags.close}\n\n", add_special_tokens=False))

    def _record(self, finish: Finish, cached: int) -> Reply:
        now = time.perf_counter()
        decoding = now - self.first_token_at if self.sampled > 1 else 0.0
        return Reply(
            thinking="".join(self.said["thinking"]).strip("\n"),
            answer="".join(self.said["answer"]).strip(),
            thinking_tokens=self.thinking.tokens,
            answer_tokens=self.thinking.answer_tokens,
            prompt_tokens=len(self.prompt.tokens),
            cached_tokens=cached,
            ttft_s=round(self.first_token_at - self.begun, 4) if self.sampled else 0.0,
            tokens_per_s=round((self.sampled - 1) / decoding, 2) if decoding else 0.0,
            finish=finish,
            closed_by=self.announced,
            thinking_s=round(self.thinking_seconds, 3),
            budget=self.thinking.budget if self.request.think != 0 else None,
            context_tokens=len(self.cache.tokens),
            context_limit=self.loaded.context_limit,
        )


def check_request(request: Chat) -> None:
    """Refuse what makes no sense. Raises BadInput with the sentence."""
    if request.think is not None and request.think < 0:
        raise BadInput(f"A thinking budget can't be negative: {request.think}.")
    if request.think_min < 0:
        raise BadInput(f"The least thinking can't be negative: {request.think_min}.")
    if request.think is not None and request.think_min > request.think:
        raise BadInput(
            f"The least thinking ({request.think_min} tokens) is more than the budget ({request.think} tokens)."
        )
    if request.max_tokens is not None and request.max_tokens < 1:
        raise BadInput(f"A reply needs at least one token: {request.max_tokens}.")
    if not request.messages or request.messages[-1].role != "user":
        raise BadInput("There is no message to answer.")


def least_thinking(family: Family, request: Chat) -> int:
    """Tokens before which an end of thinking is taken back.

    A model never trained to think takes its first sentence for the whole reply: it is asked to go on for a while.
    """
    if family.trained or request.think == 0:
        return request.think_min
    untrained = UNTRAINED_LEAST if request.think is None else min(UNTRAINED_LEAST, request.think)
    return max(request.think_min, untrained)


def room_for_reply(loaded: LoadedModel, prompt: Prompt, max_tokens: int | None) -> int:
    """Tokens left for thinking and answer. Raises BadInput when the context has no room for a reply."""
    room = loaded.context_limit - len(prompt.tokens)
    if room < 1:
        raise BadInput(
            f"The conversation has {len(prompt.tokens):,} tokens; the context of {loaded.name} holds"
            f" {loaded.context_limit:,}.",
            "Start a new chat, shorten the message, or take a model with a longer context.",
        )
    return room if max_tokens is None else min(room, max_tokens)


def _sampler(loaded: LoadedModel, request: Chat) -> object:
    """mlx-lm's sampler with what was asked for, else what is advised for this model."""
    advice = loaded.sampling
    if request.think == 0 and loaded.style.family.off_sampling is not None:
        advice = loaded.style.family.off_sampling
    asked = request.sampling

    def pick(name: str) -> float:
        value = getattr(asked, name)
        return float(getattr(advice if value is None else asked, name))

    chosen = Advice(temperature=pick("temperature"), top_p=pick("top_p"), top_k=int(pick("top_k")), min_p=pick("min_p"))
    return make_sampler(temp=chosen.temperature, top_p=chosen.top_p, top_k=chosen.top_k, min_p=chosen.min_p)


def _check_numbers(logprobs: mx.array) -> None:
    """Stop when the backend returned no numbers. logprobs: (V,). A late Metal error can show as NaN or as all zeros."""
    low, high = float(mx.min(logprobs).item()), float(mx.max(logprobs).item())  # type: ignore[arg-type]
    if not (-float("inf") <= low < high <= 0.001):  # NaN fails every comparison; zeros are all equal
        raise NoMemory(
            "The model returned no numbers: its memory most likely ran out.",
            "Close other programs or take a smaller model, then try again.",
        )
