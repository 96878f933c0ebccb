"""Parquet without pyarrow, as far as data sets of texts use it: what the Hub's are written in.

Columns of texts, numbers and truth values, flat, in groups, or in one list (of values or of groups); plain, dictionary
and run-length encodings; pages of both versions, uncompressed or packed with Snappy or gzip. What else the format has
is refused by name. A file comes from outside: every length in it is checked against what is there.

The format: github.com/apache/parquet-format; its Thrift structs are read as fields by their numbers.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models import errors
from models.traces.parquet_bytes import MOST_DEPTH, Struct, UnreadableError, runs, snappy, thrift

MAGIC = b"PAR1"
MOST_FOOTER = 64 << 20
MOST_CELLS = 1 << 26  # of a column in a row group
LEAST_CELLS, CELLS_PER_BYTE = 1_000_000, 100  # that are believed, of any file and of a large one
LEAST_PAGE, SWELLS = 1 << 25, 200  # bytes of a page unpacked that are believed, and how many times its own size
MOST_GROUP = 1 << 30  # bytes of a row group, unpacked

_CODECS = {0: "none", 1: "Snappy", 2: "gzip", 3: "LZO", 4: "Brotli", 5: "LZ4", 6: "Zstandard", 7: "LZ4"}
_BOOLEAN, _INT32, _INT64, _INT96, _FLOAT, _DOUBLE, _BYTES, _FIXED = range(8)
_PLAIN, _DICTIONARY, _RLE, _RLE_DICTIONARY = 0, 2, 3, 8
_OPTIONAL, _REPEATED = 1, 2
_NUMBERS = {_INT32: "<i", _INT64: "<q", _FLOAT: "<f", _DOUBLE: "<d"}


class NotKnownError(Exception):
    """The file uses a part of the format that is not read here, named in the text."""


@dataclass(frozen=True)
class _Leaf:
    """A column. before, after: names of the groups outside and inside of its list; levels as the format counts them."""

    before: tuple[str, ...]
    after: tuple[str, ...]
    kind: int
    is_text: bool
    most_repetition: int
    most_definition: int
    list_definition: int  # from which on its list has an element


def rows(path: Path) -> Iterator[dict[str, object]]:
    """Give each row in order. Raises Corrupt, and Unsupported for what only pyarrow reads."""
    try:
        data = path.read_bytes()
        yield from _rows(data)
    except NotKnownError as error:
        hint = "Install pyarrow, or convert it to JSONL."
        raise errors.Unsupported(
            f"{path.name} is a Parquet file with {error}, which takes pyarrow to read.", hint
        ) from error
    except (
        UnreadableError,
        AttributeError,
        IndexError,
        ValueError,
        KeyError,
        TypeError,
        struct.error,
        zlib.error,
        OverflowError,
    ) as error:
        raise errors.Corrupt(f"{path.name} is no Parquet file that can be read.") from error


def _rows(data: bytes) -> Iterator[dict[str, object]]:
    if len(data) < 12 or data[:4] != MAGIC or data[-4:] != MAGIC:
        raise UnreadableError
    size = int.from_bytes(data[-8:-4], "little")
    if not 0 < size <= min(MOST_FOOTER, len(data) - 12):
        raise UnreadableError
    meta, _ = thrift(data, len(data) - 8 - size)
    leaves = _leaves(meta[2])
    groups = {leaf.before[0] for leaf in leaves if len(leaf.before) > 1}
    for group in meta.get(4, []):
        if group.get(2, 0) > MOST_GROUP:
            raise NotKnownError("row groups of more than a gigabyte")
        count = group[3]
        columns = [_column(data, leaf, chunk[3]) for leaf, chunk in zip(leaves, group[1], strict=True)]
        if any(len(column) != count for column in columns):
            raise UnreadableError
        for values in zip(*columns, strict=True):
            row: dict[str, Any] = {}
            for leaf, value in zip(leaves, values, strict=True):
                _place(row, leaf, value)
            for name in groups:
                row[name] = _or_none(row[name])
            yield row


def _or_none(group: dict[str, Any]) -> dict[str, Any] | None:
    """A group of which nothing is there is not there itself."""
    inner = {name: _or_none(value) if isinstance(value, dict) else value for name, value in group.items()}
    return inner if any(value is not None for value in inner.values()) else None


def _place(row: dict[str, Any], leaf: _Leaf, value: Any) -> None:
    """Put a column's value into a row, into the groups it belongs to."""
    *groups, name = leaf.before
    for group in groups:
        row = row.setdefault(group, {})
    if not leaf.after:
        row[name] = value
        return
    elements = row.get(name)
    if elements is None:
        elements = row[name] = None if value is None else [{} for _ in value]
    for element, inner in zip(elements or [], value or [], strict=True):
        _place(element, _Leaf(leaf.after, (), leaf.kind, leaf.is_text, 0, 0, 0), inner)


