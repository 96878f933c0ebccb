"""Conversations to drafts: OpenAI messages, ShareGPT, Ollama and OpenRouter records, texts in chat markup.

The last assistant's turn is what is learned; the user's turn before it is the problem and everything earlier its
context. A conversation that ends with the user has no answer, and one in which the two do not take turns is broken, as
most chat templates refuse it. Turns of tools are not learned from: left out.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from models.answers import tags
from models.traces.draft import Draft
from models.traces.fault import Fault
from models.traces.trace import Turn

KEYS = ("messages", "conversations", "conversation", "dialogue", "dialog", "turns")
THINKING_FIELDS = ("reasoning_content", "reasoning", "thinking", "thought", "thoughts")

ROLES = {  # ours, by a lower-case word that stands for it
    **dict.fromkeys(("user", "human", "prompter"), "user"),
    **dict.fromkeys(("assistant", "gpt", "model", "chatgpt", "bot", "ai", "bard", "claude"), "assistant"),
    **dict.fromkeys(("system", "developer"), "system"),
}
_CUT = ("length", "max_tokens", "MAX_TOKENS")


class RawTurn(NamedTuple):
    """A turn: its role as ours, text, thinking that had a field of its own, and that field's name."""

    role: str
    text: str
    thinking: str = ""
    field: str = ""


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
        draft.turns = [Turn(turn.role, _without_thinking(turn)) for turn in spoken[:-2]]  # type: ignore[arg-type]
        take_turn(draft, spoken[-1])


def take_turn(draft: Draft, turn: RawTurn) -> None:
    """Take the turn that is learned from."""
    if turn.thinking:
        draft.take_parts(turn.thinking, turn.text, turn.field)
    else:
        draft.take_reply(turn.text)


def read_message(message: Mapping[str, object]) -> RawTurn | str:
    """An assistant's message of an Ollama or OpenRouter record, whose role may be missing; or what is wrong with it."""
    return _said({"role": "assistant", **message})


def was_cut(record: Mapping[str, object]) -> bool:
    """Whether a record says that the reply ran into a limit."""
    reasons = ("finish_reason", "done_reason", "stop_reason", "native_finish_reason")
    return any(record.get(key) in _CUT for key in reasons)


def _said(message: object) -> RawTurn | str:
    """A turn, or a sentence that says why it is none."""
    if not isinstance(message, dict):
        return "A turn of its conversation is no object."
    name = next((message[key] for key in ("role", "from", "sender", "speaker") if key in message), None)
    role = ROLES.get(name.lower()) if isinstance(name, str) else None
    if role is None:
        if name in ("tool", "function", "function_call", "observation", "ipython", "tool_response"):
            return "It has a tool's turn, and traces with tools are not learned from."
        return f"A turn has the role {name!r}, which is not known." if name is not None else "A turn has no role."
    if message.get("tool_calls"):
        return "It calls tools, and traces with tools are not learned from."
    content = next((message[key] for key in ("content", "value", "text") if key in message), None)
    thinking, field = _thinking_field(message)
    if isinstance(content, list):
        parts = _parts(content)
        if isinstance(parts, str):
            return parts
        text, thought = parts
        return RawTurn(role, text, thinking or thought, field or ("parts of type thinking" if thought else ""))
    if content is None or isinstance(content, str):
        return RawTurn(role, content or "", thinking, field)
    return f"The content of a turn is {type(content).__name__}, not text."


def _thinking_field(message: Mapping[str, object]) -> tuple[str, str]:
    for key in THINKING_FIELDS:
        value = message.get(key)
        if isinstance(value, str) and value.strip():
            return value, key
    details = message.get("reasoning_details")  # OpenRouter's: a list of {"type": "reasoning.text", "text": …}
    if isinstance(details, list):
        texts = [part["text"] for part in details if isinstance(part, dict) and isinstance(part.get("text"), str)]
        if "".join(texts).strip():
            return "".join(texts), "reasoning_details"
    return "", ""


def _parts(content: Sequence[object]) -> tuple[str, str] | str:
    """Text and thinking of a list of parts, or a sentence about a part that is neither."""
    texts: list[str] = []
    thoughts: list[str] = []
    for part in content:
        if isinstance(part, str):
            texts.append(part)
            continue
        kind = part.get("type", "text") if isinstance(part, dict) else None
        if not isinstance(part, dict) or not isinstance(kind, str):
            return "A part of a turn is neither text nor an object."
        thinks = kind in ("thinking", "reasoning", "thought")
        keys = (kind, "text", "thinking", "content")
        value = next((part[key] for key in keys if isinstance(part.get(key), str)), None)
        if value is None or not (thinks or kind in ("text", "input_text", "output_text")):
            return f"A turn holds a part of type {kind}, which is no text."
        (thoughts if thinks else texts).append(value)
    return "".join(texts), "\n\n".join(thoughts)


def _without_thinking(turn: RawTurn) -> str:
    return tags.split_reply(turn.text).answer if turn.role == "assistant" else turn.text.strip()
