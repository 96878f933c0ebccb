"""The elements of a large JSON document, one at a time: an array is never held whole.

Only brackets, commas and quotes are looked at; each element's bytes are then decoded by the JSON decoder. Inside a
string the next quote is looked for, so text passes at memory speed.
"""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

MOST_DEPTH = 1000  # no decoder goes deeper
_CHUNK = 1 << 18
_OUTSIDE = re.compile(rb'[",\[\]{}]')
_SPACE = b" \t\r\n"


class Chunks(Protocol):
    """Where bytes come from."""

    def read(self, size: int, /) -> bytes:
        """The next bytes, empty at the end."""


class Element(NamedTuple):
    """Bytes of one element."""

    data: bytes
    whole: bool = True  # not cut off by the file's end
    too_long: bool = False  # over the limit
    too_deep: bool = False  # over MOST_DEPTH: nothing behind it is given


_NOT_ROWS = (b"features", b"columns", b"schema", b"fields")  # what tells of the rows, in the Hub's and others' answers


def find_list(head: bytes, is_row_key: Callable[[bytes], bool]) -> int | None:
    """Where the elements of the document's list begin: just behind the bracket of an array of objects.

    That is the first list of objects directly inside a top-level object; what follows that list is not read. None when
    `head`, the document's beginning, shows none, or before it a key that only a row has.
    """
    level = at = 0
    key = b""
    while match := _OUTSIDE.search(head, at):
        mark, at = match[0], match.end()
        if mark == b'"':
            end = _string_end(head, at)
            if end < 0:
                return None
            if level == 1 and head[end : end + 64].lstrip(_SPACE)[:1] == b":":
                key = head[at : end - 1]
                if is_row_key(key):
                    return None
            at = end
        elif mark in b"[{":
            level += 1
            if mark == b"[" and level == 2 and key not in _NOT_ROWS and head[at : at + 256].lstrip(_SPACE)[:1] == b"{":
                return at
        elif mark in b"]}":
            level -= 1
    return None


def split(source: Chunks, separated: bool, limit: int, first: bytes = b"") -> Iterator[Element]:
    """Give the elements of `first`, what was read already, and what is left of `source`.

    separated: they stand in an array, whose bracket has been read; else they are documents one after the other.
    An element over `limit` bytes is passed over and given with the data empty; one that is nested too deep ends it.
    """
    buffer = first or source.read(_CHUNK)
    at = level = begin = 0
    in_string = dropped = False
    while True:
        end, cut = -1, 0
        if in_string:
            close = _string_end(buffer, at)
            at, in_string = (close, False) if close >= 0 else (len(buffer), True)
        elif match := _OUTSIDE.search(buffer, at):
            mark, at = match[0], match.end()
            if mark == b'"':
                in_string = True
            elif mark in b"[{":
                level += 1
                if level > MOST_DEPTH:
                    yield Element(b"", whole=False, too_deep=True)
                    return
            elif mark == b",":
                end, cut = (at - 1, at) if separated and level == 0 else (-1, 0)
            else:
                level -= 1
                if separated and level < 0:
                    yield from _element(buffer[begin : at - 1], dropped)
                    return
                if not separated and level <= 0:
                    end, cut, level = at, at, 0
        else:
            at = len(buffer)
        if cut:
            yield from _element(buffer[begin:end], dropped)
            begin, dropped = cut, False
        if at >= len(buffer):
            if len(buffer) - begin > limit:
                dropped = True
            # of a passed-over element a last backslash that escapes what comes is kept, and nothing else
            keep = _backslashes(buffer, len(buffer)) % 2 if dropped else len(buffer) - begin
            more = source.read(_CHUNK)
            buffer = buffer[len(buffer) - keep :] + more
            at, begin = keep, 0
            if not more:
                rest = buffer.strip(_SPACE)
                if rest or dropped:
                    yield Element(b"" if dropped else rest, whole=False, too_long=dropped)
                elif separated:
                    yield Element(b"", whole=False)
                return


def _element(data: bytes, dropped: bool) -> Iterator[Element]:
    if dropped:
        yield Element(b"", too_long=True)
    elif data := data.strip(_SPACE):
        yield Element(data)


def _string_end(text: bytes, at: int) -> int:
    """Just behind the quote that ends the string which `at` stands in, or -1."""
    while (quote := text.find(b'"', at)) >= 0:
        if _backslashes(text, quote) % 2 == 0:
            return quote + 1
        at = quote + 1
    return -1


def _backslashes(text: bytes, end: int) -> int:
    """How many stand before `end`; looks at little more than those."""
    length = 64
    while True:
        before = text[max(0, end - length) : end]
        count = len(before) - len(before.rstrip(b"\\"))
        if count < length:
            return count
        length *= 2
