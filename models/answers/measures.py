"""Measured quantities: numbers with a unit, their conversion, and whether two agree within a tolerance.

pint knows the units. What it is given is a product of names with small powers, nothing that it could compute at length.
"""

import re
from fractions import Fraction
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Literal, NamedTuple

from models.answers import canonical
from models.answers.notation import one_notation

if TYPE_CHECKING:
    from pint import UnitRegistry

Relation = Literal["same", "convertible", "different", "unknown"]

LONGEST_UNIT = 60  # characters
TOLERANCE = 1e-6  # relative, where a task says none

_DEFINED = (
    "dollar = [currency_dollar] = USD",
    "us_cent = 0.01 * dollar",
    "euro = [currency_euro] = EUR",
    "gbp = [currency_gbp]",
)
# what pint calls otherwise, or takes for something else; in lower case
_NAMES = {
    "$": "dollar", "dollars": "dollar", "usd": "dollar", "cent": "us_cent", "cents": "us_cent", "€": "euro",
    "euros": "euro", "eur": "euro", "£": "gbp", "%": "percent", "percent": "percent", "°": "degree", "°c": "degC",
    "°f": "degF", "celsius": "degC", "fahrenheit": "degF", "°celsius": "degC", "°fahrenheit": "degF", "sec": "second",
    "secs": "second", "mins": "minute", "min": "minute", "hrs": "hour", "hr": "hour", "lbs": "pound", "kph": "km/hour",
    "mph": "mile/hour", "sq": "square", "cu": "cubic", "l": "liter", "kelvins": "kelvin", "degree": "degree",
    "degrees": "degree", "degree celsius": "degC", "degrees celsius": "degC", "degree fahrenheit": "degF",
    "degrees fahrenheit": "degF", "degree c": "degC", "degrees c": "degC", "degree f": "degF", "degrees f": "degF",
    "feet": "foot", "inches": "inch", "yr": "year", "yrs": "year", "km/h": "km/hour", "amp": "ampere", "amps": "ampere",
    "litres": "liter", "litre": "liter", "tonne": "metric_ton", "tonnes": "metric_ton",
}  # fmt: skip
_SET = re.compile(r"\\(?:text|mathrm|textrm|mbox|operatorname|rm|,|;|:|!| )(?![a-zA-Z])")
_POWER = re.compile(r"\s*(?:\^|\*\*)\s*\{?\s*([-+]?[0-9])\s*\}?|(?<=[a-z])([23])(?![0-9])")
_ALLOWED = re.compile(r"[a-zA-Zµμ°%ΩÅ_]+(?:\^-?[0-9])?(?:[*/][a-zA-Zµμ°%ΩÅ_]+(?:\^-?[0-9])?)*")
_VALUE = (
    r"[-+]?(?:[0-9]{1,3}(?:[, ][0-9]{3})+|[0-9]+)?(?:\.[0-9]+)?(?:(?<=[0-9])\.(?![0-9]))?(?:\s*/\s*[0-9]+(?![a-zA-Z]))?"
)
_SCALE = r"(?:\s*(?:\\cdot|[x*])\s*10\s*\^\s*\{?\s*([-+]?[0-9]{1,3})\s*\}?|[eE]([-+]?[0-9]{1,3})(?![0-9a-zA-Z]))?"
_UNIT = r"(?:[^0-9+\s,]|(?<=[\^{-])[0-9]|(?<=[a-zA-Z])[23](?![0-9.])|\s(?![-+0-9.]|and\b))*"
_MEASURED = re.compile(rf"\s*({_VALUE}){_SCALE}\s*({_UNIT})")
_ABOUT = re.compile(r"^\s*(?:\\approx|\\sim|≈|~|(?:approximately|approx\.?|about|roughly|around)\b)\s*", re.IGNORECASE)


class Quantity(NamedTuple):
    """A value and its unit as written, "" for none."""

    value: Fraction
    unit: str


