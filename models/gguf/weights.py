"""The weights of a GGUF as mlx-lm names and packs them: quantized blocks stay what they are wherever MLX can hold them.

MLX's affine form is w = scale q + bias with q unsigned, float16 scale and bias for a group of 32 or more, packed with
the first weight in the lowest bits. Blocks of one scale d (and one offset m) are of that form, nothing is rounded:

    Q4_0  w = d (q - 8)    Q5_0  w = d (q - 16)    Q8_0  w = d q, q signed     Q4_1, Q5_1  w = d q + m
    TQ1_0, TQ2_0  w = d (q - 1)

Q4_K and Q5_K are too, but that d and m are products of two numbers: the weights q are kept, scale and bias rounded to
float16, which moves a weight by 0.0007 of the weights' root mean square. Quantized anew by mx.quantize it would move by
0.08, as far as Q4_K itself did: of the starter in Q4_K, KL to the file's own weights is 0.0000 so and would be 0.29, where
the file's to the original is 0.07. All of it in Q6_K, which is fitted, comes to 0.017; the file's to the original is
0.018. The other kinds have scales for 16 weights or steps of several sizes: each group of 32
is fitted by least squares. What that adds on top of a kind's own error decides the bits, the fewest with which weights
end up no more than a tenth further from the original than the file has them, or err by less than 0.02 themselves. Of
the root mean square, with random weights (Student's t, 8 degrees):

    kind     own error    2 bits    3 bits    4 bits    5 bits    6 bits    8 bits
    Q2_K     0.343        0.286     0.147*    0.063     0.035     0.015     0.004
    Q3_K     0.219        0.334     0.147     0.066*    0.036     0.017     0.004
    Q6_K     0.021        0.341     0.167     0.080     0.039     0.019*    0.005
    IQ4_NL   0.094        0.349     0.169     0.070     0.037*    0.018     0.005

IQ1, IQ2 and IQ3 took 2, 3 and 4 bits by the same rule. On request (`keep_precision`) all that is not kept exactly is
dequantized to float16 instead. Float32, float16 and bfloat16 stay what they are.

llama.cpp stores the rows of each head of a Llama's q and k interleaved, (head_dim/2, 2), because its rotary embedding
turns neighbouring pairs; Hugging Face's and mlx-lm's turn halves, (2, head_dim/2). Only rows move, so blocks stay
whole.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import gguf
import numpy as np
import numpy.typing as npt

from models import errors
from models.checkpoint import numbers
from models.checkpoint.shards import Output
from models.gguf.header import TENSOR_TYPES, Tensor

T = TypeVar("T")

CHUNK_BYTES = 32 << 20  # of the file
CHUNK_WEIGHTS = 1 << 20  # of blocks that are taken apart; in float32, and a few times over


class Form(NamedTuple):
    """MLX's affine form of a block type."""

    bits: int
    group_size: int = 32
    exact: bool = False  # it holds every number of the file's


FORMS = {
    **dict.fromkeys(("Q4_0", "Q4_1"), Form(4, exact=True)),
    **dict.fromkeys(("Q5_0", "Q5_1"), Form(5, exact=True)),
    "Q8_0": Form(8, exact=True),
    **dict.fromkeys(("TQ1_0", "TQ2_0"), Form(2, 128, exact=True)),
    "Q2_K": Form(3), "Q3_K": Form(4), "Q4_K": Form(4), "Q5_K": Form(5), "Q6_K": Form(6),
    **dict.fromkeys(("IQ1_S", "IQ1_M"), Form(2)),
    **dict.fromkeys(("IQ2_XXS", "IQ2_XS", "IQ2_S"), Form(3)),
    **dict.fromkeys(("IQ3_XXS", "IQ3_S"), Form(4)),
    **dict.fromkeys(("IQ4_NL", "IQ4_XS", "MXFP4"), Form(5)),
}  # fmt: skip


class _NoNumber(Exception):
    """Among the numbers is NaN or infinity."""


class _TooLarge(Exception):
    """Among the numbers is one that float16 can't hold."""


Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
_BLOCKS = {name: (elements, size) for name, elements, size in TENSOR_TYPES.values()}
_FLOATS = ("F32", "F16", "BF16")
_REPACKED = ("Q4_0", "Q4_1", "Q8_0")  # whose packed weights are the file's, in another order
_FITS = 2  # steps of least squares; a third gains nothing


