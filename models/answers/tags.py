"""Where thinking begins and ends in a text: the tags of all families, and those that only data sets use."""

import re
from functools import cache
from typing import Literal, NamedTuple

from models import families

# OpenThoughts and Bespoke-Stratos mark thought and solution so; R1-Zero's paper puts the answer into tags as well.
DATA_TAGS = (("<|begin_of_thought|>", "<|end_of_thought|>"), ("<thinking>", "</thinking>"))
ANSWER_TAGS = (("<|begin_of_solution|>", "<|end_of_solution|>"), ("<answer>", "</answer>"))

# What ends a turn in the templates of the families; a dump of raw replies ends in it.
_END_OF_TURN = re.compile(
    r"\s*(?:<\|im_end\|>|<\|endoftext\|>|<\|eot_id\|>|<\|end_of_text\|>|<\|return\|>|<\|end\|>|<｜end▁of▁sentence｜>"
    r"|</s>|<end_of_turn>|<eos>|<seed:eos>)\s*\Z"
)

Found = Literal["none", "tags", "closed", "open", "late"]


class Split(NamedTuple):
    """A reply in its parts."""

    thinking: str
    answer: str
    # "tags" open and close; "closed" a close alone, as when the template opens; "open" a tag that never closes;
    # "late" text before the open tag; "none" no tag
    found: Found
    tag: str = ""


@cache
def pairs() -> tuple[tuple[str, str], ...]:
    """All (open, close) that are known, the commonest first."""
    known = dict.fromkeys((family.open, family.close) for family in families.families())
    return (*known, *DATA_TAGS)


@cache
def all_tags() -> frozenset[str]:
    """Every tag of thinking, opening or closing."""
    return frozenset(tag for pair in pairs() for tag in pair)


def split_reply(text: str) -> Split:
    """Divide a reply into thinking and answer at the first pair of tags; end-of-turn tokens at its end are dropped."""
    text = without_end(text).strip()
    for opening, closing in pairs():
        if text.startswith(opening):
            at = text.find(closing, len(opening))
            if at < 0:
                return Split(text[len(opening) :].strip(), "", "open", opening)
            return Split(text[len(opening) : at].strip(), _answer(text[at + len(closing) :]), "tags", opening)
    if "<" not in text and "[" not in text:
        return Split("", text, "none")
    for opening, closing in pairs():
        at = text.find(closing)
        if at >= 0:
            found: Found = "late" if text.find(opening, 0, at) >= 0 else "closed"
            return Split(text[:at].strip(), _answer(text[at + len(closing) :]), found, opening)
    for opening, _ in pairs():
        if opening in text:
            return Split("", text, "late", opening)
    return Split("", _answer(text), "none")


def answer_of(reply: str) -> str | None:
    """A reply without its thinking; None when a tag of thinking was opened and never closed."""
    if "<" not in reply and "[" not in reply:
        return reply.strip()
    while True:
        split = split_reply(reply)
        if split.found == "open":
            return None
        answer = _without_stray_closes(split.answer)
        if split.found == "late" and split.tag and split.tag in answer:
            return None
        if not answer.startswith(tuple(opening for opening, _ in pairs())):
            return answer
        reply = answer  # it begins to think again


def _without_stray_closes(answer: str) -> str:
    """Some models close twice when the close was forced."""
    closes = tuple(closing for _, closing in pairs())
    while found := next((closing for closing in closes if answer.startswith(closing)), None):
        answer = answer.removeprefix(found).lstrip()
    return answer


def unwrap_thinking(text: str) -> str:
    """A column of thinking without the tags that may still stand around it."""
    text = text.strip()
    for opening, closing in pairs():
        text = text.removeprefix(opening).removesuffix(closing)
    return text.strip()


def without_end(text: str) -> str:
    """A text without the tokens that end a turn."""
    while text.rstrip()[-1:] in (">", "｜") and (match := _END_OF_TURN.search(text, max(0, len(text) - 64))):
        text = text[: match.start()]
    return text


def _answer(text: str) -> str:
    text = text.strip()
    for opening, closing in ANSWER_TAGS:
        if text.startswith(opening):
            inside = text.removeprefix(opening).rstrip()
            text = inside.removesuffix(closing).strip()
    return text
