"""Batches: every row once an epoch, little padding, the same order for the same seed."""

from itertools import chain

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.train import batches
from models.train.dataset import Row

ROWS = [Row(list(range(1, length + 1)), length // 2) for length in (9, 30, 12, 11, 64, 31)]


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
def test_micro_batches_hold_every_row_once_under_the_limit_with_little_padding(lengths, limit):
    groups = batches.micro_batches(lengths, limit)
    assert sorted(chain.from_iterable(groups)) == list(range(len(lengths)))
    for group in groups:
        longest = lengths[group[0]]
        assert longest == max(lengths[index] for index in group)
        assert len(group) == 1 or len(group) * longest <= limit
        assert all(longest - lengths[index] <= max(16, longest // 8) for index in group)


def test_collating_marks_what_is_learned():
    batch = batches.collate([ROWS[0], ROWS[2]])
    assert batch.inputs.shape == (2, 16)
    flat, positions, targets = (np.array(part) for part in (batch.inputs.reshape(-1), batch.positions, batch.targets))
    # each learned token is the successor of the one in its place, as the rows count upwards
    assert (flat[positions] + 1 == targets).all()
    assert targets.tolist() == [*ROWS[0].tokens[4:], *ROWS[2].tokens[6:]]
    assert batch.trained == 5 + 6


def test_padding_is_told():
    share = batches.useful_share(ROWS, 3, 256, seed=0)
    one_by_one = sum(len(row.tokens) - 1 for row in ROWS) / sum(-(-(len(row.tokens) - 1) // 8) * 8 for row in ROWS)
    assert 0.7 < share <= one_by_one


def test_the_longest_batch_is_as_large_as_any():
    assert batches.longest_batch(ROWS, 200, 8).inputs.shape == (3, 64)
    assert batches.longest_batch(ROWS, 200, 2).inputs.shape == (2, 64)
    assert batches.longest_batch(ROWS, 10, 8).inputs.shape == (1, 64)
