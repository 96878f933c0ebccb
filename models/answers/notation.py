"""One spelling of mathematics: LaTeX, Unicode and plain text that mean the same become the same text.

`one_notation` is for a whole reply, prose included; `tight` for what is known to be a formula.
"""

import re
import unicodedata
from collections.abc import Iterator
from fractions import Fraction

_SYMBOLS = str.maketrans({
    "−": "-", "⁄": "/", "’": "'", "×": r"\cdot ", "·": r"\cdot ", "⋅": r"\cdot ", "÷": "/", "≤": r"\le ", "≥": r"\ge ",
    "≠": r"\ne ", "±": r"\pm ", "∞": r"\infty ", "√": r"\sqrt ", "∈": r"\in ", "∪": r"\cup ", "π": r"\pi ",
    "θ": r"\theta ", "˚": "°", "º": "°",
})  # fmt: skip
_NUMERAL = re.compile(r"[-+]?[0-9]+(?:[.,/][0-9]+)*%?")
_SUPERSCRIPT = re.compile("[⁺⁻]?[⁰¹²³⁴-⁹]+")
_AFTER_DIGIT = re.compile("(?<=[0-9])(?=[¼-¾⅐-⅞])")  # one and a half, 1½, is not 11/2
_SAME = [
    (re.compile(r"(?<=[0-9]),\s*\\!\s*(?=[0-9]{3})"), ","),
    (re.compile(r"\\([$%])"), r"\1"),
    (re.compile(r"\s*(?:\^\s*(?:\\circ(?![a-zA-Z])|\{\s*\\circ\s*\})|\\degree(?![a-zA-Z]))"), "°"),
    (re.compile(r"\\[dtc]frac(?![a-zA-Z])"), r"\\frac"),
    (re.compile(r"\\(?:times|cdot|ast)(?![a-zA-Z])"), r"\\cdot "),
    (re.compile(r"\\([lgn])eq(?![a-zA-Z])"), r"\\\1e "),
    (
        re.compile(
            r"\\(?:left|right|[bB]igg?[lr]?|displaystyle|textstyle|quad|qquad)(?![a-zA-Z])\.?|(?<!\\)\\[,;:! ]|~"
        ),
        " ",
    ),
    (re.compile(r"\\varnothing(?![a-zA-Z])|∅|\\\{\s*\\\}"), r"\\emptyset "),
    (re.compile(r"(?<![\\a-zA-Z])pi(?![a-zA-Z])"), r"\\pi "),
    (re.compile(r"\\lt(?![a-zA-Z])"), "<"),
    (re.compile(r"\\gt(?![a-zA-Z])"), ">"),
]
_ARGUMENT = r"(\{(?:[^{}]|\{[^{}]*\})*\}|\\[a-zA-Z]+|[0-9a-zA-Z])"
_FRACTION = re.compile(rf"\\frac\s*{_ARGUMENT}\s*{_ARGUMENT}")
_MIXED = re.compile(
    r"(?<![\w.,/^])([0-9]+)(?:\s*\\frac\s*\{?([1-9][0-9]?)\}?\s*\{?([1-9][0-9]?)\}?|\s+([1-9][0-9]?)/([1-9][0-9]?)(?![\d/]|\.\d))"
)
# What a fraction is a factor of when it stands before it: 1/2 x is no 1/(2x).
_FACTOR = re.compile(
    r"\s*(?:[a-zA-Z](?![a-zA-Z])|\(|\\(?:pi|sqrt|sin|cos|tan|log|ln|alpha|beta|theta|phi|lambda|cdot\s*(?![0-9\s]))(?![a-zA-Z]))"
)
_ATOM = re.compile(r"[0-9]+(?:,[0-9]{3})*(?:\.[0-9]+)?|[a-zA-Z]|\\[a-zA-Z]+(?:\s*\{[^{}]*\})?")
_NESTED = 8  # fractions within fractions that are looked into

