"""Conversations to drafts: OpenAI messages, ShareGPT, Ollama and OpenRouter records, texts in chat markup.

The last assistant's turn is what is learned; the user's turn before it is the problem and everything earlier its
context. A conversation that ends with the user has no answer, and one in which the two do not take turns is broken, as
most chat templates refuse it. Turns of tools are not learned from: left out.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from models.answers import tags
from models.traces import column_names
from models.traces.cells import is_label, is_nothing
from models.traces.draft import Draft
from models.traces.fault import Fault
from models.traces.trace import Turn

KEYS = ("messages", "conversations", "conversation", "dialogue", "dialog", "turns", "contents")
THINKING_FIELDS = ("reasoning_content", "reasoning", "thinking", "thought", "thoughts")

ROLES = {  # ours, by a lower-case word that stands for it
    **dict.fromkeys(("user", "human", "prompter"), "user"),
    **dict.fromkeys(("assistant", "gpt", "model", "chatgpt", "bot", "ai", "bard", "claude"), "assistant"),
    **dict.fromkeys(("system", "developer"), "system"),
}
_CUT = (
    "length", "max_tokens", "MAX_TOKENS", "model_length", "content_filter", "SAFETY", "RECITATION", "refusal", "pause_turn",
    "error", "cancelled", "load", "unload",
)  # fmt: skip
_REASONS = (
    "finish_reason", "finish_reasons", "done_reason", "stop_reason", "native_finish_reason",
)  # fmt: skip
# What a turn may hold beside its text, without which the text is half of it.
_NOT_TEXT = ("tool_calls", "function_call", "images", "image", "audio", "video", "files", "attachments")
_REDACTED = ("redacted_thinking", "reasoning.encrypted")
_OF_TEXT = ("cache_control", "citations", "annotations", "logprobs", "signature", "extras")


class RawTurn(NamedTuple):
    """A turn: its role as ours, text, thinking that had a field of its own, and that field's name."""

    role: str
    text: str
    thinking: str = ""
    field: str = ""
    redacted: bool = False  # some of its thinking is encrypted, as Anthropic's API gives it


def read_messages(title: str, messages: Sequence[object], reply: Mapping[str, object] | None = None) -> Draft:
    """A draft of a conversation; reply: the last message, when it stands apart."""
    draft = Draft(title)
    said: list[RawTurn] = []
    for message in [*messages, reply] if reply else messages:
        turn = _said(message)
        if isinstance(turn, str):
            draft.fault = Fault("broken", turn)
            return draft
        said.append(turn)
    fill(draft, said)
    return draft


def fill(draft: Draft, said: Sequence[RawTurn]) -> None:
    """Fill a draft from turns."""
    draft.system = "\n\n".join(turn.text.strip() for turn in said if turn.role == "system" and turn.text.strip())
    if draft.system and any(tag in draft.system for tag in tags.all_tags()):
        draft.system = ""  # it explains the tags, which every family's own template does in its way
    spoken = [turn for turn in said if turn.role != "system"]
    if not spoken:
        draft.fault = Fault("no_problem", "The conversation is empty.")
    elif spoken[-1].role == "user":
        draft.problem = spoken[-1].text
        draft.fault = Fault("no_answer", "The conversation ends with the user.")
    elif len(spoken) == 1:
        draft.fault = Fault("no_problem", "No user's turn stands before its answer.")
    elif any(turn.role != ("user", "assistant")[number % 2] for number, turn in enumerate(spoken)):
        draft.fault = Fault("broken", "Its turns do not alternate between user and assistant, beginning with the user.")
    else:
        draft.problem = spoken[-2].text
        draft.turns = [_earlier(turn) for turn in spoken[:-2]]
        take_turn(draft, spoken[-1])


def take_turn(draft: Draft, turn: RawTurn) -> None:
    """Take the turn that is learned from."""
    if turn.thinking:
        draft.take_parts(turn.thinking, turn.text, turn.field)
    else:
        draft.take_reply(turn.text)
    if turn.redacted and not draft.thinking:
        draft.fault = Fault("broken", "All of its thinking is redacted.")
    elif turn.redacted:
        draft.where += ", without what is redacted"


def read_message(message: Mapping[str, object]) -> RawTurn | str:
    """An assistant's message of an Ollama or OpenRouter record, whose role may be missing; or what is wrong with it."""
    return _said({"role": "assistant", **message})


def was_cut(record: Mapping[str, object]) -> bool:
    """Whether a record says that the reply ran into a limit, was stopped, or goes on in the next record."""
    return record.get("done") is False or any(
        record.get(key) in _CUT for key in _REASONS if not isinstance(record.get(key), list | dict)
    )


