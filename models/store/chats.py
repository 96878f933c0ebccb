"""Chats and their messages as rows, and everything one can do to them.

The messages of a chat are a tree: a reply hangs on the message it answers. Editing a message or regenerating a reply
adds a sibling and loses nothing; `leaf_id` names the end of the branch that is shown. A user's message is committed
before it is answered, a reply is a row of state `streaming` from the start, and each append is a commit, so a kill
at any moment loses at most what was not yet appended.
"""

import functools
import sqlite3
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, TypeVar

import msgspec

from models import errors, events, utf8
from models.requests import Sampling
from models.store.database import faults, transaction
from models.store.rows import (
    Chat,
    ChatEntry,
    Figures,
    MessageRole,
    Rating,
    State,
    StoredMessage,
    TitleSource,
    chat_of,
    entry_of,
    figures_of,
    message_of,
)

if TYPE_CHECKING:
    from models.store.search import SearchHit

P = ParamSpec("P")
T = TypeVar("T")

RECENTLY_DELETED_DAYS = 30
_DAY_S = 86_400


def _change(method: Callable[Concatenate["Chats", P], T]) -> Callable[Concatenate["Chats", P], T]:
    @functools.wraps(method)
    def whole(chats: "Chats", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return chats.whole(lambda: method(chats, *args, **kwargs))

    return whole


def _mending(connection: sqlite3.Connection, work: Callable[[], T]) -> T:
    """Do work again with a new search index when it was only that which was damaged."""
    if connection.in_transaction:  # whoever began it does it all again
        return work()
    try:
        return work()
    except (errors.Corrupt, sqlite3.IntegrityError) as error:
        from models.store.search import is_index_damage, rebuild

        cause = error.__cause__ or error
        if not (isinstance(cause, sqlite3.Error) and is_index_damage(cause)):
            raise
        with transaction(connection):
            rebuild(connection)
        return work()


class Chats:
    """The chats of one database. Every change is a transaction of its own, committed when the method returns.

    All methods raise NotFound for a chat or message that isn't there, and DiskFull, Busy, BadInput (no right to write) or Corrupt.
    """

    def __init__(self, connection: sqlite3.Connection, clock: Callable[[], float] = time.time) -> None:
        self.connection = connection
        self.clock = clock

    def whole(self, changes: Callable[[], T]) -> T:
        """Make several changes one transaction."""

        def changed() -> T:
            with transaction(self.connection):
                return changes()

        return _mending(self.connection, changed)

    # Chats

    @_change
    def create(
        self,
        model: str = "",
        *,
        think_budget: int | None = 2048,
        system: str = "",
        preset: str = "",
        sampling: Sampling | None = None,
        adapter: str = "",
    ) -> Chat:
        """Add an empty chat."""
        now = self.clock()
        texts = {"model": model, "system": system, "preset": preset, "adapter": adapter}
        drawn = _json(sampling or Sampling())
        figures = {"created": now, "updated": now, "think_budget": think_budget}
        return self.get(self._insert("chats", sampling=drawn, **texts, **figures))

    def get(self, chat_id: int) -> Chat:
        """Read a chat, deleted or not."""
        rows = self._rows(f"SELECT {_CHAT} FROM chats WHERE id = ?", chat_id)
        if not rows:
            raise _no_chat(chat_id)
        return chat_of(rows[0])

    def entries(self) -> list[ChatEntry]:
        """List the chats that are not deleted, last changed first."""
        return self._entries("deleted_at IS NULL ORDER BY updated DESC, id DESC")

    def recently_deleted(self) -> list[ChatEntry]:
        """List the chats that can still be restored, last deleted first."""
        kept = f"deleted_at IS NOT NULL AND NOT {_LONG_DELETED} ORDER BY deleted_at DESC, id DESC"
        return self._entries(kept, self._oldest_deleted())

    def _entries(self, those: str, *values: object) -> list[ChatEntry]:
        rows = self._rows(f"SELECT id, title, updated, model FROM chats WHERE {those}", *values)
        return [entry_of(row) for row in rows]

    @_change
    def rename(self, chat_id: int, title: str, source: TitleSource = "user") -> None:
        """Give a title. One that Stillroom made up (source "auto") never replaces one of the user's."""
        kept = " AND title_source <> 'user'" if source == "auto" else ""
        self._require_chat(chat_id)
        self._execute(f"UPDATE chats SET title = ?, title_source = ? WHERE id = ?{kept}", title, source, chat_id)

    @_change
    def duplicate(self, chat_id: int) -> Chat:
        """Copy a chat with all its branches; the copy has no draft and counts as changed now."""
        now = self.clock()
        self._require_chat(chat_id)
        shift = self._execute(_SHIFT, chat_id).fetchone()[0]
        copy_id = _new_id(self._execute(_COPY_CHAT, now, now, shift, chat_id))
        self._execute(_COPY_MESSAGES, shift, copy_id, shift, chat_id)
        return self.get(copy_id)

    def delete(self, chat_id: int) -> None:
        """Move a chat to the recently deleted; its messages stay for 30 days."""
        self._set(chat_id, deleted_at=self.clock())

    def restore(self, chat_id: int) -> None:
        """Bring a deleted chat back."""
        self._set(chat_id, deleted_at=None)

    @_change
    def purge(self) -> int:
        """Remove for good what was deleted more than 30 days ago. Returns how many chats."""
        return self._execute(f"DELETE FROM chats WHERE {_LONG_DELETED}", self._oldest_deleted()).rowcount

    def save_draft(self, chat_id: int, text: str) -> None:
        """Keep what is in the composer. Does not count as a change of the chat."""
        self._set(chat_id, draft=text)

    def set_model(self, chat_id: int, model: str, adapter: str = "") -> None:
        """Choose the model that answers from now on, and its adapter."""
        self._set(chat_id, model=model, adapter=adapter)

    def set_thinking(self, chat_id: int, budget: int | None, custom: int | None = None) -> None:
        """Choose the thinking budget; custom remembers an exact number that was typed, None leaves the old one."""
        typed = {} if custom is None else {"think_custom": custom}
        self._set(chat_id, think_budget=budget, **typed)

    def set_preset(self, chat_id: int, *, system: str, preset: str = "", sampling: Sampling | None = None) -> None:
        """Choose system prompt, the preset's name and sampling together."""
        self._set(chat_id, system=system, preset=preset, sampling=_json(sampling or Sampling()))

    def search(self, query: str, limit: int = 50) -> "list[SearchHit]":
        """Find text in titles and messages; see models/store/search.py."""
        from models.store.search import search  # takes a while to import and is not needed to show chats

        def found() -> "list[SearchHit]":
            with faults(self.connection):
                return search(self.connection, query, limit)

        return _mending(self.connection, found)

    # Messages

    def branch(self, chat_id: int) -> list[StoredMessage]:
        """Read the messages of the branch that is shown, first to last."""
        return self._messages_of(chat_id, _BRANCH)

    def tree(self, chat_id: int) -> list[StoredMessage]:
        """Read all messages of a chat, every branch, in the order they were written."""
        return self._messages_of(chat_id, f"SELECT {_MESSAGE} FROM messages m WHERE chat_id = ? ORDER BY id")

    def _messages_of(self, chat_id: int, statement: str) -> list[StoredMessage]:
        rows = self._rows(statement, chat_id)
        if not rows:
            self._require_chat(chat_id)
        return [message_of(row) for row in rows]

    def path(self, message_id: int) -> list[StoredMessage]:
        """Read a message and all it hangs on, first to last."""
        rows = self._rows(_PATH, message_id)
        if not rows:
            raise _no_message(message_id)
        return [message_of(row) for row in rows]

    def rated(self, rating: Rating) -> list[StoredMessage]:
        """Read the whole replies of all chats, deleted ones apart, that were rated so, oldest first."""
        return [message_of(row) for row in self._rows(_RATED, rating)]

    def message(self, message_id: int) -> StoredMessage:
        """Read one message."""
        rows = self._rows(f"SELECT {_MESSAGE} FROM messages m WHERE id = ?", message_id)
        if not rows:
            raise _no_message(message_id)
        return message_of(rows[0])

    def versions(self, message_id: int) -> list[int]:
        """List the ids of a message and its siblings, oldest first."""
        return [row[0] for row in self._rows(_SIBLINGS, message_id)]

    @_change
    def show(self, message_id: int) -> StoredMessage:
        """Show the branch that holds this message, down to what was last written below it."""
        shown = self.message(message_id)
        self._execute(f"UPDATE chats SET leaf_id = ({_NEWEST_BELOW}) WHERE id = ?", message_id, shown.chat_id)
        return shown

    def show_version(self, message_id: int, step: Literal[-1, 1]) -> StoredMessage:
        """Show the next older (-1) or newer (1) version of a message; at the end it stays."""
        ids = self.versions(message_id)
        if not ids:
            raise _no_message(message_id)
        at = ids.index(message_id) + step
        return self.show(ids[min(max(at, 0), len(ids) - 1)])

    @_change
    def add_user_message(self, chat_id: int, content: str) -> StoredMessage:
        """Add what the user sent below the shown branch and empty the draft. On disk when this returns."""
        message_id = self._add(chat_id, self._require_chat(chat_id), "user", content)
        self._set(chat_id, draft="")
        return self.message(message_id)

    @_change
    def edit_user_message(self, message_id: int, content: str) -> StoredMessage:
        """Add another version of a user's message and show it; the old one keeps its replies."""
        old = self.message(message_id)
        if old.role != "user":
            raise errors.BadInput("Only your own messages can be edited.")
        return self.message(self._add(old.chat_id, old.parent_id, "user", content))

    @_change
    def begin_reply(self, message_id: int, model: str, adapter: str = "") -> StoredMessage:
        """Add an empty reply of state `streaming` to a user's message and show it; to one answered before, another version."""
        asked = self.message(message_id)
        if asked.role != "user":
            raise errors.BadInput("Only a message of yours can be answered.")
        return self.message(self._add(asked.chat_id, asked.id, "assistant", "", "streaming", model, adapter))

    @_change
    def append(self, message_id: int, *, thinking: str = "", content: str = "") -> None:
        """Add text to the end of a reply that is streaming. On disk when this returns."""
        longer = (
            "UPDATE messages SET thinking = thinking || ?, content = content || ? WHERE id = ? AND state = 'streaming'"
        )
        if not self._execute(longer, thinking, content, message_id).rowcount:
            raise errors.NotFound(f"There is no reply {message_id} under way.")

    @_change
    def finish(
        self,
        message_id: int,
        state: State = "done",
        reply: events.Reply | None = None,
        error: str = "",
        *,
        thinking: str | None = None,
        content: str | None = None,
    ) -> StoredMessage:
        """End a reply. The texts that are given replace what was appended, as those of reply do, whose figures are kept."""
        old = self.message(message_id)
        if reply is not None:
            thinking, content = reply.thinking, reply.answer
        figures = _json(figures_of(reply)) if reply else None
        self._execute(_FINISH, state, error, thinking, content, figures, message_id)
        self._set(old.chat_id, updated=self.clock())
        return self.message(message_id)

    @_change
    def rate(self, message_id: int, rating: Rating) -> None:
        """Call a reply good (1), bad (-1) or neither (0)."""
        if not self._execute("UPDATE messages SET rating = ? WHERE id = ?", rating, message_id).rowcount:
            raise _no_message(message_id)

    @_change
    def repair(self) -> int:
        """Mark as interrupted what a killed process left streaming. Only for the process that holds the home, at its start."""
        return self._execute("UPDATE messages SET state = 'interrupted' WHERE state = 'streaming'").rowcount

    def damaged(self) -> int:
        """Count the chats and messages that can't be read whole or hang where they can't. Reads everything."""
        with faults(self.connection):
            chats = [chat_of(row) for row in self._execute(f"SELECT {_CHAT} FROM chats")]
            rows = self._execute(f"SELECT {_MESSAGE}, m.parent_id IS NOT {_PARENT} FROM messages m")
            unread = sum(bool(row[-1]) or message_of(row[:-1]).damaged for row in rows)
            lost = self._execute("SELECT count(*) FROM messages WHERE chat_id NOT IN (SELECT id FROM chats)")
            return sum(chat.damaged for chat in chats) + unread + int(lost.fetchone()[0])

    def _execute(self, statement: str, *values: object) -> sqlite3.Cursor:
        return self.connection.execute(statement, [_storable(value) for value in values])

    def _rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with faults(self.connection):
            return self._execute(statement, *values).fetchall()

    def _insert(self, table: str, **columns: object) -> int:
        places = ", ".join("?" * len(columns))
        statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})"
        return _new_id(self._execute(statement, *columns.values()))

    def _require_chat(self, chat_id: int) -> int | None:
        """Return the end of the branch that is shown; None where there is no message."""
        row = self._execute(f"SELECT {_LEAF} FROM chats c WHERE c.id = ?", chat_id).fetchone()
        if row is None:
            raise _no_chat(chat_id)
        leaf_id: int | None = row[0]
        return leaf_id

    @_change
    def _set(self, chat_id: int, /, **columns: object) -> None:
        self._require_chat(chat_id)
        changes = ", ".join(f"{name} = ?" for name in columns)
        self._execute(f"UPDATE chats SET {changes} WHERE id = ?", *columns.values(), chat_id)

    def _add(
        self,
        chat_id: int,
        parent_id: int | None,
        role: MessageRole,
        content: str,
        state: State = "done",
        model: str = "",
        adapter: str = "",
    ) -> int:
        """Add a message below parent_id and make it the end of the shown branch."""
        now = self.clock()
        texts = {"role": role, "content": content, "state": state, "model": model, "adapter": adapter}
        message_id = self._insert("messages", chat_id=chat_id, parent_id=parent_id, created=now, **texts)
        self._set(chat_id, leaf_id=message_id, updated=now)
        return message_id

    def _oldest_deleted(self) -> float:
        return self.clock() - RECENTLY_DELETED_DAYS * _DAY_S


