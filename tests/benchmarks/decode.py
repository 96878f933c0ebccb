"""What Stillroom's own loop costs: models.generate.reply.reply against mlx_lm.stream_generate on the same model in memory.

Both get the same prompt, sample greedily and take the same number of tokens. They take turns, and which of the two
goes first changes from round to round.
"""

import statistics
import time
from collections.abc import Callable

from mlx_lm import stream_generate
from mlx_lm.sample_utils import make_sampler

from models.generate.load import LoadedModel
from models.generate.reply import reply
from models.generate.template import build_prompt
from models.requests import ChatRequest
from tests.benchmarks import starter
from tests.benchmarks.figures import Figure, at_least, median_ratio
from tests.returned import result_of

AIM = 0.97
ROUNDS = 5
DECODED = 96  # tokens
SENTENCES = 24  # about 600 tokens

Speed = Callable[[LoadedModel, ChatRequest], tuple[float, float]]
"""Runs a request; returns tokens/s of prefill, the first token included, and of decoding."""


def measure() -> list[Figure]:
    """Decode and prefill speeds and their ratios."""
    loaded = starter.load_starter()
    decode = starter.chat(starter.STORY, max_tokens=DECODED)
    prefill = starter.chat(f"{starter.long_text(SENTENCES)} What happened?", max_tokens=2)
    return _compared(loaded, decode, "decode", 1) + _compared(loaded, prefill, "prefill", 0)


def _compared(loaded: LoadedModel, request: ChatRequest, name: str, which: int) -> list[Figure]:
    speeds: dict[Speed, list[float]] = {_ours: [], _theirs: []}
    for speed in speeds:
        speed(loaded, request)  # once for the first use of everything
    for number in range(ROUNDS):
        for speed in (_ours, _theirs) if number % 2 else (_theirs, _ours):
            speeds[speed].append(speed(loaded, request)[which])
    return [
        Figure(f"{name}, Stillroom", statistics.median(speeds[_ours]), "tokens/s"),
        Figure(f"{name}, mlx_lm", statistics.median(speeds[_theirs]), "tokens/s"),
        at_least(f"{name}, ratio", median_ratio(speeds[_ours], speeds[_theirs]), "", AIM),
    ]


def _ours(loaded: LoadedModel, request: ChatRequest) -> tuple[float, float]:
    loaded.cache.clear()
    begun = time.perf_counter()
    record = result_of(reply(loaded, request))
    seconds = time.perf_counter() - begun
    assert record.answer_tokens == request.max_tokens, "the model was to go on to the last token"
    return record.prompt_tokens / record.ttft_s, (record.answer_tokens - 1) / (seconds - record.ttft_s)


def _theirs(loaded: LoadedModel, request: ChatRequest) -> tuple[float, float]:
    prompt = build_prompt(loaded.style, request.messages, False, loaded.render, loaded.tokenizer).tokens
    assert request.max_tokens is not None, "set above"
    begun = time.perf_counter()
    wrapped = loaded.tokenizer._bounded  # mlx-lm takes its own class alone
    steps = stream_generate(
        loaded.model, wrapped, prompt, max_tokens=request.max_tokens, sampler=make_sampler(temp=0.0)
    )
    next(steps)
    first = time.perf_counter()
    *_, last = steps
    seconds = time.perf_counter() - first
    assert last.generation_tokens == request.max_tokens, "the model was to go on to the last token"
    return len(prompt) / (first - begun), (last.generation_tokens - 1) / seconds
