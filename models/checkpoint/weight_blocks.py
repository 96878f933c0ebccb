"""Walks over a checkpoint's weights in blocks of rows, so that a model of any size passes through little memory.

Only a worker imports this.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import mlx.core as mx

from models.checkpoint import numbers
from models.checkpoint.weight_stream import Weight, WeightSource
from models.machine import hardware

BLOCK = 4 << 20  # weights in a block
WORK_BYTES = 16 * BLOCK  # that a block takes with all that is computed from it, in float32
CACHE_BYTES = 64 << 20  # of freed memory that MLX may keep for the next block


def blocks(weight: Weight, unit: int = 1) -> Iterator[mx.array]:
    """Read a weight from its first row to its last, whole `unit`s of rows at a time: (rows, columns)."""
    step = max(1, BLOCK // (weight.columns * unit)) * unit
    for start in range(0, weight.n_rows, step):
        yield weight.rows(start, min(start + step, weight.n_rows))


def check_memory(title: str, source: WeightSource) -> None:
    """Raise NoMemory, with both figures, when the blocks of a checkpoint don't fit."""
    needed = WORK_BYTES + max(weight.whole_bytes for weight in source.weights.values())
    hardware.check_memory(f"Fusing {title}", needed)


def narrowed(block: mx.array, dtype: mx.Dtype) -> tuple[mx.array, mx.array]:
    """A block in another type, and whether its numbers are such before and after: (2,), for check_narrowed."""
    stored = block.astype(dtype)
    return stored, mx.stack([mx.isfinite(block).all(), mx.isfinite(stored).all()])


def check_narrowed(finite: mx.array, title: str, name: str, dtype: mx.Dtype) -> None:
    """Raise Corrupt where a block of the weight `name` held what is no number, Unsupported where the type is too narrow."""
    before, after = finite.tolist()  # type: ignore[misc]
    if not before:
        raise numbers.no_number(title, name)
    if not after:
        raise numbers.too_large(title, name, str(dtype).rpartition(".")[2])


def as_bytes(array: mx.array) -> memoryview:
    """An array's bytes, as a safetensors file has them; it is evaluated."""
    return memoryview(array.reshape(-1).view(mx.uint8))  # type: ignore[arg-type]


@contextmanager
def little_cache() -> Iterator[None]:
    """Limit MLX's cache, so that little of what blocks have freed is kept."""
    before = mx.set_cache_limit(CACHE_BYTES)
    try:
        yield
    finally:
        mx.set_cache_limit(before)
        mx.clear_cache()
