"""Full-text search over what was written and over titles, newest first.

FTS5 finds words: case and accents do not matter, the last word may be unfinished. Its tokenizer takes a run of
Chinese, Japanese or Thai for one word and drops emoji altogether, so parts of a query made of those are looked
for as plain substrings. Whatever a person types is text, never query syntax, except "a phrase in quotes".
"""

import logging
import re
import sqlite3

import msgspec

from models.store.rows import DAMAGED, entry_of

log = logging.getLogger(__name__)

_MAX_TERMS = 16  # FTS5 refuses expressions deeper than 256
_EXCERPT_WORDS = 16
_EXCERPT_CHARS = 90
_NO_SEGMENTS = bytes(7)  # cookie, levels, segments, write counter: all 0
_OPEN, _CLOSE = "\x02", "\x03"
_MAX_QUERY = 400
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SPACE = re.compile(r"\s+")
_TERM = re.compile(r'"([^"]+)"|(\S+)')
# Scripts written without spaces: Thai to Khmer, kana, CJK, with their extensions.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")


class SearchHit(msgspec.Struct, frozen=True):
    """A place where a query was found."""

    chat_id: int
    message_id: int | None  # None when it is the title
    title: str
    snippet: str  # the surroundings, on one line
    spans: list[tuple[int, int]]  # (start, end) of what to highlight in them
    created: float  # of the message, or when the chat was last changed


def search(connection: sqlite3.Connection, query: str, limit: int = 50) -> list[SearchHit]:
    """Find chats that are not deleted: titles first, then messages of every branch, newest first.

    Never raises for what is in the query; one without anything to look for finds nothing.
    """
    words, fragments = _terms(query)
    if not words and not fragments:
        return []
    hits = _find(connection, _TITLES, words, fragments, limit)
    return hits + _find(connection, _MESSAGES, words, fragments, limit - len(hits))


def is_index_damage(error: sqlite3.Error) -> bool:
    """Tell damage of an index, which can be built anew, from damage of the database.

    FTS5 reports a clash inside its own tables as a bare constraint; constraints of our tables have extended codes.
    """
    of_an_index = (sqlite3.SQLITE_CORRUPT_VTAB, sqlite3.SQLITE_CONSTRAINT)
    return getattr(error, "sqlite_errorcode", 0) in of_an_index or "fts5" in str(error)


def rebuild(connection: sqlite3.Connection) -> None:
    """Build both indexes anew from the messages and titles; they hold nothing of their own."""
    log.info("the search index is damaged and is built anew")
    for index in ("messages_text", "chats_text"):
        # FTS5 reads its list of segments (row 10) before it rebuilds, and refuses when that is the damaged part.
        connection.execute(f"INSERT OR REPLACE INTO {index}_data (id, block) VALUES (10, ?)", (_NO_SEGMENTS,))
        connection.execute(f"INSERT INTO {index} ({index}) VALUES ('rebuild')")


class _Place(msgspec.Struct, frozen=True):
    """Where to look: the index, the text it indexes, and how to read a hit. `{join}` takes the index in."""

    index: str
    text: str
    id: str
    select: str


_TITLES = _Place("chats_text", "c.title", "c.id", "c.id, NULL, c.title, c.updated, {text} FROM {join} chats c")
_MESSAGES = _Place(
    "messages_text",
    "m.content",
    "m.id",
    "m.chat_id, m.id, c.title, m.created, {text} FROM {join} messages m CROSS JOIN chats c ON c.id = m.chat_id",
)


def _find(
    connection: sqlite3.Connection, place: _Place, words: str, fragments: list[str], limit: int
) -> list[SearchHit]:
    found = [f"{place.text} LIKE ? ESCAPE '\\'"] * len(fragments)
    values: list[str | int] = ["%" + re.sub(r"([%_\\])", r"\\\1", fragment) + "%" for fragment in fragments]
    text, join, order = place.text, "", place.id
    if words:
        text = f"snippet({place.index}, 0, '{_OPEN}', '{_CLOSE}', '…', {_EXCERPT_WORDS})"
        # CROSS keeps the index outermost: it yields newest first and stops at the limit, so nothing is sorted.
        join, order = f"{place.index} CROSS JOIN", f"{place.index}.rowid"
        found += [f"{place.index} MATCH ?", f"{place.id} = {place.index}.rowid"]
        values.append(words)
    select = place.select.format(text=text, join=join)
    statement = f"SELECT {select} WHERE c.deleted_at IS NULL AND {' AND '.join(found)} ORDER BY {order} DESC LIMIT ?"
    rows = connection.execute(statement, (*values, limit)).fetchall()
    hits = []
    for chat_id, message_id, title, updated, marked in rows:
        entry = entry_of((chat_id, title, updated, ""))
        found_in = marked if isinstance(marked, str) else DAMAGED
        snippet, spans = _spans(found_in if words else _excerpt(found_in, fragments))
        hits.append(SearchHit(chat_id, message_id, entry.title, snippet, spans, entry.updated))
    return hits


def _terms(query: str) -> tuple[str, list[str]]:
    """Split a query into an FTS5 expression, empty when there are no words, and substrings."""
    clean = _CONTROL.sub(" ", query.encode("utf-8", "ignore").decode())[:_MAX_QUERY]
    terms = [match[1] or match[2] for match in _TERM.finditer(clean)][:_MAX_TERMS]
    fragments = [term for term in terms if _UNSPACED.search(term) or not any(map(str.isalnum, term))]
    words = ['"' + term.replace('"', '""') + '"' for term in terms if term not in fragments]
    unfinished = "*" if words and not clean.endswith((" ", '"')) else ""
    return " ".join(words) + unfinished, fragments


def _excerpt(text: str, fragments: list[str]) -> str:
    """Cut out the surroundings of the first fragment and mark all of them, as FTS5's snippet() would."""
    marks = re.compile("|".join(map(re.escape, fragments)), re.IGNORECASE)
    first = marks.search(text)
    start = max(0, first.start() - _EXCERPT_CHARS // 3) if first else 0
    end = max(start + _EXCERPT_CHARS, first.end() if first else 0)
    shown = marks.sub(lambda match: f"{_OPEN}{match[0]}{_CLOSE}", text[start:end])
    return ("…" if start else "") + shown + ("…" if end < len(text) else "")


def _spans(marked: str) -> tuple[str, list[tuple[int, int]]]:
    """Take the marks out of a snippet, on one line, and say where they stood."""
    snippet, spans, opened = "", [], -1
    for part in re.split(f"([{_OPEN}{_CLOSE}])", _SPACE.sub(" ", marked).strip()):
        if part == _OPEN:
            opened = len(snippet)
        elif part == _CLOSE:
            spans += [(opened, len(snippet))] if opened >= 0 else []
            opened = -1
        else:
            snippet += part
    return snippet, spans
