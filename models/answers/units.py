"""Units after a number: a vote is on one question, so "5 cm", "5\\text{ cm}" and "5" are one answer."""

import re

_LONG = (
    "mm cm dm km nm inch inches foot feet ft yard yards mile miles metre metres meter meters centimetre centimetres"
    " centimeter centimeters millimetre millimetres millimeter millimeters kilometre kilometres kilometer kilometers"
    " mg kg gram grams kilogram kilograms ton tons tonne tonnes pound pounds lb lbs ounce ounces oz"
    " ml litre litres liter liters gallon gallons ms second seconds sec minute minutes min hour hours day days week"
    " weeks month months year years mph kph hz joule joules watt watts newton newtons"
    " dollar dollars cent cents euro euros usd eur percent degree degrees radian radians unit units"
)
_WORD = rf"(?:{'|'.join(sorted(_LONG.split(), key=len, reverse=True))})"
_POWER = r"(?:\s*\^?\s*(?:\{\s*-?[23]\s*\}|[23](?![0-9])))?"
_ONE = rf"(?:(?:square|cubic|sq\.?|cu\.?)\s+)?{_WORD}(?![^\W\d_]){_POWER}"
_PLAIN = rf"(?:°\s*[cf]?(?![^\W\d_])|[%€£¥]|{_ONE}(?:\s*(?:/|per)\s*(?:{_WORD}|[sh])(?![^\W\d_]){_POWER})?|m/s{_POWER})"
UNIT = rf"(?i:{_PLAIN})"
"""What may follow a number in prose without being part of its value."""

# Text set upright after a number is its unit, whatever the word, unless it changes the value.
_CHANGES_VALUE = r"(?:hundred|thousand|million|billion|trillion|dozen|[ap]\.?m\b|and|or|to|mod|base|if|for|not)"
_UPRIGHT = re.compile(
    r"(?:(?<=[0-9}°)])|(?<=\\pi))\s*\\(?:text|mathrm|textrm|mbox|operatorname)\s*"
    rf"\{{\s*(?!{_CHANGES_VALUE})[^\W\d_][^{{}}\d]{{0,39}}\}}{_POWER}(?=[\s.$]*$)",
    re.IGNORECASE,
)
# Things that are counted: a number and a word or three.
COUNTED = (
    rf"(?i:(?!{_CHANGES_VALUE}|(?:a|arc)?(?:sin|cos|tan|log|exp|sqrt)|(?:squared|cubed|times|plus|minus|is)\b)"
    rf"[^\W\d_]{{3,}}(?:\s+(?!{_CHANGES_VALUE})[^\W\d_]{{2,}}){{0,2}})"
)
_COUNTED = re.compile(rf"^(\s*[-+]?[0-9][0-9.,/]*)\s+{COUNTED}[\s.]*$")
_AFTER = re.compile(rf"(?<=[0-9])\s*{UNIT}[\s.$]*$")
_BEFORE = re.compile(r"^([-+]?)\s*[$€£¥]\s*(?=[-+.0-9])")


def without_unit(answer: str) -> str:
    """An answer without the unit behind it or the currency before it. answer: as boxed, its text not unwrapped."""
    return _COUNTED.sub(r"\1", _AFTER.sub("", _BEFORE.sub(r"\1", _UPRIGHT.sub("", answer.strip(" ")))))


def unit_of(answer: str) -> str:
    """The unit behind a value or the currency before it; "" when there is none. answer: as `without_unit` takes it."""
    for pattern in (_UPRIGHT, _AFTER):
        if found := pattern.search(answer.strip(" ")):
            return found.group().strip(" .$")
    return currency[0].strip(" +-") if (currency := _BEFORE.match(answer.strip(" "))) else ""
