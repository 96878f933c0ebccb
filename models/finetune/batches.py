"""Rows to steps, and a step to micro-batches without padding, in an order that the seed and the step alone decide.

Each epoch is one shuffle of the rows, made from (seed, epoch); a step takes the next batch_rows of the endless series.
So a step's rows follow from its number, and a run goes on at any step. Steps mix lengths, which keeps their gradients
unbiased; inside a step the rows are sorted by length and laid out in micro-batches under a limit of tokens. Their
gradients add up to the step's gradient exactly, and only one micro-batch is in memory at a time.

A micro-batch is a pack, rows end to end (models/finetune/packing.py), or, for a model that can't take packs, rows of like
length, padded.
"""

import random
from collections.abc import Iterator, Sequence
from functools import lru_cache

import mlx.core as mx
import msgspec
import numpy as np

from models.finetune.dataset import EncodedRow

SLACK = 16  # tokens of padding that a row may always have
SLACK_SHARE = 8  # and this fraction of the longest row in its micro-batch
ROUND_TO = 8  # lengths are rounded up to this, so that buffers fit again


class Batch(msgspec.Struct, frozen=True):
    """A micro-batch. inputs: (B, L) token ids; positions: (N,) flat indices into B * L whose next token is learned;
    targets: (N,) those tokens; ends: where each row of a pack ends in L, () when its B rows are padded."""

    inputs: mx.array
    positions: mx.array
    targets: mx.array
    ends: tuple[int, ...] = ()

    @property
    def rows(self) -> int:
        """How many rows it holds."""
        return len(self.ends) or int(self.inputs.shape[0])

    @property
    def trained(self) -> int:
        """Tokens that the loss looks at."""
        return int(self.targets.size)


def step_rows(count: int, batch_rows: int, step: int, seed: int) -> list[int]:
    """Indices of the rows of a step, counted from 0. count: rows there are."""
    first = step * batch_rows
    return [_epoch(count, seed, at // count)[at % count] for at in range(first, first + batch_rows)]


@lru_cache(maxsize=2)
def _epoch(count: int, seed: int, epoch: int) -> list[int]:
    order = list(range(count))
    random.Random(f"{seed}/{epoch}").shuffle(order)
    return order


def split(rows: Sequence[EncodedRow], micro_tokens: int, packed: bool) -> Iterator[Batch]:
    """The micro-batches of some rows."""
    for group in _groups([len(row.tokens) for row in rows], micro_tokens, packed):
        chosen = [rows[index] for index in group]
        yield pack(chosen) if packed else pad(chosen)


def _groups(lengths: Sequence[int], micro_tokens: int, packed: bool) -> list[list[int]]:
    return packs(lengths, micro_tokens) if packed else like_lengths(lengths, micro_tokens)


def packs(lengths: Sequence[int], micro_tokens: int) -> list[list[int]]:
    """Put each row, longest first, where it fits first; one beyond the limit is alone. Returns indices into lengths."""
    groups: list[list[int]] = []
    room: list[int] = []
    for index in _longest_first(lengths):
        at = next((at for at, left in enumerate(room) if lengths[index] <= left), len(groups))
        if at == len(groups):
            groups.append([])
            room.append(micro_tokens)
        groups[at].append(index)
        room[at] -= lengths[index]
    return groups


def like_lengths(lengths: Sequence[int], micro_tokens: int) -> list[list[int]]:
    """Group rows of like length, longest first, whose padded tokens keep to the limit. Returns indices into lengths."""
    groups: list[list[int]] = []
    for index in _longest_first(lengths):
        longest = lengths[groups[-1][0]] if groups else 0
        fits = bool(groups) and (len(groups[-1]) + 1) * longest <= micro_tokens
        if fits and longest - lengths[index] <= max(SLACK, longest // SLACK_SHARE):
            groups[-1].append(index)
        else:
            groups.append([index])
    return groups


def _longest_first(lengths: Sequence[int]) -> list[int]:
    return sorted(range(len(lengths)), key=lambda at: (-lengths[at], at))


def pack(rows: Sequence[EncodedRow]) -> Batch:
    """Rows end to end, rounded up at the end, where a causal model does not look."""
    ends = np.cumsum([len(row.tokens) - 1 for row in rows])
    starts = [0, *ends[:-1]]
    ends[-1] = _rounded(ends[-1])
    return _laid_out(rows, (1, ends[-1]), starts, tuple(ends.tolist()))


def pad(rows: Sequence[EncodedRow]) -> Batch:
    """Rows below each other, padded on the right, where a causal model does not look."""
    length = _rounded(max(len(row.tokens) for row in rows) - 1)
    return _laid_out(rows, (len(rows), length), range(0, len(rows) * length, length), ())


def _rounded(length: int) -> int:
    return length + -length % ROUND_TO


def _laid_out(
    rows: Sequence[EncodedRow], shape: tuple[int, int], starts: Sequence[int], ends: tuple[int, ...]
) -> Batch:
    """starts: where each row begins, counted through all of the batch."""
    inputs = np.zeros(shape, np.int32)
    flat = inputs.reshape(-1)
    positions, targets = [], []
    for row, start in zip(rows, starts, strict=True):
        flat[start : start + len(row.tokens) - 1] = row.tokens[:-1]
        positions.append(np.arange(row.start - 1, len(row.tokens) - 1, dtype=np.int32) + np.int32(start))
        targets.append(np.asarray(row.tokens[row.start :], np.int32))
    return Batch(mx.array(inputs), mx.array(np.concatenate(positions)), mx.array(np.concatenate(targets)), ends)


def useful_share(rows: Sequence[EncodedRow], batch_rows: int, micro_tokens: int, seed: int, packed: bool) -> float:
    """Share of tokens of the first epoch that are no padding, 0 to 1."""
    steps = max(1, len(rows) // batch_rows)
    used = computed = 0
    for step in range(steps):
        lengths = [len(rows[index].tokens) for index in step_rows(len(rows), batch_rows, step, seed)]
        for group in _groups(lengths, micro_tokens, packed):
            inputs = [lengths[index] - 1 for index in group]
            used += sum(inputs)
            computed += _rounded(sum(inputs)) if packed else len(inputs) * _rounded(max(inputs))
    return used / computed


def longest_batch(rows: Sequence[EncodedRow], micro_tokens: int, batch_rows: int, packed: bool) -> Batch:
    """A micro-batch that takes at least as much memory as any: the longest row as often as a step and the limit have
    room for it, in a pack with what of it still fits, all of it learned."""
    longest = max((row.tokens for row in rows), key=len)
    copies = max(1, min(batch_rows, micro_tokens // len(longest)))
    full = [EncodedRow(longest, 1)] * copies
    if not packed:
        return pad(full)
    left = micro_tokens - copies * len(longest)
    return pack([*full, EncodedRow(longest[:left], 1)] if copies < batch_rows and left > 1 else full)
