"""Stream a reply under a thinking budget, on a KV cache that stays.

A reply is a series of stretches: prefill what the cache does not hold, decode until the state machine of `thinking`
wants text forced, force it, go on. mlx-lm's generate_step leaves the cache at exactly prompt + tokens taken, so a
stretch can be left at any token and the next one goes on from there: the budget is exact, and the result is the same
as a prompt that had the forced text in it.
"""

from collections.abc import Generator

import mlx.core as mx
from mlx_lm.generate import generate_step, generation_stream, wired_limit

from models.events import Event, Progress, Reply
from models.generate.drawing import Drawing
from models.generate.kv_cache import ConversationCache
from models.generate.load import LoadedModel, runs_on_cpu
from models.generate.no_numbers import no_numbers
from models.generate.sampling import LoneSampler
from models.generate.template import Prompt
from models.generate.thinking import Steering
from models.library import fit
from models.requests import ChatRequest

CHECK_EVERY = 64  # tokens between looks at whether the logits are numbers

# Reading a logprob on the stream that computes the next step would wait for that step.
_reading_stream = mx.new_thread_local_stream(mx.default_device())


def reply(
    loaded: LoadedModel, request: ChatRequest, steering: Steering | None = None, *, prompt: Prompt | None = None
) -> Generator[Event, None, Reply]:
    """Answer a conversation; yields Note, Budget, Progress, Token and ThinkingClosed.

    prompt: the request's messages as they were rendered earlier; None to render them now.
    A cancelled reply returns too, its finish "cancelled". Raises BadInput when the conversation is longer than
    the model's context, Corrupt when the model's weights are no numbers, NoMemory when the backend returns none.
    """
    drawing = Drawing(loaded, request, steering, prompt=prompt)
    yield from drawing.opening()
    return (yield from draw(drawing))


def draw(drawing: Drawing, scored: bool = False) -> Generator[Event, None, Reply]:
    """Draw a reply that has been opened, on the conversation's cache; as reply. scored: sum up its logprob."""
    loaded, cache = drawing.loaded, drawing.loaded.cache
    sampler = LoneSampler(drawing.sampling, loaded.hesitations if drawing.request.calm else [])
    with wired_limit(loaded.model, [generation_stream]):
        cached = cache.reuse(drawing.prompt.tokens)
        while drawing.finish is None:
            yield from _stretch(drawing, sampler, scored)
        cache.settle()
        yield from drawing.stream.closing()
    return drawing.stream.record(drawing.finish, cached, len(cache.tokens))


def _stretch(drawing: Drawing, sampler: LoneSampler, scored: bool) -> Generator[Event, None, None]:
    """Prefill and decode until text must be forced or the reply ends."""
    loaded, cache = drawing.loaded, drawing.loaded.cache
    ahead = drawing.context[len(cache.tokens) :]
    if not (yield from prefill(loaded, ahead[:-1], drawing.steering)):
        drawing.finish = "cancelled"
        return
    sampler.number, sampler.calm = drawing.stream.drawn, drawing.calm
    last, layers = mx.array(ahead[-1:]), cache.layers
    # it runs a step ahead, also of the last token that is taken
    steps = generate_step(last, loaded.model, max_tokens=-1, sampler=sampler, prompt_cache=layers)
    cache.tokens.append(ahead[-1])
    for token, logprobs in steps:
        cache.tokens.append(token)
        if drawing.stream.drawn % CHECK_EVERY == 0:
            check_numbers(logprobs, loaded)
        if scored:
            with mx.stream(_reading_stream):
                drawing.score(float(logprobs[token].item()))
        yield from drawing.take(token)
        sampler.calm = drawing.calm
        if drawing.forced:
            cache.take_back(drawing.drop)
        if drawing.forced or drawing.finish is not None:
            return


def prefill(loaded: LoadedModel, tokens: list[int], steering: Steering) -> Generator[Event, None, bool]:
    """Run tokens into the conversation's cache in chunks; returns False when cancelled between two of them."""
    chunk = chunk_tokens()
    for start in range(0, len(tokens), chunk):
        if steering.cancelled:
            return False
        part = tokens[start : start + chunk]
        read(loaded, part, loaded.cache)
        mx.clear_cache()
        if len(tokens) > chunk:
            yield Progress(stage="prefill", done=start + len(part), total=len(tokens), unit="tokens", rate=0.0)
    return not steering.cancelled


def chunk_tokens() -> int:
    """Tokens of a prompt that are read at a time."""
    return fit.PREFILL_STEP_HERE if runs_on_cpu() else fit.PREFILL_STEP


def read(loaded: LoadedModel, tokens: list[int], cache: ConversationCache) -> None:
    """Run a chunk of tokens into a cache."""
    with mx.stream(generation_stream):
        loaded.model(mx.array(tokens)[None], cache=cache.layers)  # (1, L)
        mx.eval([layer.state for layer in cache.layers])
    cache.tokens.extend(tokens)


def check_numbers(logprobs: mx.array, loaded: LoadedModel) -> None:
    """Raise as no_numbers for logprobs, (V,), that are not numbers: NaN, or all zeros."""
    low, high = float(mx.min(logprobs).item()), float(mx.max(logprobs).item())  # type: ignore[arg-type]
    if not -float("inf") <= low < high <= 0.001:  # NaN fails every comparison; zeros are all equal
        raise no_numbers(loaded)
