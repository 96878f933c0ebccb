"""Replies of chats as traces of a set."""

import contextlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from models import errors
from models.store.chats import Chats
from models.store.rows import StoredMessage
from models.trace_report import LeftOut
from models.traces import store
from models.traces.trace import Trace, Turn, from_chat


class Collected(msgspec.Struct, frozen=True, kw_only=True):
    """What came of adding replies to a set.

    ids: of the traces that were added; left_out: why each of the others was not; total: traces the set has now, without
    those left out by hand.
    """

    name: str
    ids: list[str]
    left_out: list[LeftOut]
    total: int


def trace_of(path: Sequence[StoredMessage], system: str = "") -> Trace:
    """The trace of a reply. path: from the first message of its branch to the reply itself. system: the chat's prompt."""
    *earlier, asked, reply = path
    figures = reply.figures
    return from_chat(
        asked.content,
        reply.thinking,
        reply.content,
        # a checkpoint or a model outside the library goes by its path, which is nobody's business in an export
        " + ".join(Path(name).name if name.startswith("/") else name for name in (reply.model, reply.adapter) if name),
        figures.budget if figures else None,
        closed_by=figures.closed_by if figures else None,
        system=system,
        # a reply that failed before its first word was no turn of the conversation
        turns=[Turn(turn.role, turn.content, _whole(turn)) for turn in earlier if turn.role == "user" or turn.content],
        tokens=figures.thinking_tokens + figures.answer_tokens if figures else 0,
        verified={1: True, -1: False}.get(reply.rating),
    )


def _whole(turn: StoredMessage) -> str:
    """The thinking of an earlier reply, where the model ended it by itself."""
    return turn.thinking if turn.figures and turn.figures.closed_by == "model" else ""


def of_reply(chats: Chats, reply_id: int) -> Trace:
    """The trace of one reply. Raises NotFound, and Corrupt where nothing is left of what it answers."""
    path = chats.path(reply_id)
    if len(path) < 2:
        raise errors.Corrupt("The message that this reply answers is damaged.")
    return trace_of(path, chats.get(path[-1].chat_id).system)


def of_rated(chats: Chats, good: bool = True) -> list[Trace]:
    """The traces of all whole replies that were rated good, or bad."""
    traces = []
    for reply in chats.rated(1 if good else -1):
        with contextlib.suppress(errors.Corrupt):
            traces.append(of_reply(chats, reply.id))
    return traces


def collect(name: str, traces: Iterable[Trace]) -> Collected:
    """Add traces to a set, which is made when it is new; one that was left out by hand is taken back.

    Raises what store.append raises.
    """
    wanted = {trace.id: trace for trace in traces}
    before = _ids(name)
    out = (store.excluded(name) if before else frozenset()) & wanted.keys()
    if out:
        store.include(name, out)
    added = store.append(name, [trace for trace in wanted.values() if trace.id not in out])
    kept = [trace_id for trace_id in _ids(name) if trace_id in wanted and (trace_id not in before or trace_id in out)]
    return Collected(name=name, ids=kept, left_out=added.left_out, total=_count(name))


def _ids(name: str) -> dict[str, None]:
    """The ids of a set in order, none when there is no such set."""
    try:
        return dict.fromkeys(trace.id for trace in store.read(name, with_excluded=True))
    except errors.NotFound:
        return {}


def _count(name: str) -> int:
    try:
        record = store.get(name)
    except errors.NotFound:
        return 0
    return record.traces - record.excluded
