"""Training against mlx_lm.lora's trainer: learned tokens a second, peak memory, and what has been learned with them.

Rows of mixed lengths: GSM8K solutions of about 230 tokens and reasoning traces of up to 1,024, on the starter. The two take
turns, each time in a new process; see finetune_side. A rate is of tokens that are learned from: no padding, no prompt.
"""

import statistics
import sys

import msgspec

from models import blas
from tests.benchmarks import children, lessons
from tests.benchmarks.figures import Figure, at_least, at_most, median_ratio
from tests.benchmarks.finetune_side import Outcome

ROUNDS = 2
SPEED_AIM, MEMORY_AIM = 1.5, 0.7
LOSS_SLACK = 1.02  # two held-out losses this near are the same: each is of a few hundred tokens


def measure() -> list[Figure]:
    """Rates, peaks and held-out losses of both, and their ratios; nothing without the data."""
    if lessons.folder() is None:
        sys.stdout.write("  left out: no data; STILLROOM_BENCH_DATA names its folder\n")
        return []
    ours, theirs = [], []
    for number in range(ROUNDS):
        order = (("ours", ours), ("theirs", theirs)) if number % 2 else (("theirs", theirs), ("ours", ours))
        for side, outcomes in order:
            outcomes.append(_run(side, number))
    return _figures(ours, theirs)


def _run(side: str, number: int) -> Outcome:
    answered = children.run("tests.benchmarks.finetune_side", side, str(number), variables=blas.preload())
    return msgspec.convert(answered, Outcome)


def _figures(ours: list[Outcome], theirs: list[Outcome]) -> list[Figure]:
    rates = [[side.tokens / side.seconds for side in sides] for sides in (ours, theirs)]
    peaks = [[side.peak_bytes / 1e9 for side in sides] for sides in (ours, theirs)]
    learned = [statistics.mean(side.loss for side in sides) for sides in (ours, theirs)]
    return [
        Figure("learned tokens, Stillroom", statistics.median(rates[0]), "tokens/s"),
        Figure("learned tokens, mlx_lm", statistics.median(rates[1]), "tokens/s"),
        at_least("learned tokens, ratio", median_ratio(*rates), "", SPEED_AIM),
        Figure("peak memory, Stillroom", max(peaks[0]), "GB"),
        Figure("peak memory, mlx_lm", max(peaks[1]), "GB"),
        at_most("peak memory, ratio", median_ratio(*peaks), "", MEMORY_AIM),
        Figure("held-out loss, Stillroom", learned[0], "nats/token"),
        Figure("held-out loss, mlx_lm", learned[1], "nats/token"),
        at_most("held-out loss, ratio", learned[0] / learned[1], "", LOSS_SLACK),
    ]
