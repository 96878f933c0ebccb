"""Rows that are decoded together: one call of the model draws a token for each.

On mlx-lm's batch caches, whose rows are padded on the left to the length of the longest. mlx-lm's own BatchGenerator
stands on the same caches and is not used: it draws with a sampler that does not know its rows (or with one Python call
a row), and each row that leaves or joins has the caches of all rows copied. Here one vectorised call draws for all rows,
each by its own parameters and noise, a row that joins takes the place of one that left, and a few forced tokens go in
place of drawn ones.

A step is started before the tokens of the one before it are looked at, so that the model never waits for Python.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx_lm.generate import generation_stream
from mlx_lm.models.cache import BatchKVCache, KVCache

from models.generate.sampling import Sampler

SLACK = 128  # tokens of padding that are borne

Layers = list[Any]  # mlx-lm's cache objects, one a layer


def can_batch(layers: Layers) -> bool:
    """Whether caches of this kind can be put side by side: quantized and chunked ones can't."""
    return all(
        can_batch(list(layer.caches)) if hasattr(layer, "caches") else hasattr(layer, "merge") for layer in layers
    )


@dataclass
class Step:
    """A step that was started: for each row the token that it draws, (B,), and the logprob the model gives that."""

    tokens: mx.array
    logprobs: mx.array
    spread: mx.array  # logsumexp less the highest logit: 0 for one that is sure, log V where all are the same
    vocab: int

    def values(self) -> tuple[list[int], list[float], bool]:
        """Wait for the step and read it: tokens, logprobs, and whether all logits were numbers and not all the same."""
        mx.eval(self.tokens, self.logprobs, self.spread)
        tokens: Any = self.tokens.tolist()
        logprobs: Any = self.logprobs.tolist()
        spread: Any = self.spread.tolist()
        most = math.log(self.vocab) - 1e-4
        return tokens, logprobs, all(value < most for value in spread)  # NaN fails every comparison

    def keep(self, rows: list[int]) -> None:
        """Leave out all rows but these."""
        kept = mx.array(rows, mx.int32)
        self.tokens, self.logprobs, self.spread = self.tokens[kept], self.logprobs[kept], self.spread[kept]


class Batch:
    """The caches of rows that are decoded together."""

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._layers: Layers = []
        self._last: Step | None = None

    def join(self, caches: Sequence[Layers]) -> None:
        """Take copies of caches of one row each as further rows; each has to be given a token in the next step."""
        if not caches:
            return
        with mx.stream(generation_stream):
            joining = [layers[0].merge(list(layers)) for layers in zip(*caches, strict=True)]
            if not self._layers:
                self._layers = joining
                return
            for layer, further in zip(self._layers, joining, strict=True):
                layer.extend(further)

    def replace(self, row: int, cache: Layers) -> bool:
        """Take a copy of a cache in place of a row's; returns False, nothing done, where that can't be done in place.

        One row is copied then, where one that leaves and one that joins have all copied twice.
        """
        pairs = list(zip(self._layers, cache, strict=True))
        plain = all(type(layer) is BatchKVCache and type(one) is KVCache for layer, one in pairs)
        if not plain or any(one.offset > layer._idx for layer, one in pairs):
            return False
        with mx.stream(generation_stream):
            for layer, one in pairs:
                end, length = layer._idx, one.offset
                layer.keys[row : row + 1, :, end - length : end] = one.keys[..., :length, :]
                layer.values[row : row + 1, :, end - length : end] = one.values[..., :length, :]
                layer.left_padding[row], layer.offset[row] = end - length, length
        return True

    def trim(self) -> None:
        """Drop padding that all rows have since the longest was replaced."""
        if not self._layers or type(self._layers[0]) is not BatchKVCache:
            return
        padding: Any = self._layers[0].left_padding.tolist()
        if min(padding) >= SLACK:
            with mx.stream(generation_stream):
                for layer in self._layers:
                    layer.filter(list(range(len(padding))))

    def keep(self, rows: list[int]) -> None:
        """Leave out all rows but these."""
        if not rows:
            self._layers, self._last = [], None
            return
        with mx.stream(generation_stream):
            for layer in self._layers:
                layer.filter(rows)
            if self._last is not None:
                self._last.keep(rows)

    def extract(self, row: int) -> Layers:
        """A copy of a row's cache, by itself."""
        with mx.stream(generation_stream):
            return [layer.extract(row) for layer in self._layers]

    def start(self, given: list[int | None], sampler: Sampler, numbers: list[int], calm: list[bool]) -> Step:
        """Start a step. given: the token that each row reads; None for the one that it drew in the step before.

        numbers, calm: as Sampler.draw's.
        """
        with mx.stream(generation_stream):
            inputs = self._inputs(given)
            logits = self._model(inputs[:, None], cache=self._layers)[:, -1].astype(mx.float32)  # (B, V)
            tokens = sampler.draw(logits, numbers, calm)
            chosen = mx.take_along_axis(logits, tokens[:, None], axis=-1)[:, 0]
            total = mx.logsumexp(logits, axis=-1)
            self._last = Step(tokens, chosen - total, total - mx.max(logits, axis=-1), logits.shape[-1])
            mx.async_eval(tokens, self._last.logprobs, self._last.spread)  # type: ignore[no-untyped-call]
        return self._last

    def _inputs(self, given: list[int | None]) -> mx.array:
        drew = None if self._last is None else self._last.tokens
        if drew is not None and all(token is None for token in given):
            return drew
        tokens = mx.array([token or 0 for token in given], mx.uint32)
        if drew is None:
            return tokens
        joined = len(given) - drew.size
        drew = mx.concatenate([drew, mx.zeros(joined, drew.dtype)]) if joined else drew
        return mx.where(mx.array([token is None for token in given]), drew, tokens)

    @property
    def nbytes(self) -> int:
        """Bytes of its caches."""
        return sum(int(layer.nbytes) for layer in self._layers)
