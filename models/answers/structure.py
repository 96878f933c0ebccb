"""The parts of an answer: a list, a set, a point or an interval, a union, plus or minus, an inequality.

An answer of several parts is equal to another when its parts are; what is no part of anything is left to the formula
checker. So nothing is lost on the way to it, as when "n = 2, 3, 4" is read as its last number.
"""

import re
from functools import lru_cache
from itertools import product
from typing import Literal, NamedTuple

from models.answers import canonical

Shape = Literal["one", "list", "set", "tuple", "interval", "union"]

MOST_PARTS = 200
MOST_SIGNS = 3  # of plus-minus in a part
UNORDERED = ("list", "set", "union")

_TRAILING = re.compile(r"(?:\s|\\[,;:! ]|(?<![0-9])\.(?![0-9])|(?<=[0-9])\.$)+$")
_DOLLARS = re.compile(r"^\s*([-+]?)\s*\$\s*([-+]?\.?[0-9][0-9,.]*?)[\s.]*$")
_AND = re.compile(r"\\(?:text|mbox|mathrm)\s*\{[\s,]*(and|or)[\s,]*\}|\\(lor|land|vee|wedge)(?![a-zA-Z])")
_OPEN, _CLOSE = "([{", ")]}"
_SEPARATOR = re.compile(r"\s*[,;]\s*(?:and\b|or\b)?\s*|\s+(?:and|or)\s+")
_UNION = re.compile(r"\\cup(?![a-zA-Z])")
_NAME = re.compile(
    r"\s*([A-Za-z](?:_\{?\w+\}?|')?|\\[a-z]+|[a-zA-Z]\s*\([a-z]\)|\([a-z](?:\s*,\s*[a-z])+\))\s*(?:=|\\in(?![a-z]))(?!=)\s*"
)
_NO_NAME = ("\\pm", "\\mp", "\\sqrt", "\\frac", "\\cdot", "\\infty", "\\pi", "\\text")
_VARIABLE = r"(?:[a-zA-Z](?:_\{?\w\}?)?|\\(?:alpha|beta|theta|lambda|phi))"
_SIDE = r"(?:(?![<>=]|\\[lgn]e(?![a-z])).)+?"
_LESS, _MORE = r"(<=?|\\le(?![a-z]))", r"(>=?|\\ge(?![a-z]))"
_BETWEEN = re.compile(rf"({_SIDE})\s*{_LESS}\s*({_VARIABLE})\s*{_LESS}\s*({_SIDE})")
_BETWEEN_DOWN = re.compile(rf"({_SIDE})\s*{_MORE}\s*({_VARIABLE})\s*{_MORE}\s*({_SIDE})")
_BOUND = re.compile(rf"({_VARIABLE})\s*(?:{_LESS}|{_MORE})\s*({_SIDE})")
_BOUND_BEFORE = re.compile(rf"({_SIDE})\s*(?:{_LESS}|{_MORE})\s*({_VARIABLE})")
_ABSOLUTE = re.compile(rf"(?:\||\\vert\s*)\s*({_VARIABLE})\s*(?:\||\\vert\s*)\s*(?:{_LESS}|{_MORE})\s*([0-9./]+)")
_NOT = re.compile(rf"({_VARIABLE})\s*(?:\\ne(?![a-z])|!=)\s*({_SIDE})")


class Parts(NamedTuple):
    """An answer taken apart. brackets: of an interval or a point, as in "(]"; name: what stands before "="."""

    shape: Shape
    parts: tuple[str, ...]
    brackets: str = ""
    name: str = ""


@lru_cache(4096)
def parts(text: str) -> Parts:
    """Take an answer apart. text: in one notation."""
    text = _DOLLARS.sub(r"\1\2 dollars", text)
    text = _TRAILING.sub("", canonical.undelimited(_AND.sub(r" or ", text))).strip()
    text = text.replace("\\langle", "(").replace("\\rangle", ")")
    name, text = named(text)
    if canonical.number(canonical.undressed(text)) is not None:
        return Parts("one", (text,), name=name)
    shape, inner, brackets = _divided(text)
    if len(inner) > MOST_PARTS:
        return Parts("one", (text,), name=name)
    if shape == "list" and name:
        # x = 1, y = 2 names each; x = 1, 2 and x = 1 or x = 2 name one thing
        names = {name, *(named(part)[0] or name for part in inner)}
        if len(names) > 1:
            inner, name = (f"{name}={inner[0]}", *inner[1:]), ""
        else:
            inner = tuple(named(part)[1] for part in inner)
    if shape in ("one", "list"):
        intervals = [found for part in inner if (found := _inequality(part))]
        if len(intervals) == len(inner) == 1:
            return intervals[0]
        if len(intervals) == len(inner) and intervals:
            shape, inner = "union", tuple(_written(found) for found in intervals)
    return Parts(shape, inner, brackets, name)


def named(text: str) -> tuple[str, str]:
    """What a value is called, and the value; "" for what has no name."""
    found = _NAME.match(text)
    if not found or found[1].startswith(_NO_NAME):
        return "", text
    rest = text[found.end() :]
    return re.sub(r"[\s{}]", "", found[1]), rest


