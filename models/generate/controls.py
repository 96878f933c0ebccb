"""What people write is text: control tokens typed in a question, an attachment or an earlier answer control nothing.

A tokenizer takes the text of a control token for the token wherever it stands. So a mark is put into each such text
before the template sees it, and what was rendered is encoded in the pieces between the marks. The model reads the same
letters, and a template that looks for a tag, such as R1's that cuts answers at </think>, does not find it.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

from models.families import Family

_MARKS = [chr(code) for code in range(0xE000, 0xF8FF)]  # for private use: no text has a meaning for them
_ANCHOR = "\n"


def control_texts(tokenizer: Any, family: Family) -> set[str]:
    """The texts that a tokenizer or a family of models takes for control: special tokens, those of its template, tags.

    Other added tokens, such as Gemma's for HTML and for runs of spaces, are only frequent text.
    """
    template = getattr(tokenizer, "chat_template", None)
    source = template if isinstance(template, str) else ""
    added = getattr(tokenizer, "added_tokens_decoder", {}).values()
    found = {token.content for token in added if token.special or token.content in source}
    return {text for text in found if len(text.strip()) > 1} | {family.open, family.close}


def marker(texts: Iterable[str], controls: set[str]) -> tuple[str, Callable[[str], str]]:
    """A mark that is in none of the texts, and the function that puts it into every control token of one."""
    texts = list(texts)
    mark = next(mark for mark in _MARKS if not any(mark in text for text in texts))
    present = [control for control in controls if any(control in text for text in texts)]  # of hundreds, mostly none
    if not present:
        return mark, lambda text: text
    starts = re.compile(f"(?=(?:{'|'.join(map(re.escape, present))}))(.)", re.DOTALL)
    return mark, lambda text: starts.sub(rf"\1{mark}", text)


def encode(tokenizer: Any, text: str, mark: str) -> list[int]:
    """Token ids of a text whose marks keep apart what must not become one token."""
    first, *others = text.split(mark)
    tokens = list(tokenizer.encode(first, add_special_tokens=False))
    for piece in others:
        tokens += _going_on(tokenizer, piece)
    return tokens


def _going_on(tokenizer: Any, piece: str) -> list[int]:
    """Token ids of a text that follows another; sentencepiece would put a space before one that begins."""
    anchor = tokenizer.encode(_ANCHOR, add_special_tokens=False)
    anchored = tokenizer.encode(_ANCHOR + piece, add_special_tokens=False)
    if anchored[: len(anchor)] == anchor:
        return list(anchored[len(anchor) :])
    return list(tokenizer.encode(piece, add_special_tokens=False))
