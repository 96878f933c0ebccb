"""Calm thinking: while a model thinks, the tokens by which it begins to hesitate are made less likely.

Distilled models, quantized ones above all, circle: "Wait", "Hmm", "Alternatively" begin stretches that change nothing.
Their logits are lowered by DAMPING nats, which leaves them possible where the model is sure of them. The tokens are found
in the vocabulary: every one that is such a word and nothing else, whatever spaces, line breaks, marks and capitals it
has, and the one by which the tokenizer begins a longer word, if it is most of it. The answer is drawn as ever.
"""

import re
from collections.abc import Iterator
from typing import Any

WORDS = ("wait", "hmm", "hm", "alternatively", "actually", "hold on", "let me double-check", "等等", "或者")
DAMPING = 3.0  # nats: one chance in two becomes one in twenty
TELLING = 5  # letters of a longer word's first token that say which word it is

_SPACES = {"Ġ": " ", "▁": " ", "Ċ": "\n", "ĉ": "\t", "č": "\r"}  # as vocabularies spell them


def hesitations(tokenizer: Any) -> list[int]:
    """Ids of the tokens that begin to hesitate, in order. tokenizer: of transformers, or mlx-lm's wrapper of one."""
    found = {token for piece, token in tokenizer.get_vocab().items() if _is_hesitation(piece)}
    found.update(_first_tokens(tokenizer))
    return sorted(found)


def _is_hesitation(piece: str) -> bool:
    for mark, space in _SPACES.items():
        piece = piece.replace(mark, space)
    return _ONE_WORD.fullmatch(piece) is not None


_ONE_WORD = re.compile(
    rf"[\s]*(?:{'|'.join(re.escape(word) for word in WORDS if ' ' not in word)}|hm{{2,}})[\s,.:;!?…—-]*", re.IGNORECASE
)


def _first_tokens(tokenizer: Any) -> Iterator[int]:
    """Of words that are several tokens, the first where it tells the word."""
    for word in WORDS:
        for spelled in {word, word.capitalize()}:
            for before in ("", " ", "\n", "\n\n"):
                first, *_ = tokenizer.encode(before + spelled, add_special_tokens=False)
                text = tokenizer.decode([first]).strip()
                if " " not in word and spelled.startswith(text) and (len(text) >= TELLING or text == spelled):
                    yield first
