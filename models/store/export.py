"""A chat as a file of its own: Markdown of the branch that is shown, or JSON of everything in it."""

import datetime

import msgspec

from models.store.chats import Chats
from models.store.rows import UNTITLED, Chat, StoredMessage

FORMAT = "stillroom.chat"
VERSION = 1

_ENDINGS = {"stopped": "stopped", "interrupted": "interrupted", "failed": "failed", "streaming": "still being written"}


class ExportedChat(msgspec.Struct, frozen=True, kw_only=True):
    """The JSON of a chat: all versions of all messages, tied together by parent_id; chat.leaf_id ends the shown branch."""

    format: str = FORMAT
    version: int = VERSION
    chat: Chat
    messages: list[StoredMessage]


def export_json(chats: Chats, chat_id: int) -> bytes:
    """Write a chat as indented JSON, UTF-8; `msgspec.json.decode(…, type=ExportedChat)` reads it."""
    exported = ExportedChat(chat=chats.get(chat_id), messages=chats.tree(chat_id))
    return msgspec.json.format(msgspec.json.encode(exported), indent=2) + b"\n"


def export_markdown(chats: Chats, chat_id: int) -> str:
    """Write the shown branch as Markdown; thinking is folded into <details>."""
    chat = chats.get(chat_id)
    parts = [f"# {chat.title or UNTITLED}", f"*{_day(chat.created)}*"]
    if chat.system:
        parts += ["## System prompt", chat.system]
    for message in chats.branch(chat_id):
        parts += _sections(message)
    return "\n\n".join(parts) + "\n"


def _sections(message: StoredMessage) -> list[str]:
    writer = " + ".join(name for name in (message.model or "Reply", message.adapter) if name)
    parts = ["## You" if message.role == "user" else f"## {writer}"]
    if message.thinking:
        parts += [f"<details>\n<summary>{_thought(message)}</summary>", message.thinking.strip(), "</details>"]
    if message.content:
        parts.append(message.content.strip())
    if message.state in _ENDINGS:
        parts.append(f"*({_ENDINGS[message.state]}{': ' if message.error else ''}{message.error})*")
    return parts


def _thought(message: StoredMessage) -> str:
    if message.figures is None:
        return "Thinking"
    return f"Thought for {message.figures.thinking_s:.0f} s · {message.figures.thinking_tokens:,} tokens"


def _day(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M")
