"""The shape of a row, recognised by itself, and the draft of a trace that comes of it.

Records of programs first, then conversations, then columns: a row that has both was made from its conversation.
"""

from collections.abc import Mapping

import msgspec

from models.traces import columns, conversations, markup
from models.traces.conversations import RawTurn
from models.traces.draft import Draft, draft_of
from models.traces.fault import Fault
from models.traces.trace import Trace

UNKNOWN = "no shape that is known"
_OURS = {"id", "problem", "thinking", "answer"}


def read(row: Mapping[str, object]) -> Draft:
    """Recognise a row. What it is goes into the draft's title, or its fault says that it is nothing known."""
    row = _unpacked(row)
    if row.keys() >= _OURS and (draft := _ours(row)):
        return draft
    draft = _record(row) or _conversation(row) or _marked_up(row) or columns.read(row)
    if draft is None:
        names = ", ".join(str(name) for name in list(row)[:8]) or "none"
        return Draft(UNKNOWN, "", fault=Fault("broken", f"Its columns are of no shape that is known: {names}."))
    columns.describe(draft, row)
    return draft


def sentence(draft: Draft) -> str:
    """What a row was recognised as, as it is said aloud."""
    return f"{draft.title}, {draft.where}" if draft.where else draft.title


def problem_of(row: Mapping[str, object]) -> str:
    """The problem of a row of an evaluation set, or nothing."""
    row = _unpacked(row)
    asked = _asked(row)
    return read(row).problem if asked is None else asked


def _asked(row: Mapping[str, object]) -> str | None:
    """The text of the first column that is named as a problem is."""
    return next((text for name in columns.PROBLEM if isinstance(text := row.get(name), str)), None)


def _unpacked(row: Mapping[str, object]) -> Mapping[str, object]:
    inner = row.get("row")  # the Hub's viewer wraps each row so
    return inner if isinstance(inner, dict) and len(row) <= 4 else row


def _ours(row: Mapping[str, object]) -> Draft | None:
    """A row that Stillroom exported; cells of a CSV come as text, so those are read leniently."""
    fields = {key: value for key, value in row.items() if value not in ("", None) or key in _OURS}
    try:
        for key in ("turns", "history"):
            if isinstance(cell := fields.get(key), str):
                fields[key] = msgspec.json.decode(cell)
        trace = msgspec.convert(fields, Trace, strict=False)
    except (msgspec.MsgspecError, UnicodeError):
        return None
    return draft_of(trace, "Stillroom traces", "thinking in its own field" if trace.thinking else "no thinking")


def _conversation(row: Mapping[str, object]) -> Draft | None:
    for key in conversations.KEYS:
        messages = _list(row.get(key))
        if messages is None:
            continue
        sharegpt = any(isinstance(turn, dict) and "from" in turn for turn in messages[:1])
        title = f"ShareGPT {key}" if sharegpt else "OpenAI messages" if key == "messages" else f"messages in {key}"
        draft = conversations.read_messages(title, messages, _reply_apart(row))
        draft.closed = draft.closed and not conversations.was_cut(row)
        return draft
    prompt, completion = _list(row.get("prompt")), row.get("completion")
    if prompt and isinstance(prompt[0], dict):
        said = _list(completion) or [{"role": "assistant", "content": columns.text_of(completion)}]
        return conversations.read_messages("prompt and completion as messages", [*prompt, *said])
    return None


def _reply_apart(row: Mapping[str, object]) -> Mapping[str, object] | None:
    """The answer to `messages` when it stands in other columns: a record's, or reasoning and answer."""
    if record := _message_of(row):
        return {"role": "assistant", **record}
    answer = next((row[name] for name in ("answer", "response", "output") if isinstance(row.get(name), str)), None)
    thinking = next((row[name] for name in conversations.THINKING_FIELDS if isinstance(row.get(name), str)), None)
    last = (_list(row.get("messages")) or [None])[-1]
    if answer is None or not isinstance(last, dict) or last.get("role") not in ("user", "human"):
        return None
    return {"role": "assistant", "content": answer, **({"reasoning": thinking} if thinking else {})}


def _record(row: Mapping[str, object]) -> Draft | None:
    """What a program answered with: Ollama's chat or generate, OpenRouter's or OpenAI's completion."""
    request, response = row.get("request"), row.get("response")
    if isinstance(response, dict):
        body = response.get("body")
        asked = request if isinstance(request, dict) else {}
        return _record_of({**row, **asked, **(body if isinstance(body, dict) else response)})
    return _record_of(row)


def _record_of(row: Mapping[str, object]) -> Draft | None:
    message = _message_of(row)
    if message is None:
        return None
    choices = _list(row.get("choices"))
    title = "OpenRouter or OpenAI completions" if choices else "Ollama records"
    messages = _list(row.get("messages"))
    if messages is not None:
        draft = conversations.read_messages(title, messages, {"role": "assistant", **message})
    else:
        draft = Draft(title, problem=_asked(row) or "")
        turn = conversations.read_message(message)
        if isinstance(turn, str):
            draft.fault = Fault("broken", turn)
        else:
            conversations.take_turn(draft, turn)
    first = choices[0] if choices and isinstance(choices[0], dict) else {}
    draft.closed = draft.closed and not conversations.was_cut(row) and not conversations.was_cut(first)
    return draft


def _message_of(row: Mapping[str, object]) -> Mapping[str, object] | None:
    choices = _list(row.get("choices"))
    holder = choices[0] if choices and isinstance(choices[0], dict) else row
    message = holder.get("message")
    return message if isinstance(message, dict) else None


def _marked_up(row: Mapping[str, object]) -> Draft | None:
    """A column that holds a whole conversation as the model saw it."""
    text = row.get("text")
    unwrapped = markup.unwrap(text) if isinstance(text, str) else None
    if unwrapped is None:
        return None
    draft = Draft(f"text in {unwrapped.template} markup")
    conversations.fill(draft, [RawTurn(role, said) for role, said in unwrapped.turns])
    return draft


def _list(value: object) -> list[object] | None:
    """A list, also when a CSV's cell holds it as JSON."""
    if isinstance(value, str) and value.lstrip().startswith("[{"):
        try:
            value = msgspec.json.decode(value)
        except (msgspec.MsgspecError, UnicodeEncodeError):
            return None
    return value if isinstance(value, list) else None
