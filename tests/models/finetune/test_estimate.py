"""What a run will take is said from what is known, and not at all where nothing is."""

import pytest

from models.checkpoint.shapes import ModelShape
from models.finetune import estimate, runs
from models.finetune_config import FinetuneConfig
from models.library import fit
from models.machine.hardware import GIB, Machine
from models.traces.trace import Trace
from tests.models.finetune.made_runs import MAC, make, step

SEVEN_B = ModelShape(layers=28, hidden=3584, feed_forward=18944, heads=28, kv_heads=4, head_dim=128, vocab=152064)
MAC_16 = Machine(
    chip="Apple M2", cores=8, memory_bytes=16 * GIB, gpu_limit_bytes=16 * GIB * 2 // 3, platform="macOS 15.6"
)


def trace(tokens: int = 0, thinking: str = "x" * 40, answer: str = "y" * 40) -> Trace:
    return Trace(id=str(tokens), problem="What is it?", thinking=thinking, answer=answer, tokens=tokens)


def test_lengths_are_the_teachers_or_else_from_characters() -> None:
    found = estimate.lengths([trace(900), trace(), trace(100, answer="  ")])
    assert found.empty == 1
    assert [length.learned for length in found.rows][-1] == 900
    assert found.rows[0].learned < 40
    assert all(length.row > length.learned > length.thinking > 0 for length in found.rows)
    assert found.rows[-1].thinking == 450


def test_the_bases_tokenizer_corrects_all_by_a_sample() -> None:
    asked: list[str] = []

    def count(text: str) -> int:
        asked.append(text)
        return len(text)  # a tokenizer of single characters

    traces = [trace(900, thinking="1" * 400, answer="2" * 40)] * 500
    found = estimate.lengths(traces, count)
    assert found.counted
    assert all(abs(length.learned - 440) <= 4 for length in found.rows)
    assert len(asked) < 500 * 3 / 8


def test_longer_rows_are_left_out_and_some_are_held_out() -> None:
    found = estimate.lengths([trace(100)] * 80 + [trace(5000)] * 20)
    plan = estimate.plan(found, FinetuneConfig(max_tokens=2048, epochs=2.0, batch_rows=8), held_out=0.05)
    assert (plan.rows, plan.held_out, plan.too_long) == (76, 4, 20)
    assert plan.steps == 19
    assert plan.tokens == 19 * 8 * 100
    assert 100 < plan.longest < 200


def test_nothing_that_fits_is_no_step() -> None:
    plan = estimate.plan(estimate.lengths([trace(5000)]), FinetuneConfig(), 0.05)
    assert (plan.rows, plan.steps, plan.tokens, plan.longest) == (0, 0, 0, 0)


def test_memory_is_that_of_fit_and_blocks_are_computed_again_when_it_is_tight() -> None:
    roomy = Machine(chip="M", cores=8, memory_bytes=64 * GIB, gpu_limit_bytes=48 * GIB, platform="macOS 15.6")
    short = estimate.memory(SEVEN_B, "4bit", FinetuneConfig(), 256, roomy)
    assert not short.checkpointing
    long = estimate.memory(SEVEN_B, "4bit", FinetuneConfig(), 2048, MAC_16)
    assert long.checkpointing
    assert long.room_bytes == fit.room_bytes(MAC_16) < short.room_bytes
    assert long.state == fit.judge(long.needed_bytes, MAC_16)
    off = estimate.memory(SEVEN_B, "4bit", FinetuneConfig(gradient_checkpointing=False), 2048, MAC_16)
    assert off.needed_bytes > long.needed_bytes
    assert off.state == "too_big"


@pytest.mark.parametrize("recipe", ["", "8bit"])
def test_a_larger_base_takes_more(recipe: str) -> None:
    four = estimate.memory(SEVEN_B, "4bit", FinetuneConfig(), 512, MAC_16)
    assert estimate.memory(SEVEN_B, recipe, FinetuneConfig(), 512, MAC_16).needed_bytes > four.needed_bytes


def test_speed_is_that_of_the_newest_like_run() -> None:
    make("a", "2025-11-20T10:00:00+00:00", [step(1, 50.0)])
    make("b", "2025-11-21T10:00:00+00:00", [step(1, 80.0)])
    make("other base", "2025-11-22T10:00:00+00:00", [step(1, 1.0)], base="another")
    make("no steps", "2025-11-23T10:00:00+00:00")
    make("full", "2025-11-24T10:00:00+00:00", [step(1, 2.0)], config=FinetuneConfig(method="full"))
    found = estimate.speed(runs.runs(), "starter", FinetuneConfig(), MAC)
    assert found == estimate.Speed(tokens_per_s=80.0, number=2)


def test_speed_is_unknown_without_a_like_run_here() -> None:
    make("a", "2025-11-20T10:00:00+00:00", [step(1, 50.0)])
    assert estimate.speed(runs.runs(), "starter", FinetuneConfig(), MAC_16) is None
    assert estimate.speed(runs.runs(), "another", FinetuneConfig(), MAC) is None
