"""What a verifier says about an answer."""

from typing import Literal

import msgspec

Kind = Literal["math", "number", "choice", "exact", "several", "python"]
KINDS: tuple[Kind, ...] = ("math", "number", "choice", "exact", "several", "python")


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether an answer is right.

    correct: None when the reply was cut, or never closed its thinking; answer: what was taken for it; reason: in a
    sentence.
    """

    correct: bool | None
    answer: str
    gold: str
    kind: Kind
    reason: str

    @property
    def cut(self) -> bool:
        """Whether there was no whole reply to judge."""
        return self.correct is None
