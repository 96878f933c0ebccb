"""The weights of a GGUF as mlx-lm names and packs them: quantized blocks kept as they are wherever MLX can hold them.

A block of Q4_0, Q4_1 or Q8_0 is 32 weights of a row with one scale d (and one offset m), float16:

    Q4_0  w = d (q - 8)    Q4_1  w = d q + m    Q8_0  w = d q, q signed

MLX's affine form is w = scale q + bias with q unsigned, float16 scale and bias, groups of 32, packed into uint32 with
the first weight in the lowest bits. So scale = d and bias = -8 d, m, -128 d: powers of two, nothing is rounded. ggml
puts weights 0-15 of a block in the low halves of its bytes and 16-31 in the high ones; MLX wants neighbours together.
All other block types are dequantized to float16; float32, float16 and bfloat16 stay what they are.

llama.cpp stores the rows of each head of a Llama's q and k interleaved, (head_dim/2, 2), because its rotary embedding
turns neighbouring pairs; Hugging Face's and mlx-lm's turn halves, (2, head_dim/2). Only rows move, so blocks stay
whole.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import numpy.typing as npt

from models import errors
from models.checkpoint.shards import Output
from models.gguf.header import TENSOR_TYPES, Tensor

GROUP_SIZE = 32
BITS = {"Q4_0": 4, "Q4_1": 4, "Q8_0": 8}  # block types that are kept
CHUNK_BYTES = 32 << 20  # of the file; a dequantized chunk is several times as large

Bytes = npt.NDArray[np.uint8]
_BLOCKS = {name: (elements, size) for name, elements, size in TENSOR_TYPES.values()}
_FLOATS = ("F32", "F16", "BF16")


@dataclass(frozen=True)
class Weight:
    """A tensor of the file and what it becomes."""

    tensor: Tensor
    path: str  # the module's path and parameter, as in model.layers.0.self_attn.q_proj.weight
    rotary_heads: int = 0  # heads whose rows are to be put back in order, or 0

    @property
    def module(self) -> str:
        return self.path.rpartition(".")[0]

    @property
    def bits(self) -> int:
        """Bits of a weight when its blocks are kept, else 0."""
        return BITS.get(self.tensor.kind, 0)


def outputs(source: Path, weight: Weight) -> list[Output]:
    """The tensors a weight is written as: one, or packed weights, scales and biases."""
    kind, shape = weight.tensor.kind, weight.tensor.shape
    if not weight.bits:
        return [Output(weight.path, kind if kind in _FLOATS else "F16", shape, _chunks(source, weight, _as_floats))]
    rows, columns = shape
    groups = (rows, columns // GROUP_SIZE)
    return [
        Output(weight.path, "U32", (rows, columns * weight.bits // 32), _chunks(source, weight, _packed)),
        Output(f"{weight.module}.scales", "F16", groups, _chunks(source, weight, _scales)),
        Output(f"{weight.module}.biases", "F16", groups, _chunks(source, weight, _biases)),
    ]


def _chunks(
    source: Path, weight: Weight, change: Callable[[str, Bytes], npt.NDArray[Any]]
) -> Callable[[], Iterator[bytes]]:
    def read() -> Iterator[bytes]:
        for rows in _rows(source, weight):
            yield change(weight.tensor.kind, rows).tobytes()

    return read


def _rows(source: Path, weight: Weight) -> Iterator[Bytes]:
    """The tensor's rows as bytes, whole heads at a time, in mlx-lm's order. (rows, bytes of a row)"""
    tensor = weight.tensor
    n_rows = tensor.shape[0]
    row_bytes = tensor.size // n_rows
    head_dim = n_rows // weight.rotary_heads if weight.rotary_heads else 1
    step = max(1, CHUNK_BYTES // (row_bytes * head_dim)) * head_dim
    for start in range(0, n_rows, step):
        count = min(step, n_rows - start)
        rows = np.frombuffer(_read(source, tensor.offset + start * row_bytes, count * row_bytes), np.uint8)
        if weight.rotary_heads:
            rows = rows.reshape(-1, head_dim // 2, 2, row_bytes).swapaxes(1, 2)  # (heads, 2, head_dim / 2, bytes)
        yield np.ascontiguousarray(rows).reshape(count, row_bytes)


def _read(source: Path, offset: int, count: int) -> bytes:
    # read, not mapped: a file cut while it is mapped would end the process with SIGBUS
    with errors.disk_faults(f"reading {source.name}"), source.open("rb") as file:
        file.seek(offset)
        content = file.read(count)
    if len(content) < count:
        raise errors.Corrupt(f"{source.name} became shorter while it was read.", "Copy it again.")
    return content


def _blocks(kind: str, rows: Bytes) -> tuple[npt.NDArray[Any], Bytes]:
    """The float16 numbers of the rows' blocks (d, or d and m), and the weights packed in them."""
    n_halves = 2 if kind == "Q4_1" else 1
    blocks = rows.reshape(-1, _BLOCKS[kind][1])
    halves = np.ascontiguousarray(blocks[:, : 2 * n_halves]).view(np.float16)
    return _finite(halves), blocks[:, 2 * n_halves :]


def _packed(kind: str, rows: Bytes) -> npt.NDArray[Any]:
    _, packed = _blocks(kind, rows)
    if kind == "Q8_0":
        return np.ascontiguousarray(packed ^ 0x80)  # signed to unsigned: q + 128
    weights = np.concatenate([packed & 0x0F, packed >> 4], axis=1)  # (blocks, 32)
    neighbours: npt.NDArray[Any] = weights[:, 0::2] | weights[:, 1::2] << 4
    return neighbours


def _scales(kind: str, rows: Bytes) -> npt.NDArray[Any]:
    return _blocks(kind, rows)[0][:, 0]


def _biases(kind: str, rows: Bytes) -> npt.NDArray[Any]:
    halves = _blocks(kind, rows)[0]
    if kind == "Q4_1":
        return halves[:, 1]
    with np.errstate(over="ignore"):  # an overflow is told by _finite
        return _finite(halves[:, 0] * np.float16(-8 if kind == "Q4_0" else -128))


def _as_floats(kind: str, rows: Bytes) -> npt.NDArray[Any]:
    if kind == "BF16":
        _finite((rows.view(np.uint16).astype(np.uint32) << 16).view(np.float32))
        return rows
    if kind in _FLOATS:
        return _finite(rows.view(np.float32 if kind == "F32" else np.float16))
    with np.errstate(all="ignore"):
        return _finite(gguf.dequantize(rows, gguf.GGMLQuantizationType[kind]).astype(np.float16))


def _finite(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if not np.isfinite(values).all():
        raise errors.Corrupt("The file is damaged: it holds a weight that is no number.", "Download or copy it again.")
    return values


def read_floats(source: Path, tensor: Tensor) -> npt.NDArray[np.float64]:
    """Read a small float32 tensor. Raises Corrupt when it is of another type or holds what is no number."""
    if tensor.kind != "F32" or tensor.size > CHUNK_BYTES:
        raise errors.Corrupt(f"{source.name} is damaged: {tensor.name} is of type {tensor.kind}.")
    return _finite(np.frombuffer(_read(source, tensor.offset, tensor.size), np.float32)).astype(np.float64)
