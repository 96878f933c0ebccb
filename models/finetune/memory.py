"""Whether a run fits: a dry step on its longest micro-batch, measured, before anything is trained.

What a run takes at its peak is what that step takes, and the optimizer's two moments of every trained weight. The step
is first tried on half of its length: attention grows with the square of it, the rest in proportion, so twice what half
of it took is a lower bound, and a run that can't fit is refused before it fills the memory.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten

from models import errors, quantities
from models.finetune import packing
from models.finetune.batches import Batch
from models.finetune.losses import Loss
from models.machine import hardware

MARGIN_BYTES = 512 << 20  # left to the rest of the machine


@contextmanager
def gradient_checkpointing(model: nn.Module, on: bool) -> Iterator[None]:
    """Keep only the inputs of the model's blocks for the backward pass, which computes the rest again.

    The blocks' classes are patched, since a module's call is looked up there, and are given back at the end.
    """
    kinds = {type(block) for block in model.layers} if on else set()
    originals = {kind: kind.__call__ for kind in kinds}
    try:
        for kind, call in originals.items():
            kind.__call__ = _checkpointed(call)
        yield
    finally:
        for kind, call in originals.items():
            kind.__call__ = call


def _checkpointed(call: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(call)
    def checkpointed(block: nn.Module, *args: Any, **kwargs: Any) -> Any:
        def run(parameters: Any, *args: Any, **kwargs: Any) -> Any:
            block.update(parameters)
            return call(block, *args, **kwargs)

        return mx.checkpoint(run)(block.trainable_parameters(), *args, **kwargs)

    return checkpointed


@contextmanager
def memory_limit(limit_bytes: int) -> Iterator[None]:
    """Tell MLX's allocator the limit; it gives back its own spare buffers before it goes beyond."""
    before = mx.set_memory_limit(limit_bytes)
    try:
        yield
    finally:
        mx.set_memory_limit(before)


def ceiling(asked: int | None) -> int:
    """Bytes that a run may take with the model that is in memory already: what was asked for, or what is there."""
    if asked is not None:
        return asked
    if mx.metal.is_available():
        return hardware.machine().gpu_limit_bytes - MARGIN_BYTES
    return hardware.available_bytes() + int(mx.get_active_memory()) - MARGIN_BYTES


def dry_step(model: nn.Module, loss: Loss, batch: Batch, ceiling_bytes: int, checkpointing: bool) -> int:
    """Bytes that the run takes at its peak, measured on a micro-batch. Raises NoMemory when they exceed the ceiling."""
    trained: int = sum(array.nbytes for _, array in tree_flatten(model.trainable_parameters()))
    resting = int(mx.get_active_memory()) + 2 * trained
    half = _measure(model, loss, _shortened(batch), checkpointing) + 2 * trained
    check(2 * half - resting, ceiling_bytes, "at least ")
    peak = _measure(model, loss, batch, checkpointing) + 2 * trained
    check(peak, ceiling_bytes)
    return peak


def check(peak_bytes: int, ceiling_bytes: int, at_least: str = "") -> None:
    """Raise NoMemory, with both figures, when a run takes more than it may."""
    if peak_bytes > ceiling_bytes:
        raise errors.NoMemory(
            f"Training needs {at_least}{quantities.memory(peak_bytes)} of memory,"
            f" {quantities.memory(max(0, ceiling_bytes))} may be used.",
            "Leave out the longest traces, train fewer layers, or take a smaller or quantized model.",
        )


def _measure(model: nn.Module, loss: Loss, batch: Batch, checkpointing: bool) -> int:
    mx.clear_cache()
    mx.reset_peak_memory()
    with packing.rows_apart(batch.ends), gradient_checkpointing(model, checkpointing):
        mx.eval(nn.value_and_grad(model, loss)(model, batch))
    peak = int(mx.get_peak_memory())
    mx.clear_cache()
    return peak


def _shortened(batch: Batch) -> Batch:
    """The first half of a micro-batch's columns, all of it learned."""
    inputs = batch.inputs[:, : max(1, batch.inputs.shape[1] // 2)]
    length = int(inputs.shape[1])
    ends = (*(end for end in batch.ends if end < length), length) if batch.ends else ()
    return Batch(inputs, mx.arange(inputs.size), mx.zeros((inputs.size,), mx.int32), ends)
