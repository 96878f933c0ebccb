"""The migrations and one more, as a later Stillroom might have it."""

import sqlite3

from models.store.migrations import MIGRATIONS as TODAYS


def pinned(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE chats ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0")
    connection.execute("CREATE TABLE runs (id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT")
    connection.execute("UPDATE chats SET pinned = 1 WHERE id = 1")


MIGRATIONS = [*TODAYS, pinned]