def _divided(text: str) -> tuple[Shape, tuple[str, ...], str]:
    if len(pieces := _split(text, _UNION)) > 1:
        return "union", pieces, ""
    text = re.sub(r"\\([{}])", r"\1", text) if text.startswith("\\{") and text.endswith("\\}") else text
    if text.startswith("{") and text.endswith("}") and _encloses(text):
        inside = text[1:-1]
        if not re.search(r"\||\\mid|:", inside):  # described by a condition
            return "set", tuple(piece for piece in _split(inside, _SEPARATOR) if piece), ""
    if len(pieces := _split(text, _SEPARATOR)) > 1 and all(pieces):
        return "list", _signed(pieces), ""
    if text[:1] in tuple("([") and text[-1:] in tuple(")]") and _encloses(text):
        pieces = _split(text[1:-1], _SEPARATOR)
        if len(pieces) > 1 and all(pieces):
            brackets = text[0] + text[-1]
            return ("interval" if brackets != "()" and len(pieces) == 2 else "tuple"), pieces, brackets
        if len(pieces) == 1 and pieces[0] and "[" not in text:
            return _divided(pieces[0])
    signed = _signed((text,))
    return ("list" if len(signed) > 1 else "one"), signed, ""


def _encloses(text: str) -> bool:
    """Whether the first bracket is closed by the last. Kinds may be mixed, as in (1, 2]."""
    depth = 0
    for index, character in enumerate(text):
        depth += (character in _OPEN) - (character in _CLOSE)
        if depth <= 0:
            return index == len(text) - 1
    return False


def _split(text: str, separator: re.Pattern[str]) -> tuple[str, ...]:
    """The pieces between separators that stand in no bracket; a comma within a number is none."""
    pieces, begin, depth, at = [], 0, 0, 0
    for found in separator.finditer(text):
        depth += sum((c in _OPEN) - (c in _CLOSE) for c in text[at : found.start()])
        at = found.start()
        if depth == 0 and not _in_number(text, found):
            pieces.append(text[begin : found.start()].strip())
            begin = found.end()
    return (*pieces, text[begin:].strip())


def _in_number(text: str, comma: re.Match[str]) -> bool:
    """Whether a comma groups the thousands of a number: one to three digits before, three after, and no space."""
    return (
        comma.group() == ","
        and re.search(r"(?<![0-9.])(?:[0-9]{1,3}|[0-9]{1,3}(?:,[0-9]{3})+)$", text[: comma.start()]) is not None
        and re.match(r"[0-9]{3}(?![0-9])", text[comma.end() :]) is not None
        and re.search(r"(?:^|[^0-9,])[0-9]{1,3}(?:,[0-9]{3})*$", text[: comma.start()]) is not None
    )


def _signed(pieces: tuple[str, ...]) -> tuple[str, ...]:
    """Pieces with plus-minus as the two values it stands for."""
    values: list[str] = []
    for piece in pieces:
        between = piece.split("\\pm")
        if not 1 < len(between) <= MOST_SIGNS + 1:
            values.append(piece)
            continue
        for signs in product("+-", repeat=len(between) - 1):
            value = between[0] + "".join(sign + part.strip() for sign, part in zip(signs, between[1:], strict=True))
            values.append(value.strip().removeprefix("+"))
    return tuple(values)


def _inequality(text: str) -> Parts | None:
    """An inequality of one variable, bounded by what is none, as the interval or union it stands for."""
    text = text.strip()
    if (found := _BETWEEN.fullmatch(text)) and _free(found[3], found[1], found[5]):
        return _interval(found[1], _closed(found[2]), found[5], _closed(found[4]))
    if (found := _BETWEEN_DOWN.fullmatch(text)) and _free(found[3], found[1], found[5]):
        return _interval(found[5], _closed(found[4]), found[1], _closed(found[2]))
    if (found := _BOUND.fullmatch(text)) and _free(found[1], found[4]):
        return _half(found[2], found[3], found[4])
    if (found := _BOUND_BEFORE.fullmatch(text)) and _free(found[4], found[1]):
        return _half(found[3], found[2], found[1])
    if found := _ABSOLUTE.fullmatch(text):
        if found[2]:
            return _interval(f"-{found[4]}", _closed(found[2]), found[4], _closed(found[2]))
        outer = _half("<" + "=" * _closed(found[3]), None, f"-{found[4]}"), _half(None, found[3], found[4])
        return Parts("union", tuple(map(_written, outer)))
    if (found := _NOT.fullmatch(text)) and _free(found[1], found[2]):
        value = found[2].strip()
        return Parts("union", (f"(-\\infty ,{value})", f"({value},\\infty )"))
    return None


def _free(variable: str, *sides: str) -> bool:
    letters = {letter for side in sides for letter in re.findall(r"(?<![\\a-zA-Z])[a-zA-Z](?![a-zA-Z])", side)}
    return variable not in letters and not any(letter in letters for letter in "xyz")


def _half(less: str | None, more: str | None, value: str) -> Parts:
    if less:
        return _interval("-\\infty ", False, value, _closed(less))
    return _interval(value, _closed(more or ""), "\\infty ", False)


def _closed(relation: str) -> bool:
    return "=" in relation or "e" in relation


def _interval(low: str, low_closed: bool, high: str, high_closed: bool) -> Parts:
    brackets = ("[" if low_closed else "(") + ("]" if high_closed else ")")
    return Parts("tuple" if brackets == "()" else "interval", (low.strip(), high.strip()), brackets)


def _written(found: Parts) -> str:
    """An interval as text, for the parts of a union."""
    if found.shape == "union":
        return " \\cup ".join(found.parts)
    return f"{found.brackets[0]}{found.parts[0]},{found.parts[1]}{found.brackets[1]}"
