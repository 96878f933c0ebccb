"""The form in which two answers are the same or not: numbers in one spelling, text without what only dresses it."""

import re
from fractions import Fraction
from functools import lru_cache

from models.answers.extract import LAST_WORDS, NUMBER, final_answer, last_boxed
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
# Separators other than the comma: a space, an apostrophe, and the point where it can only be one.
_GROUPED = re.compile(r"([-+]?[0-9]{1,3}(?:(?:[ '][0-9]{3})+|(?:\.[0-9]{3}){2,}|\.[0-9]{3}(?=,)))(?:[.,]([0-9]+))?")
_REPEATING = re.compile(r"([-+]?)([0-9]*)\.([0-9]*)\\(?:overline|bar|dot)\s*\{?([0-9]+)\}?")
_FACTORIAL = re.compile(r"(?:[0-9)]|(?<![^\W\d_])[a-z])!$")
_PLAIN_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,98}")
_CHOICE = re.compile(r"\(([a-z])\)")
_MARKS = " *_`\"'"
_END_MARKS = _MARKS + ".,;:!?"


def canonical(answer: str) -> str:
    """The form in which two answers are compared. "" when there is nothing to compare."""
    return plain(taken(answer))


def taken(answer: str) -> str:
    """What a reply states as its answer, in one notation. answer: without its thinking."""
    if (boxed := last_boxed(answer)) is not None:
        return one_notation(boxed)
    if "####" in answer or len(answer) <= LAST_WORDS:
        return final_answer(one_notation(answer))
    end = one_notation(answer[-LAST_WORDS:])
    return found if (found := final_answer(end)) != end else one_notation(answer)


def plain(text: str) -> str:
    """A number in canonical spelling; a formula without spaces; other text without decoration. text: as `taken` gives it."""
    if _PLAIN_INTEGER.fullmatch(text):
        return text
    text = undressed(without_unit(undelimited(text)))
    if (value := number(text)) is not None:
        return spelled(value)
    if len(text) > LONGEST_FORMULA:
        return text
    if is_formula(text):
        text = _CHOICE.sub(r"\1", tight(text))
        if len(_RELATION.findall(text)) == 1:
            text = _NAMED.sub("", text)
        if (value := number(text)) is not None:
            return spelled(value)
    elif re.search(r"[=^+\\]", text):
        text = _OPERATOR_SPACES.sub(r"\1", text)
    return _COMMAS.sub(", ", text)


def undelimited(text: str) -> str:
    """A formula without the signs that only set it."""
    return _DELIMITERS.sub("", text.replace("{,}", ","))


def undressed(text: str) -> str:
    """A text in lower case, without fonts and the marks around it."""
    text = " ".join(_WRAPPED.sub(r"\1", text).casefold().split()).lstrip(_MARKS)
    bare = text.rstrip(_END_MARKS)
    return bare + "!" if _FACTORIAL.search(text[: len(bare) + 1]) else bare


@lru_cache(4096)
def number(text: str) -> Fraction | None:
    """The exact value of a number, a percent sign dropped; None for what is none. text: undressed."""
    bare = _NAMED.sub("", text).rstrip("% ")
    if len(bare) > LONGEST_NUMBER:
        return None
    if NUMBER.fullmatch(bare):
        over, _, under = bare.replace(",", "").replace(" ", "").partition("/")
        whole, _, rest = over.partition(".")
        return Fraction(int(whole + rest), 10 ** len(rest) * int(under or 1))
    if grouped := _GROUPED.fullmatch(bare):
        return Fraction(re.sub(r"[^-+0-9]", "", grouped[1]) + "." + (grouped[2] or "0"))
    if repeating := _REPEATING.fullmatch(bare):
        sign, whole, fixed, period = repeating.groups()
        value = Fraction(f"{whole or 0}.{fixed}0") + Fraction(int(period), (10 ** len(period) - 1) * 10 ** len(fixed))
        return -value if sign == "-" else value
    scaled = _POWER_OF_TEN.fullmatch(bare)
    if scaled and NUMBER.fullmatch(mantissa := scaled[1] or f"{scaled[2]}1"):
        return Fraction(mantissa) * Fraction(10) ** int(scaled[3])
    return None
