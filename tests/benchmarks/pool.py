"""Many replies: problems a minute from the pool at several numbers of rows, against one at a time and mlx_lm.batch_generate.

The problems share a system prompt and differ in length, budget and seed. One at a time is models.generate.reply.reply,
which reads what prompts have in common once too; it gets the first few problems, of all budgets, and is compared by
tokens a second. mlx_lm.batch_generate gets the same prompts and draws as many tokens for each as our reply has, forced
ones included: it knows no budgets, and ends rows by their number of tokens. Those that are compared take turns, and
their ratio is the median over rounds, since other work on the machine slows both.
"""

import time
import types
from typing import NamedTuple

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

PROBLEMS = 24
ALONE = 8  # of them
ROWS = (4, 16)
COMPARED = 8  # rows
ROUNDS = 2
BUDGETS = (0, 48, 96, 144)  # tokens of thinking
ANSWER = 96  # tokens that an answer has room for
TEMPERATURE = 0.7
AIM = 4.0
AIM_BESIDE = 1.0
SYSTEM = "You solve problems of arithmetic. Think as long as you need, then say the answer in one sentence."


class Run(NamedTuple):
    """What one way of drawing took."""

    seconds: float
    lengths: list[int]  # tokens of each reply

    @property
    def tokens_per_s(self) -> float:
        return sum(self.lengths) / self.seconds


def measure() -> list[Figure]:
    """Problems a minute, tokens a second, and their ratios."""
    loaded = starter.load_starter()
    requests = [_request(number) for number in range(PROBLEMS)]
    _pooled(loaded, requests[:COMPARED], COMPARED)  # once for the first use of everything
    alone, ours, theirs = [], [], []
    for _ in range(ROUNDS):
        ours.append(_pooled(loaded, requests, COMPARED)[0])
        theirs.append(_beside(loaded, requests, ours[-1].lengths))
        alone.append(_one_at_a_time(loaded, requests[:ALONE], ours[-1].lengths))
    one = _pooled(loaded, requests[:ALONE], 1)[0]
    mx.reset_peak_memory()
    others = {rows: _pooled(loaded, requests, rows) for rows in ROWS}
    found = {"one at a time": alone[-1], "1 row": one, **{f"{rows} rows": run for rows, (run, _) in others.items()}}
    found[f"{COMPARED} rows"] = ours[-1]
    speeds = [run.tokens_per_s for run in alone]
    return [
        *(Figure(name, 60 * len(run.lengths) / run.seconds, "problems/min") for name, run in found.items()),
        *(
            Figure(f"{name}, ratio to one at a time", run.tokens_per_s / speeds[-1], "")
            for name, run in found.items()
            if run is not alone[-1] and run is not ours[-1]
        ),
        at_least(
            f"{COMPARED} rows, ratio to one at a time",
            median_ratio([run.tokens_per_s for run in ours], speeds),
            "",
            AIM,
        ),
        Figure(f"{COMPARED} rows", ours[-1].tokens_per_s, "tokens/s"),
        Figure(f"{COMPARED} rows of mlx_lm.batch_generate", theirs[-1].tokens_per_s, "tokens/s"),
        at_least(
            "ratio",
            median_ratio([run.tokens_per_s for run in ours], [run.tokens_per_s for run in theirs]),
            "",
            AIM_BESIDE,
        ),
        Figure(f"KV caches of {max(ROWS)} rows", others[max(ROWS)][1] / 1e6, "MB"),
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


def _one_at_a_time(loaded: LoadedModel, requests: list[ChatRequest], lengths: list[int]) -> Run:
    loaded.cache.clear()
    begun = time.perf_counter()
    for request in requests:
        result_of(reply(loaded, request))
    return Run(time.perf_counter() - begun, lengths[: len(requests)])


def _pooled(loaded: LoadedModel, requests: list[ChatRequest], rows: int) -> tuple[Run, int]:
    """The run, and the most bytes that its KV caches took."""
    loaded.cache.clear()
    begun = time.perf_counter()
    pool = Pool(loaded, most=rows)
    for request in requests:
        pool.add(request)
    replies = {event.row: event.reply for event in pool.events() if isinstance(event, RowDone)}
    seconds = time.perf_counter() - begun
    lengths = [replies[row].context_tokens - replies[row].prompt_tokens for row in range(len(requests))]
    return Run(seconds, lengths), pool.peak_bytes


def _beside(loaded: LoadedModel, requests: list[ChatRequest], lengths: list[int]) -> Run:
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
    return Run(time.perf_counter() - begun, lengths)