_FUNCTIONS = r"(?:sin|cos|tan|cot|sec|csc|ln|log|exp|gcd|lcm|max|min|sqrt)"
_WORD = re.compile(rf"\\[a-zA-Z]+|(?<![^\W\d_]){_FUNCTIONS}(?![^\W\d_])|([^\W\d_]{{2,}})")
_TIGHT = [
    (re.compile(rf"\\({_FUNCTIONS[3:]}"), r"\1"),
    (re.compile(r"(?<=\w)\*\*(?=\w)"), "^"),
    (re.compile(r"<="), r"\\le "),
    (re.compile(r">="), r"\\ge "),
    (re.compile(r"\s*(?:\\cdot|\*)\s*"), "*"),
    (re.compile(r"sqrt\s*(?:\(([^()]*)\)|([0-9]+|[a-z](?![a-z])))"), r"sqrt{\1\2}"),
    (re.compile(r"([\^_])\s*(?:\(([^()]*)\)|([-+]?[0-9]+|[a-z]|\\[a-z]+))"), r"\1{\2\3}"),
    (re.compile(r"(?<![0-9])\*|\*(?![0-9])"), " "),  # 2*x is 2x, 2*3 is not 23
]
_SPACES = re.compile(r"(\\[a-z]+)\s+(?=[a-z])|\s+")
_DECIMAL = re.compile(r"(?<![\w.])([0-9]*)\.([0-9]+)(?![\d.])")
_QUOTIENT = re.compile(r"(?<![\w./}])([0-9]{1,20})/(0{0,5}[1-9][0-9]{0,20})(?![\d./])")


def one_notation(text: str) -> str:
    """A reply with its fractions as a/b, and one spelling of what has several."""
    if _NUMERAL.fullmatch(text):
        return text
    text = _SUPERSCRIPT.sub(lambda found: f"^{{{found.group()}}}", text)
    text = unicodedata.normalize("NFKC", _AFTER_DIGIT.sub(" ", text).translate(_SYMBOLS)).translate(_SYMBOLS)
    for pattern, spelling in _SAME:
        text = pattern.sub(spelling, text)
    text = _MIXED.sub(_improper, text)
    for _ in range(_NESTED):
        text, count = _FRACTION.subn(_quotient, text)
        if not count:
            break
    return text


def words_of(text: str) -> Iterator[re.Match[str]]:
    """What in a text is a word, and neither a variable nor a function."""
    return (found for found in _WORD.finditer(text) if found.group(1))


def is_formula(text: str) -> bool:
    """Whether nothing in a text is a word, so that its spaces mean nothing. text: in lower case."""
    return next(words_of(text), None) is None


def tight(text: str) -> str:
    """A formula in lower case without what does not change its value: spaces, braces left out, zeros at the end."""
    for pattern, spelling in _TIGHT:
        text = pattern.sub(spelling, text)
    text = _SPACES.sub(lambda found: f"{found[1]} " if found[1] else "", text)
    text = _DECIMAL.sub(_shortest, text)
    return _QUOTIENT.sub(lambda found: spelled(Fraction(int(found[1]), int(found[2]))), text)


def spelled(value: Fraction) -> str:
    """A number as a terminating decimal, else as a fraction in lowest terms."""
    twos_and_fives, places = value.denominator, 0
    while twos_and_fives % 10 == 0:
        twos_and_fives, places = twos_and_fives // 10, places + 1
    for prime in (2, 5):
        while twos_and_fives % prime == 0:
            twos_and_fives, places = twos_and_fives // prime, places + 1
    if twos_and_fives > 1:
        return str(value)
    digits = str(abs(value.numerator) * 10**places // value.denominator).rjust(places + 1, "0")
    whole, rest = digits[: len(digits) - places], digits[len(digits) - places :].rstrip("0")
    return ("-" if value < 0 else "") + whole + (f".{rest}" if rest else "")


def _shortest(found: re.Match[str]) -> str:
    rest = found[2].rstrip("0")
    return (found[1] or "0") + (f".{rest}" if rest else "")


def _improper(found: re.Match[str]) -> str:
    """A mixed number as one fraction."""
    over, under = int(found[2] or found[4]), int(found[3] or found[5])
    return f"{int(found[1]) * under + over}/{under}" if over < under else found.group()


def _quotient(found: re.Match[str]) -> str:
    over, under = (part[1:-1].strip() if part.startswith("{") else part for part in found.groups())
    if re.search(r"(?<=\S)\s*[-+]|\\(?:pm|mp|ln|log|sin|cos|tan|lim|int|sum)(?![a-zA-Z])", over):
        over = f"({over})"
    if not _ATOM.fullmatch(under):
        under = f"({under})"
    quotient = f"{over}/{under}"
    return f"({quotient})" if _FACTOR.match(found.string, found.end()) else quotient
