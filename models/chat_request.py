"""What every face puts into a ChatRequest: the turns of a conversation, and the budget a model usually gets."""

from collections.abc import Iterable
from typing import Protocol

from models.requests import Message, Role
from models.settings import Settings


class Turn(Protocol):
    """A turn of a conversation, sent or stored."""

    @property
    def role(self) -> Role: ...
    @property
    def content(self) -> str: ...
    @property
    def thinking(self) -> str: ...


def conversation(system: str, turns: Iterable[Turn]) -> list[Message]:
    """The messages of a request: a system prompt, unless it is blank, and the turns."""
    opening = [Message(role="system", content=system)] if system.strip() else []
    return opening + [
        Message(role=turn.role, content=turn.content, thinking=turn.thinking)
        for turn in turns
        # A reply that failed before its first word would be an empty turn, which some templates refuse.
        if turn.role == "user" or turn.content
    ]


def usual_budget(settings: Settings, model: str, thinks: bool, least: int = 0) -> int | None:
    """The budget where none was asked for. thinks: as families.thinks; least: asking for it is asking for thinking."""
    budget = settings.budget_for(model, thinks)
    return None if budget is None else max(budget, least)
