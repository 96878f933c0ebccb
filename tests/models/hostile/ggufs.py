"""GGUF headers written byte by byte, right or wrong in one way each."""

import struct

_U32, _STRING, _ARRAY = 4, 8, 9


def text(content: str | bytes) -> bytes:
    """A string as the format writes it."""
    raw = content if isinstance(content, bytes) else content.encode()
    return struct.pack("<Q", len(raw)) + raw


def pair(key: str | bytes, kind: int, value: bytes) -> bytes:
    """A metadata pair."""
    return text(key) + struct.pack("<I", kind) + value


def tensor(name: str = "a", dims: tuple[int, ...] = (8,), kind: int = 0, offset: int = 0) -> bytes:
    """A row of the table of tensors, 8 float32 numbers where nothing else is said."""
    sizes = struct.pack(f"<{len(dims)}Q", *dims)
    return text(name) + struct.pack("<I", len(dims)) + sizes + struct.pack("<IQ", kind, offset)


def file(
    pairs: list[bytes] | None = None,
    tensors: list[bytes] | None = None,
    *,
    counts: tuple[int, int] | None = None,
    version: int = 3,
    data_bytes: int = 64,
) -> bytes:
    """A whole file. counts: of tensors and pairs as the header says them, the truth when None."""
    pairs = [pair("x", _U32, struct.pack("<I", 7))] if pairs is None else pairs
    tensors = [tensor()] if tensors is None else tensors
    head = struct.pack("<4sIQQ", b"GGUF", version, *(counts or (len(tensors), len(pairs))))
    header = head + b"".join(pairs) + b"".join(tensors)
    return header + bytes(-len(header) % 32) + bytes(data_bytes)


def _array(kind: int, count: int, content: bytes = b"") -> bytes:
    return pair("x", _ARRAY, struct.pack("<IQ", kind, count) + content)


# What is wrong with the file, and a word of the sentence that says so.
WRONG: dict[str, tuple[bytes, str]] = {
    "overflowing dimensions": (file(tensors=[tensor(dims=(65536,) * 4)]), "declares a tensor of 65536 x"),
    "dimension of nothing": (file(tensors=[tensor(dims=(0,))]), "declares a tensor of 0"),
    "dimension of everything": (file(tensors=[tensor(dims=(2**64 - 1,))]), "declares a tensor"),
    "nine dimensions": (file(tensors=[tensor(dims=(1,) * 9)]), "9 dimensions"),
    "no dimension": (file(tensors=[tensor(dims=())]), "0 dimensions"),
    "half a block": (file(tensors=[tensor(dims=(33,), kind=2)]), "declares a tensor of 33"),
    "wrapped offset": (file(tensors=[tensor(offset=2**64 - 32)]), "cut short"),
    "offset off its alignment": (file(tensors=[tensor(offset=4)]), "alignment"),
    "overlap": (file(tensors=[tensor("a"), tensor("b")]), "overlap"),
    "one name twice": (file(tensors=[tensor("a"), tensor("a", offset=32)]), "two tensors of one name"),
    "name with control characters": (file(tensors=[tensor("a\x1b[2J")]), "named"),
    "tensor without a name": (file(tensors=[tensor("")]), "named"),
    "endless name": (file(tensors=[tensor("a" * 5000)]), "name of 5,000 bytes"),
    "unknown type": (file(tensors=[tensor(kind=99)]), "type 99"),
    "more tensors than there are": (file(counts=(9, 1)), "named|cut short or damaged"),
    "tensors without end": (file(counts=(2**63, 1)), "tensors"),
    "metadata without end": (file(counts=(1, 2**63)), "metadata entries"),
    "string without end": (file([text("x") + struct.pack("<IQ", _STRING, 2**63)]), "cut short or damaged"),
    "list without end": (file([_array(0, 2**63)]), "list of"),
    "list of more than a vocabulary": (file([_array(0, 5 << 20, bytes(5 << 20))]), "list of 5,242,880"),
    "list of strings that are not there": (file([_array(_STRING, 4 << 20)]), "cut short or damaged"),
    "list of lists": (file([_array(_ARRAY, 1)]), "list of type 9"),
    "value of an unknown type": (file([pair("x", 77, b"")]), "value of type 77"),
    "one key twice": (file([pair("x", _U32, b"1234"), pair("x", _U32, b"1234")]), "twice"),
    "no UTF-8": (file([pair(b"\xff\xfe", _U32, b"1234")]), "not UTF-8"),
    "alignment of three": (file([pair("general.alignment", _U32, struct.pack("<I", 3))]), "alignment"),
    "alignment of nothing": (file([pair("general.alignment", _U32, struct.pack("<I", 0))]), "alignment"),
    "another version": (file(version=99), "version 99"),
    "big-endian": (file(version=3 << 24), "big-endian"),
    "cut": (file(data_bytes=31), "1 bytes are missing"),
    "no data": (file(data_bytes=0), "32 bytes are missing"),
    "only the magic": (b"GGUF", "cut short or damaged"),
    "empty": (b"", "not a GGUF"),
}
