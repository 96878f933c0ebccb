"""AdamW for weights of any width.

An update of a weight is often smaller than the gap between it and the next number of 16 bits: rounded to the nearest,
it is lost, and with it most of what a small learning rate teaches. So weights narrower than float32, and their moments,
are updated in float32 and rounded up or down at random, with odds that make the mean right (arXiv 2010.06192). That
takes half the memory of a float32 copy beside them, for the same loss.
"""

from typing import Any

import mlx.core as mx
import mlx.optimizers as optim

LOST_BITS = {mx.bfloat16: 16, mx.float16: 13}  # of a float32's mantissa


class AdamW(optim.AdamW):  # type: ignore[misc]
    """AdamW with bias correction, which rounds at random what is narrower than float32."""

    def __init__(self, learning_rate: float, weight_decay: float) -> None:
        # MLX leaves bias correction off; without it the first updates are three times too large (arXiv 1412.6980, sec. 3)
        super().__init__(learning_rate=learning_rate, weight_decay=weight_decay, bias_correction=True)

    def init_single(self, parameter: mx.array, state: dict[str, Any]) -> None:
        """Begin the moments of a weight."""
        # squares of gradients are below the least float16, not below the least bfloat16
        super().init_single(parameter if parameter.dtype == mx.float32 else parameter.astype(mx.bfloat16), state)

    def apply_single(self, gradient: mx.array, parameter: mx.array, state: dict[str, Any]) -> mx.array:
        """The weight after a step; the moments in its state are moved on."""
        if parameter.dtype == mx.float32:
            same: mx.array = super().apply_single(gradient, parameter, state)
            return same
        wide = {name: state[name].astype(mx.float32) for name in ("m", "v")}
        updated = super().apply_single(gradient.astype(mx.float32), parameter.astype(mx.float32), wide)
        state |= {name: rounded_at_random(moment, mx.bfloat16) for name, moment in wide.items()}
        updated = rounded_at_random(updated, parameter.dtype)
        mx.eval(updated, state)  # else the float32 copies of many weights are there at once
        return updated


def rounded_at_random(array: mx.array, dtype: mx.Dtype) -> mx.array:
    """A float32 array in a narrower type; each value goes to one of its two neighbours, the nearer one more often."""
    below = (1 << LOST_BITS[dtype]) - 1
    bits = array.view(mx.uint32)
    drawn = mx.random.randint(0, below + 1, array.shape, mx.uint32)
    return ((bits + drawn) & (0xFFFFFFFF - below)).view(mx.float32).astype(dtype)
