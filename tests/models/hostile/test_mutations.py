"""A few of the damaged files of tests/benchmarks/mutations.py: all end in a sentence, none takes its process along."""

import os
from pathlib import Path

import pytest

from tests.benchmarks import mutations as benchmark
from tests.models.hostile import mutations, trial

COUNT = 16  # of each kind


@pytest.mark.slow
def test_damaged_files_end_in_a_sentence(tmp_path: Path):
    for damaged in (benchmark.damaged_ggufs, benchmark.damaged_checkpoints):
        outcomes = list(trial.run(damaged(tmp_path / damaged.__name__, COUNT)))
        assert len(outcomes) == COUNT
        assert [outcome for outcome in outcomes if outcome.how not in ("ok", "refused")] == []
        refused = [outcome.said for outcome in outcomes if outcome.how == "refused"]
        assert len(refused) > COUNT / 2
        assert all(said.endswith(".") and said.isprintable() for said in refused)


@pytest.mark.slow
def test_a_file_that_takes_too_long_is_told_and_the_next_one_is_tried(tmp_path: Path):
    (path,) = benchmark.damaged_ggufs(tmp_path / "gguf", 1)
    assert [outcome.how for outcome in trial.run([path, path], limit_s=0)] == ["slow", "slow"]


def test_the_same_seed_makes_the_same_damage():
    content = os.urandom(500)
    assert mutations.mutate(content, 300, 7) == mutations.mutate(content, 300, 7)
    assert len({mutations.mutate(content, 300, seed) for seed in range(50)}) > 45
