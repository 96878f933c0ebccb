"""The shape of a row, recognised by itself, and the draft of a trace that comes of it.

Records of programs first, then conversations, then columns: a row that has both was made from its conversation. Which
columns count is chosen over the whole file (column_choice); a list of samples gives its first whole one.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from models.trace_report import IN_ANSWER
from models.traces import column_choice, column_names, columns, conversations, markup
from models.traces.cells import is_filled, list_of, text_of, turns_of, unpacked
from models.traces.column_choice import Choice
from models.traces.conversations import RawTurn
from models.traces.draft import Draft, draft_of
from models.traces.fault import Fault
from models.traces.trace import Trace

UNKNOWN = "no shape that is known"
MOST_SAMPLES = 64  # of a row that are looked at
_OURS = {"id", "problem", "thinking", "answer"}
_OUR_ID = re.compile(r"[0-9a-f]{16}")
_CHOICES = ("choices", "candidates")

Row = Mapping[str, object]


def read(row: Row, choice: Choice | None = None) -> Draft:
    """Recognise a row. What it is goes into the draft's title, or its fault says that it is nothing known.

    choice: of the file's columns; without it the row's own content decides.
    """
    row = unpacked(row)
    if len(row) > column_choice.MOST_COLUMNS:
        return Draft(UNKNOWN, "", fault=Fault("broken", f"It has {len(row):,} columns, more than any row of traces."))
    choice = choice or column_choice.choose([row])
    if not choice.by_hand and row.keys() >= _OURS and (draft := _ours(row)):
        return draft
    named = column_names.in_plain_names(row)
    first: Draft | None = None
    for sample in _samples(named, choice):
        draft = _recognise(sample, choice)
        if draft is None:
            names = ", ".join(str(name)[:40] for name in list(row)[:8]) or "none"
            return Draft(UNKNOWN, "", fault=Fault("broken", f"Its columns are of no shape that is known: {names}."))
        columns.describe(draft, sample, choice)
        if not draft.fault and draft.closed and draft.answer.strip() and draft.verified is not False:
            return draft
        first = first or draft
    return first if first is not None else Draft(UNKNOWN, "", fault=Fault("broken", "It is empty."))


def sentence(draft: Draft) -> str:
    """What a row was recognised as, as it is said aloud."""
    return f"{draft.title}, {draft.where}" if draft.where else draft.title


def problem_of(row: Row, choice: Choice | None = None) -> str:
    """The problem of a row of an evaluation set, or nothing."""
    row = unpacked(row)
    if len(row) > column_choice.MOST_COLUMNS:
        return ""
    choice = choice or column_choice.choose([row])
    return _asked(column_names.in_plain_names(row), choice) or read(row, choice).problem


def _asked(row: Row, choice: Choice) -> str:
    """The text of the first filled column of problems."""
    texts = (text for name in choice.problem if isinstance(text := row.get(name), str))
    return next((text for text in texts if text.strip() and not turns_of(text)), "")


def _samples(row: Row, choice: Choice) -> Iterator[Row]:
    """A row once for each reply in its column of answers, what stands in lists beside them divided alike."""
    written = next((name for name in choice.answer if is_filled(row.get(name))), "")
    replies = row.get(written)
    texts = isinstance(replies, list) and all(isinstance(reply, str | None) for reply in replies)
    if not isinstance(replies, list) or not texts or any(list_of(row.get(key)) for key in conversations.KEYS):
        yield row
        return
    beside = {
        name: value
        for name, value in row.items()
        if isinstance(value, list) and len(value) == len(replies) and name not in choice.problem
    }
    for number, reply in enumerate(replies[:MOST_SAMPLES]):
        if reply and reply.strip():
            yield {**row, **{name: value[number] for name, value in beside.items()}}


def _recognise(row: Row, choice: Choice) -> Draft | None:
    if choice.by_hand:
        return _prompted(row, choice) or columns.read(row, choice)
    return (
        _record(row, choice)
        or _conversation(row, choice)
        or _prompted(row, choice)
        or _marked_up(row)
        or columns.read(row, choice)
        or _empty_conversation(row)
    )


def _ours(row: Row) -> Draft | None:
    """A row that Stillroom exported; cells of a CSV come as text, so those are read leniently."""
    if not isinstance(row["id"], str) or not _OUR_ID.fullmatch(row["id"]):
        return None
    fields = {key: value for key, value in row.items() if value not in ("", None) or key in _OURS}
    try:
        for key in ("turns", "history"):
            if isinstance(cell := fields.get(key), str):
                fields[key] = msgspec.json.decode(cell)
        trace = msgspec.convert(fields, Trace, strict=False)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    return draft_of(trace, "Stillroom traces", "thinking in its own field" if trace.thinking else "no thinking")


def _conversation(row: Row, choice: Choice) -> Draft | None:
    key = next((key for key in conversations.KEYS if list_of(row.get(key))), "")
    messages = list_of(row.get(key))
    if not messages:
        return None
    sharegpt = any(isinstance(turn, dict) and "from" in turn for turn in messages[:1])
    title = f"ShareGPT {key}" if sharegpt else "OpenAI messages" if key == "messages" else f"messages in {key}"
    apart = _message_of(row)
    if apart is None and conversations.ends_with_user(messages):
        return _answered(title, messages, row, choice, "")
    draft = conversations.read_messages(title, messages, apart)
    _take_beside(draft, row, choice)
    draft.gold = draft.gold or next((text for name in columns.RESULTS if (text := text_of(row.get(name)).strip())), "")
    return draft


def _empty_conversation(row: Row) -> Draft | None:
    key = next((key for key in conversations.KEYS if list_of(row.get(key)) == []), "")
    return conversations.read_messages("OpenAI messages", []) if key else None


def _prompted(row: Row, choice: Choice) -> Draft | None:
    """A conversation where a problem stands, answered in another column, or one where an answer stands."""
    written = next((name for name in choice.answer if is_filled(row.get(name))), "")
    asked = next((name for name in choice.problem if is_filled(row.get(name)) and name != "instruction"), "")
    if messages := turns_of(row.get(asked)):
        title = f"messages in {choice.own(asked)}"
        if (asked, written) == ("prompt", "completion"):
            title = "prompt and completion as messages"
        instruction = text_of(row.get("instruction")).strip()
        before = [{"role": "system", "content": instruction}] if instruction else []
        return _answered(title, [*before, *messages], row, choice, asked)
    asked = asked or ("instruction" if is_filled(row.get("instruction")) else "")
    if asked and turns_of(row.get(written)):
        said = [{"role": "user", "content": text_of(row[asked])}]
        return _answered(f"messages in {choice.own(written)}", said, row, choice, asked)
    return None


def _answered(title: str, messages: Sequence[object], row: Row, choice: Choice, asked: str) -> Draft:
    """A conversation whose last answer stands in a column of its own."""
    written = next((name for name in choice.answer if name != asked and is_filled(row.get(name))), "")
    answer = row.get(written)
    if reply := turns_of(answer):
        draft = conversations.read_messages(title, [*messages, *reply])
        _take_beside(draft, row, choice)
        return draft
    if not written:
        return conversations.read_messages(title, messages)
    thinking = columns.thinking_column(row, choice, written)
    parts = {"reasoning": text_of(row[thinking])} if thinking not in ("", IN_ANSWER) else {}
    draft = conversations.read_messages(title, messages, {"role": "assistant", "content": text_of(answer), **parts})
    draft.columns = choice.taken(asked, thinking, written) if asked else None
    if parts:
        draft.where = f"thinking in {choice.own(thinking)}"
    results = (name for name in columns.RESULTS if name not in (written, thinking, asked))
    draft.gold = next((text for name in results if (text := text_of(row.get(name)).strip())), "")
    return draft


def _take_beside(draft: Draft, row: Row, choice: Choice) -> None:
    """Take the thinking of a conversation's last answer from a column beside it, where it has none itself."""
    thinking = columns.thinking_column(row, choice)
    if not draft.thinking and draft.answer and not draft.fault and thinking not in ("", IN_ANSWER):
        draft.take_parts(text_of(row[thinking]), draft.answer, choice.own(thinking))


