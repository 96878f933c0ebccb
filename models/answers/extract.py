"""The answer in a reply: its last \\boxed{}, else GSM8K's "#### x", else "the answer is x", else what it ends in, else all.

What it ends in is a number or a formula.
"""

import re

from models.answers.notation import is_formula
from models.answers.units import COUNTED, UNIT

MOST_UNCLOSED = 20  # boxes without an end that are looked past, from the last one on
MOST_READ = 1 << 21  # characters that are looked through for the ends of boxes
LAST_WORDS = 2000  # characters at the end of a reply within which its answer is stated

_UNSIGNED = r"(?:(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?|\.[0-9]+)(?:\s*/\s*(?:[1-9][0-9]{0,2}(?:,[0-9]{3})+|0*[1-9][0-9]*))?"
NUMBER = re.compile(rf"[-+]?{_UNSIGNED}")
_LAST_NUMBER = re.compile(rf"(?<![\w.,/+^_{{\\-])[-+]?{_UNSIGNED}(?=(?:\s*{UNIT}|\s+{COUNTED})?\W*$)")
_ONLY_NUMBER = re.compile(rf"(?<![\w.,/+^_{{\\:-])[-+]?{_UNSIGNED}(?![-\w/^:\\]|\.[0-9]|\s*\\)")
_LAST_FORMULA = re.compile(r"(?:(?<!\\)\$([^$\n]{1,200})\$|\\\(([^\n]{1,200}?)\\\))[\s*_.]*$")
_STATED = re.compile(
    r"\b(?:answers?|results?|solutions?|roots)\b(?:[ \t]+(?:to|of|for)\b[^.:\n]{0,60}?)?[*_ \t]*(?:\bis\b|\bare\b|\bequals\b|:|=)"
    r"[*_: \t]*([^\n]+)|\banswer\b[*_ \t]*:?[*_ \t]*\n[\s*_$]*([^\n]+)",
    re.IGNORECASE,
)
_REST = re.compile(
    r"[.;!](?=\s|$|\*)|,?\s\(?\b(?:because|since|which|so|as|not|that is|i\.e\.|I hope|and (?:that|this|it|the|so))(?![^\W\d_])"
    r"|(?<=[0-9])\s\((?=[a-z])"
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
    if _is_several(text):
        return text
    if formula := _LAST_FORMULA.search(text):
        return str(formula[1] or formula[2])
    if number := _LAST_NUMBER.search(text):
        return number.group()
    last = text.strip()[-LAST_WORDS:].rpartition("\n")[2]
    if not is_formula(last.casefold()) and len(numbers := set(_ONLY_NUMBER.findall(last))) == 1:
        return str(numbers.pop())
    return text


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