def ends_with_user(messages: Sequence[object]) -> bool:
    """Whether a conversation waits for its answer."""
    last = messages[-1] if messages else None
    turn = _said(last) if isinstance(last, dict) else ""
    return isinstance(turn, RawTurn) and turn.role == "user"


def _said(message: object) -> RawTurn | str:
    """A turn, or a sentence that says why it is none."""
    if not isinstance(message, dict):
        return "A turn of its conversation is no object."
    message = column_names.in_plain_names(message)
    name = next((message[key] for key in ("role", "from", "sender", "speaker") if message.get(key) is not None), None)
    role = ROLES.get(name.lower()) if isinstance(name, str) else None
    if role is None:
        if name in ("tool", "function", "function_call", "observation", "ipython", "tool_response"):
            return "It has a tool's turn, and traces with tools are not learned from."
        known = f"A turn has the role {str(name)[:40]!r}, which is not known."
        return known if name is not None else "A turn has no role."
    if held := next((key for key in _NOT_TEXT if message.get(key)), ""):
        tools = held in ("tool_calls", "function_call")
        return (
            "It calls tools, and traces with tools are not learned from." if tools else f"A turn holds {held}, no text."
        )
    content = next(
        (message[key] for key in ("content", "value", "text", "parts") if message.get(key) is not None), None
    )
    thinking, field = _thinking_field(message)
    hidden = _is_redacted(message.get("reasoning_details"))
    if isinstance(content, list):
        parts = _parts(content)
        if isinstance(parts, str):
            return parts
        thought = parts.thinking
        field = field or ("parts of type thinking" if thought else "")
        return RawTurn(role, parts.text, thinking or thought, field, hidden or parts.redacted)
    if content is None or isinstance(content, str):
        if is_label(thinking) and any(tag in (content or "") for tag in tags.all_tags()):
            thinking = field = ""  # a switch: what was thought stands in the text
        return RawTurn(role, content or "", thinking, field, hidden)
    return f"The content of a turn is {type(content).__name__}, not text."


def _thinking_field(message: Mapping[str, object]) -> tuple[str, str]:
    for key in THINKING_FIELDS:
        value = message.get(key)
        if isinstance(value, str) and value.strip() and not is_nothing(value):
            return value, key
    details = message.get("reasoning_details")  # OpenRouter's: a list of {"type": "reasoning.text", "text": …}
    if isinstance(details, list):
        texts = [part["text"] for part in details if isinstance(part, dict) and isinstance(part.get("text"), str)]
        if "".join(texts).strip():
            return "".join(texts), "reasoning_details"
    return "", ""


class _Parts(NamedTuple):
    text: str
    thinking: str
    redacted: bool  # some of the thinking is encrypted


def _parts(content: Sequence[object]) -> _Parts | str:
    """What a list of parts says, or a sentence about a part that is neither text nor thinking."""
    texts: list[str] = []
    thoughts: list[str] = []
    for part in content:
        if isinstance(part, str):
            texts.append(part)
            continue
        kind = part.get("type", "text") if isinstance(part, dict) else None
        if not isinstance(part, dict) or not isinstance(kind, str):
            return "A part of a turn is neither text nor an object."
        if kind in _REDACTED:
            continue
        thinks = kind in ("thinking", "reasoning", "thought") or part.get("thought") is True
        keys = (kind, "text", "thinking", "content")
        value = next((part[key] for key in keys if isinstance(part.get(key), str)), None)
        if value is None or not (thinks or kind in ("text", "input_text", "output_text")):
            return f"A turn holds a part of type {kind[:40]}, which is no text."
        if other := next((key for key in part if key not in _OF_TEXT and isinstance(part[key], list | dict)), ""):
            return f"A part of a turn holds {other[:40]} beside its text."
        if thinks and "".join(texts).strip():
            return "Its thinking goes on behind a part of its answer."
        (thoughts if thinks else texts).append(value)
    return _Parts("".join(texts), "\n\n".join(thoughts), _is_redacted(content))


def _is_redacted(parts: object) -> bool:
    return isinstance(parts, list) and any(isinstance(part, dict) and part.get("type") in _REDACTED for part in parts)


def _earlier(turn: RawTurn) -> Turn:
    """A turn before the last two, thinking and answer of a reply apart."""
    if turn.role == "user":
        return Turn("user", turn.text.strip())
    reply = Draft("")
    take_turn(reply, turn)
    return Turn("assistant", reply.answer, reply.thinking)