def _leaves(elements: list[Struct]) -> list[_Leaf]:
    """The columns in the order of the schema, which lists every group before what is in it."""
    found: list[_Leaf] = []
    at = 1

    def walk(
        names: tuple[str, ...],
        inside: tuple[str, ...] | None,
        repetition: int,
        definition: int,
        started: int,
        depth: int,
    ) -> None:
        nonlocal at
        if depth > MOST_DEPTH:
            raise NotKnownError("groups within groups")
        element = elements[at]
        at += 1
        kind = element.get(3, 0)
        definition += kind in (_OPTIONAL, _REPEATED)
        name = element[4].decode()
        children = element.get(5, 0)
        if kind == _REPEATED:
            repetition, started = repetition + 1, definition
            if repetition > 1:
                raise NotKnownError("lists within lists")
            # name.list.element is one list; an old list of name.array or name.bag, too
            wrapped = children == 1 and bool(names)
            inside = () if wrapped else inside or ()
            if wrapped:
                _inner(names, element, repetition, definition, started, depth)
                return
            names = (*names, name)
        elif inside is None:
            names = (*names, name)
        else:
            inside = (*inside, name)
        if not children:
            found.append(_Leaf(names, inside or (), element[1], _is_text(element), repetition, definition, started))
            return
        for _ in range(children):
            walk(names, inside, repetition, definition, started, depth + 1)

    def _inner(
        names: tuple[str, ...], element: Struct, repetition: int, definition: int, started: int, depth: int
    ) -> None:
        """The one thing that a list's repeated group holds: its element."""
        nonlocal at
        inner = elements[at]
        at += 1
        if inner.get(3, 0) == _REPEATED:
            raise NotKnownError("lists within lists")
        definition += inner.get(3, 0) == _OPTIONAL
        children = inner.get(5, 0)
        if not children:
            found.append(_Leaf(names, (), inner[1], _is_text(inner), repetition, definition, started))
            return
        for _ in range(children):
            walk(names, (), repetition, definition, started, depth + 1)

    for _ in range(elements[0].get(5, 0)):
        walk((), None, 0, 0, 0, 0)
    return found


def _is_text(element: Struct) -> bool:
    """Whether bytes are UTF-8: the old mark of it or the new, or that of JSON."""
    return element.get(6) in (0, 19) or 1 in element.get(10, {})


