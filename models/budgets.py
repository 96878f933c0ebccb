"""Thinking budgets as people name them: the presets every face offers, and how a written budget is read.

A budget is a number of thinking tokens: 0 is no thinking, None is no limit.
"""

from typing import NamedTuple

from models.errors import BadInput

# A budget beyond any context is a slip of the keyboard, and the wire carries 64-bit integers.
LARGEST = 1_000_000_000


class NamedBudget(NamedTuple):
    """A budget with a name."""

    name: str  # as typed
    title: str  # as the window shows it
    tokens: int | None  # None for no limit


PRESETS = (
    NamedBudget("off", "Off", 0),
    NamedBudget("short", "Short", 512),
    NamedBudget("medium", "Medium", 2048),
    NamedBudget("long", "Long", 8192),
    NamedBudget("unlimited", "No limit", None),
)


def parse_budget(text: str) -> int | None:
    """Read a written budget: a preset's name or a whole number of tokens. Raises BadInput."""
    word = text.strip().lower()
    for preset in PRESETS:
        if word == preset.name:
            return preset.tokens
    if word.isascii() and word.isdigit() and len(word) < 20 and int(word) <= LARGEST:
        return int(word)
    names = ", ".join(preset.name for preset in PRESETS)
    raise BadInput(f'A thinking budget is {names} or a whole number of tokens, not "{text}".')


def check_minimum(budget: int | None, minimum: int) -> None:
    """Refuse a least amount of thinking that the budget has no room for. Raises BadInput."""
    if budget is not None and minimum > budget:
        raise BadInput(
            f"At least {minimum} thinking tokens do not fit in a budget of {budget}.",
            "Raise --think or lower --think-min.",
        )


def describe(tokens: int | None) -> str:
    """Say a budget: "off", "no limit", "2,048 tokens"."""
    if tokens is None:
        return "no limit"
    return f"{tokens:,} tokens" if tokens else "off"
