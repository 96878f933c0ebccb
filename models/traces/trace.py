"""One reasoning trace: a problem, what a model thought about it, and the answer it gave."""

import hashlib
from collections.abc import Sequence
from typing import Literal

import msgspec

Role = Literal["user", "assistant"]


class Turn(msgspec.Struct, frozen=True):
    """An earlier turn of the conversation that a trace ends; its thinking is not kept, as no model sees it again."""

    role: Role
    content: str


class Trace(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a student learns from: thinking, then answer, to a problem.

    id: hash of what is said (identify). thinking is empty for a direct answer. turns: the conversation before the
    problem, oldest first. gold: the answer that is known to be right; verified: whether the answer was compared with it
    and how that went, None when it was not. closed: the model ended its thinking by itself. teacher: the model that
    wrote it; source: the file or place it came from; line: its row there, from 1. tokens: of thinking and answer, as the
    teacher counted them, 0 when not known; budget: the thinking budget it was written under, None for none or not known.
    history: ids it had before it was edited, oldest first.
    """

    id: str
    problem: str
    thinking: str
    answer: str
    system: str = ""
    turns: list[Turn] = []
    gold: str = ""
    source: str = ""
    teacher: str = ""
    licence: str = ""
    closed: bool = True
    verified: bool | None = None
    line: int = 0
    tokens: int = 0
    budget: int | None = None
    history: list[str] = []


def said(problem: str, thinking: str, answer: str, turns: Sequence[Turn] = ()) -> bytes:
    """All that a trace says, in UTF-8. Raises UnicodeEncodeError for lone surrogates."""
    return "\x1f".join((problem, thinking, answer, *(f"{turn.role}\x1e{turn.content}" for turn in turns))).encode()


def identify(content: bytes) -> str:
    """The id of what is `said`: 16 hexadecimal digits of its BLAKE2b hash, the same on every machine."""
    return hashlib.blake2b(content, digest_size=8).hexdigest()


def from_chat(
    problem: str,
    thinking: str,
    answer: str,
    model: str,
    budget: int | None = None,
    *,
    closed_by: str | None = "model",
    system: str = "",
    turns: Sequence[Turn] = (),
    tokens: int = 0,
    verified: bool | None = None,
) -> Trace:
    """Make a trace of a reply in a chat.

    closed_by: how its thinking ended, as in events.Reply; only "model" (or "off", a direct answer) counts as closed.
    verified: what its reader said of it (good, bad, nothing).
    """
    problem, thinking, answer = problem.strip(), thinking.strip(), answer.strip()
    return Trace(
        id=identify(said(problem, thinking, answer, turns)),
        problem=problem,
        thinking=thinking,
        answer=answer,
        system=system.strip(),
        turns=list(turns),
        source="chat",
        teacher=model,
        closed=closed_by == "model" or (closed_by == "off" and not thinking),
        verified=verified,
        tokens=tokens,
        budget=budget,
    )
