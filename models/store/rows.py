"""What a row of chats or messages says, as a struct.

A row of which something can't be read, as one wrong byte on a disk makes it, is read all the same: the rest of it
counts, what stands for the damaged part says so, and `damaged` is set. Nothing here raises for what is in a row.
"""

import logging
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from models import events
from models.requests import Sampling

MessageRole = Literal["user", "assistant"]
State = Literal["done", "streaming", "stopped", "interrupted", "failed"]
TitleSource = Literal["auto", "user"]
Rating = Literal[-1, 0, 1]

UNTITLED = "New chat"  # what stands for the title of a chat that has none
DAMAGED = "(damaged)"  # what stands for a text that can't be read

log = logging.getLogger(__name__)
Row = TypeVar("Row", bound=msgspec.Struct)
Tokens = Annotated[int, Meta(ge=0)]
Moment = Annotated[float, Meta(ge=0, lt=1e11)]  # seconds since 1970; calendars end in the year 9999


class Garbled(str):
    """A text of which some bytes were no UTF-8, with U+FFFD in their place."""


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
    created: Moment
    updated: Moment
    model: str
    think_budget: Tokens | None  # thinking tokens: 0 for off, None for no limit
    think_custom: Tokens | None  # the exact number that was last typed, to be offered again
    system: str  # the system prompt
    preset: str  # the name it came from
    sampling: Sampling
    draft: str  # typed and not sent
    leaf_id: int | None  # the last message that is shown
    deleted_at: Moment | None
    adapter: str = ""
    damaged: bool = False


class ChatEntry(msgspec.Struct, frozen=True):
    """A line of the list of chats."""

    id: int
    title: str
    updated: Moment
    model: str
    damaged: bool = False


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
    created: Moment
    adapter: str = ""  # what the model that wrote it was adapted by
    version: int = 1  # its place among its siblings, from 1
    versions: int = 1  # how many those are
    damaged: bool = False


def figures_of(reply: events.Reply) -> Figures:
    """Take the figures out of a reply's record."""
    return Figures(**{name: getattr(reply, name) for name in Figures.__struct_fields__})


def chat_of(row: tuple[Any, ...]) -> Chat:
    """A row of chats, its columns as Chat's fields."""
    fields = dict(zip(Chat.__struct_fields__, row, strict=False))
    fields["sampling"] = _decoded(fields["sampling"], Sampling)
    return _read(Chat, fields, title=DAMAGED, title_source="auto", sampling=Sampling())


def entry_of(row: tuple[Any, ...]) -> ChatEntry:
    """A row of chats as a line of their list."""
    return _read(ChatEntry, dict(zip(ChatEntry.__struct_fields__, row, strict=False)), title=DAMAGED)


def message_of(row: tuple[Any, ...]) -> StoredMessage:
    """A row of messages, its columns as StoredMessage's fields."""
    fields = dict(zip(StoredMessage.__struct_fields__, row, strict=False))
    fields["figures"] = _decoded(fields["figures"], Figures) if fields["figures"] else None
    role = "assistant" if fields["model"] or fields["thinking"] or fields["figures"] else "user"
    content = DAMAGED if role == "user" else ""
    return _read(StoredMessage, fields, role=role, content=content, state="done", figures=None)


def _read(kind: type[Row], fields: dict[str, Any], **instead: Any) -> Row:
    """The struct of these fields. instead: what stands for a field that can't be read; else 0, "" or None, as it takes."""
    garbled = {name: str(value) for name, value in fields.items() if isinstance(value, Garbled)}
    fields = {**fields, **garbled}
    try:
        row = msgspec.convert(fields, kind)
        return msgspec.structs.replace(row, damaged=True) if garbled else row
    except msgspec.ValidationError:
        whole = {field.name: _field(field, fields, instead) for field in msgspec.structs.fields(kind)}
        log.warning("%s %s is damaged", kind.__name__, fields.get("id"))
        return kind(**{**whole, "damaged": True})


def _field(field: msgspec.structs.FieldInfo, fields: dict[str, Any], instead: dict[str, Any]) -> Any:
    if field.name not in fields:
        return field.default
    for value in (fields[field.name], instead.get(field.name, msgspec.UNSET), None, "", 0):
        try:
            return msgspec.convert(value, field.type)
        except msgspec.ValidationError:
            continue
    raise AssertionError(f"nothing stands for {field.name}")


def _decoded(text: object, kind: type[Row]) -> object:
    """What JSON says; UNSET, which no field takes, for what is none of that kind."""
    try:
        return msgspec.json.decode(str(text), type=kind) if isinstance(text, str) else msgspec.UNSET
    except msgspec.MsgspecError:
        return msgspec.UNSET
