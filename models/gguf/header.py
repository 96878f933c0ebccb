"""What a GGUF file says about itself, read without believing it.

A GGUF is a header (magic, version, counts), metadata pairs, a table of tensors, and the tensors' bytes. Every
length in it is checked against the file's real size before it is used, every tensor against its neighbours and its
own dimensions, so nothing that comes later can be led outside the file. Layout: ggml's docs/gguf.md.
"""

import math
import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models import errors
from models.checkpoint import bounded_files

MAGIC = b"GGUF"
MAX_ENTRIES = 1 << 16  # of metadata pairs and of tensors; real files have some tens and some hundreds
MAX_ELEMENTS = 1 << 40
MAX_ITEMS = 1 << 22  # of a list; the longest in real files are vocabularies and merges, some hundred thousand
MAX_KEY, MAX_NAME = 1 << 16, 512  # bytes of a metadata key and of a tensor's name
MAX_HEADER_BYTES = 64 << 20  # the largest vocabularies take about 20 MB
DEFAULT_ALIGNMENT = 32

# ggml's number of a tensor type: its name, elements in a block, bytes of a block
TENSOR_TYPES = {
    0: ("F32", 1, 4), 1: ("F16", 1, 2), 30: ("BF16", 1, 2),
    2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20), 6: ("Q5_0", 32, 22), 7: ("Q5_1", 32, 24), 8: ("Q8_0", 32, 34),
    10: ("Q2_K", 256, 84), 11: ("Q3_K", 256, 110), 12: ("Q4_K", 256, 144), 13: ("Q5_K", 256, 176), 14: ("Q6_K", 256, 210),
    16: ("IQ2_XXS", 256, 66), 17: ("IQ2_XS", 256, 74), 22: ("IQ2_S", 256, 82), 18: ("IQ3_XXS", 256, 98),
    21: ("IQ3_S", 256, 110), 19: ("IQ1_S", 256, 50), 29: ("IQ1_M", 256, 56), 20: ("IQ4_NL", 32, 18),
    23: ("IQ4_XS", 256, 136), 34: ("TQ1_0", 256, 54), 35: ("TQ2_0", 256, 66), 39: ("MXFP4", 32, 17),
}  # fmt: skip

_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9


@dataclass(frozen=True)
class Tensor:
    """A tensor of the table."""

    name: str
    kind: str
    shape: tuple[int, ...]  # rows first
    offset: int  # from the start of the file
    size: int  # its bytes

    @property
    def elements(self) -> int:
        return math.prod(self.shape)


@dataclass(frozen=True)
class Header:
    """The checked header of a file."""

    path: Path
    metadata: dict[str, Any]  # the pairs as Python values, to be asked through the methods
    tensors: dict[str, Tensor]

    def text(self, key: str, default: str = "") -> str:
        """Return a string of the metadata. Raises Corrupt when it is none."""
        value = self.metadata.get(key, default)
        return value if isinstance(value, str) else self._wrong(key)

    def flag(self, key: str, default: bool) -> bool:
        """Return a truth value of the metadata. Raises Corrupt when it is none."""
        value = self.metadata.get(key, default)
        return value if isinstance(value, bool) else self._wrong(key)

    def integer(self, key: str, default: int | None = None) -> int:
        """Return a whole number of the metadata, never below 0. Raises Corrupt when it is none or missing."""
        value = self.metadata.get(key, default)
        return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else self._wrong(key)

    def number(self, key: str, default: float | None = None) -> float:
        """Return a finite positive number of the metadata. Raises Corrupt when it is none or missing."""
        value = self.metadata.get(key, default)
        return float(value) if isinstance(value, int | float) and 0 < value < math.inf else self._wrong(key)

    def items(self, key: str, of: type) -> list[Any]:
        """Return a list of the metadata, [] when it is missing. Raises Corrupt when an item is not `of` that type."""
        value = self.metadata.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, of) for item in value):
            self._wrong(key)
        return list(value)

    def _wrong(self, key: str) -> Any:
        state = "has a wrong value for" if key in self.metadata else "lacks"
        raise errors.Corrupt(f"{self.path.name} {state} {key}.")


def read(path: Path) -> Header:
    """Read and check the header. Raises NotFound, Corrupt (not a GGUF, cut short, damaged) or Unsupported."""
    with errors.disk_faults(f"reading {path.name}"), bounded_files.open_regular(path) as file:
        size = file.seek(0, 2)
        file.seek(0)
        if file.read(4) != MAGIC:
            raise errors.Corrupt(f"{path.name} is not a GGUF file.")
        with mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) as content:
            return _Parser(path, content, size).header()


