"""The answer in a reply: its last \\boxed{}, else GSM8K's "#### x", else "the answer is x", else what it ends in, else all.

What it ends in is a number or a formula.
"""

import re

from models.answers.notation import is_formula, words_of
from models.answers.units import COUNTED, UNIT

MOST_UNCLOSED = 20  # boxes without an end that are looked past, from the last one on
MOST_READ = 1 << 21  # characters that are looked through for the ends of boxes
LAST_WORDS = 2000  # characters at the end of a reply within which its answer is stated

_UNSIGNED = r"(?:(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?|\.[0-9]+)(?:\s*/\s*(?:[1-9][0-9]{0,2}(?:,[0-9]{3})+|0*[1-9][0-9]*))?"
NUMBER = re.compile(rf"[-+]?{_UNSIGNED}")
_LAST_NUMBER = re.compile(rf"(?<![\w.,/+^_{{\\:-])([-+]?{_UNSIGNED}(?:\s*{UNIT}|\s+{COUNTED})?)\W*$")
_ONLY_NUMBER = re.compile(rf"(?<![\w.,/+^_{{\\:-])[-+]?{_UNSIGNED}(?![-\w/^:\\]|\.[0-9]|\s*\\)")
_LAST_TIME = re.compile(r"(?<![\w:.])([0-9]{1,2}:[0-9]{2}(?:\s*[ap]\.?m\b\.?)?)[\s.*!]*$", re.IGNORECASE)
_IS = re.compile(r"\b(?:is|are|be|was|equals?|gives)[ \t]*:?[ \t*_]+|(?<=[a-zA-Z*]):[ \t*_]+", re.IGNORECASE)
_NO_WORDS = re.compile(
    r"\\(?:text(?:bf|rm)?|mathrm|mbox|operatorname)\s*\{[^{}]*\}|\\(?:begin|end)\s*\{[a-z]+\*?\}|\b(?:and|or)\b"
)
_ENUMERATED = re.compile(r"[0-9]+\s*[:)]\s")  # as what follows "step"
_LAST_FORMULA = re.compile(
    r"(?:(?<![\\$])\$([^$\n]{1,200})\$|\\\(([^\n]{1,200}?)\\\)|\$\$([^$]{1,200})\$\$|\\\[(.{1,200}?)\\\])[\s*_.]*$",
    re.DOTALL,
)
_STATED = re.compile(
    r"\b(?:answers?|results?|solutions?|roots)\b(?:[ \t]+(?:to|of|for)\b[^.:\n]{0,60}?)?[*_ \t]*(?:\bis\b|\bare\b|\bequals\b|:|=)"
    r"[*_: \t]*([^\n]+)|\banswer\b[*_ \t]*:?[*_ \t]*\n[\s*_$]*([^\n]+)",
    re.IGNORECASE,
)
_REST = re.compile(
    r"[.;!](?=\s|$|\*)|,?\s\(?\b(?:because|since|which|so|as|not|that is|i\.e\.|I hope|and (?:that|this|it|the|so))(?![^\W\d_])"
    r"|(?<=[0-9])\s\((?=[a-z]{3})"
)
_ABOUT = re.compile(r"(?:approximately|about|roughly|around|exactly|simply|just|only)\s+", re.IGNORECASE)
_ANSWERS = re.compile(r"[\s*_]*(?:\$|\\[(\[a-z]|[-+(]*\.?[0-9])")
_DELIMITED = re.compile(r"[\s*_]*(?:\$([^$\n]+)\$|\\\(([^\n]+?)\\\))(?!\s*(?:,|and|or)\s*[$\\])")
LONGEST_VALUES = 200  # characters
_SEPARATED = re.compile(r"[,;](?![0-9]{3}(?![0-9]))|\b(?:and|or)\b")
_NAMED_VALUE = re.compile(r"(?:^|[,;$(]|\band\b|\bor\b)\s*\$?[a-zA-Z](?:_\{?\w+\}?)?\s*=")
_BRACE = re.compile(r"[{}]")
_UNBRACED = re.compile(r"[-+]?[0-9](?:[0-9.,]*[0-9])?")
_HASHES = re.compile(r"####[ \t]*(\S.*)")