@dataclass(frozen=True)
class Weight:
    """A tensor of the file and what it becomes."""

    tensor: Tensor
    path: str  # the module's path and parameter, as in model.layers.0.self_attn.q_proj.weight
    rotary_heads: int = 0  # heads whose rows are to be put back in order, or 0
    keep_precision: bool = False  # what has no exact form becomes float16

    @property
    def module(self) -> str:
        return self.path.rpartition(".")[0]

    @property
    def form(self) -> Form | None:
        """The form it gets, None for floating point."""
        form = FORMS.get(self.tensor.kind)
        return None if form and self.keep_precision and not form.exact else form


def outputs(source: Path, weight: Weight) -> list[Output]:
    """The tensors a weight is written as: one, or packed weights, scales and biases, in this order."""
    kind, shape, form = weight.tensor.kind, weight.tensor.shape, weight.form
    if form is None:
        return [Output(weight.path, kind if kind in _FLOATS else "F16", shape, _chunks(source, weight, _as_floats))]
    rows, columns = shape
    groups = (rows, columns // form.group_size)
    if kind in _REPACKED:
        parts = [_chunks(source, weight, part) for part in (_packed, _scales, _biases)]
    else:
        parts = _taken_apart(source, weight, form)
    return [
        Output(weight.path, "U32", (rows, columns * form.bits // 32), parts[0]),
        Output(f"{weight.module}.scales", "F16", groups, parts[1]),
        Output(f"{weight.module}.biases", "F16", groups, parts[2]),
    ]


def _taken_apart(source: Path, weight: Weight, form: Form) -> list[Callable[[], Iterator[bytes]]]:
    """The packed weights and, behind them, their scales and biases, held until the packed ones are written."""
    held: dict[str, list[bytes]] = {"scales": [], "biases": []}

    def packed() -> Iterator[bytes]:
        for scales, biases, codes in _changed(source, weight, lambda kind, rows: _affine(kind, rows, form)):
            held["scales"].append(scales.tobytes())
            held["biases"].append(biases.tobytes())
            yield _bits(codes, form.bits)

    return [packed, lambda: iter(held.pop("scales")), lambda: iter(held.pop("biases"))]


def _chunks(
    source: Path, weight: Weight, change: Callable[[str, Bytes], npt.NDArray[Any]]
) -> Callable[[], Iterator[bytes]]:
    return lambda: (part.tobytes() for part in _changed(source, weight, change))


def _changed(source: Path, weight: Weight, change: Callable[[str, Bytes], T]) -> Iterator[T]:
    """What the tensor's rows become, piece by piece. Raises Corrupt and Unsupported for what is no float16 number."""
    for rows in _rows(source, weight):
        try:
            yield change(weight.tensor.kind, rows)
        except _NoNumber:
            raise numbers.no_number(source.name, weight.tensor.name) from None
        except _TooLarge:
            raise numbers.too_large(source.name, weight.tensor.name, "float16") from None


def _rows(source: Path, weight: Weight) -> Iterator[Bytes]:
    """The tensor's rows as bytes, whole heads at a time, in mlx-lm's order. (rows, bytes of a row)"""
    tensor = weight.tensor
    n_rows = tensor.shape[0]
    row_bytes = tensor.size // n_rows
    head_dim = n_rows // weight.rotary_heads if weight.rotary_heads else 1
    least = CHUNK_BYTES if tensor.kind in (*_FLOATS, *_REPACKED) else CHUNK_WEIGHTS * tensor.size // tensor.elements
    step = max(1, least // (row_bytes * head_dim)) * head_dim
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
    return _half(halves[:, 0].astype(np.float32) * (-8 if kind == "Q4_0" else -128))


def _as_floats(kind: str, rows: Bytes) -> npt.NDArray[Any]:
    if kind == "BF16":
        _finite((rows.view(np.uint16).astype(np.uint32) << 16).view(np.float32))
        return rows
    if kind in _FLOATS:
        return _finite(rows.view(np.float32 if kind == "F32" else np.float16))
    return _half(_dequantized(kind, rows))


def _dequantized(kind: str, rows: Bytes) -> Floats:
    with np.errstate(all="ignore"):
        return _finite(gguf.dequantize(rows, gguf.GGMLQuantizationType[kind]))


def _affine(kind: str, rows: Bytes, form: Form) -> tuple[npt.NDArray[np.float16], npt.NDArray[np.float16], Bytes]:
    """The scales, biases and codes of blocks, one row a group: (groups,) twice, (groups, group_size)."""
    values = _dequantized(kind, rows).reshape(-1, form.group_size)
    most = 2**form.bits - 1
    grid = _own_grid(kind, rows.reshape(-1, _BLOCKS[kind][1]), form) or _fitted(values, most)
    scales, biases = map(_half, grid)
    return scales, biases, _codes(values, scales.astype(np.float32), biases.astype(np.float32), most)


def _own_grid(kind: str, blocks: Bytes, form: Form) -> tuple[Floats, Floats] | None:
    """The step and the smallest number of each group where the block type has one of each, (groups,); else None."""

    def number(start: int) -> Floats:  # (blocks, 1)
        return np.ascontiguousarray(blocks[:, start : start + 2]).view(np.float16).astype(np.float32)

    with np.errstate(all="ignore"):
        if kind in ("Q4_K", "Q5_K"):
            steps, offsets = gguf.quants.Q4_K.get_scale_min(np.ascontiguousarray(blocks[:, 4:16]))
            return (number(0) * steps).reshape(-1), (-number(2) * offsets).reshape(-1)
        if kind == "Q5_1":
            return number(0)[:, 0], number(2)[:, 0]
        if kind == "Q5_0":
            return number(0)[:, 0], -16 * number(0)[:, 0]
        if kind in ("TQ1_0", "TQ2_0"):
            step = np.repeat(number(blocks.shape[1] - 2)[:, 0], _BLOCKS[kind][0] // form.group_size)
            return step, -step
    return None


def _fitted(values: Floats, most: int) -> tuple[Floats, Floats]:
    """The scale and bias of each group, (groups, group_size), that come near its numbers with codes from 0 to `most`."""
    low, high = values.min(axis=1), values.max(axis=1)
    scales, biases = (high - low) / np.float32(most), low
    mean = values.mean(axis=1)
    for _ in range(_FITS):
        codes = _codes(values, scales, biases, most).astype(np.float32)
        centre = codes.mean(axis=1)
        codes -= centre[:, None]
        spread = np.einsum("gi,gi->g", codes, codes)
        together = np.einsum("gi,gi->g", codes, values)  # codes are centred, so values need not be
        scales = np.divide(together, spread, out=scales.copy(), where=spread > 0)
        biases = mean - scales * centre
    return scales, biases


def _codes(values: Floats, scales: Floats, biases: Floats, most: int) -> Bytes:
    """The nearest code of each number. A group whose numbers are all the same has a scale of 0, and codes of 0."""
    with np.errstate(all="ignore"):
        steps = np.divide(1, scales, out=np.zeros_like(scales), where=scales != 0)
        found = np.rint((values - biases[:, None]) * steps[:, None])
    codes: Bytes = np.fmax(np.fmin(found, most), 0).astype(np.uint8)
    return codes


def _bits(codes: Bytes, bits: int) -> bytes:
    """Codes one after the other in so many bits each, the first in the lowest."""
    return np.packbits(
        np.unpackbits(codes.reshape(-1, 1), axis=1, count=bits, bitorder="little"), bitorder="little"
    ).tobytes()


def _half(values: npt.NDArray[Any]) -> npt.NDArray[np.float16]:
    with np.errstate(over="ignore"):  # an overflow is told below
        halves = values.astype(np.float16)
    if not np.isfinite(halves).all():
        raise _TooLarge
    return halves


def _finite(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if not np.isfinite(values).all():
        raise _NoNumber
    return values


def read_floats(source: Path, tensor: Tensor) -> npt.NDArray[np.float64]:
    """Read a small float32 tensor. Raises Corrupt when it is of another type or holds what is no number."""
    if tensor.kind != "F32" or tensor.size > CHUNK_BYTES:
        raise errors.Corrupt(f"{source.name} is damaged: {tensor.name} is of type {tensor.kind}.")
    found = np.frombuffer(_read(source, tensor.offset, tensor.size), np.float32).astype(np.float64)
    if not np.isfinite(found).all():
        raise numbers.no_number(source.name, tensor.name)
    return found
