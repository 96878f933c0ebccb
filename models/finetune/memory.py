"""Whether a run fits: a dry step on its longest micro-batch, measured before anything is trained.

    peak = weights + activations and gradients of the longest micro-batch + 2 x trained weights (AdamW's moments)
           + trained weights once more, where the gradients of several micro-batches are added up

The dry step is first tried on half of the length L: attention grows with L^2 and everything else with L, so twice what
half took is a lower bound, and a run that can't fit is refused before it fills the memory.
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
    """Keep only each block's input, (B, L, D), for the backward pass, which recomputes the rest (arXiv 1604.06174).

    The blocks' classes are patched, since Python looks __call__ up there, and are restored at the end.
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
    # mx.checkpoint takes gradients with respect to arguments only, so the block's trained weights have to be one
    def checkpointed(block: nn.Module, *args: Any, **kwargs: Any) -> Any:
        def run(parameters: Any, *args: Any, **kwargs: Any) -> Any:
            block.update(parameters)
            return call(block, *args, **kwargs)

        return mx.checkpoint(run)(block.trainable_parameters(), *args, **kwargs)

    return checkpointed


@contextmanager
def memory_limit(limit_bytes: int) -> Iterator[None]:
    """Set the allocator's limit: it frees its spare buffers before it exceeds that."""
    before = mx.set_memory_limit(limit_bytes)
    try:
        yield
    finally:
        mx.set_memory_limit(before)


def ceiling(asked: int | None) -> int:
    """Bytes that a run may take, the loaded model included: what was asked for, or what there is."""
    if asked is not None:
        return asked
    if mx.metal.is_available():
        # beyond its working-set limit Metal swaps or ends the process, however much memory is free
        return hardware.machine().gpu_limit_bytes - MARGIN_BYTES
    # what is free, and what MLX holds already: the model in memory is part of the run
    return hardware.available_bytes() + int(mx.get_active_memory()) - MARGIN_BYTES


def dry_step(
    model: nn.Module, loss: Loss, batch: Batch, ceiling_bytes: int, checkpointing: bool, accumulates: bool = False
) -> int:
    """The run's peak memory in bytes, measured on a micro-batch. accumulates: a step has several. Raises NoMemory when
    it exceeds the ceiling."""
    trained: int = sum(array.nbytes for _, array in tree_flatten(model.trainable_parameters()))
    # AdamW keeps two moments of every trained weight; they do not exist yet: the dry step updates nothing
    kept = (3 if accumulates else 2) * trained
    resting = int(mx.get_active_memory()) + kept
    half = _measure(model, loss, _shortened(batch), checkpointing) + kept
    # half = resting + activations of L/2, so 2 x half - resting is what L takes where all grows linearly
    check(2 * half - resting, ceiling_bytes, "at least ")
    peak = _measure(model, loss, batch, checkpointing) + kept
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
    mx.clear_cache()  # spare buffers would count towards the peak
    mx.reset_peak_memory()
    with packing.rows_apart(batch.ends), gradient_checkpointing(model, checkpointing):
        mx.eval(nn.value_and_grad(model, loss)(model, batch))
    peak = int(mx.get_peak_memory())
    mx.clear_cache()
    return peak


def _shortened(batch: Batch) -> Batch:
    """The first half of a micro-batch's columns, all of it learned."""
    inputs = batch.inputs[:, : max(1, batch.inputs.shape[1] // 2)]  # (B, L / 2)
    length = int(inputs.shape[1])
    # the row that is cut ends where the columns do
    ends = (*(end for end in batch.ends if end < length), length) if batch.ends else ()
    # every position, target 0: which token is learned changes nothing about the memory
    return Batch(inputs, mx.arange(inputs.size), mx.zeros((inputs.size,), mx.int32), ends)
