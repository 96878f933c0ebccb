"""The thread that writes: in order, all of it before it ends, and with the errors of the one who asked."""

import contextlib
import sqlite3
import threading

import pytest

from models import errors, paths
from models.jobs.queue import Job
from models.jobs.written_rows import WrittenRows
from models.store.chats import Chats
from models.store.database import open_database
from models.store.writer import Writer


def test_what_is_asked_first_is_written_first_and_closing_writes_all() -> None:
    go = threading.Event()
    writer = Writer(open_database)
    chat_id = writer.submit(lambda connection: Chats(connection).create().id).result()
    writer.submit(lambda _connection: go.wait())  # a disk that is slow
    futures = [
        writer.submit(lambda connection, n=n: Chats(connection).add_user_message(chat_id, str(n))) for n in range(20)
    ]
    assert not any(future.done() for future in futures)
    go.set()
    writer.close()
    with contextlib.closing(open_database(readonly=True)) as connection:
        assert [row.content for row in Chats(connection).branch(chat_id)] == [str(n) for n in range(20)]


def test_one_thread_does_it_all() -> None:
    writer = Writer(open_database)
    threads = {writer.submit(lambda _connection: threading.get_ident()).result() for _ in range(5)}
    writer.close()
    assert len(threads) == 1
    assert threads != {threading.get_ident()}


def test_an_error_is_that_of_the_one_who_asked() -> None:
    writer = Writer(open_database)
    wrong = writer.submit(lambda connection: Chats(connection).rename(7, "No"))
    right = writer.submit(lambda connection: Chats(connection).create().id)
    with pytest.raises(errors.NotFound):
        wrong.result()
    assert right.result() == 1
    writer.close()


def test_what_can_not_be_opened_is_tried_again() -> None:
    paths.database_file().write_bytes(b"not a database" * 1000)
    writer = Writer(open_database)
    with pytest.raises(errors.Corrupt):
        writer.submit(lambda _connection: None).result()
    paths.database_file().unlink()
    assert writer.submit(lambda connection: connection.in_transaction).result() is False
    writer.close()


def test_many_changes_are_one_or_none(connection: sqlite3.Connection, chats: Chats) -> None:
    commits: list[str] = []
    connection.set_trace_callback(lambda statement: commits.append(statement) if statement == "COMMIT" else None)

    def ask() -> int:
        return chats.add_user_message(chats.create().id, "Hello").id

    asked = chats.whole(ask)
    assert (chats.message(asked).content, commits) == ("Hello", ["COMMIT"])

    def fail() -> None:
        ask()
        raise errors.BadInput("No.")

    with pytest.raises(errors.BadInput):
        chats.whole(fail)
    assert len(chats.entries()) == 1
    assert not connection.in_transaction


def test_jobs_are_kept_by_the_same_thread_and_before_they_are_told() -> None:
    writer = Writer(open_database)
    rows = WrittenRows(writer)
    kept = rows.add(Job(id=0, title="Get it", subject="a/b", state="waiting"), [])
    with contextlib.closing(open_database(readonly=True)) as connection:
        assert connection.execute("SELECT id FROM jobs").fetchall() == [(kept.id,)]
    rows.remove(kept.id)
    assert rows.all() == []
    writer.close()
