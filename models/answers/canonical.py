"""The form in which two answers are the same or not: numbers in one spelling, text without what only dresses it."""

import re
from fractions import Fraction

from models.answers.extract import NUMBER, final_answer
from models.answers.notation import is_formula, one_notation, spelled, tight
from models.answers.units import without_unit

LONGEST_NUMBER = 100  # characters; beyond them a number is text
LONGEST_FORMULA = 2000  # characters

_WRAPPED = re.compile(r"\\(?:text(?:bf|it|rm)?|math(?:rm|bf|it|sf)|mbox|operatorname|boldsymbol|bm)\s*\{([^{}]*)\}")
_DELIMITERS = re.compile(r"\$|(?<!\\)\\[()\[\]]")
_NAMED = re.compile(r"^(?:[a-z](?:_\{?\w+\}?)?|\\[a-z]+|[a-z]\([a-z]\))\s*(?:=|\\in(?![a-z]))\s*")
_RELATION = re.compile(r"[=<>]|\\(?:le|ge|ne|in)(?![a-z])")
_OPERATOR_SPACES = re.compile(r"\s*([-+=<>^/(){}\[\]|])\s*")
_COMMAS = re.compile(r"\s*,\s*(?=\S)")
_POWER_OF_TEN = re.compile(r"(?:([-+]?[0-9.]+)(?:\*10\^\{|e)|([-+]?)10\^\{)([-+]?[0-9]{1,2})\}?")
_CHOICE = re.compile(r"\(([a-z])\)")
_MARKS = " *_`\"'"
_END_MARKS = _MARKS + ".,;:!?"


def canonical(answer: str) -> str:
    """The form in which two answers are compared. "" when there is nothing to compare."""
    return _plain(final_answer(one_notation(answer)))


def _plain(text: str) -> str:
    """A number in canonical spelling; a formula without spaces; other text without decoration."""
    text = without_unit(_DELIMITERS.sub("", text.replace("{,}", ",")))
    text = " ".join(_WRAPPED.sub(r"\1", text).casefold().split()).lstrip(_MARKS).rstrip(_END_MARKS)
    if (number := _number(text)) is not None:
        return number
    if len(text) > LONGEST_FORMULA:
        return text
    if is_formula(text):
        text = _CHOICE.sub(r"\1", tight(text))
        if len(_RELATION.findall(text)) == 1:
            text = _NAMED.sub("", text)
        if (number := _number(text)) is not None:
            return number
    elif re.search(r"[=^+\\]", text):
        text = _OPERATOR_SPACES.sub(r"\1", text)
    return _COMMAS.sub(", ", text)


def _number(text: str) -> str | None:
    """A number in its one spelling; None for what is none."""
    bare = _NAMED.sub("", text).rstrip("% ")
    if len(bare) > LONGEST_NUMBER:
        return None
    if NUMBER.fullmatch(bare):
        over, _, under = bare.replace(",", "").replace(" ", "").partition("/")
        return spelled(Fraction(over) / Fraction(under or "1"))
    scaled = _POWER_OF_TEN.fullmatch(bare)
    if scaled and NUMBER.fullmatch(mantissa := scaled[1] or f"{scaled[2]}1"):
        return spelled(Fraction(mantissa) * Fraction(10) ** int(scaled[3]))
    return None
