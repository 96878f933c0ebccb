"""The form in which two answers are the same or not: numbers in one spelling, text without what only dresses it."""

import re
import unicodedata
from decimal import Decimal, localcontext
from fractions import Fraction

from models.answers.extract import NUMBER, final_answer

LONGEST_NUMBER = 100  # characters; beyond them a number is text

_FRACTION = re.compile(r"\\[dt]?frac\s*\{\s*(-?\d+)\s*\}\s*\{\s*(\d+)\s*\}")
_WRAPPED = re.compile(r"\\(?:text|textbf|mathrm|mathbf)\s*\{([^{}]*)\}")
_SPACING = re.compile(r"\\(?:left|right|[,;:! ])|\$")
_NAMED = re.compile(r"^[a-z]\s*=\s*")
_CHARACTERS = str.maketrans({"−": "-", "⁄": "/", "’": "'"})
_MARKS = " *_`\"'"
_END_MARKS = _MARKS + ".,;:!?"


def canonical(answer: str) -> str:
    """The form in which two answers are compared. "" when there is nothing to compare."""
    text = unicodedata.normalize("NFKC", answer).translate(_CHARACTERS)
    return _plain(final_answer(_FRACTION.sub(r"\1/\2", text)))


def _plain(text: str) -> str:
    """A number in canonical spelling; other text without decoration."""
    text = _WRAPPED.sub(r"\1", text.replace("{,}", ","))
    text = _SPACING.sub("", text).replace("\\%", "%").casefold()
    text = " ".join(text.split()).lstrip(_MARKS).rstrip(_END_MARKS)
    bare = _NAMED.sub("", text).rstrip("% ")
    if len(bare) <= LONGEST_NUMBER and NUMBER.fullmatch(bare):
        return _spelled(bare)
    return text


def _spelled(number: str) -> str:
    """A number as a terminating decimal, else as a fraction in lowest terms."""
    over, _, under = number.replace(",", "").replace(" ", "").partition("/")
    value = Fraction(over) / Fraction(under or "1")
    with localcontext(prec=5 * LONGEST_NUMBER):  # enough for any decimal that ends
        decimal = Decimal(value.numerator) / Decimal(value.denominator)
        return f"{decimal:f}" if Fraction(decimal) == value else str(value)
