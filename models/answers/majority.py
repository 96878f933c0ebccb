"""Which answer do several replies agree on: the form answers are compared in, and the count of votes.

Self-consistency (arXiv 2203.11171): draw several chains of thought, and take the answer that most of them end in. An
answer is what it comes to, not how it is put: the last \\boxed{}, else GSM8K's "#### x", else the number that the text
ends in, else the text itself. Nothing here runs a model.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction

from models.errors import BadInput

MOST = 16  # replies at once
LONGEST_NUMBER = 100  # characters; beyond them a number is text

_UNSIGNED = r"(?:(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?|\.[0-9]+)(?:\s*/\s*0*[1-9][0-9]*)?"
_NUMBER = re.compile(rf"[-+]?{_UNSIGNED}")
_LAST_NUMBER = re.compile(rf"(?<![\w.,/+-])[-+]?{_UNSIGNED}(?=\W*$)")
_FRACTION = re.compile(r"\\[dt]?frac\s*\{\s*(-?\d+)\s*\}\s*\{\s*(\d+)\s*\}")
_WRAPPED = re.compile(r"\\(?:text|textbf|mathrm|mathbf)\s*\{([^{}]*)\}")
_SPACING = re.compile(r"\\(?:left|right|[,;:! ])|\$")
_NAMED = re.compile(r"^[a-z]\s*=\s*")
_HASHES = re.compile(r"####[ \t]*(\S.*)")
_CHARACTERS = str.maketrans({"−": "-", "⁄": "/", "’": "'"})
_MARKS = " *_`\"'"
_END_MARKS = _MARKS + ".,;:!?"


def check_votes(votes: int, temperature: float | None) -> None:
    """Refuse a number of votes that makes no sense. temperature: as asked for. Raises BadInput."""
    if not 1 <= votes <= MOST:
        raise BadInput(f"The number of votes is 1 to {MOST}, not {votes}.")
    if votes > 1 and temperature == 0:
        raise BadInput(
            "At temperature 0 all votes would be the same.",
            "Choose a temperature above 0, such as 0.7, or a single vote.",
        )


def canonical(answer: str) -> str:
    """The form in which two answers are the same or not. "" when there is nothing to compare."""
    text = unicodedata.normalize("NFKC", answer).translate(_CHARACTERS)
    text = _FRACTION.sub(r"\1/\2", text)
    if (boxed := _last_boxed(text)) is not None:
        return _plain(boxed)
    if hashes := _HASHES.findall(text):
        return _plain(hashes[-1])
    if number := _LAST_NUMBER.search(text):
        return _plain(number.group())
    return _plain(text)


@dataclass(frozen=True)
class Vote:
    """What counts of a reply. cut: it ended at the limit of tokens; logprob: mean over its tokens."""

    canonical: str
    logprob: float
    cut: bool = False


def counted(votes: list[Vote]) -> list[bool]:
    """Which votes count: those of finished replies that say something; cut ones only when there is nothing else."""
    whole = [bool(vote.canonical) and not vote.cut for vote in votes]
    if any(whole):
        return whole
    said = [bool(vote.canonical) for vote in votes]
    return said if any(said) else [True] * len(votes)


def elected(votes: list[Vote]) -> tuple[int, int]:
    """Index of the vote that is given, and how many agree with it.

    The most frequent answer wins, of equally frequent ones that with the higher mean logprob; it is given in the words
    of its likeliest reply.
    """
    groups = _groups(vote for vote, counts in zip(votes, counted(votes), strict=True) if counts)
    winners = max(groups.values(), key=lambda group: (len(group), sum(vote.logprob for vote in group) / len(group)))
    best = max(winners, key=lambda vote: vote.logprob)
    return next(index for index, vote in enumerate(votes) if vote is best), len(winners)


def settled(votes: list[Vote], running: int) -> bool:
    """Whether the replies that still run can change nothing, not even make it a tie."""
    groups = _groups(vote for vote in votes if vote.canonical and not vote.cut)
    first, second, *_ = [*sorted((len(group) for group in groups.values()), reverse=True), 0, 0]
    return first > second + running


def _groups(votes: Iterable[Vote]) -> dict[str, list[Vote]]:
    groups: dict[str, list[Vote]] = {}
    for vote in votes:
        groups.setdefault(vote.canonical, []).append(vote)
    return groups


def _last_boxed(text: str) -> str | None:
    """What stands in the last \\boxed{} that closes, braces within it included."""
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


def _plain(text: str) -> str:
    """A number in one spelling; other text without what only dresses it."""
    text = _WRAPPED.sub(r"\1", text.replace("{,}", ","))
    text = _SPACING.sub("", text).replace("\\%", "%").casefold()
    text = " ".join(text.split()).lstrip(_MARKS).rstrip(_END_MARKS)
    bare = _NAMED.sub("", text).rstrip("% ")
    if len(bare) <= LONGEST_NUMBER and _NUMBER.fullmatch(bare):
        return _spelled(bare)
    return text


def _spelled(number: str) -> str:
    """A number as a decimal where it has an end, else as a fraction in lowest terms."""
    over, _, under = number.replace(",", "").replace(" ", "").partition("/")
    value = Fraction(over) / Fraction(under or "1")
    with localcontext(prec=5 * LONGEST_NUMBER):  # enough for any decimal that ends
        decimal = Decimal(value.numerator) / Decimal(value.denominator)
        return f"{decimal:f}" if Fraction(decimal) == value else str(value)
