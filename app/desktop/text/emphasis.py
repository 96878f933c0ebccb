r"""Which asterisks and tildes open and close emphasis: CommonMark's rule, bent where it harms what models write.

CommonMark wants a space beside a mark that touches punctuation, which Chinese, Japanese, Korean and Thai do not
write: `**注意：**水` stays as it is. And it takes `2*3*4` and `a**2 + b**2` for emphasis, whose signs are then gone. So:
a neighbour of a script without spaces counts as a space does, a pair may close before a letter (`**Note:**this`), and
no asterisk behind a letter, a digit or a closing bracket opens, but for a part of a word as in `Hyper**T**ext`, and
none between two factors closes.
"""

import re
import unicodedata
from collections.abc import Callable
from typing import TYPE_CHECKING

from app.desktop.text.scripts import is_unspaced

if TYPE_CHECKING:  # a window without messages starts without it
    from markdown_it.rules_inline import StateInline

Rule = Callable[["StateInline", bool], bool]
_AFTER_A_VALUE = ")]}!%°′″"
_PART_OF_WORD = re.compile(r"\*\*[^\W\d_]+\*\*(?![\d*])")


def bent(rule: Rule) -> Rule:
    """A rule of markdown-it that finds marks, with which of them open and close decided here."""

    def find(state: "StateInline", silent: bool) -> bool:
        start, known = state.pos, len(state.delimiters)
        if not rule(state, silent):
            return False
        opens, closes = _sides(state.src, start, state.pos)
        for mark in state.delimiters[known:]:
            mark.open, mark.close = opens, closes
        return True

    return find


def _sides(text: str, start: int, end: int) -> tuple[bool, bool]:
    """Whether the marks text[start:end] may open, and whether they may close."""
    before, after = text[start - 1 : start] or " ", text[end : end + 1] or " "
    opens = not after.isspace() and (not _is_mark(after) or _parts(before))
    closes = not before.isspace() and (not _is_mark(before) or _parts(after))
    if text[start] == "_":
        return opens and (not closes or _is_mark(before)), closes and (not opens or _is_mark(after))
    if text[start] == "*" and _is_value(before):
        opens = opens and end - start == 2 and before.isalpha() and _opens_in_word(text, start)
        closes = closes and not (end - start == 1 and (_is_value(after) or after == "("))
    return opens, closes or (end - start >= 2 and not before.isspace() and after.isalpha())


def _opens_in_word(text: str, start: int) -> bool:
    """Whether a pair stands before a part of a longer word; `x**n**m` is a power."""
    return text[max(start - 2, 0) : start].isalpha() and start > 1 and bool(_PART_OF_WORD.match(text, start))


def _is_value(char: str) -> bool:
    """Whether a product may go on after a character."""
    return (char.isalnum() and not is_unspaced(char)) or char in _AFTER_A_VALUE


def _parts(char: str) -> bool:
    return char.isspace() or _is_mark(char) or is_unspaced(char)


def _is_mark(char: str) -> bool:
    """Whether a character is punctuation that wants a space on one side; full-width marks have it within them."""
    return unicodedata.category(char)[0] in "PS" and not is_unspaced(char)
