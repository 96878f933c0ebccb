"""How long the engine process takes from its start to the first token, and where that time goes."""

import statistics
import time

from models.engine.client import Engine
from models.events import Token
from tests.benchmarks import children, starter
from tests.benchmarks.figures import Figure

REPEATS = 3


def measure() -> list[Figure]:
    """The stages as one process runs them, and the whole as a face sees it."""
    runs: list[dict[str, float]] = [children.run("tests.benchmarks.worker_stages") for _ in range(REPEATS)]
    stages = [Figure(name, statistics.median(run[name] for run in runs), "s") for name in runs[0]]
    whole = statistics.median(_through_engine() for _ in range(REPEATS))
    return [*stages, Figure("all of it, through the engine's client", whole, "s")]


def _through_engine() -> float:
    begun = time.perf_counter()
    engine = Engine()
    try:
        for event in engine.run(starter.chat("What is the capital of France?", max_tokens=8)):
            if isinstance(event, Token):
                return time.perf_counter() - begun
    finally:
        engine.close()
    raise AssertionError("there was no token")
