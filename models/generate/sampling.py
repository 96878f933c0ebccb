"""How tokens are drawn: from the logits, by the parameters of a reply and by noise that is its own.

Draw n of a reply takes its noise from a key of two words, the reply's seed and n (Threefry, as in JAX: each key is a
stream of its own). So what is drawn hangs neither on the neighbours in a batch, nor on whether the reply runs alone, was
interrupted, or goes on from tokens that were drawn before. What floating point still changes: a batch sums in another
order than a row alone, so logits differ in their last bits (relative 1e-6 in float32, 1e-2 in bfloat16), and where two
tokens come that close to each other, replies with the same seed part.

A token is drawn by the Gumbel trick, argmax(logits / temperature + noise). The nucleus is cut from the logits before
the temperature, as mlx-lm's make_sampler does: top_p, then min_p, then top_k.
"""

import math
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import mlx.core as mx

from models.families import Advice
from models.generate.calm import DAMPING

_WORD = 0xFFFFFFFF
_GOLDEN = 0x9E3779B9  # 2**32 divided by the golden ratio: its multiples are far apart
_ALL = 2.0  # a share that no mass reaches


def fresh_seed() -> int:
    """A seed for a reply that was asked for without one."""
    return secrets.randbits(32)


def seed_of_sample(seed: int, sample: int) -> int:
    """The seed of one of several samples of a prompt; the first one's is the seed itself."""
    return (seed + sample * _GOLDEN) & _WORD if sample else seed


@dataclass(frozen=True)
class RowSampling:
    """How the tokens of one reply are drawn."""

    advice: Advice
    seed: int


class Sampler:
    """Draws a token for each row of a batch.

    rows: B of them; hesitations: the tokens that are made less likely in a row that is to be calm.
    """

    def __init__(self, rows: Sequence[RowSampling], hesitations: Sequence[int] = ()) -> None:
        advices = [row.advice for row in rows]
        self._seeds = [(row.seed ^ (row.seed >> 32)) & _WORD for row in rows]
        self._hesitations = list(hesitations)
        self._temperature = _column([advice.temperature or 1.0 for advice in advices])
        self._greedy = [advice.temperature == 0 for advice in advices]
        drawn = [advice for advice in advices if advice.temperature]
        self._top_p = _column([advice.top_p if 0 < advice.top_p < 1 else _ALL for advice in advices])
        self._min_p = _column([math.log(advice.min_p) if advice.min_p else -math.inf for advice in advices])
        self._top_k = [advice.top_k for advice in advices]
        self._has_top_p = any(0 < advice.top_p < 1 for advice in drawn)
        self._has_min_p = any(advice.min_p for advice in drawn)
        self._has_top_k = any(advice.top_k for advice in drawn)
        self._all_top_k = all(advice.top_k for advice in drawn)

    def draw(self, logits: mx.array, numbers: Sequence[int], calm: Sequence[bool]) -> mx.array:
        """Token ids, (B,), from logits, (B, V) of float32. numbers: which draw of its reply each is, from 0."""
        if self._hesitations and any(calm):
            damping = mx.zeros(logits.shape[-1])
            damping[mx.array(self._hesitations)] = DAMPING
            logits = logits - damping * _column(calm)
        likeliest = mx.argmax(logits, axis=-1)
        if all(self._greedy):
            return likeliest
        keys = mx.array([[seed, number] for seed, number in zip(self._seeds, numbers, strict=True)], mx.uint32)
        noise = mx.vmap(lambda key: mx.random.gumbel(logits.shape[1:], key=key))(keys)  # (B, V)
        drawn = mx.argmax(self._nucleus(logits) / self._temperature + noise, axis=-1)
        return mx.where(mx.array(self._greedy), likeliest, drawn) if any(self._greedy) else drawn

    def _nucleus(self, logits: mx.array) -> mx.array:
        """The logits, -inf for tokens that may not be drawn."""
        if not (self._has_top_p or self._has_top_k or self._has_min_p):
            return logits
        highest = mx.max(logits, axis=-1, keepdims=True)
        least = highest + self._min_p if self._has_min_p else mx.full(highest.shape, -math.inf)
        if self._has_top_p or self._has_top_k:
            least = mx.maximum(least, self._last_kept(logits))
        return mx.where(logits < least, -math.inf, logits)

    def _last_kept(self, logits: mx.array) -> mx.array:
        """The lowest logit, (B, 1), that top_p and top_k leave."""
        size = logits.shape[-1]
        # what is not among the k likeliest is dropped anyway: only those need to be sorted, in place of a vocabulary
        most = min(size, max(self._top_k)) if self._all_top_k else size
        ordered = mx.sort(mx.topk(logits, most, axis=-1) if most < size else logits, axis=-1)  # ascending
        dropped = mx.array([[most - min(top_k, most) if top_k else 0] for top_k in self._top_k])
        if self._has_top_p:
            shares = mx.exp(ordered - mx.logsumexp(logits, axis=-1, keepdims=True))
            above = mx.cumsum(shares, axis=-1, reverse=True, inclusive=False)
            dropped = mx.maximum(dropped, mx.sum(above >= self._top_p, axis=-1, keepdims=True))
        return mx.take_along_axis(ordered, dropped, axis=-1)


class LoneSampler:
    """The sampler of a reply alone, as mlx-lm's generate_step calls it: once a token, with logprobs of (1, V)."""

    def __init__(self, row: RowSampling, hesitations: Sequence[int] = ()) -> None:
        self._sampler = Sampler([row], hesitations)
        self.number = 0  # of the next draw
        self.calm = False

    def __call__(self, logprobs: mx.array) -> mx.array:
        """Draw the next token, (1,)."""
        token = self._sampler.draw(logprobs.astype(mx.float32), [self.number], [self.calm])
        self.number += 1
        return token


def _column(values: Sequence[float]) -> mx.array:
    return mx.array(list(values))[:, None]  # (B, 1)
