"""Is a reply's answer the known one? Right, wrong, or not to be said.

Wrong is said only where both sides state an answer: in a box, behind ####, as the number or formula a text ends in, or
as a few words that are all there is; then the verifier of mathematics has the last word. A proof beside a proof, or a
sentence beside a name, is not compared.
"""

import re
from typing import Literal

from models.answers.canonical import canonical
from models.answers.extract import final_answer, last_boxed
from models.answers.notation import is_formula, one_notation
from models.answers.verify import unreadable, verify

LOOKED_AT = 4000  # characters at the end of a text: an answer stands there
LONGEST_FORMULA = 300
FEW_WORDS = 5
MOST_ALGEBRA = 100
_NUMBER = re.compile(r"-?[0-9.]+(?:/[0-9]+)?")

_Stated = Literal["marked", "ends in it", "whole", "not"]


class KnownAnswers:
    """Compares many. Algebra starts a process and may take seconds, so it is asked so many times and no more."""

    def __init__(self, algebra: int = MOST_ALGEBRA) -> None:
        self._algebra = algebra  # times that are left

    def agree(self, reply: str, known: str) -> bool | None:
        """Whether both come to the same; None when one of them states nothing that can be compared.

        reply: without its thinking. known: the answer, or a text that ends in it.
        """
        if not known.strip() or not reply.strip():
            return None
        reply, known = _marked(reply), _marked(known)
        given, right = canonical(reply[-LOOKED_AT:]), canonical(known[-LOOKED_AT:])
        if not given or not right:
            return None
        if given == right:
            return True
        how_given, how_right = _stated(reply, given), _stated(known, right)
        if "not" in (how_given, how_right):
            return None
        if how_given == "ends in it" and not is_formula(right):
            return None  # a number at the end of a sentence is no answer where a name is asked for
        if "whole" in (how_given, how_right) and (_holds(given, right) or _holds(right, given)):
            return None
        if _NUMBER.fullmatch(given) and _NUMBER.fullmatch(right):
            return False
        if is_formula(given) and is_formula(right):
            self._algebra -= 1
            if self._algebra < 0:
                return None
        known = known[-LOOKED_AT:]
        return None if unreadable(known, "math") else verify(reply[-LOOKED_AT:], known).correct


def agrees(reply: str, known: str) -> bool | None:
    """Compare one, as KnownAnswers does."""
    return KnownAnswers().agree(reply, known)


def _marked(text: str) -> str:
    """A formula that is all there is as an answer in a box: x^2 + 4 does not end in the answer 4."""
    bare = text.strip()
    alone = len(bare) <= LONGEST_FORMULA and "\n" not in bare and "####" not in bare and last_boxed(bare) is None
    return f"\\boxed{{{bare}}}" if alone and is_formula(one_notation(bare).casefold()) else text


def _stated(text: str, answer: str) -> _Stated:
    tail = text[-LOOKED_AT:]
    if last_boxed(tail) is not None or "####" in tail:
        return "marked"
    if "\\boxed" in text or "####" in text:
        return "not"  # further up than is looked
    notated = one_notation(tail)
    if final_answer(notated) != notated:
        return "ends in it"
    return "whole" if len(answer.split()) <= FEW_WORDS else "not"


def _holds(text: str, words: str) -> bool:
    """Whether a text has these words, whatever stands between and around them."""
    return f" {_spaced(words)} " in f" {_spaced(text)} "


def _spaced(text: str) -> str:
    return " ".join("".join(letter if letter.isalnum() else " " for letter in text).split())
