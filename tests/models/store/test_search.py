import contextlib
import sqlite3

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.store.chats import Chats
from models.store.database import open_database
from models.store.search import SearchHit


def marked(hit: SearchHit) -> list[str]:
    return [hit.snippet[start:end] for start, end in hit.spans]


def titled(chats: Chats, title: str, *texts: str) -> int:
    chat = chats.create()
    chats.rename(chat.id, title)
    for text in texts:
        chats.add_user_message(chat.id, text)
    return chat.id


def test_hits_say_where_and_what_to_highlight(chats: Chats) -> None:
    chat_id = titled(chats, "Pell equations", "Find all integer solutions of\nx² − 5y² = 4, please.", "Thanks")
    titled(chats, "Another", "Nothing of the kind")
    (hit,) = chats.search("SOLUTIONS integer")
    assert (hit.chat_id, hit.title) == (chat_id, "Pell equations")
    assert hit.message_id == chats.branch(chat_id)[0].id
    assert hit.snippet == "Find all integer solutions of x² − 5y² = 4, please."
    assert marked(hit) == ["integer", "solutions"] or marked(hit) == ["integer solutions"]


def test_titles_come_first_and_newer_messages_before_older(chats: Chats) -> None:
    first = titled(chats, "One", "a lemma", "the lemma again")
    second = titled(chats, "Lemma of the day", "nothing")
    hits = chats.search("lemma")
    assert [(hit.chat_id, hit.message_id is None) for hit in hits] == [(second, True), (first, False), (first, False)]
    assert hits[1].snippet == "the lemma again"
    assert marked(hits[0]) == ["Lemma"]
    assert len(chats.search("lemma", limit=2)) == 2
    assert len(chats.search("lemma", limit=1)) == 1


@pytest.mark.parametrize(
    ("text", "query", "found"),
    [
        ("Übergrößenträger", "ubergro", ["Übergrößenträger"]),
        ("naïve café", "cafe", ["café"]),
        ("ПРИВЕТ мир", "привет", ["ПРИВЕТ"]),
        ("the unfinished word", "unfin", ["unfinished"]),
        ("the unfinished word", "unfin ", []),
        ("a phrase in order", '"in order"', ["in order"]),
        ("a phrase in order", '"order in"', []),
        ("我喜欢数学编程。", "数学", ["数学"]),
        ("Tokyo 東京タワー", "東京", ["東京"]),
        ("สวัสดีครับ", "ดีค", ["ดีค"]),
        ("so happy 😀 today", "😀", ["😀"]),
        ("so happy 😀 today", "happy 😀", ["happy"]),
        ("so happy today", "happy 😀", []),
        ("50% off_now c:\\dir", "%", ["%"]),
        ("500 off", "%", []),
        ("a_b", "\\", []),
        ("C:\\dir", "\\", ["\\"]),
        ("f(x) NEAR y", "NEAR(", ["NEAR"]),
        ("a AND b", "AND", ["AND"]),
        ("x column", "content:column", []),
    ],
)
def test_what_is_found(chats: Chats, text: str, query: str, found: list[str]) -> None:
    titled(chats, "", text)
    hits = chats.search(query)
    assert [mark for hit in hits for mark in marked(hit)] == found


@pytest.mark.parametrize(
    "query",
    [
        '"foo', "a*b", "NEAR(", "NEAR(a b, 3)", "AND", "OR NOT", "a AND", "-x", "^x", "a:b", "{a b}: c", "*", '"', '""',
        '"""', "(((", "a + b", "\x00", "a\x00b", "\ud800", "'; DROP TABLE chats; --", "😀👩‍👩‍👧", "a " * 5000,
        '"' * 999, "é" * 9999, "数" * 9999, "%_\\", "\x02\x03", "\u202e", "",  " ", "\n\t",
    ],
)  # fmt: skip
def test_no_query_raises(chats: Chats, query: str) -> None:
    titled(chats, "foo a*b NEAR( AND", '"foo a*b NEAR( 😀 数学')
    assert isinstance(chats.search(query), list)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=st.text(max_size=30))
def test_no_query_raises_at_all(chats: Chats, query: str) -> None:
    for hit in chats.search(query):
        assert all(0 <= start < end <= len(hit.snippet) for start, end in hit.spans)


