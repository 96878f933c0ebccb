"""K-quants written plainly, which the gguf package only reads: each sub-block from its smallest to its largest number."""

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]
KINDS = {"Q2_K": (2, 16), "Q3_K": (3, 16), "Q4_K": (4, 32), "Q5_K": (5, 32), "Q6_K": (6, 16)}  # bits, a sub-block


def quantize(values: Floats, kind: str) -> Bytes:
    """Values, (rows, columns), as the blocks of a kind: (rows, bytes)."""
    bits, size = KINDS[kind]
    groups = values.reshape(-1, 256 // size, size).astype(np.float32)
    blocks = (_symmetric if kind in ("Q3_K", "Q6_K") else _with_minimum)(groups, bits, kind)
    return np.concatenate(blocks, axis=1).reshape(values.shape[0], -1)


def _with_minimum(groups: Floats, bits: int, kind: str) -> list[Bytes]:
    low = np.minimum(groups.min(-1), 0)
    most = 15 if kind == "Q2_K" else 63
    d, scales = _shared((groups.max(-1) - low) / (2**bits - 1), most)
    dmin, minima = _shared(-low, most)
    step, offset = (d.astype(np.float32) * scales)[..., None], (dmin.astype(np.float32) * minima)[..., None]
    codes = _codes(groups + offset, step, 0, 2**bits - 1)
    if kind == "Q2_K":
        return [scales | minima << 4, _quarters(codes), _half(d), _half(dmin)]
    first, last = scales[:, :4], scales[:, 4:]
    low_min, high_min = minima[:, :4], minima[:, 4:]
    packed = [first | last >> 4 << 6, low_min | high_min >> 4 << 6, last & 15 | (high_min & 15) << 4]
    sub = codes.reshape(-1, 8, 32)
    top = [np.packbits(sub >> 4, axis=1, bitorder="little").reshape(-1, 32)] if kind == "Q5_K" else []
    return [_half(d), _half(dmin), *packed, *top, _nibbles(sub & 15, 32)]


def _symmetric(groups: Floats, bits: int, kind: str) -> list[Bytes]:
    zero, most = 2 ** (bits - 1), 31 if kind == "Q3_K" else 127
    d, scales = _shared(np.abs(groups).max(-1) / (zero - 1), most)
    codes = _codes(groups, (d.astype(np.float32) * scales)[..., None], -zero, zero - 1) + np.uint8(zero)
    if kind == "Q6_K":
        flat = codes.reshape(-1, 256)
        return [_nibbles(flat & 15, 64), _quarters(flat >> 4), scales, _half(d)]
    mask = np.packbits(codes.reshape(-1, 8, 32) >> 2, axis=1, bitorder="little").reshape(-1, 32)
    stored = scales + np.uint8(32)
    low = stored[:, :8] & 15 | (stored[:, 8:] & 15) << 4
    high = sum((stored[:, 4 * i : 4 * i + 4] >> 4) << 2 * i for i in range(4))
    return [mask, _quarters(codes & 3), low, high.astype(np.uint8), _half(d)]


def _shared(numbers: Floats, most: int) -> tuple[npt.NDArray[np.float16], Bytes]:
    """A block's float16 number, (blocks, 1), and the whole multiples of it that come nearest."""
    d = (numbers.max(-1, keepdims=True) / most).astype(np.float16)
    with np.errstate(all="ignore"):
        found = np.nan_to_num(np.rint(numbers / d.astype(np.float32)))
    return d, np.clip(found, 0, most).astype(np.uint8)


def _codes(values: Floats, step: Floats, low: int, high: int) -> Bytes:
    with np.errstate(all="ignore"):
        found = np.nan_to_num(np.rint(values / step))
    return np.clip(found, low, high).astype(np.int8).view(np.uint8)


def _nibbles(codes: Bytes, run: int) -> Bytes:
    pairs = codes.reshape(-1, 256 // (2 * run), 2, run)
    return (pairs[:, :, 0] | pairs[:, :, 1] << 4).reshape(-1, 128)


def _quarters(codes: Bytes) -> Bytes:
    parts = codes.reshape(-1, 2, 4, 32)
    packed: Any = parts[:, :, 0] | parts[:, :, 1] << 2 | parts[:, :, 2] << 4 | parts[:, :, 3] << 6
    return np.asarray(packed).reshape(-1, 64)


def _half(numbers: npt.NDArray[np.float16]) -> Bytes:
    return np.ascontiguousarray(numbers).view(np.uint8)
