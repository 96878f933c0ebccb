"""Traces that are the same, or nearly: exact by a hash of the text, near by a sketch of its shingles.

Both ignore white space and the case of ASCII letters. A shingle is 32 bytes of that text; about one in eight is taken,
chosen by its own content, so that two texts choose alike. The 64 smallest hashes are the text's sketch (bottom-k
MinHash, Broder 1997): the share of the smallest of two sketches together that both have estimates the Jaccard index of
all their shingles, with a standard error of 0.04 at 0.9. Candidates are those that share one of their four smallest.

The index holds 8-byte hashes in flat arrays, about 350 bytes a trace. Everything is deterministic.
"""

import hashlib
from array import array
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Hashes = npt.NDArray[np.uint64]

SHINGLE = 32  # bytes
SKETCH = 64  # hashes
KEYS = 4  # of them, that candidates are found by
LEAST = 384  # bytes of text: in less, a changed number is a new problem
_LOWER = bytes(range(65)) + bytes(range(97, 123)) + bytes(range(91, 256))
_RANK = 2 * SKETCH  # so that repeated shingles still leave SKETCH different ones
_MIX = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x27D4EB2F165667C5)


class HashIndex:
    """First numbers of 64-bit keys: a hash table in two flat arrays, open addressing, 24 bytes an entry or less."""

    def __init__(self, bits: int = 10) -> None:
        self._mask = (1 << bits) - 1
        self._keys = array("Q", bytes(8 << bits))
        self._numbers = array("I", bytes(4 << bits))
        self._used = 0

    def add(self, key: int, number: int) -> int | None:
        """Remember `number` under a key that is new, or give the number that was there first. number: below 2**32 - 1."""
        key = key or 1  # zero marks an empty place
        at = self._place(key)
        if self._keys[at]:
            return self._numbers[at]
        self._keys[at], self._numbers[at] = key, number
        self._used += 1
        if self._used * 2 > self._mask:
            self._grow()
        return None

    def get(self, key: int) -> int | None:
        """The number of a key."""
        at = self._place(key or 1)
        return self._numbers[at] if self._keys[at] else None

    def _place(self, key: int) -> int:
        keys, mask = self._keys, self._mask
        at = (key ^ (key >> 29)) & mask
        while keys[at] and keys[at] != key:
            at = (at + 1) & mask
        return at

    def _grow(self) -> None:
        keys, numbers = self._keys, self._numbers
        self._mask = self._mask * 2 + 1
        self._keys, self._numbers = array("Q", bytes(8 * (self._mask + 1))), array("I", bytes(4 * (self._mask + 1)))
        for key, number in zip(keys, numbers, strict=True):
            if key:
                at = self._place(key)
                self._keys[at], self._numbers[at] = key, number


class Duplicates:
    """What has been kept so far. near: Jaccard index (0 to 1) from which two traces count as nearly the same; 0: never."""

    def __init__(self, near: float) -> None:
        self._near = near
        self._exact = HashIndex()
        self._keys = HashIndex()
        self._sketches = array("I")  # SKETCH a trace that has one
        self._sizes = array("B")
        self._owners = array("I")  # the trace that each sketch is of

    def find(self, said: bytes, number: int) -> tuple[int, bool] | None:
        """Remember a trace, all it says in UTF-8, under its number, or give the one kept before that it repeats: (number, whether exactly)."""
        plain = said.translate(_LOWER, b" \t\n\r\f\v\x1f")
        key = int.from_bytes(hashlib.blake2b(plain, digest_size=8).digest(), "little")
        first = self._exact.get(key)
        if first is not None:
            return first, True
        if self._near and len(plain) >= LEAST:
            sketch = sketch_of(plain)
            near = self._nearest(sketch)
            if near is not None:
                return near, False
            self._remember(sketch, number)
        self._exact.add(key, number)
        return None

    def _nearest(self, sketch: list[int]) -> int | None:
        seen = set()
        for key in sketch[:KEYS]:
            place = self._keys.get(key)
            if place is None or place in seen:
                continue
            seen.add(place)
            begin = place * SKETCH
            other = self._sketches[begin : begin + self._sizes[place]]
            if likeness(sketch, other.tolist()) >= self._near:
                return self._owners[place]
        return None

    def _remember(self, sketch: list[int], number: int) -> None:
        place = len(self._owners)
        for key in sketch[:KEYS]:
            self._keys.add(key, place)
        self._sketches.extend(sketch + [0] * (SKETCH - len(sketch)))
        self._sizes.append(len(sketch))
        self._owners.append(number)


def sketch_of(plain: bytes) -> list[int]:
    """The SKETCH smallest hashes of a text's sampled shingles, ascending, the upper 32 bits of each."""
    import numpy as np

    n = len(plain) - SHINGLE + 1
    # (n + 24,) 8-byte words at every byte; copied, as arithmetic on unaligned ones is slow
    words = np.ndarray((n + SHINGLE - 8,), "<u8", plain, strides=(1,)).copy()
    chosen = np.flatnonzero(words[:n] * np.uint64(_MIX[0]) < np.uint64(1 << 61))
    mixed = np.zeros(len(chosen), np.uint64)
    for part, multiplier in enumerate(_MIX):
        mixed = (mixed ^ words[chosen + 8 * part]) * np.uint64(multiplier)
        mixed ^= mixed >> np.uint64(31)
    upper = (mixed >> np.uint64(32)).astype(np.uint32)
    smallest = sorted(set(np.partition(upper, _RANK)[:_RANK].tolist() if len(upper) > _RANK else upper.tolist()))
    return smallest[:SKETCH]


def likeness(one: list[int], other: list[int]) -> float:
    """The estimated Jaccard index of two texts, from their sketches."""
    ones, others = set(one), set(other)
    together = sorted(ones | others)[:SKETCH]
    return sum(hash_ in ones and hash_ in others for hash_ in together) / max(1, len(together))
