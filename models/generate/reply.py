"""Stream a reply under a thinking budget, on a KV cache that stays.

A reply is a series of stretches: prefill what the cache does not hold, decode until the state machine of `thinking`
wants text forced, force it, go on. mlx-lm's generate_step leaves the cache at exactly prompt + tokens taken, so a
stretch can be left at any token and the next one goes on from there: the budget is exact, and the result is the same
as a prompt that had the forced text in it.
"""

import time
from collections.abc import Callable, Generator
from pathlib import Path

import mlx.core as mx
import msgspec
from mlx.utils import tree_flatten
from mlx_lm.generate import generate_step, generation_stream, wired_limit
from mlx_lm.sample_utils import make_sampler

from models.answers.majority import check_votes
from models.errors import BadInput, NoMemory
from models.events import Event, Finish, Progress, Reply
from models.families import Advice, thinks
from models.generate.load import LoadedModel, check_weights, runs_on_cpu
from models.generate.stream import ReplyStream
from models.generate.template import Prompt, build_prompt
from models.generate.thinking import Steering, Thinking, ThinkingStep, largest_budget
from models.library import fit
from models.requests import ChatRequest

UNTRAINED_LEAST = 64  # tokens of thinking asked of a model that was never trained to
VARIETY = 0.7  # temperature at which a family that answers greedily says a thing in another way
CHECK_EVERY = 64  # tokens between looks at whether the logits are numbers


def reply(
    loaded: LoadedModel, request: ChatRequest, steering: Steering | None = None, *, prompt: Prompt | None = None
) -> Generator[Event, None, Reply]:
    """Answer a conversation; yields Note, Budget, Progress, Token and ThinkingClosed.

    prompt: the request's messages as they were rendered earlier; None to render them now.
    A cancelled reply returns too, its finish "cancelled". Raises BadInput when the conversation is longer than
    the model's context, Corrupt when the model's weights are no numbers, NoMemory when the backend returns none.
    """
    run = _Run(loaded, request, steering or Steering(), prompt)
    with wired_limit(loaded.model, [generation_stream]):
        return (yield from run.events())


class _Run:
    def __init__(self, loaded: LoadedModel, request: ChatRequest, steering: Steering, prompt: Prompt | None) -> None:
        begun = time.perf_counter()
        check_request(request)
        self.loaded = loaded
        self.request = request
        self.steering = steering
        self.cache = loaded.cache
        self.prompt = prompt or read_prompt(loaded, request)
        self.room = room_for_reply(loaded, self.prompt, request.max_tokens)
        thinking = thinking_for(loaded, request, self.prompt, self.room, steering)
        self.stream = ReplyStream(loaded, request, self.prompt, thinking, begun)
        self.sampler = sampler_for(advice_for(loaded, request))
        self.context = list(self.prompt.tokens)  # what the cache holds or is about to

    def events(self) -> Generator[Event, None, Reply]:
        if self.request.sampling.seed is not None:
            mx.random.seed(self.request.sampling.seed)
        cached = self.cache.reuse(self.prompt.tokens)
        yield from self.stream.opening()
        finish: Finish | None = None
        while finish is None:
            finish = yield from self._stretch()
        self.cache.settle()
        yield from self.stream.closing()
        return self.stream.record(finish, cached, len(self.cache.tokens))

    def _stretch(self) -> Generator[Event, None, Finish | None]:
        """Prefill and decode until text must be forced or the reply ends; returns how it ended, or None."""
        ahead = self.context[len(self.cache.tokens) :]
        if not (yield from prefill(self.loaded, ahead[:-1], self.steering)):
            return "cancelled"
        left = self.room - (len(self.context) - len(self.prompt.tokens))
        if left <= 0:
            yield self._cut_note()
            return "length"
        last, model, layers = mx.array(ahead[-1:]), self.loaded.model, self.cache.layers
        steps = generate_step(last, model, max_tokens=left, sampler=self.sampler, prompt_cache=layers)
        self.cache.tokens.append(ahead[-1])
        for token, logprobs in steps:
            self.cache.tokens.append(token)
            self.context.append(token)
            if self.stream.drawn % CHECK_EVERY == 0:
                check_numbers(logprobs, self.loaded)
            step = self.stream.take(token)
            yield from self.stream.events(step)
            if self._force(step):
                return None
            if self.stream.ended:
                return "eos"
            if self.steering.cancelled:
                return "cancelled"
            if self.stream.thinking.answer_loops():
                yield self.stream.note("The answer had come to repeat itself and was stopped.")
                return "length"
        yield from self.stream.events(self.stream.cut())
        yield self._cut_note()
        return "length"

    def _cut_note(self) -> Event:
        limit = self.request.max_tokens
        if limit is not None and self.room == limit:
            return self.stream.note(f"The reply was cut at {limit:,} tokens.")
        return self.stream.note(f"The reply was cut: the context of {self.loaded.context_limit:,} tokens is full.")

    def _force(self, step: ThinkingStep) -> bool:
        """Drop and force tokens as the state machine asks; returns whether it asked for anything."""
        if step.force is None:
            return False
        if step.drop:
            del self.context[-step.drop :]
        self.cache.take_back(step.drop)
        self.context += self.stream.forced
        return True