@dataclass
class _Parser:
    """Walks the header from front to back; every step is checked against the file's end."""

    path: Path
    content: mmap.mmap
    size: int
    at: int = len(MAGIC)

    def header(self) -> Header:
        version = self._unpack("I")
        if version in (2 << 24, 3 << 24):
            raise errors.Unsupported(f"{self.path.name} was written for a big-endian machine.")
        if version not in (2, 3):
            raise errors.Unsupported(f"{self.path.name} is of GGUF version {version}; Stillroom reads 2 and 3.")
        tensor_count, pair_count = self._unpack("Q"), self._unpack("Q")
        for count, things in ((tensor_count, "tensors"), (pair_count, "metadata entries")):
            if count > MAX_ENTRIES:
                raise self._damaged(f"{count:,} {things}")
        metadata = self._metadata(pair_count)
        if metadata.get("split.count", 1) not in (0, 1):
            hint = "Merge the parts with llama-gguf-split --merge."
            raise errors.Unsupported(f"{self.path.name} is one part of a split model.", hint)
        return Header(self.path, metadata, self._tensors(tensor_count, metadata))

    def _metadata(self, count: int) -> dict[str, Any]:
        metadata: dict[str, Any] = {}
        for _ in range(count):
            key = self._string(MAX_KEY)
            if key in metadata:
                raise self._damaged(f"{key} twice")
            metadata[key] = self._value(self._unpack("I"))
        return metadata

    def _value(self, kind: int) -> Any:
        if kind in _SCALARS:
            return self._unpack(_SCALARS[kind])
        if kind == _STRING:
            return self._string()
        if kind == _ARRAY:
            return self._array(self._unpack("I"), self._unpack("Q"))
        raise self._damaged(f"a value of type {kind}")

    def _array(self, kind: int, count: int) -> list[Any]:
        if count > MAX_ITEMS:
            raise self._damaged(f"a list of {count:,} items")
        if kind == _STRING:
            self._need(8 * count)
            return [self._string() for _ in range(count)]
        if kind not in _SCALARS:
            raise self._damaged(f"a list of type {kind}")
        code = _SCALARS[kind]
        self._need(struct.calcsize("<" + code) * count)
        values = struct.unpack_from(f"<{count}{code}", self.content, self.at)
        self.at += struct.calcsize("<" + code) * count
        return list(values)

    def _tensors(self, count: int, metadata: dict[str, Any]) -> dict[str, Tensor]:
        rows = [self._tensor_row() for _ in range(count)]
        alignment = metadata.get("general.alignment", DEFAULT_ALIGNMENT)
        if not isinstance(alignment, int) or not 1 <= alignment <= 1 << 20 or alignment & (alignment - 1):
            raise self._damaged(f"an alignment of {alignment}")
        start = -(-self.at // alignment) * alignment
        tensors = [Tensor(name, kind, shape, start + offset, size) for name, kind, shape, offset, size in rows]
        if any((tensor.offset - start) % alignment for tensor in tensors):
            raise self._damaged("a tensor off its alignment")
        if len({tensor.name for tensor in tensors}) < len(tensors):
            raise self._damaged("two tensors of one name")
        self._check_extents(tensors)
        return {tensor.name: tensor for tensor in tensors}

    def _tensor_row(self) -> tuple[str, str, tuple[int, ...], int, int]:
        name = self._string(MAX_NAME)
        if not name or not name.isprintable():
            raise self._damaged(f"a tensor named {name[:40]!r}")
        n_dims = self._unpack("I")
        if not 1 <= n_dims <= 4:
            raise self._damaged(f"a tensor of {n_dims} dimensions")
        dims = [self._unpack("Q") for _ in range(n_dims)]
        number, offset = self._unpack("I"), self._unpack("Q")
        if number not in TENSOR_TYPES:
            raise errors.Unsupported(f"{self.path.name}: the tensor {name} is of type {number}, unknown to Stillroom.")
        kind, block, block_bytes = TENSOR_TYPES[number]
        elements = math.prod(dims)
        if not 0 < elements <= MAX_ELEMENTS or dims[0] % block:
            raise self._damaged(f"a tensor of {' x '.join(map(str, dims))}")
        return name, kind, tuple(reversed(dims)), offset, elements // block * block_bytes

    def _check_extents(self, tensors: list[Tensor]) -> None:
        end = 0
        for tensor in sorted(tensors, key=lambda tensor: tensor.offset):
            if tensor.offset < end:
                raise self._damaged("tensors that overlap")
            end = tensor.offset + tensor.size
        if end > self.size:
            text = f"{self.path.name} is cut short: {end - self.size:,} bytes are missing."
            raise errors.Corrupt(text, "Download or copy it again.")

    def _string(self, most: int = MAX_HEADER_BYTES) -> str:
        length = self._unpack("Q")
        self._need(length)
        if length > most:
            raise self._damaged(f"a name of {length:,} bytes")
        raw = self.content[self.at : self.at + length]
        self.at += length
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            raise self._damaged("text that is not UTF-8") from None

    def _unpack(self, code: str) -> Any:
        width = struct.calcsize("<" + code)
        self._need(width)
        (value,) = struct.unpack_from("<" + code, self.content, self.at)
        self.at += width
        return value

    def _need(self, count: int) -> None:
        if min(self.at + count, self.size) > MAX_HEADER_BYTES:
            raise self._damaged(f"a header of more than {MAX_HEADER_BYTES >> 20} MB")
        missing = self.at + count - self.size
        if missing > 0:
            lack = f"at byte {self.at:,} its header needs {missing:,} bytes more than there are"
            raise errors.Corrupt(f"{self.path.name} is cut short or damaged: {lack}.", "Download or copy it again.")

    def _damaged(self, what: str) -> errors.Corrupt:
        return errors.Corrupt(f"{self.path.name} is damaged: it declares {what}.", "Download or copy it again.")