def final_answer(text: str) -> str:
    """The part of a reply that states its answer. text: without its thinking."""
    if (boxed := last_boxed(text)) is not None:
        return boxed
    if hashes := _HASHES.findall(text):
        return str(hashes[-1])
    if (said := stated(text)) is not None:
        return said
    if _is_several(text) or text.lstrip("$ \n").startswith("\\begin{"):
        return text
    if (ending := _ending(text)) is not None:
        return ending
    if formula := _LAST_FORMULA.search(text):
        return str(next(filter(None, formula.groups()))).strip()
    if (tail := _tail(text)) is not None:
        return tail
    if number := _LAST_NUMBER.search(text):
        return number.group(1)
    last = text.strip()[-LAST_WORDS:].rpartition("\n")[2]
    if not is_formula(last.casefold()) and len(numbers := set(_ONLY_NUMBER.findall(last))) == 1:
        return str(numbers.pop())
    return text


def _ending(text: str) -> str | None:
    """What the last line says that something is, where it is a formula, a quantity, or several of them."""
    line = text.strip()[-LONGEST_VALUES:].rpartition("\n")[2].strip()
    found = list(_IS.finditer(line))
    said = line[found[-1].end() :].strip(" *_$").rstrip(".,;:?* ") if found else ""
    bare = _NO_WORDS.sub(" , ", said)
    if not said or not re.search(r"[0-9\\]|[-+*/^=<>|]|^\(?[a-zA-Z]\)?$", bare) or not is_formula(bare.casefold()):
        return None
    return _value(said.rstrip("$ ") if said.count("$") % 2 else said)


def _value(formula: str) -> str:
    """Of a computation, as in 2 + 2 = 4, what it comes to; else the formula itself."""
    *sides, last = re.split(r"(?<![<>!\\])=(?!=)", formula)
    return last.strip() if sides and not re.search("[a-zA-Z]", formula) else formula


def _tail(text: str) -> str | None:
    """The formula or time of day behind the last word of a text, where it is more than a number."""
    line = text.strip()[-LONGEST_VALUES:].rpartition("\n")[2].strip()
    if time := _LAST_TIME.search(line):
        return time.group(1)
    words = [found.end() for found in words_of(line)]
    tail = line[words[-1] :].strip(" \t*_.,;:!?") if words else line.strip(" \t*_.,;:?")
    tail = _value(tail)
    if not re.search(r"[0-9\\]", tail) or tail.count("{") != tail.count("}") or NUMBER.fullmatch(tail.strip("$%° ")):
        return None
    if (
        tail.count("(") != tail.count(")")
        or tail.count("$") % 2
        or (words and (tail[0] == "^" or _ENUMERATED.match(tail)))
    ):
        return None
    return tail


def stated(text: str) -> str | None:
    """What is said to be the answer, where that is a number or a formula, or where nothing follows it."""
    text = text[-LAST_WORDS:]
    for found in reversed(list(_STATED.finditer(text))):
        said = found[1] or found[2]
        if formula := _DELIMITED.match(said):
            return str(formula[1] or formula[2])
        answer = _ABOUT.sub("", _REST.split(said, maxsplit=1)[0].strip(" *_"), count=1)
        if answer.casefold().startswith("between "):
            continue
        if _ANSWERS.match(answer) or (answer and not text[found.end() :].strip(" \n*_.")):
            return answer
    return None


def _is_several(text: str) -> bool:
    """Whether a text is nothing but several values, of which the last is not the answer."""
    if len(text) > LONGEST_VALUES or "\n" in text.strip() or not _SEPARATED.search(text):
        return False
    bare = _SEPARATED.sub(" , ", re.sub(r"\\text\s*\{\s*(and|or)\s*\}", r" \1 ", text))
    return is_formula(bare.casefold()) and text.count("=") == len(_NAMED_VALUE.findall(text))


def last_boxed(text: str) -> str | None:
    """The content of the last closed \\boxed{}, nested braces included."""
    end, left = len(text), MOST_READ
    for _ in range(MOST_UNCLOSED):
        if (start := text.rfind("\\boxed", 0, end)) < 0:
            break
        end = start
        rest = text[start + len("\\boxed") : start + left].lstrip()
        left -= len(rest)
        depth = 0
        for brace in _BRACE.finditer(rest) if rest.startswith("{") else ():
            depth += 1 if brace.group() == "{" else -1
            if depth == 0:
                if inside := rest[1 : brace.start()].strip():
                    return inside
                break
        if number := _UNBRACED.match(rest):
            return number.group()
    return None
