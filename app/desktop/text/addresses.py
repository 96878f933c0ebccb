"""Addresses of the web in plain text: where one begins, and where the sentence around it goes on."""

import re
import unicodedata
from collections.abc import Iterator

from app.desktop.text.hostile import HIDDEN
from app.desktop.text.scripts import UNSPACED

# A full-width mark or a letter beside an address is the sentence's; browsers write such letters of an address as %E8…
_ADDRESS = re.compile(rf"https?://[^\s<>\"'`“”„«»‹›‘’{UNSPACED}{HIDDEN}]+", re.IGNORECASE)
_NEVER_LAST = ".,:;!?*_"
_PAIRS = {")": "(", "]": "[", "}": "{"}


def addresses(text: str) -> Iterator[tuple[int, int]]:
    """Where the addresses in a text begin and end."""
    for match in _ADDRESS.finditer(text):
        start, end = match.start(), _end(text, *match.span())
        if end > start + len("https://"):
            yield start, end


def _end(text: str, start: int, end: int) -> int:
    """Where an address ends: before the marks of the sentence, but with the brackets that it opened itself."""
    counts = {mark: text.count(mark, start, end) for mark in "()[]{}"}
    while end > start:
        last = text[end - 1]
        if last in _PAIRS:
            if counts[last] <= counts[_PAIRS[last]]:
                break
            counts[last] -= 1
        elif last not in _NEVER_LAST and (last.isascii() or not unicodedata.category(last).startswith("P")):
            break
        end -= 1
    return end
