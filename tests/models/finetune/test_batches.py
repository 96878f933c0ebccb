"""Batches: every row once an epoch, little padding, the same order for the same seed."""

from itertools import chain, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.finetune import batches
from models.finetune.dataset import EncodedRow

ROWS = [EncodedRow(list(range(1, length + 1)), length // 2) for length in (9, 30, 12, 11, 64, 31)]


def test_each_epoch_has_every_row_once_in_another_order():
    steps = [batches.step_rows(10, 3, step, seed=1) for step in range(10)]
    order = list(chain.from_iterable(steps))
    epochs = [order[start : start + 10] for start in (0, 10, 20)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]


def test_a_steps_rows_follow_from_its_number_and_the_seed():
    assert batches.step_rows(10, 3, 7, seed=1) == batches.step_rows(10, 3, 7, seed=1)
    assert batches.step_rows(1000, 8, 7, seed=1) != batches.step_rows(1000, 8, 7, seed=2)


def test_a_step_larger_than_the_data_takes_it_again():
    assert sorted(batches.step_rows(2, 4, 0, seed=0)) == [0, 0, 1, 1]


@given(st.lists(st.integers(2, 300), min_size=1, max_size=40), st.integers(10, 600))
def test_padded_rows_are_grouped_under_the_limit_with_little_padding(lengths, limit):
    groups = batches.like_lengths(lengths, limit)
    assert sorted(chain.from_iterable(groups)) == list(range(len(lengths)))
    for group in groups:
        longest = lengths[group[0]]
        assert longest == max(lengths[index] for index in group)
        assert len(group) == 1 or len(group) * longest <= limit
        assert all(longest - lengths[index] <= max(16, longest // 8) for index in group)


@given(st.lists(st.integers(2, 300), min_size=1, max_size=40), st.integers(10, 600))
def test_packs_keep_to_the_limit_and_only_one_is_less_than_half_full(lengths, limit):
    groups = batches.packs(lengths, limit)
    assert sorted(chain.from_iterable(groups)) == list(range(len(lengths)))
    filled = [sum(lengths[index] for index in group) for group in groups]
    assert all(tokens <= limit or len(group) == 1 for tokens, group in zip(filled, groups, strict=True))
    assert sum(2 * tokens < limit for tokens in filled) <= 1


@pytest.mark.parametrize("lay_out", [batches.pad, batches.pack])
def test_what_is_learned_is_marked(lay_out):
    batch = lay_out([ROWS[0], ROWS[2]])
    flat, positions, targets = (np.array(part) for part in (batch.inputs.reshape(-1), batch.positions, batch.targets))
    # each learned token is the successor of the one in its place, as the rows count upwards
    assert (flat[positions] + 1 == targets).all()
    assert targets.tolist() == [*ROWS[0].tokens[4:], *ROWS[2].tokens[6:]]
    assert (batch.trained, batch.rows) == (5 + 6, 2)


def test_a_pack_has_its_rows_end_to_end():
    batch = batches.pack([ROWS[0], ROWS[2]])
    assert batch.ends == (8, 24)  # 8 and 11 inputs, rounded up
    assert batch.inputs.tolist() == [[*ROWS[0].tokens[:-1], *ROWS[2].tokens[:-1], *[0] * 5]]


def test_padded_rows_are_of_one_length():
    batch = batches.pad([ROWS[0], ROWS[2]])
    assert (batch.inputs.shape, batch.ends) == ((2, 16), ())


def test_tokens_of_no_use_are_told():
    inputs = [len(row.tokens) - 1 for row in ROWS]
    one_by_one = sum(inputs) / sum(-(-count // 8) * 8 for count in inputs)
    assert 0.7 < batches.useful_share(ROWS, 3, 256, 0, packed=False) <= one_by_one
    packed = batches.useful_share(ROWS, 6, 256, 0, packed=True)
    assert packed == sum(inputs) / (-(-sum(inputs) // 8) * 8)


def test_the_longest_batch_is_as_large_as_any():
    assert batches.longest_batch(ROWS, 200, 8, packed=False).inputs.shape == (3, 64)
    assert batches.longest_batch(ROWS, 200, 2, packed=False).inputs.shape == (2, 64)
    assert batches.longest_batch(ROWS, 10, 8, packed=False).inputs.shape == (1, 64)


@given(st.lists(st.integers(2, 300), min_size=1, max_size=12), st.integers(10, 600), st.integers(1, 12))
def test_no_pack_is_larger_than_the_longest(lengths, limit, batch_rows):
    rows = [EncodedRow(list(range(length)), length // 2) for length in lengths]
    longest = batches.longest_batch(rows, limit, batch_rows, packed=True)
    for batch in batches.split(rows[:batch_rows], limit, packed=True):
        assert batch.inputs.size <= longest.inputs.size
        assert _attended(batch) <= _attended(longest) + (max(lengths) + 8) ** 2 - max(lengths) ** 2  # rounded up


def _attended(batch):
    return sum((end - start) ** 2 for start, end in pairwise((0, *batch.ends)))