_CHAT = ", ".join(name for name in Chat.__struct_fields__ if name != "damaged")
_SAME_PLACE = "s.parent_id IS m.parent_id AND s.chat_id = m.chat_id"
# A message was written after the one it hangs on, in the same chat, so ids grow along a branch; a reply hangs on something.
# A row that says otherwise is damaged, and would lead into another chat or round in a circle: it hangs on what was written
# before it. A chat that does not end with a message of its own ends with its newest.
_PARENT = """
    CASE WHEN m.parent_id IS NULL AND m.role = 'user' THEN NULL ELSE coalesce(
        (SELECT p.id FROM messages p WHERE p.id = m.parent_id AND p.chat_id = m.chat_id AND p.id < m.id),
        (SELECT max(p.id) FROM messages p WHERE p.chat_id = m.chat_id AND p.id < m.id)) END
"""
_MESSAGE = f"""
    m.id, m.chat_id, {_PARENT}, m.role, m.content, m.thinking, m.state, m.error, m.model, m.figures, m.rating, m.created,
    m.adapter,
    (SELECT count(*) FROM messages s WHERE {_SAME_PLACE} AND s.id <= m.id),
    (SELECT count(*) FROM messages s WHERE {_SAME_PLACE})
"""
_LEAF = """
    coalesce((SELECT l.id FROM messages l WHERE l.id = c.leaf_id AND l.chat_id = c.id),
        (SELECT max(l.id) FROM messages l WHERE l.chat_id = c.id))
"""
_ABOVE = f"SELECT {_PARENT} AS up FROM messages m JOIN shown ON shown.id = m.id WHERE up IS NOT NULL"
_BRANCH = f"""
    WITH RECURSIVE shown (id) AS (SELECT {_LEAF} AS leaf FROM chats c WHERE c.id = ? AND leaf IS NOT NULL UNION ALL {_ABOVE})
    SELECT {_MESSAGE} FROM messages m WHERE m.id IN shown ORDER BY m.id
"""
_PATH = f"""
    WITH RECURSIVE shown (id) AS (VALUES (?) UNION ALL {_ABOVE})
    SELECT {_MESSAGE} FROM messages m WHERE m.id IN shown ORDER BY m.id
"""
_RATED = f"""
    SELECT {_MESSAGE} FROM messages m JOIN chats c ON c.id = m.chat_id
    WHERE m.rating = ? AND m.role = 'assistant' AND m.state = 'done' AND c.deleted_at IS NULL ORDER BY m.id
"""
_NEWEST_BELOW = """
    WITH RECURSIVE below (id) AS (
        VALUES (?) UNION ALL
        SELECT messages.id FROM messages JOIN below ON messages.parent_id = below.id AND messages.id > below.id
    )
    SELECT max(id) FROM below
"""
_FINISH = """
    UPDATE messages SET state = ?, error = ?,
        thinking = coalesce(?, thinking), content = coalesce(?, content), figures = coalesce(?, figures)
    WHERE id = ?
"""
# A moment before 2001 is a damaged one, and no reason to remove a chat for good.
_LONG_DELETED = "(deleted_at BETWEEN 1e9 AND ?)"
_SIBLINGS = f"SELECT s.id FROM messages m JOIN messages s ON {_SAME_PLACE} WHERE m.id = ? ORDER BY s.id"

