"""What a row of chats or messages says, as a struct."""

from typing import Any, Literal

import msgspec

from models import events
from models.requests import Sampling

MessageRole = Literal["user", "assistant"]
State = Literal["done", "streaming", "stopped", "interrupted", "failed"]
TitleSource = Literal["auto", "user"]
Rating = Literal[-1, 0, 1]

UNTITLED = "New chat"  # what stands for the title of a chat that has none


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What events.Reply says about a reply besides its texts."""

    thinking_tokens: int = 0
    answer_tokens: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    ttft_s: float = 0.0
    tokens_per_s: float = 0.0
    finish: events.Finish | None = None
    closed_by: events.ClosedBy | None = None
    thinking_s: float = 0.0
    budget: int | None = None
    context_tokens: int = 0
    context_limit: int = 0
    notes: list[str] = []


class Chat(msgspec.Struct, frozen=True):
    """A chat without its messages."""

    id: int
    title: str
    title_source: TitleSource
    created: float  # seconds since 1970, as all times here
    updated: float
    model: str
    think_budget: int | None  # thinking tokens: 0 for off, None for no limit
    think_custom: int | None  # the exact number that was last typed, to be offered again
    system: str  # the system prompt
    preset: str  # the name it came from
    sampling: Sampling
    draft: str  # typed and not sent
    leaf_id: int | None  # the last message that is shown
    deleted_at: float | None
    adapter: str = ""


class ChatEntry(msgspec.Struct, frozen=True):
    """A line of the list of chats."""

    id: int
    title: str
    updated: float
    model: str


class StoredMessage(msgspec.Struct, frozen=True):
    """A message of the tree."""

    id: int
    chat_id: int
    parent_id: int | None  # the message it hangs on; None for the first
    role: MessageRole
    content: str
    thinking: str
    state: State
    error: str  # why a reply failed
    model: str  # what wrote a reply
    figures: Figures | None
    rating: Rating
    created: float
    adapter: str = ""  # what the model that wrote it was adapted by
    version: int = 1  # its place among its siblings, from 1
    versions: int = 1  # how many those are


def figures_of(reply: events.Reply) -> Figures:
    """Take the figures out of a reply's record."""
    return Figures(**{name: getattr(reply, name) for name in Figures.__struct_fields__})


def chat_of(row: tuple[Any, ...]) -> Chat:
    """A row of chats, its columns as Chat's fields."""
    fields = dict(zip(Chat.__struct_fields__, row, strict=True))
    return Chat(**{**fields, "sampling": msgspec.json.decode(fields["sampling"], type=Sampling)})


def message_of(row: tuple[Any, ...]) -> StoredMessage:
    """A row of messages, its columns as StoredMessage's fields."""
    figures = msgspec.json.decode(row[9], type=Figures) if row[9] else None
    fields = (*row[:9], figures, *row[10:])
    return StoredMessage(*fields)
