"""Training against mlx_lm.lora's trainer: learned tokens a second, peak memory, and what has been learned with them.

Rows of mixed lengths: GSM8K solutions of about 230 tokens and reasoning traces of up to 1,024, on the starter. They take
turns, each time in a new process, Stillroom's loop with padded rows among them; see finetune_side. What was learned is
compared after sixteen steps on solutions: after the four of a mixed round it is chance. A rate is of tokens that are
learned from: no padding, no prompt.
"""

import statistics
import sys

import msgspec

from models.machine import blas
from tests.benchmarks import children, lessons
from tests.benchmarks.figures import Figure, at_least, at_most, median_ratio
from tests.benchmarks.finetune_side import Outcome

ROUNDS = 2
SPEED_AIM, MEMORY_AIM = 1.5, 0.7
LOSS_SLACK = 1.02  # two held-out losses this near are the same


def measure() -> list[Figure]:
    """Rates, peaks and held-out losses of both, and their ratios; nothing without the data."""
    if lessons.folder() is None:
        sys.stdout.write("  left out: no data; STILLROOM_BENCH_DATA names its folder\n")
        return []
    took: dict[str, list[Outcome]] = {"theirs": [], "ours": [], "padded": []}
    for number in range(ROUNDS):
        for side in reversed(took) if number % 2 else took:
            took[side].append(_run(side, "mixed", number))
    learned = [_run(side, "solutions", 0).loss for side in ("ours", "theirs")]
    return [*_figures(**took), *_learned(*learned)]


def _run(side: str, lesson: str, number: int) -> Outcome:
    answered = children.run("tests.benchmarks.finetune_side", side, lesson, str(number), variables=blas.preload())
    return msgspec.convert(answered, Outcome)


def _figures(ours: list[Outcome], theirs: list[Outcome], padded: list[Outcome]) -> list[Figure]:
    rates = [[side.tokens / side.seconds for side in sides] for sides in (ours, theirs, padded)]
    peaks = [[side.peak_bytes / 1e9 for side in sides] for sides in (ours, theirs, padded)]
    return [
        Figure("learned tokens, Stillroom", statistics.median(rates[0]), "tokens/s"),
        Figure("learned tokens, mlx_lm", statistics.median(rates[1]), "tokens/s"),
        at_least("learned tokens, ratio", median_ratio(*rates[:2]), "", SPEED_AIM),
        Figure("learned tokens, packed to padded rows", median_ratio(rates[0], rates[2]), ""),
        Figure("peak memory, Stillroom", max(peaks[0]), "GB"),
        Figure("peak memory, mlx_lm", max(peaks[1]), "GB"),
        at_most("peak memory, ratio", median_ratio(*peaks[:2]), "", MEMORY_AIM),
        Figure("peak memory, packed to padded rows", median_ratio(peaks[0], peaks[2]), ""),
    ]


def _learned(ours: float, theirs: float) -> list[Figure]:
    return [
        Figure("held-out loss, Stillroom", ours, "nats/token"),
        Figure("held-out loss, mlx_lm", theirs, "nats/token"),
        at_most("held-out loss, ratio", ours / theirs, "", LOSS_SLACK),
    ]
