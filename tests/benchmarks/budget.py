"""What a thinking budget costs: speed with one and without, and how soon "answer now" is obeyed."""

import statistics
import time

from models import library
from models.engine.client import Engine
from models.engine.messages import Chat, Load, Sampling
from models.events import Token
from models.generate import reply
from models.load import LoadedModel
from tests.benchmarks import starter
from tests.benchmarks.figures import Figure, median_ratio

TITLE = 'a thinking budget against no thinking, and the wait after "answer now"'
ROUNDS = 5
TOKENS = 120
BUDGET = 48  # reached in every round, so the forced close is in the figure
TIMES_STEERED = 5
THOUGHT_BEFORE = 24  # tokens


def measure() -> list[Figure]:
    """Speeds, their ratio, and the wait."""
    return _speeds() + _answer_now()


def _speeds() -> list[Figure]:
    loaded = starter.load_starter()
    plain = starter.chat(starter.STORY, max_tokens=TOKENS)
    budgeted = starter.chat(starter.STORY, max_tokens=TOKENS, think=BUDGET)
    speeds: dict[str, list[float]] = {"plain": [], "budgeted": []}
    for number in range(ROUNDS + 1):
        pair = [("plain", plain), ("budgeted", budgeted)]
        for name, request in pair if number % 2 else reversed(pair):
            tokens_per_s = _tokens_per_s(loaded, request)
            if number:  # the first round is for the first use of everything
                speeds[name].append(tokens_per_s)
    return [
        Figure("no thinking", statistics.median(speeds["plain"]), "tokens/s"),
        Figure(f"a budget of {BUDGET}, closed by force", statistics.median(speeds["budgeted"]), "tokens/s"),
        Figure("ratio", median_ratio(speeds["budgeted"], speeds["plain"]), ""),
    ]


def _tokens_per_s(loaded: LoadedModel, request: Chat) -> float:
    loaded.cache.clear()
    record = starter.record(list(reply(loaded, request)))
    assert not request.think or record.closed_by == "budget", "the budget was to close the thinking"
    assert record.thinking_tokens + record.answer_tokens > TOKENS // 2, "the model was to go on for long"
    return record.tokens_per_s


def _answer_now() -> list[Figure]:
    engine = Engine()
    try:
        for _ in engine.run(Load(model=library.STARTER)):
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
