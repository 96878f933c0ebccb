"""Whether an answer is the gold answer: exactly decided for numbers, letters and words, and for what is made of them.

Three values: equal, not equal, and None where a formula has to be understood, which models/answers/formulas.py does.
Answers with the same canonical form are equal, so that votes and the verifier never disagree about them, but for
what votes on one question may overlook: a unit, or a name, that both give and that is not the same.
"""

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from fractions import Fraction
from functools import lru_cache

from models.answers import canonical, measures, structure, units
from models.answers.notation import is_formula

Leaf = Callable[[str, str], bool | None]  # decides about two formulas, an answer and a gold

LONGEST = 10_000  # characters of an answer that is understood; beyond them it is compared as it is
DEEPEST = 8  # parts within parts

_INTEGER = re.compile(r"-?[0-9]{1,18}")
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{2})\s*([ap])?\.?m?\.?")
_RATIO = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*:\s*([0-9]+(?:\.[0-9]+)?)")
_LETTER = re.compile(r"[a-z]")
_BASE = re.compile(r"([0-9a-f]+)_\{?([0-9]{1,2})\}?")
_EQUALS = re.compile(r"(?<![<>!\\])=(?!=)")
_PERCENT = re.compile(r"%|percent")


def equal(answer: str, gold: str, leaf: Leaf = lambda answer, gold: None) -> bool | None:
    """Whether an answer equals the gold; None where `leaf` does not decide. Both: in one notation, as `taken` gives them."""
    if _INTEGER.fullmatch(answer) and _INTEGER.fullmatch(gold):
        return int(answer) == int(gold)
    if max(len(answer), len(gold)) > LONGEST:
        return "".join(answer.split()) == "".join(gold.split())
    return _equal(answer, gold, leaf, 0)


def _equal(answer: str, gold: str, leaf: Leaf, depth: int) -> bool | None:
    if answer == gold:
        return bool(answer)
    ours, theirs = structure.parts(answer), structure.parts(gold)
    if ours.name.casefold() != theirs.name.casefold():
        if ours.name and theirs.name and not _in_each_other(ours, theirs):
            return False
        if (ours.name and theirs.name) or _EQUALS.search((theirs if ours.name else ours).parts[0]):
            return leaf(answer, gold)  # two equations
    if ours.shape == theirs.shape == "one":
        return _one(_last_side(ours.parts[0], theirs.parts[0]), theirs.parts[0], leaf)
    if depth >= DEEPEST:
        return False

    def inner(a: str, b: str) -> bool | None:
        return _equal(a, b, leaf, depth + 1)

    if "one" in (ours.shape, theirs.shape):
        return _one_and_several(ours, theirs, answer, gold, leaf)
    if {ours.shape, theirs.shape} <= {"interval", "tuple"}:
        if ours.brackets != theirs.brackets and len(theirs.parts) == 2:
            return False
        return _in_order(ours.parts, theirs.parts, inner)
    if ours.shape in structure.UNORDERED and theirs.shape in structure.UNORDERED:
        unique = "set" in (ours.shape, theirs.shape)
        return in_any_order(_unique(ours.parts, unique), _unique(theirs.parts, unique), inner)
    if "list" in (ours.shape, theirs.shape) and "tuple" in (ours.shape, theirs.shape):
        return _in_order(ours.parts, theirs.parts, inner)
    return False


def _in_each_other(ours: structure.Parts, theirs: structure.Parts) -> bool:
    return all(name in text for name, parts in ((ours.name, theirs), (theirs.name, ours)) for text in parts.parts)


def _one_and_several(ours: structure.Parts, theirs: structure.Parts, answer: str, gold: str, leaf: Leaf) -> bool | None:
    """What is not taken apart may still be a matrix, a set by its name, or a relation that only algebra understands."""
    one, several = (ours, theirs) if ours.shape == "one" else (theirs, ours)
    if len(several.parts) == 1 and several.shape in structure.UNORDERED:  # {5} and 5
        a, b = (one.parts[0], several.parts[0]) if one is ours else (several.parts[0], one.parts[0])
        return _one(a, b, leaf)
    kinds = r"\\begin|\\(?:mathbb|emptyset|varnothing|setminus|cap|ne|le|ge)(?![a-z])|[<>]|\\\{"
    if re.search(kinds, one.parts[0]):
        return leaf(answer, gold)
    return False


def _last_side(answer: str, gold: str) -> str:
    """Of "1/2 = 0.5", when the gold is no equation, what the chain ends in; its sides before must be values too."""
    *sides, last = _EQUALS.split(answer)
    if sides and len(_EQUALS.split(gold)) == 1 and all(value_of(side) is not None or _named(side) for side in sides):
        return last.strip()
    return answer


def _named(side: str) -> bool:
    return bool(re.fullmatch(r"\s*(?:[A-Za-z]|\\[a-z]+)(?:_\{?\w+\}?)?\s*", side))


