"""One reasoning trace: a problem, what a model thought about it, and the answer it gave."""

import hashlib
from collections.abc import Sequence
from typing import Literal

import msgspec

Role = Literal["user", "assistant"]


class Turn(msgspec.Struct, frozen=True, omit_defaults=True):
    """An earlier turn of the conversation that a trace ends."""

    role: Role
    content: str
    thinking: str = ""  # of a reply; no model sees it again, so it counts only where that reply is learned itself


class Trace(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a student learns from: thinking, then answer, to a problem."""

    id: str  # hash of what is said (identify)
    problem: str
    thinking: str  # empty for a direct answer
    answer: str
    system: str = ""
    turns: list[Turn] = []  # the conversation before the problem, oldest first
    gold: str = ""  # the answer that is known to be right
    source: str = ""  # the file or place it came from
    teacher: str = ""  # the model that wrote it
    licence: str = ""
    closed: bool = True  # the model ended its thinking by itself
    verified: bool | None = None  # how the answer compared with the right one, None when it was not compared
    line: int = 0  # its row in the source, from 1
    tokens: int = 0  # of thinking and answer, as the teacher counted them, 0 when not known
    budget: int | None = None  # the thinking budget it was written under, None for none or not known
    history: list[str] = []  # ids it had before it was edited, oldest first


def said(problem: str, thinking: str, answer: str, turns: Sequence[Turn] = ()) -> bytes:
    """All that a trace says, in UTF-8. Raises UnicodeEncodeError for lone surrogates."""
    return "\x1f".join((problem, thinking, answer, *map(_turn_said, turns))).encode()


def _turn_said(turn: Turn) -> str:
    return "\x1e".join([turn.role, turn.content, *([turn.thinking] if turn.thinking else [])])


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
