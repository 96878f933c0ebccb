"""Why a draft is left out, in the order in which it is asked; and what harmless is mended before.

Everything is looked at before any training: one row that is cut off, or has nothing to learn from, can spoil a whole
adapter (a loss over no tokens is 0/0). A trace that is too long is dropped and never cut, as a cut one teaches to think
without end.
"""

import unicodedata
from collections.abc import Callable

import msgspec

from models import errors
from models.answers.known import KnownAnswers
from models.traces import markup, scripts
from models.traces.draft import Draft
from models.traces.fault import Fault
from models.traces.trace import Turn, said

CHARACTERS_PER_TOKEN = 3.2  # of reasoning in English and mathematics, on the families' vocabularies
Count = Callable[[str], int]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a trace may be."""

    max_tokens: int | None = None  # of problem, thinking and answer together, None for no limit
    near: float = 0.9  # likeness (0 to 1) from which a trace counts as a near duplicate, 0 to keep those
    other_script: float = 0.05  # largest share (0 to 1) of letters in another script than the problem's, 1 to keep all

    def __post_init__(self) -> None:
        if self.max_tokens is not None and self.max_tokens < 1:
            raise errors.BadInput("The limit of tokens must be 1 or more.")
        if not (0 <= self.near <= 1 and 0 <= self.other_script <= 1):
            raise errors.BadInput("Likeness and share of another script lie between 0 and 1.")


def estimate_tokens(text: str) -> int:
    """Tokens of a text, guessed from its characters."""
    return round(len(text) / CHARACTERS_PER_TOKEN)


def mend(draft: Draft) -> set[str]:
    """Put a draft's texts into one form: NFC, `\\n` between lines, no space around. Returns what was changed, in words."""
    mended: set[str] = set()
    draft.problem = _mend(draft.problem, mended)
    draft.thinking = _mend(draft.thinking, mended)
    draft.answer = _mend(draft.answer, mended)
    draft.system = _mend(draft.system, mended)
    draft.gold = _mend(draft.gold, set())
    if draft.turns:
        draft.turns = [
            Turn(turn.role, _mend(turn.content, mended), _mend(turn.thinking, mended)) for turn in draft.turns
        ]
    return mended


def compare(draft: Draft, answers: KnownAnswers) -> None:
    """Mark a draft right or wrong by the known answer beside it, unless its row says already which it is."""
    if draft.verified is None and draft.gold:
        draft.verified = answers.agree(draft.answer, draft.gold)


def why_left_out(draft: Draft, limits: Limits, count: Count | None = None) -> Fault | None:
    """The first thing that is wrong with a mended draft by itself. count: tokens of a text; estimated without one."""
    earlier = (text for turn in draft.turns for text in (turn.content, turn.thinking))
    texts = (draft.problem, draft.thinking, draft.answer, draft.system, *earlier)
    return (
        _encoding(draft)
        or draft.fault
        or _missing(draft)
        or _control_tokens(texts)
        or _too_long(draft, limits, count)
        or _language(draft, limits)
    )


def _mend(text: str, mended: set[str]) -> str:
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        mended.add("line ends")
    if not text.isascii():
        if text[0] == "\ufeff":
            text = text.lstrip("\ufeff")
            mended.add("byte order mark")
        if not unicodedata.is_normalized("NFC", text):
            text = unicodedata.normalize("NFC", text)
            mended.add("decomposed characters")
    return text.strip()


def _encoding(draft: Draft) -> Fault | None:
    try:
        draft.said = said(draft.problem, draft.thinking, draft.answer, draft.turns)
        rest = "".join((draft.system, draft.gold, draft.teacher, draft.source, draft.licence)).encode()
    except UnicodeEncodeError as error:
        code = ord(error.object[error.start])
        if 0xDC80 <= code <= 0xDCFF:
            return Fault("encoding", f"It holds the byte 0x{code - 0xDC00:02x}, which is not UTF-8 there.")
        return Fault("encoding", f"It holds half a character (the lone surrogate U+{code:04X}).")
    if b"\0" in draft.said or b"\0" in rest:
        return Fault("encoding", "It holds a NUL character.")
    return None


def _missing(draft: Draft) -> Fault | None:
    if not draft.problem:
        return Fault("no_problem", "There is no problem.")
    if not draft.closed:
        if draft.thinking and not draft.answer:
            return Fault("not_closed", "Its thinking never closes.")
        return Fault("not_closed", "The reply was cut off, or its thinking did not end by itself.")
    if not draft.answer:
        return Fault("no_answer", "Nothing follows its thinking." if draft.thinking else "There is no answer.")
    return None


def _control_tokens(texts: tuple[str, ...]) -> Fault | None:
    for text in texts:
        if token := markup.control_token(text):
            return Fault("control_tokens", f"{token} stands inside the text, where a tokenizer would obey it.")
    return None


def _too_long(draft: Draft, limits: Limits, count: Count | None) -> Fault | None:
    if limits.max_tokens is None:
        return None
    parts = [draft.system, *(turn.content for turn in draft.turns), draft.problem, draft.thinking, draft.answer]
    text = "\n".join(part for part in parts if part)
    tokens = count(text) if count else estimate_tokens(text)
    if tokens <= limits.max_tokens:
        return None
    text = f"It has {'' if count else 'about '}{tokens:,} tokens, the limit is {limits.max_tokens:,}."
    return Fault("too_long", text, limit=limits.max_tokens)


def _language(draft: Draft, limits: Limits) -> Fault | None:
    if limits.other_script >= 1:
        return None
    if draft.problem.isascii() and draft.thinking.isascii() and draft.answer.isascii():
        return None
    mixed = scripts.mixed(draft.problem, f"{draft.thinking}\n{draft.answer}", limits.other_script)
    return Fault("language", mixed) if mixed else None
