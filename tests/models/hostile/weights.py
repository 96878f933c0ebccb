"""Safetensors files with a header of one's own, right or wrong in one way each."""

import json
import struct
from collections.abc import Callable
from pathlib import Path

Table = dict[str, dict[str, object]]


def table(**changes: object) -> Table:
    """A header of two tensors of 16 and 8 bytes, the second one changed."""
    return {
        "a": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]},
        "b": {"dtype": "F16", "shape": [4], "data_offsets": [16, 24]} | changes,
    }


def write(path: Path, header: Table | bytes, data_bytes: int = 24, length: int | None = None) -> Path:
    """Write a file. header: as a table or as raw bytes; length: what the prefix says of it, the truth when None."""
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(raw) if length is None else length) + raw + bytes(data_bytes))
    return path


def _raw(old: str, new: str) -> bytes:
    return json.dumps(table()).replace(old, new).encode()


# What is wrong, and a word of the sentence that says so.
WRONG: dict[str, tuple[Callable[[Path], Path], str]] = {
    "overflowing shape": (lambda path: write(path, table(shape=[65536] * 4)), "does not fill"),
    "overflow to the right size": (lambda path: write(path, table(shape=[2**31 - 1] * 8)), "does not fill"),
    "negative dimension": (lambda path: write(path, table(shape=[-4])), ">= 0"),
    "negative dimensions of the right product": (lambda path: write(path, table(shape=[-2, -2])), ">= 0"),
    "dimension beyond 32 bits": (lambda path: write(path, table(shape=[2**31, 0], data_offsets=[16, 16])), "<= 2147"),
    "truth for a dimension": (lambda path: write(path, table(shape=[True, 4])), "bool"),
    "fraction for a dimension": (lambda path: write(path, table(shape=[4.0])), "float"),
    "text for a dimension": (lambda path: write(path, table(shape=["4"])), "str"),
    "nine dimensions": (lambda path: write(path, table(shape=[1] * 8 + [4])), "length"),
    "wrapped offsets": (lambda path: write(path, table(data_offsets=[2**64 - 8, 2**64])), "gap"),
    "offsets in reverse": (lambda path: write(path, table(shape=[0], data_offsets=[24, 16])), "does not fill"),
    "negative offset": (lambda path: write(path, table(data_offsets=[-8, 0])), ">= 0"),
    "three offsets": (lambda path: write(path, table(data_offsets=[16, 24, 32])), "length"),
    "overlap": (lambda path: write(path, table(data_offsets=[8, 16])), "overlaps"),
    "gap": (lambda path: write(path, table(data_offsets=[24, 32]), 32), "gap"),
    "bytes after the end": (lambda path: write(path, table(), 25), "1 bytes belong to no tensor"),
    "cut": (lambda path: write(path, table(), 23), "1 bytes are missing"),
    "unknown type": (lambda path: write(path, table(dtype="F17")), "unknown type"),
    "type that is no text": (lambda path: write(path, table(dtype=16)), "Expected `str`"),
    "further field": (lambda path: write(path, table(zip="x")), "unknown field"),
    "missing field": (lambda path: write(path, {"a": {"dtype": "F32", "shape": [6]}}), "missing"),
    "tensor without a name": (lambda path: write(path, {"": table()["a"]}, 16), "named"),
    "name with control characters": (lambda path: write(path, {"a\x1b[2J": table()["a"]}, 16), "named"),
    "endless name": (lambda path: write(path, {"a" * 5000: table()["a"]}, 16), "named"),
    "one name twice": (lambda path: write(path, _raw('"b": {', '"a": {')), "gap|twice"),
    "one name twice, escaped": (
        lambda path: write(
            path, _raw('"b": {', '"b": {"dtype":"F16","shape":[4],"data_offsets":[16,24]}, "\\u0062": {')
        ),
        "twice",
    ),
    "same tensor twice": (
        lambda path: write(path, _raw('"b": {', '"b": {"dtype":"F64","shape":[1],"data_offsets":[16,24]}, "b": {')),
        "twice",
    ),
    "two types": (lambda path: write(path, _raw('"F16"', '"F16", "dtype": "F16"')), "twice"),
    "metadata that is no text": (lambda path: write(path, {"__metadata__": {"a": 1}, **table()}), "Expected `str`"),
    "no object": (lambda path: write(path, b"[]"), "Expected `object`"),
    "no JSON": (lambda path: write(path, b'{"a": '), "truncated"),
    "NaN": (lambda path: write(path, _raw("[4]", "[NaN]")), "malformed"),
    "no UTF-8": (lambda path: write(path, _raw('"b"', '"~"').replace(b"~", b"\xff")), "UTF-8|utf-8"),
    "deep": (lambda path: write(path, b'{"a": ' + b"[" * 500_000 + b"]" * 500_000 + b"}"), "recursion"),
    "many tensors": (
        lambda path: write(path, b"{" + b",".join(b'"%d":{}' % i for i in range(200_001)) + b"}"),
        "more than 100,000",
    ),
    "length beyond the file": (lambda path: write(path, table(), length=10**6), "no safetensors file"),
    "length beyond 64 bits of sense": (lambda path: write(path, table(), length=2**64 - 1), "no safetensors file"),
    "length of nothing": (lambda path: write(path, table(), length=0), "truncated"),
    "seven bytes": (lambda path: _bytes(path, b"1234567"), "no safetensors file"),
    "empty": (lambda path: _bytes(path, b""), "no safetensors file"),
}


def _bytes(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path