def test_a_query_without_anything_to_look_for_finds_nothing(chats: Chats) -> None:
    titled(chats, "Title", "text")
    assert [chats.search(query) for query in ("", "  ", "\n", "\x00")] == [[], [], [], []]


def test_a_mark_in_the_text_itself_does_no_harm(chats: Chats) -> None:
    titled(chats, "", "a \x03 stray \x02 mark \x02 word")
    (hit,) = chats.search("word")
    assert hit.snippet.endswith("word")
    assert marked(hit)[-1] == "word"


def test_a_long_message_is_cut_around_the_hit(chats: Chats) -> None:
    titled(chats, "", "left " * 300 + "needle" + " right" * 300, "左" * 300 + "针" + "右" * 300)
    for query in ("needle", "针"):
        (hit,) = chats.search(query)
        assert marked(hit) == [query]
        assert len(hit.snippet) < 200
        assert hit.snippet.startswith("…")
        assert hit.snippet.endswith("…")


def test_deleted_chats_are_not_found_and_restored_ones_are(chats: Chats) -> None:
    chat_id = titled(chats, "Secret plan", "the secret 数学")
    chats.delete(chat_id)
    assert chats.search("secret") == chats.search("数学") == []
    chats.restore(chat_id)
    assert len(chats.search("secret")) == 2


def test_the_index_follows_every_change(chats: Chats) -> None:
    chat_id = titled(chats, "Old name", "question")
    chats.rename(chat_id, "New name")
    assert chats.search("old") == []
    asked = chats.branch(chat_id)[0]
    begun = chats.begin_reply(asked.id, "starter")
    chats.append(begun.id, content="walrus")
    assert chats.search("walrus") == []  # not while it is being written
    chats.finish(begun.id)
    assert len(chats.search("walrus")) == 1
    chats.finish(begun.id, "stopped")
    assert len(chats.search("walrus")) == 1
    chats.edit_user_message(asked.id, "badger")
    assert len(chats.search("question")) == 1  # of another branch, still there
    copy = chats.duplicate(chat_id)
    assert {hit.chat_id for hit in chats.search("walrus")} == {chat_id, copy.id}
    chats.connection.execute("DELETE FROM chats WHERE id = ?", (chat_id,))
    assert {hit.chat_id for hit in chats.search("walrus name")} == set()
    assert {hit.chat_id for hit in chats.search("walrus")} == {copy.id}
    for index in ("messages_text", "chats_text"):
        chats.connection.execute(f"INSERT INTO {index} ({index}, rank) VALUES ('integrity-check', 1)")


DAMAGES = [
    ("id > 10", "x'00ff00ff'"),  # pages of the index
    ("id > 10", "substr(block, 1, length(block) / 2)"),
    ("id = 10", "x'ffffffffffffffff'"),  # its list of pages: FTS5 can't even open it
    ("id = 10", "NULL"),
]


def break_indexes(connection: sqlite3.Connection, where: str, block: str) -> None:
    for index in ("messages_text", "chats_text"):
        connection.execute(f"UPDATE {index}_data SET block = {block} WHERE {where}")


@pytest.mark.parametrize(("where", "block"), DAMAGES)
def test_a_damaged_index_is_built_anew_by_a_search(chats: Chats, where: str, block: str) -> None:
    chat_id = titled(chats, "Title", "a needle")
    break_indexes(chats.connection, where, block)
    with contextlib.closing(open_database()) as reopened:
        assert [hit.chat_id for hit in Chats(reopened).search("needle")] == [chat_id]
        assert [hit.chat_id for hit in Chats(reopened).search("title")] == [chat_id]


@pytest.mark.parametrize(("where", "block"), [*DAMAGES, ("id = 10", "x'00'")])
def test_a_damaged_index_does_not_stop_a_message(chats: Chats, where: str, block: str) -> None:
    chat_id = titled(chats, "Title", "a needle")
    break_indexes(chats.connection, where, block)
    with contextlib.closing(open_database()) as reopened:
        writing = Chats(reopened)
        writing.add_user_message(chat_id, "another needle")
        assert [message.content for message in writing.branch(chat_id)] == ["a needle", "another needle"]
        assert len(writing.search("needle")) == 2
