"""What a thinking budget costs: speed with one and without, and how soon "answer now" is obeyed."""

import statistics
import time

from models.engine.client import Engine
from models.events import Reply, Token
from models.generate.load import LoadedModel
from models.generate.reply import reply
from models.library import installed
from models.requests import ChatRequest, Load, Sampling
from tests.benchmarks import starter
from tests.benchmarks.figures import Figure, median_ratio
from tests.returned import result_of

ROUNDS = 4
BUDGET = 80  # tokens, and in every round it closes the thinking: what that costs is in the figure
MOST = 128  # tokens, forced ones included
TIMES_STEERED = 5
THOUGHT_BEFORE = 24  # tokens


def measure() -> list[Figure]:
    """Speeds, their ratio, and the wait."""
    return _speeds() + _answer_now()


def _speeds() -> list[Figure]:
    loaded = starter.load_starter()
    budgeted = starter.chat(starter.STORY, think=BUDGET, max_tokens=MOST)
    told = _reply(loaded, budgeted)
    assert told.closed_by == "budget", "the budget was to close the thinking"
    plain = starter.chat(starter.STORY, max_tokens=told.thinking_tokens + told.answer_tokens)
    _reply(loaded, plain)  # both once for the first use of everything
    speeds: dict[str, list[float]] = {"plain": [], "budgeted": []}
    for number in range(ROUNDS):
        pair = [("plain", plain), ("budgeted", budgeted)]
        for name, request in pair if number % 2 else reversed(pair):
            speeds[name].append(_reply(loaded, request).tokens_per_s)
    return [
        Figure(f"no thinking, {plain.max_tokens} tokens", statistics.median(speeds["plain"]), "tokens/s"),
        Figure(f"a budget of {BUDGET}, as many tokens", statistics.median(speeds["budgeted"]), "tokens/s"),
        Figure("ratio", median_ratio(speeds["budgeted"], speeds["plain"]), ""),
    ]


def _reply(loaded: LoadedModel, request: ChatRequest) -> Reply:
    loaded.cache.clear()
    return result_of(reply(loaded, request))


def _answer_now() -> list[Figure]:
    engine = Engine()
    try:
        for _ in engine.run(Load(model=installed.STARTER)):
            pass
        waits = [_wait(engine, seed) for seed in range(TIMES_STEERED)]
    finally:
        engine.close()
    return [
        Figure('"answer now" to the first answer token, median', statistics.median(waits), "s"),
        Figure('"answer now" to the first answer token, longest', max(waits), "s"),
    ]


def _wait(engine: Engine, seed: int) -> float:
    request = starter.chat(starter.STORY, think=None, sampling=Sampling(temperature=0.7, seed=seed), max_tokens=1024)
    number, events = engine.start_watched(request)
    asked_at = 0.0
    for event in events:
        if not isinstance(event, Token):
            continue
        if event.channel == "answer":
            assert asked_at, "the thinking was to go on until it is steered"
            events.close()  # type: ignore[attr-defined]  # a generator's; it cancels the call
            return time.perf_counter() - asked_at
        if event.n >= THOUGHT_BEFORE and not asked_at:
            asked_at = time.perf_counter()
            engine.steer(number, "answer_now")
    raise AssertionError("there was no answer")
