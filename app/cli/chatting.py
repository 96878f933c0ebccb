"""What `stillroom chat` does once its options are read: load, then one answer or a conversation."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from app.cli.calls import follow
from app.cli.json_lines import Display
from models import budgets, events, requests, settings
from models.chat_request import conversation, usual_budget
from models.errors import BadInput

if TYPE_CHECKING:
    from models.engine.client import Engine


class Budget(NamedTuple):
    """A budget that was asked for. tokens: None for no limit."""

    tokens: int | None


def read_prompt(prompt: str | None) -> str | None:
    """The prompt to answer, from stdin for "-"; None for a conversation. Raises BadInput when there is nothing in it."""
    if prompt is None:
        return None
    text = sys.stdin.read() if prompt == "-" else prompt
    if not text.strip():
        raise BadInput("No prompt came on stdin." if prompt == "-" else "The prompt is empty.")
    return text


def read_budget(think: str | None, think_min: int) -> Budget | None:
    """The budget that --think asks for; None when it is left to the settings. Raises BadInput."""
    if think is None:
        return None
    tokens = budgets.parse_budget(think)
    budgets.check_minimum(tokens, think_min)
    return Budget(tokens)


def loaded(
    engine: Engine, request: requests.ChatRequest, budget: Budget | None, calm: bool | None, display: Display
) -> requests.ChatRequest:
    """Load the request's model, and give the request with its budget, calm or not: as asked for, or as is usual."""
    chosen, trouble = settings.load()
    if trouble:
        display.show(events.Note(text=trouble))
    record = follow(engine, requests.Load(model=request.model, adapter=request.adapter), display)
    thinks = isinstance(record, events.Loaded) and record.thinks
    usual = usual_budget(chosen, request.model, thinks, request.think_min)
    return msgspec.structs.replace(
        request, think=budget.tokens if budget else usual, calm=chosen.calm if calm is None else calm
    )


def answer(engine: Engine, request: requests.ChatRequest, system: str, prompt: str, display: Display) -> bool:
    """Answer one prompt. Returns whether it was let to end, not cancelled."""
    messages = conversation(system, [requests.Message(role="user", content=prompt)])
    reply = follow(engine, msgspec.structs.replace(request, messages=messages), display)
    if not isinstance(reply, events.Reply):
        return True
    display.result(reply)
    return reply.finish != "cancelled"


def talk(engine: Engine, request: requests.ChatRequest, system: str, display: Display) -> None:
    """Hold a conversation on stdin."""
    from app.cli.conversation import Conversation

    Conversation(engine, request, system, display).run()