# A copy's ids are the original's, moved past the last one given out: parents and leaf move along by the same number.
_SHIFT = (
    "SELECT (SELECT seq FROM sqlite_sequence WHERE name = 'messages') + 1 - min(id) FROM messages WHERE chat_id = ?"
)
_COPY_CHAT = f"""
    INSERT INTO chats (title, title_source, created, updated, model, adapter, think_budget, think_custom, system, preset,
        sampling, leaf_id)
    SELECT CASE title WHEN '' THEN '' ELSE title || ' copy' END,
        title_source, ?, ?, model, adapter, think_budget, think_custom, system, preset, sampling, {_LEAF} + ?
    FROM chats c WHERE c.id = ?
"""
_COPY_MESSAGES = f"""
    INSERT INTO messages (id, chat_id, parent_id, role, content, thinking, state, error, model, figures, rating, created,
        adapter)
    SELECT id + ?, ?, {_PARENT} + ?, role, content, thinking,
        CASE state WHEN 'streaming' THEN 'interrupted' ELSE state END, error, model, figures, rating, created, adapter
    FROM messages m WHERE chat_id = ? ORDER BY id
"""


def _json(record: Figures | Sampling) -> str:
    return msgspec.json.encode(record).decode()


def _storable(value: object) -> Any:
    return utf8.whole(value) if isinstance(value, str) else value


def _new_id(cursor: sqlite3.Cursor) -> int:
    assert cursor.lastrowid is not None, "a row was inserted"
    return cursor.lastrowid


def _no_chat(chat_id: int) -> errors.NotFound:
    return errors.NotFound(f"There is no chat {chat_id}.")


def _no_message(message_id: int) -> errors.NotFound:
    return errors.NotFound(f"There is no message {message_id}.")
