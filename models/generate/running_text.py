"""The text of tokens as they come: each is decoded together with those before it.

What a token spells may hang on its neighbours: a sentencepiece tokenizer drops the space of the first one it decodes,
and a character may be spread over several tokens.
"""

from typing import Any

BEFORE = 8  # tokens of context that are enough
LONGEST_CHARACTER = 8  # tokens after which an incomplete character is shown as what it is
_INCOMPLETE = "\ufffd"


class RunningText:
    """The text of a run of tokens. tokenizer: with transformers' `decode`; before: the tokens that the run follows."""

    def __init__(self, tokenizer: Any, before: list[int]) -> None:
        self._tokenizer = tokenizer
        self._tokens = before[-BEFORE:]  # those whose text was given last, then those not given yet
        self._given = len(self._tokens)

    def add(self, token: int) -> str:
        """The text that a token adds; empty while a character is incomplete."""
        self._tokens.append(token)
        text = self._new()
        if text.endswith(_INCOMPLETE) and len(self._tokens) - self._given < LONGEST_CHARACTER:
            return ""
        del self._tokens[: self._given]
        self._given = len(self._tokens)
        return text

    def rest(self) -> str:
        """The text of what was held back, at the end of the run."""
        return self._new()

    def _new(self) -> str:
        return self._decode(self._tokens)[len(self._decode(self._tokens[: self._given])) :]

    def _decode(self, tokens: list[int]) -> str:
        return str(self._tokenizer.decode(tokens, clean_up_tokenization_spaces=False)) if tokens else ""
