"""The parts a message is shown as: a flat list of leaves, each of which knows where it stands.

Flat, because a list of values can be compared: while a reply streams, leaves that did not change are left alone.
"""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Run:
    """Text of one look. forced: put there by the thinking budget, not by the model."""

    text: str
    bold: bool = False
    italic: bool = False
    struck: bool = False
    code: bool = False
    forced: bool = False
    href: str = ""


@dataclass(frozen=True, slots=True)
class Maths:
    """A formula within a line. source: as it was written, delimiters included."""

    tex: str
    source: str
    bold: bool = False


Inline = Run | Maths


@dataclass(frozen=True, slots=True)
class Place:
    """Where a leaf stands.

    containers: from the outside in, q quote, l bullet list, o numbered list, O numbered list with wide numbers;
    markers: what stands before the leaf's first line, by container; tight: close to the leaf above;
    from_right: what it stands in, a table included, is read from the right and so has its marks there.
    """

    containers: str = ""
    markers: tuple[tuple[int, str], ...] = ()
    tight: bool = False
    from_right: bool = False


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text. level: 1 to 6 for headings, 0 otherwise."""

    runs: tuple[Inline, ...]
    level: int = 0
    place: Place = field(default=Place())


@dataclass(frozen=True, slots=True)
class Display:
    """A formula on a line of its own."""

    tex: str
    source: str
    place: Place = field(default=Place())


@dataclass(frozen=True, slots=True)
class Code:
    """A code block. closed: its closing fence has come."""

    text: str
    language: str
    closed: bool = True
    place: Place = field(default=Place())


@dataclass(frozen=True, slots=True)
class Table:
    """A table. aligns: "l", "c" or "r" by column; more: how many rows are left out."""

    header: tuple[tuple[Inline, ...], ...]
    rows: tuple[tuple[tuple[Inline, ...], ...], ...]
    aligns: str
    more: int = 0
    place: Place = field(default=Place())


@dataclass(frozen=True, slots=True)
class Rule:
    """A horizontal rule."""

    place: Place = field(default=Place())


Leaf = Paragraph | Display | Code | Table | Rule


@dataclass(frozen=True, slots=True)
class Parsed:
    """The leaves of a text.

    last_leaf, last_offset: where its last part begins, in leaves and in characters: a top-level block, or an item of
    a top-level list; inside: for such an item, whether its list is tight or loose, and read from the right. What comes
    is parsed from there.
    """

    leaves: list[Leaf]
    last_leaf: int = 0
    last_offset: int = 0
    inside: Literal["", "tight", "loose", "tight from right", "loose from right"] = ""