def _record(row: Row, choice: Choice) -> Draft | None:
    """What a program answered with: Ollama's chat or generate, OpenRouter's or OpenAI's completion, Anthropic's message."""
    request, response = row.get("request"), row.get("response")
    if not isinstance(response, dict):
        return _record_of(row, choice)
    body = response.get("body")
    answered = body if isinstance(body, dict) else response
    asked = request if isinstance(request, dict) else {}
    message = {"message": answered} if answered.get("role") == "assistant" and "content" in answered else {}
    return _record_of({**row, **asked, **answered, **message}, choice)


def _record_of(row: Row, choice: Choice) -> Draft | None:
    count = max(sum(isinstance(one, dict) for one in list_of(row.get(name)) or ()) for name in _CHOICES)
    if count > 1:
        fault = Fault("broken", f"It holds {count} replies to one prompt, and does not say which one is meant.")
        return Draft("a record of several replies", "", fault=fault)
    message = _message_of(row)
    if message is None or ("messages" not in row and any(turns_of(row.get(name)) for name in choice.problem)):
        return None
    choices = list_of(row.get("choices"))
    title = "OpenRouter or OpenAI completions" if choices else "Ollama records"
    messages = list_of(row.get("messages"))
    if messages is not None:
        draft = conversations.read_messages(title, messages, {"role": "assistant", **message})
    else:
        draft = Draft(title, problem=_asked(row, choice))
        turn = conversations.read_message(message)
        if isinstance(turn, str):
            draft.fault = Fault("broken", turn)
        else:
            conversations.take_turn(draft, turn)
    first = choices[0] if choices and isinstance(choices[0], dict) else {}
    draft.closed = draft.closed and not any(conversations.was_cut(record) for record in (row, first, message))
    return draft


def _message_of(row: Row) -> Mapping[str, object] | None:
    choices = list_of(row.get("choices"))
    holder = choices[0] if choices and isinstance(choices[0], dict) else row
    message = holder.get("message")
    return message if isinstance(message, dict) else None


def _marked_up(row: Row) -> Draft | None:
    """A column that holds a whole conversation as the model saw it."""
    text = row.get("text")
    unwrapped = markup.unwrap(text) if isinstance(text, str) else None
    if unwrapped is None:
        return None
    draft = Draft(f"text in {unwrapped.template} markup")
    conversations.fill(draft, [RawTurn(role, said) for role, said in unwrapped.turns])
    return draft
