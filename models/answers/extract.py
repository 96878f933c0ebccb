"""The answer in a reply: the last \\boxed{}, else GSM8K's "#### x", else the number it ends in, else all of it."""

import re

_UNSIGNED = r"(?:(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?|\.[0-9]+)(?:\s*/\s*0*[1-9][0-9]*)?"
NUMBER = re.compile(rf"[-+]?{_UNSIGNED}")
_LAST_NUMBER = re.compile(rf"(?<![\w.,/+-])[-+]?{_UNSIGNED}(?=\W*$)")
_HASHES = re.compile(r"####[ \t]*(\S.*)")


def final_answer(text: str) -> str:
    """The part of a reply that states its answer. text: without its thinking."""
    if (boxed := last_boxed(text)) is not None:
        return boxed
    if hashes := _HASHES.findall(text):
        return str(hashes[-1])
    if number := _LAST_NUMBER.search(text):
        return number.group()
    return text


def last_boxed(text: str) -> str | None:
    """The content of the last closed \\boxed{}, nested braces included."""
    end = len(text)
    while (start := text.rfind("\\boxed", 0, end)) >= 0:
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