def _one(answer: str, gold: str, leaf: Leaf) -> bool | None:
    our_unit, their_unit = units.unit_of(answer), units.unit_of(gold)
    if (relation := measures.same_unit(our_unit, their_unit)) == "different":
        return False
    ours, theirs = value_of(answer), value_of(gold)
    if ours is not None and theirs is not None:
        if relation == "convertible":
            converted = measures.in_unit(ours, our_unit, their_unit)
            return converted is not None and measures.close(converted, theirs)
        return _same_value(ours, theirs, answer, gold)
    if bool(our_unit) != bool(their_unit) and (measured := _measured(answer, gold)) is not None:
        return measured
    if relation == "convertible":
        factor = measures.in_unit(Fraction(1), our_unit, their_unit) or Fraction(1)
        scaled = f"({units.without_unit(answer)})*({factor.limit_denominator(10**9)})"
        return leaf(scaled, units.without_unit(gold))
    a, b = form_of(answer), form_of(gold)
    if not a or not b:
        return False
    if (found := _special(a, b)) is not None:
        return found
    if a == b:
        return True
    if _LETTER.fullmatch(a) and _LETTER.fullmatch(b):
        return False
    if _is_words(a, answer) or _is_words(b, gold):
        return False
    return leaf(answer, gold)


def _measured(answer: str, gold: str) -> bool | None:
    """Compare two quantities of which one has a unit that might as well be a factor, as in 5 m; None when none has."""
    ours, theirs = measures.quantity(answer), measures.quantity(gold)
    if ours is None or theirs is None or measures.same_unit(ours.unit, theirs.unit) == "unknown":
        return None
    converted = measures.in_unit(ours.value, ours.unit, theirs.unit)
    return converted is not None and measures.close(converted, theirs.value)


def _same_value(ours: Fraction, theirs: Fraction, answer: str, gold: str) -> bool:
    """Whether two numbers are equal. A percent sign that only one has may be the problem's own, or change the value."""
    percent = [_PERCENT.search(text) is not None for text in (answer, gold)]
    if ours == theirs or percent[0] == percent[1]:
        return ours == theirs
    return ours == theirs * 100 if percent[0] else ours * 100 == theirs


def _special(a: str, b: str) -> bool | None:
    """Times of day, ratios, and numbers in a base; None when neither is one."""
    times = _TIME.fullmatch(a), _TIME.fullmatch(b)
    if times[0] and times[1]:
        half = (times[0][3], times[1][3])
        same_half = half[0] == half[1] or None in half
        return same_half and (int(times[0][1]), times[0][2]) == (int(times[1][1]), times[1][2])
    if _RATIO.fullmatch(a) or _RATIO.fullmatch(b):
        ours, theirs = _ratio(a), _ratio(b)
        return ours is not None and ours == theirs
    bases = _BASE.fullmatch(a), _BASE.fullmatch(b)
    if bases[0] and bases[1]:
        return bases[0].groups() == bases[1].groups()
    if bases[1] and re.fullmatch(r"[0-9a-f]+", a):  # the problem names the base
        return bases[1][1] == a
    if bases[0] and re.fullmatch(r"[0-9]+", b):
        with suppress(ValueError):  # no digit of that base
            return int(bases[0][1], int(bases[0][2])) == int(b)
        return False
    return None


def _ratio(text: str) -> Fraction | None:
    if found := _RATIO.fullmatch(text):
        under = Fraction(found[2])
        return Fraction(found[1]) / under if under else None
    return canonical.number(text)


def _is_words(form: str, text: str) -> bool:
    """Whether a text, with its canonical form, is one that no algebra makes another's equal."""
    return not (is_formula(form) or is_formula(canonical.undressed(text)) or re.search(r"[=^<>\\{}+*/|()_]", form))


@lru_cache(4096)
def form_of(text: str) -> str:
    """The canonical form of a part. text: in one notation."""
    return canonical.plain(text)


@lru_cache(4096)
def value_of(text: str) -> Fraction | None:
    """The exact value of a part that is a number, whatever unit it has. text: in one notation."""
    return canonical.number(form_of(text))


def _unique(parts: Sequence[str], unique: bool) -> list[str]:
    return list({form_of(part): part for part in parts}.values()) if unique else list(parts)


def _in_order(answer: Sequence[str], gold: Sequence[str], inner: Leaf) -> bool | None:
    if len(answer) != len(gold):
        return False
    found = [inner(a, b) for a, b in zip(answer, gold, strict=True)]
    return False if False in found else None if None in found else True


def in_any_order(answer: Sequence[str], gold: Sequence[str], inner: Leaf) -> bool | None:
    """Whether every part has its own equal among the others: equality being transitive, any equal will do."""
    if len(answer) != len(gold):
        return False
    left, open_parts = list(answer), []
    for part in gold:
        found = [inner(other, part) for other in left]
        if True in found:
            del left[found.index(True)]
        elif None in found:
            open_parts.append(part)
        else:
            return False
    return None if open_parts else True
