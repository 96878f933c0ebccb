"""The bytes that Parquet is made of: Thrift's compact structs, Snappy's pieces and copies, numbers in runs of bits.

They come from outside: every length is checked against what is there before anything of that length is made.
"""

import struct
from typing import Any

MOST_DEPTH = 32

Struct = dict[int, Any]  # fields by their number


class UnreadableError(Exception):
    """The bytes are not what they say."""


def runs(data: bytes, width: int, count: int) -> list[int]:
    """`count` numbers of `width` bits, in runs: of one value, or of eight and eight side by side."""
    found: list[int] = []
    at, step = 0, (width + 7) // 8
    while len(found) < count:
        if width == 0:
            return [0] * count
        header, at = varint(data, at)
        if header & 1:
            size = (header >> 1) * width
            piece = data[at : at + size]
            bits, mask = int.from_bytes(piece, "little"), (1 << width) - 1
            wanted = min((header >> 1) * 8, count - len(found), len(piece) * 8 // width)
            if not wanted:
                raise UnreadableError
            found += _split(bits, width, mask, wanted)
            at += size
        else:
            run = min(header >> 1, count - len(found))
            if not run or at + step > len(data):
                raise UnreadableError
            found += [int.from_bytes(data[at : at + step], "little")] * run
            at += step
    return found


def _split(bits: int, width: int, mask: int, count: int) -> list[int]:
    # a long number is halved first: shifting all of it for every piece would take time that grows with its square
    if count > 64:
        half = count // 2
        low = bits & ((1 << half * width) - 1)
        return _split(low, width, mask, half) + _split(bits >> half * width, width, mask, count - half)
    return [bits >> index * width & mask for index in range(count)]


def snappy(data: bytes, most: int) -> bytes:
    """Unpack Snappy: pieces as they are, and copies of what came before."""
    size, at = varint(data, 0)
    if size > most:
        raise UnreadableError
    out = bytearray()
    while at < len(data):
        tag = data[at]
        at += 1
        if tag & 3 == 0:
            length = (tag >> 2) + 1
            if length > 60:
                extra = length - 60
                length = int.from_bytes(data[at : at + extra], "little") + 1
                at += extra
            out += data[at : at + length]
            at += length
        else:
            if tag & 3 == 1:
                length, offset = ((tag >> 2) & 7) + 4, (tag >> 5) << 8 | data[at]
                at += 1
            else:
                wide = 2 if tag & 3 == 2 else 4
                length, offset = (tag >> 2) + 1, int.from_bytes(data[at : at + wide], "little")
                at += wide
            if not 0 < offset <= len(out):
                raise UnreadableError
            start = len(out) - offset
            while length > 0:  # it may reach into what it writes
                piece = out[start : start + length]
                out += piece
                length -= len(piece)
        if len(out) > size:
            raise UnreadableError
    if len(out) != size:
        raise UnreadableError
    return bytes(out)


def varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
        if shift > 63:
            raise UnreadableError


def thrift(data: bytes, at: int, depth: int = 0) -> tuple[Struct, int]:
    """A struct of Thrift's compact protocol: its fields by number."""
    found: Struct = {}
    number = 0
    if depth > MOST_DEPTH:
        raise UnreadableError
    while True:
        head = data[at]
        at += 1
        if head == 0:
            return found, at
        kind = head & 15
        if head >> 4:
            number += head >> 4
        else:
            raw, at = varint(data, at)
            number = raw >> 1 ^ -(raw & 1)
        if kind in (1, 2):
            found[number] = kind == 1
        else:
            found[number], at = _field(data, at, kind, depth)


def _field(data: bytes, at: int, kind: int, depth: int) -> tuple[Any, int]:
    if kind in (1, 2, 3):
        return data[at], at + 1
    if kind in (4, 5, 6):
        raw, at = varint(data, at)
        return raw >> 1 ^ -(raw & 1), at
    if kind == 7:
        return struct.unpack("<d", data[at : at + 8])[0], at + 8
    if kind == 8:
        size, at = varint(data, at)
        if at + size > len(data):
            raise UnreadableError
        return data[at : at + size], at + size
    if kind in (9, 10):
        head = data[at]
        at += 1
        size = head >> 4
        if size == 15:
            size, at = varint(data, at)
        if size > len(data):
            raise UnreadableError
        values = []
        for _ in range(size):
            value, at = _field(data, at, head & 15, depth + 1)
            values.append(value)
        return values, at
    if kind == 12:
        return thrift(data, at, depth + 1)
    raise UnreadableError
