"""Many replies: problems a minute from the pool at several numbers of rows, against one at a time and mlx_lm.batch_generate.

The problems share a system prompt and differ in length, budget and seed. One at a time is models.generate.reply.reply,
which reads what prompts have in common once too. mlx_lm.batch_generate gets the same prompts and draws as many tokens
for each as our reply has, forced ones included: it knows no budgets, and ends rows by their number of tokens. Whoever
takes turns is compared by the median over rounds, since other work on the machine slows both.
"""

import time
import types

import mlx.core as mx
from mlx_lm import batch_generate
from mlx_lm.sample_utils import make_sampler

from models.generate.drawing import read_prompt
from models.generate.load import LoadedModel
from models.generate.pool import Pool, RowDone
from models.generate.reply import reply
from models.requests import ChatRequest, Message, Sampling
from tests.benchmarks import starter
from tests.benchmarks.figures import Figure, at_least, median_ratio
from tests.returned import result_of

PROBLEMS = 32
ROWS = (1, 4, 8, 16)
COMPARED = 8  # rows
ROUNDS = 2
BUDGETS = (0, 32, 64, 96)  # tokens of thinking
ANSWER = 96  # tokens that an answer has room for
TEMPERATURE = 0.7
AIM = 4.0
AIM_BESIDE = 1.0
SYSTEM = "You solve problems of arithmetic. Think as long as you need, then say the answer in one sentence."


def measure() -> list[Figure]:
    """Problems a minute, tokens a second, and their ratios."""
    loaded = starter.load_starter()
    requests = [_request(number) for number in range(PROBLEMS)]
    _pooled(loaded, requests[:COMPARED], COMPARED)  # once for the first use of everything
    seconds: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        seconds.setdefault("alone", []).append(_one_at_a_time(loaded, requests))
        for rows in ROWS:
            found, lengths, _ = _pooled(loaded, requests, rows)
            seconds.setdefault(f"{rows}", []).append(found)
        seconds.setdefault("mlx_lm", []).append(_beside(loaded, requests, lengths))
    mx.reset_peak_memory()
    _, lengths, peak = _pooled(loaded, requests, max(ROWS))
    tokens = sum(lengths)
    ours, best = f"{COMPARED}", {name: min(found) for name, found in seconds.items()}
    figures = [Figure("one at a time", 60 * PROBLEMS / best["alone"], "problems/min")]
    for rows in ROWS:
        figures.append(Figure(f"{rows} rows", 60 * PROBLEMS / best[f"{rows}"], "problems/min"))
    for rows in ROWS:
        ratio = median_ratio(seconds["alone"], seconds[f"{rows}"])
        name = f"{rows} rows, ratio to one at a time"
        figures.append(at_least(name, ratio, "", AIM) if rows == COMPARED else Figure(name, ratio, ""))
    return [
        *figures,
        Figure(f"{COMPARED} rows", tokens / best[ours], "tokens/s"),
        Figure(f"{COMPARED} rows of mlx_lm.batch_generate", tokens / best["mlx_lm"], "tokens/s"),
        at_least("ratio", median_ratio(seconds["mlx_lm"], seconds[ours]), "", AIM_BESIDE),
        Figure(f"KV caches of {max(ROWS)} rows", peak / 1e6, "MB"),
        Figure("MLX's peak then, weights included", mx.get_peak_memory() / 1e6, "MB"),
    ]


def _request(number: int) -> ChatRequest:
    think = BUDGETS[number % len(BUDGETS)]
    story = starter.long_text(number % 5, first=number)
    problem = f"{story} A shop has {number + 12} lamps and sells {number % 7 + 3} of them. How many are left?"
    return ChatRequest(
        model="starter",
        messages=[Message(role="system", content=SYSTEM), Message(role="user", content=problem.strip())],
        think=think,
        max_tokens=2 * (think + ANSWER),
        sampling=Sampling(temperature=TEMPERATURE, top_p=1.0, seed=number),
    )


def _one_at_a_time(loaded: LoadedModel, requests: list[ChatRequest]) -> float:
    loaded.cache.clear()
    begun = time.perf_counter()
    for request in requests:
        result_of(reply(loaded, request))
    return time.perf_counter() - begun


def _pooled(loaded: LoadedModel, requests: list[ChatRequest], rows: int) -> tuple[float, list[int], int]:
    """Seconds, tokens of each reply, and the most bytes that the KV caches took."""
    loaded.cache.clear()
    begun = time.perf_counter()
    pool = Pool(loaded, most=rows)
    for request in requests:
        pool.add(request)
    replies = {event.row: event.reply for event in pool.events() if isinstance(event, RowDone)}
    seconds = time.perf_counter() - begun
    lengths = [replies[row].context_tokens - replies[row].prompt_tokens for row in range(len(requests))]
    return seconds, lengths, pool.peak_bytes


def _beside(loaded: LoadedModel, requests: list[ChatRequest], lengths: list[int]) -> float:
    prompts = [read_prompt(loaded, request).tokens for request in requests]
    without_end = types.SimpleNamespace(eos_token_ids=[], decode=loaded.tokenizer.decode)
    begun = time.perf_counter()
    batch_generate(
        loaded.model,
        without_end,
        prompts,
        max_tokens=lengths,
        sampler=make_sampler(temp=TEMPERATURE),
        completion_batch_size=COMPARED,
        prefill_batch_size=COMPARED,
    )
    return time.perf_counter() - begun