def _column(data: bytes, leaf: _Leaf, chunk: Struct) -> list[Any]:
    """A column's value in each row of a row group."""
    at = chunk[9] if 11 not in chunk or not chunk[11] else min(chunk[9], chunk[11])
    left, dictionary = chunk[5], []
    if not 0 <= left <= min(MOST_CELLS, max(LEAST_CELLS, CELLS_PER_BYTE * len(data))):
        raise UnreadableError
    repetitions: list[int] = []
    definitions: list[int] = []
    values: list[Any] = []
    while left > 0:
        header, at = thrift(data, at)
        page = data[at : at + header[3]]
        at += header[3]
        if len(page) != header[3] or not 0 <= header[2] <= max(LEAST_PAGE, SWELLS * len(page)):
            raise UnreadableError
        if header[1] == 2:
            dictionary = _plain(_unpacked(page, chunk[4], header[2]), leaf, header[7][1])
            continue
        if header[1] not in (0, 3):
            continue  # an index
        count, encoding, levels, body = _page(page, header, chunk[4], leaf, left)
        left -= count
        repetitions += levels[0]
        definitions += levels[1]
        present = sum(level == leaf.most_definition for level in levels[1])
        if encoding in (_DICTIONARY, _RLE_DICTIONARY):
            indices = runs(body[1:], body[0], present) if present else []
            values += [dictionary[index] for index in indices]
        elif encoding == _PLAIN:
            values += _plain(body, leaf, present)
        elif encoding == _RLE and leaf.kind == _BOOLEAN:
            values += map(bool, runs(body[4:], 1, present))
        else:
            raise NotKnownError(f"the encoding {encoding}")
    return _assembled(leaf, repetitions, definitions, iter(values))


def _page(
    page: bytes, header: Struct, codec: int, leaf: _Leaf, most: int
) -> tuple[int, int, tuple[list[int], list[int]], bytes]:
    """Number of values, encoding, repetition and definition levels, and the encoded values of a data page."""
    if header[1] == 0:
        about = header[5]
        count, body = about[1], _unpacked(page, codec, header[2])
        if not 0 <= count <= most:
            raise UnreadableError
        levels = []
        for level in (leaf.most_repetition, leaf.most_definition):
            if level:
                size = int.from_bytes(body[:4], "little")
                levels.append(runs(body[4 : 4 + size], level.bit_length(), count))
                body = body[4 + size :]
            else:
                levels.append([0] * count)
        return count, about[2], (levels[0], levels[1]), body
    about = header[8]
    count, defined, repeated = about[1], about[5], about[6]
    levels_size = defined + repeated
    if not 0 <= count <= most:
        raise UnreadableError
    body = page[levels_size:]
    if about.get(7, True):
        body = _unpacked(body, codec, header[2] - levels_size)
    first = runs(page[:repeated], leaf.most_repetition.bit_length(), count) if leaf.most_repetition else [0] * count
    second = (
        runs(page[repeated:levels_size], leaf.most_definition.bit_length(), count)
        if leaf.most_definition
        else [0] * count
    )
    return count, about[4], (first, second), body


def _assembled(leaf: _Leaf, repetitions: list[int], definitions: list[int], values: Iterator[Any]) -> list[Any]:
    found: list[Any] = []
    for repetition, definition in zip(repetitions, definitions, strict=True):
        value = next(values) if definition == leaf.most_definition else None
        if not leaf.most_repetition:
            found.append(value)
        elif repetition == 0:
            found.append(
                [value]
                if definition >= leaf.list_definition
                else []
                if definition == leaf.list_definition - 1
                else None
            )
        else:
            found[-1].append(value)
    return found


def _plain(body: bytes, leaf: _Leaf, count: int) -> list[Any]:
    if leaf.kind == _BYTES:
        made: list[Any] = []
        at = 0
        for _ in range(count):
            size = int.from_bytes(body[at : at + 4], "little")
            piece = body[at + 4 : at + 4 + size]
            if len(piece) != size:
                raise UnreadableError
            made.append(piece.decode("utf-8", "replace") if leaf.is_text else piece)
            at += 4 + size
        return made
    if leaf.kind == _BOOLEAN:
        return [bool(body[index >> 3] >> (index & 7) & 1) for index in range(count)]
    if leaf.kind not in _NUMBERS:
        raise NotKnownError("numbers of an old or fixed size")
    one = struct.Struct(_NUMBERS[leaf.kind])
    if count * one.size > len(body):
        raise UnreadableError
    return [value for (value,) in one.iter_unpack(body[: count * one.size])]


def _unpacked(page: bytes, codec: int, size: int) -> bytes:
    if codec == 0:
        return page
    if codec == 1:
        return snappy(page, size)
    if codec == 2:
        return zlib.decompressobj(47).decompress(page, size)
    raise NotKnownError(f"{_CODECS.get(codec, 'unknown')} compression")
