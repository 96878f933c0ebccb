"""Rows to steps, and a step to micro-batches with little padding, in an order that seed and step alone decide.

Each epoch is one shuffle of the rows, made from (seed, epoch); a step takes the next batch_rows of the endless series
of epochs. So a step's rows follow from its number, and a run can resume at any step. Steps mix lengths, which keeps
their gradients unbiased; within a step the rows are sorted by length and laid out in micro-batches of a limited number
of tokens. Their gradients add up to the step's gradient exactly, and only one micro-batch is in memory at a time.

A micro-batch is a pack, rows end to end (models/finetune/packing.py), or, for a model that can't take packs, rows of
like length, padded.
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
    """A micro-batch."""

    inputs: mx.array  # (B, L) token ids; B is 1 for a pack
    positions: mx.array  # (N,) flat indices into B * L whose next token is learned
    targets: mx.array  # (N,) those next tokens
    ends: tuple[int, ...] = ()  # where each row of a pack ends in L; () when the B rows are padded

    @property
    def rows(self) -> int:
        return len(self.ends) or int(self.inputs.shape[0])

    @property
    def trained(self) -> int:
        """Tokens that the loss looks at."""
        return int(self.targets.size)


def step_rows(count: int, batch_rows: int, step: int, seed: int) -> list[int]:
    """Indices of the rows of a step, counted from 0. count: rows there are."""
    first = step * batch_rows  # in the endless series
    return [_epoch(count, seed, at // count)[at % count] for at in range(first, first + batch_rows)]


@lru_cache(maxsize=2)  # a step may reach over the end of an epoch
def _epoch(count: int, seed: int, epoch: int) -> list[int]:
    order = list(range(count))
    # a generator of its own: the order hangs on nothing that was drawn before
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
    """Pack rows first-fit decreasing, at most 11/9 of the best packing + 1; a row beyond the limit is alone.

    Returns indices into lengths.
    """
    groups: list[list[int]] = []
    room: list[int] = []  # tokens left in each group
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
        longest = lengths[groups[-1][0]] if groups else 0  # all rows are padded to the first
        fits = bool(groups) and (len(groups[-1]) + 1) * longest <= micro_tokens
        if fits and longest - lengths[index] <= max(SLACK, longest // SLACK_SHARE):
            groups[-1].append(index)
        else:
            groups.append([index])
    return groups


def _longest_first(lengths: Sequence[int]) -> list[int]:
    # the index breaks ties, so that the order is the same on every machine
    return sorted(range(len(lengths)), key=lambda at: (-lengths[at], at))


def pack(rows: Sequence[EncodedRow]) -> Batch:
    """Rows end to end, (1, L), padded only at the very end, which no learned token attends to in a causal model."""
    ends = np.cumsum([len(row.tokens) - 1 for row in rows])  # a row's last token is a target only, never an input
    starts = [0, *ends[:-1]]
    ends[-1] = _rounded(ends[-1])  # the padding counts as part of the last row
    return _laid_out(rows, (1, ends[-1]), starts, tuple(ends.tolist()))


def pad(rows: Sequence[EncodedRow]) -> Batch:
    """Rows below each other, (B, L), padded on the right, which no learned token attends to in a causal model."""
    length = _rounded(max(len(row.tokens) for row in rows) - 1)
    return _laid_out(rows, (len(rows), length), range(0, len(rows) * length, length), ())


def _rounded(length: int) -> int:
    return length + -length % ROUND_TO


def _laid_out(
    rows: Sequence[EncodedRow], shape: tuple[int, int], starts: Sequence[int], ends: tuple[int, ...]
) -> Batch:
    """Fill a batch of a shape. starts: where each row begins in the flattened batch."""
    inputs = np.zeros(shape, np.int32)  # (B, L); token 0 is as good as any for padding
    flat = inputs.reshape(-1)  # a view of the same memory, (B * L,)
    positions, targets = [], []
    for row, start in zip(rows, starts, strict=True):
        flat[start : start + len(row.tokens) - 1] = row.tokens[:-1]
        # position p predicts token p + 1: learning tokens from row.start on starts one before it
        positions.append(np.arange(row.start - 1, len(row.tokens) - 1, dtype=np.int32) + np.int32(start))
        targets.append(np.asarray(row.tokens[row.start :], np.int32))
    return Batch(mx.array(inputs), mx.array(np.concatenate(positions)), mx.array(np.concatenate(targets)), ends)


def useful_share(rows: Sequence[EncodedRow], batch_rows: int, micro_tokens: int, seed: int, packed: bool) -> float:
    """Share of tokens of the first epoch that are no padding, 0 to 1."""
    steps = -(-len(rows) // batch_rows)
    used = computed = 0  # tokens of rows, and tokens that are computed with
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
    copies = max(1, min(batch_rows, micro_tokens // len(longest)))  # a row beyond the limit is alone
    full = [EncodedRow(longest, 1)] * copies  # from the second token on: nothing precedes the first
    if not packed:
        return pad(full)
    left = micro_tokens - copies * len(longest)
    return pack([*full, EncodedRow(longest[:left], 1)] if copies < batch_rows and left > 1 else full)
