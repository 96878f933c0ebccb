"""Presets are whole, legal, and recognised by their numbers."""

import msgspec
import pytest

from models.finetune.presets import DEFAULT, PRESETS, preset, preset_of
from models.finetune_config import FinetuneConfig, check


def test_every_preset_is_legal_and_says_what_it_is_for() -> None:
    assert [each.title for each in PRESETS] == ["Quick", "Balanced", "Thorough"]
    for each in PRESETS:
        check(each.config)
        assert each.sentence.endswith(".")


def test_the_default_is_balanced_and_has_the_defaults_of_a_run() -> None:
    assert preset(DEFAULT).config == FinetuneConfig()


def test_a_later_preset_learns_more_and_takes_longer() -> None:
    ranks = [each.config.rank for each in PRESETS]
    steps = [each.config.total_steps(1000) for each in PRESETS]
    assert ranks == sorted(set(ranks))
    assert steps == sorted(set(steps))


def test_a_preset_is_known_by_its_numbers_whatever_the_seed() -> None:
    for each in PRESETS:
        assert preset_of(msgspec.structs.replace(each.config, seed=7)) == each
    assert preset_of(FinetuneConfig(rank=33)) is None


def test_there_is_no_other() -> None:
    with pytest.raises(KeyError):
        preset("best")
