"""Weights of 16 bits learn what weights of 32 do."""

import mlx.core as mx
import numpy as np
import pytest
from mlx.optimizers import AdamW as PlainAdamW

from models.finetune.optimizer import AdamW, rounded_at_random


@pytest.mark.parametrize("dtype", [mx.bfloat16, mx.float16])
def test_rounding_is_right_in_the_mean_and_goes_to_a_neighbour(dtype: mx.Dtype) -> None:
    mx.random.seed(0)
    for value in (1.001, -0.30007, 2.0, 0.0):
        rounded = np.array(rounded_at_random(mx.full((40_000,), value), dtype).astype(mx.float32)).astype(float)
        gap = abs(value) / 128
        assert np.abs(rounded - value).max() <= gap
        assert abs(rounded.mean() - value) <= gap / 50


@pytest.mark.parametrize("dtype", [mx.bfloat16, mx.float16])
def test_steps_too_small_for_the_type_are_not_lost(dtype: mx.Dtype) -> None:
    mx.random.seed(0)
    narrow = {"w": mx.full((4_000,), 0.5, dtype)}
    wide = {"w": mx.full((4_000,), 0.5)}
    ours, plain = AdamW(1e-5, 0.01), PlainAdamW(1e-5, weight_decay=0.01, bias_correction=True)
    for step in range(50):
        gradient = mx.full((4_000,), 1e-4 * (1 + step % 3))
        narrow = ours.apply_gradients({"w": gradient.astype(dtype)}, narrow)
        wide = plain.apply_gradients({"w": gradient}, wide)
    assert narrow["w"].dtype == dtype
    moved, right = (0.5 - mx.mean(part["w"].astype(mx.float32)).item() for part in (narrow, wide))
    assert moved == pytest.approx(right, rel=0.1)


def test_weights_of_32_bits_are_updated_as_mlx_does() -> None:
    start, gradient = {"w": mx.arange(8) / 8}, {"w": mx.linspace(-1, 1, 8)}
    ours, plain = AdamW(1e-3, 0.01), PlainAdamW(1e-3, weight_decay=0.01, bias_correction=True)
    assert mx.array_equal(ours.apply_gradients(gradient, start)["w"], plain.apply_gradients(gradient, start)["w"])
