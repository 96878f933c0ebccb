"""The answer in a reply: the last \\boxed{}, else GSM8K's "#### x", else the number or formula it ends in, else all."""

import re

from models.answers.units import UNIT

MOST_UNCLOSED = 20  # boxes without an end that are looked past, from the last one on

_UNSIGNED = r"(?:(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?|\.[0-9]+)(?:\s*/\s*0*[1-9][0-9]*)?"
NUMBER = re.compile(rf"[-+]?{_UNSIGNED}")
_LAST_NUMBER = re.compile(rf"(?<![\w.,/+^_{{\\-])[-+]?{_UNSIGNED}(?=(?:\s*{UNIT})?\W*$)")
_LAST_FORMULA = re.compile(r"(?:(?<!\\)\$([^$\n]{1,200})\$|\\\(([^\n]{1,200}?)\\\))[\s*_.]*$")
_HASHES = re.compile(r"####[ \t]*(\S.*)")


def final_answer(text: str) -> str:
    """The part of a reply that states its answer. text: without its thinking."""
    if (boxed := last_boxed(text)) is not None:
        return boxed
    if hashes := _HASHES.findall(text):
        return str(hashes[-1])
    if formula := _LAST_FORMULA.search(text):
        return str(formula[1] or formula[2])
    if number := _LAST_NUMBER.search(text):
        return number.group()
    return text


def last_boxed(text: str) -> str | None:
    """The content of the last closed \\boxed{}, nested braces included."""
    end = len(text)
    for _ in range(MOST_UNCLOSED):
        if (start := text.rfind("\\boxed", 0, end)) < 0:
            break
        end = start
        rest = text[start + len("\\boxed") :].lstrip()
        depth = 0
        for index, character in enumerate(rest):
            depth += (character == "{") - (character == "}")
            if depth == 0:
                if index:
                    return rest[1:index]
                break
    return None