def read_prompt(loaded: LoadedModel, request: ChatRequest) -> Prompt:
    """Render the request's conversation as the model's prompt."""
    return build_prompt(loaded.style, request.messages, request.think != 0, loaded.render, loaded.tokenizer)


def thinking_for(loaded: LoadedModel, request: ChatRequest, prompt: Prompt, room: int, steering: Steering) -> Thinking:
    """The state machine of one reply; its budget is capped so that an answer still fits into `room` tokens."""
    tags = loaded.style.family.tags
    closing = loaded.tokenizer.encode(f"{tags.phrase}{tags.close}\n\n", add_special_tokens=False)
    cap, least = largest_budget(room, len(closing)), least_thinking(loaded, request)
    return Thinking(tags, request.think, prompt.start, cap=cap, least=least, steering=steering)


def prefill(loaded: LoadedModel, tokens: list[int], steering: Steering) -> Generator[Event, None, bool]:
    """Run tokens into the conversation's cache in chunks; returns False when cancelled between two of them."""
    cache = loaded.cache
    chunk = fit.PREFILL_STEP_HERE if runs_on_cpu() else fit.PREFILL_STEP
    for start in range(0, len(tokens), chunk):
        if steering.cancelled:
            return False
        part = tokens[start : start + chunk]
        with mx.stream(generation_stream):
            loaded.model(mx.array(part)[None], cache=cache.layers)  # (1, L)
            mx.eval([layer.state for layer in cache.layers])
        cache.tokens.extend(part)
        mx.clear_cache()
        if len(tokens) > chunk:
            yield Progress(stage="prefill", done=start + len(part), total=len(tokens), unit="tokens", rate=0.0)
    return not steering.cancelled


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


def sampler_for(advice: Advice) -> Callable[[mx.array], mx.array]:
    """mlx-lm's sampler."""
    sampler: Callable[[mx.array], mx.array] = make_sampler(
        temp=advice.temperature, top_p=advice.top_p, top_k=advice.top_k, min_p=advice.min_p
    )
    return sampler


def check_numbers(logprobs: mx.array, loaded: LoadedModel) -> None:
    """Raise for logprobs, (V,), that are not numbers: Corrupt when the weights are none either, else NoMemory, for a late
    Metal error can show as NaN or as all zeros.
    """
    low, high = float(mx.min(logprobs).item()), float(mx.max(logprobs).item())  # type: ignore[arg-type]
    if -float("inf") <= low < high <= 0.001:  # NaN fails every comparison; zeros are all equal
        return
    weights = dict(tree_flatten(loaded.model.parameters()))
    if loaded.adapter is not None:
        added = {
            name: weights.pop(name) for name in list(weights) if name.rpartition(".")[2] in ("lora_a", "lora_b", "m")
        }
        check_weights(f"The adapter {Path(loaded.adapter).name}", added)
    check_weights(loaded.name, weights)
    raise NoMemory(
        "The model returned no numbers: its memory ran out, or what it computed grew beyond its numbers.",
        "Close other programs or take a smaller model, then try again.",
    )
