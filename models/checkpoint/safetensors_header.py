"""What a safetensors file says about itself, checked before MLX sees it.

The file is the length of a header (8 bytes, little endian), the header in JSON, and the tensors' bytes. MLX believes
more of it than it should: a shape whose size overflows ends the process when its values are read, offsets that wrap
around hang it, tensors may overlap. So each tensor's bytes must be what its shape and type say, counted in whole
numbers without end, and the tensors must lie one after the other up to the very end of the file.
"""

import json
import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec

from models import errors
from models.checkpoint import bounded_files

MAX_HEADER_BYTES = 100_000_000  # the limit of the format itself
MAX_TENSORS = 100_000
MAX_RANK = 8
MAX_NAME = 512  # characters
MAX_DIMENSION = 2**31 - 1  # MLX holds a dimension in 32 bits

# bits of a number, by the format's name of its type
BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "U16": 16, "I16": 16, "U32": 32, "I32": 32, "U64": 64, "I64": 64,
    "F16": 16, "BF16": 16, "F32": 32, "F64": 64, "C64": 64,
    "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "F6_E2M3": 6, "F6_E3M2": 6, "F4": 4,
}  # fmt: skip
_NOT_IN_MLX = {"F64", "F8_E5M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "F6_E2M3", "F6_E3M2", "F4"}
_METADATA = "__metadata__"


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor of the table."""

    dtype: str  # as the format names it
    shape: tuple[int, ...]
    begin: int  # where its bytes are, counted from the first tensor's first
    end: int


@dataclass(frozen=True)
class Header:
    """The checked header of a file."""

    tensors: dict[str, Tensor]
    metadata: dict[str, str]
    data_offset: int  # of the first tensor's first byte
    data_bytes: int  # of all tensors


class _TensorEntry(msgspec.Struct, forbid_unknown_fields=True):
    dtype: str
    shape: Annotated[
        tuple[Annotated[int, msgspec.Meta(ge=0, le=MAX_DIMENSION)], ...], msgspec.Meta(max_length=MAX_RANK)
    ]
    data_offsets: tuple[Annotated[int, msgspec.Meta(ge=0)], Annotated[int, msgspec.Meta(ge=0)]]


_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_entry = msgspec.json.Decoder(_TensorEntry)
_metadata = msgspec.json.Decoder(dict[str, str] | None)


def read(path: Path) -> Header:
    """Read and check a file's header; the bytes of the tensors are not read.

    Raises Corrupt when the file is cut short, damaged or no safetensors file, Unsupported for a type that MLX does not
    have, Unsafe when it is no regular file, and OSError.
    """
    where = f"{path.name} of {path.parent.name}"
    with bounded_files.open_regular(path) as file:
        size = file.seek(0, 2)
        file.seek(0)
        prefix = file.read(8)
        length = struct.unpack("<Q", prefix)[0] if len(prefix) == 8 else size
        if length > min(size - 8, MAX_HEADER_BYTES):
            raise errors.Corrupt(f"{where} is cut short or no safetensors file.", "Download or copy it again.")
        raw = file.read(length)
    return _Checker(where, size - 8 - length).header(raw)


@dataclass
class _Checker:
    where: str  # the file, as sentences name it
    room: int  # bytes after the header

    def header(self, raw: bytes) -> Header:
        # before it is taken apart, since each tensor becomes objects in memory
        if raw.count(b"{") > 2 * MAX_TENSORS:
            raise self._damaged(f"it lists more than {MAX_TENSORS:,} tensors")
        try:
            parts = _object.decode(raw)
            metadata = _metadata.decode(parts.pop(_METADATA, b"null")) or {}
            entries = {name: _entry.decode(part) for name, part in parts.items()}
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise self._damaged((str(error).splitlines() or ["?"])[0][:100]) from error
        if len(entries) > MAX_TENSORS:
            raise self._damaged(f"it lists more than {MAX_TENSORS:,} tensors")
        self._check_names(raw, entries)
        tensors = {name: self._tensor(name, entry) for name, entry in entries.items()}
        self._check_spans(tensors)
        return Header(tensors, metadata, 8 + len(raw), self.room)

    def _check_names(self, raw: bytes, entries: dict[str, _TensorEntry]) -> None:
        for name in entries:
            if not 0 < len(name) <= MAX_NAME or not name.isprintable():
                raise self._damaged(f"a tensor is named {name[:40]!r}")
        # A key that stands there twice is taken once by this reader and perhaps otherwise by MLX. Where nothing is
        # escaped, it shows in the count of the keys that each tensor has once; else the whole is read pair by pair.
        keys = (b'"dtype"', b'"shape"', b'"data_offsets"')
        if b"\\" in raw or any(raw.count(key) != len(entries) for key in keys):
            json.loads(raw, object_pairs_hook=self._once_each)

    def _once_each(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        content = dict(pairs)
        if len(content) < len(pairs):
            raise self._damaged("it names one thing twice")
        return content

    def _tensor(self, name: str, entry: _TensorEntry) -> Tensor:
        bits = BITS.get(entry.dtype)
        if bits is None:
            raise self._damaged(f"{name} is of the unknown type {entry.dtype[:20]!r}")
        if entry.dtype in _NOT_IN_MLX:
            raise errors.Unsupported(f"{self.where} holds numbers of the type {entry.dtype}, which MLX can't read.")
        begin, end = entry.data_offsets
        if math.prod(entry.shape) * bits != 8 * (end - begin):
            raise self._damaged(f"{name} of shape {list(entry.shape)} does not fill its {end - begin:,} bytes")
        return Tensor(entry.dtype, entry.shape, begin, end)

    def _check_spans(self, tensors: dict[str, Tensor]) -> None:
        at = 0
        for begin, end, name in sorted((tensor.begin, tensor.end, name) for name, tensor in tensors.items()):
            if begin != at:
                raise self._damaged(f"{name} {'overlaps another tensor' if begin < at else 'leaves a gap before it'}")
            at = end
        if at > self.room:
            text = f"{self.where} is cut short: {at - self.room:,} bytes are missing."
            raise errors.Corrupt(text, "Download or copy it again.")
        if at < self.room:
            raise self._damaged(f"{self.room - at:,} bytes belong to no tensor")

    def _damaged(self, what: str) -> errors.Corrupt:
        return errors.Corrupt(f"{self.where} has a damaged header: {what}.", "Download or copy it again.")