def quantity(text: str) -> Quantity | None:
    """The number that a text is, with its unit; of several that add up, as 5 ft 3 in, their sum in the first unit.

    None for what is no number. text: what is taken for the answer, in one notation.
    """
    if text.count("$") == 1:
        text = re.sub(r"([-+]?)\$\s*([0-9.,]+)", r"\1\2 USD", text)
    text = _ABOUT.sub("", canonical.undelimited(text)).strip().rstrip(".").strip(" *_")
    text = re.sub(r"^[a-zA-Z](?:_\{?\w+\}?)?\s*(?:=|\\approx)\s*", "", text)
    text = re.sub(r"^([-+]?)\s*([€£])\s*([0-9.,]+)", r"\1\3 \2", text)
    found: list[Quantity] = []
    at = 0
    while at < len(text) and len(found) < 4:
        match = _MEASURED.match(text, at)
        if not match or not re.search("[0-9]", match[1]):
            return None
        value = canonical.number(match[1].strip().rstrip("."))
        if value is None:
            return None
        if match[2] or match[3]:
            value *= Fraction(10) ** int(match[2] or match[3])
        unit = match[4].strip(" .~")
        if "\\" in spelled(unit):  # a factor such as \\pi
            return None
        found.append(Quantity(value, unit))
        at = match.end()
        at += len(re.match(r"\s*(?:,|and\b)?\s*", text[at:]).group())  # type: ignore[union-attr]  # matches nothing too
    if not found or at < len(text):
        return None
    total = found[0].value
    for part in found[1:]:
        converted = in_unit(part.value, part.unit, found[0].unit)
        if converted is None:
            return None
        total += converted
    return Quantity(total, found[0].unit)


def same_unit(ours: str, theirs: str) -> Relation:
    """How two units stand to each other. "unknown" also where one is missing or is not a unit of measurement."""
    if not ours or not theirs:
        return "unknown"
    a, b = spelled(ours), spelled(theirs)
    if a == b:
        return "same"
    if not is_unit(a) or not is_unit(b):
        return "unknown"
    return "convertible" if _registry().Unit(a).is_compatible_with(_registry().Unit(b)) else "different"


def in_unit(value: Fraction, ours: str, theirs: str) -> Fraction | None:
    """A value in another unit, temperatures with their offset; None where there is no way from one to the other."""
    a, b = spelled(ours) or "dimensionless", spelled(theirs) or "dimensionless"
    if a == b:
        return value
    if not is_unit(a) or not is_unit(b):
        return None
    from pint.errors import DimensionalityError, OffsetUnitCalculusError

    try:
        return Fraction(float(_registry().Quantity(float(value), a).to(b).magnitude))
    except (DimensionalityError, OffsetUnitCalculusError, OverflowError, ValueError):
        return None


def close(value: Fraction, gold: Fraction, tolerance: float = 1e-9) -> bool:
    """Whether a value is the gold within a relative tolerance, an absolute one where the gold is zero."""
    return abs(value - gold) <= Fraction(tolerance) * (abs(gold) or 1)


@lru_cache(1024)
def spelled(unit: str) -> str:
    """A unit as pint reads it: names, their powers, products and quotients."""
    text = one_notation(unit) if not unit.isascii() else unit
    text = _SET.sub(" ", text.replace("\\cdot", "*").replace("\\circ", "°"))
    text = re.sub(r"\\mu\s*", "µ", text)
    text = re.sub(r"\^?\{?°\}?\s*(?:\{\s*)?([CF]?)\b", r"°\1", text)
    text = text.replace("\\%", "%").replace("\\$", "$").replace("{", "{ ").replace("}", " }")
    text = re.sub(r"\bper\b", "/", text)
    text = _POWER.sub(lambda found: f"^{found[1] or found[2]} ", text).replace("^+", "^")
    text = " ".join(re.sub(r"\s*\^\s*", "^", re.sub(r"[{}]", " ", text)).split())
    text = re.sub(r"/\s*\(([^()]*)\)", lambda found: "/" + re.sub(r"[\s*]+", "/", found[1].strip()), text)
    text = re.sub(r"\s*([*/^])\s*", r"\1", " ".join(re.sub(r"[()]", " ", text).split())).strip(" *.")
    if text.casefold() in _NAMES:
        return _NAMES[text.casefold()]
    for word, power in (("square", 2), ("cubic", 3), ("sq", 2), ("cu", 3)):
        text = re.sub(rf"\b{word}\.?\s+([a-zA-Z]+)", rf"\1^{power}", text)
        text = re.sub(rf"([a-zA-Z]+)\s+{word}d\b", rf"\1^{power}", text)
    return re.sub(r"[^*/^\s0-9-]+", lambda found: _NAMES.get(found.group().casefold(), found.group()), text).replace(
        " ", "*"
    )


@lru_cache(1024)
def is_unit(spelling: str) -> bool:
    """Whether pint knows a unit. spelling: as `spelled` gives it."""
    if len(spelling) > LONGEST_UNIT or not _ALLOWED.fullmatch(spelling):
        return False
    try:
        _registry().parse_units(spelling)
    except Exception:  # pint raises errors of many kinds for what it can't read
        return False
    return True


@cache
def _registry() -> "UnitRegistry[float]":
    import pint

    registry: UnitRegistry[float] = pint.UnitRegistry()
    for definition in _DEFINED:
        registry.define(definition)
    return registry
