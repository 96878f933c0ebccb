"""The schema, as the numbered steps that led to it.

Step N brings a file of version N - 1 to version N and runs inside one transaction (database.py). Steps that were
released are never edited, and they only add: so an older Stillroom can still read a newer file.
"""

import sqlite3
from collections.abc import Callable


def chats(connection: sqlite3.Connection) -> None:
    """Make chats, the tree of their messages, and the indexes for full-text search.

    leaf_id is no foreign key, for chats and messages would need each other to exist first. parent_id is checked at
    commit and does not cascade: a cascade down a long chat would run into SQLite's limit of 1,000 levels.
    AUTOINCREMENT, so that the id of a purged chat never comes to mean another one.
    Replies that are still being written are left out of the index, which would be rewritten at every append.
    """
    for statement in _CHATS:
        connection.execute(statement)


_CHATS = (
    """
    CREATE TABLE chats (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        title TEXT NOT NULL DEFAULT '',
        title_source TEXT NOT NULL DEFAULT 'auto',
        created REAL NOT NULL,
        updated REAL NOT NULL,
        model TEXT NOT NULL DEFAULT '',
        think_budget INTEGER,
        think_custom INTEGER,
        system TEXT NOT NULL DEFAULT '',
        preset TEXT NOT NULL DEFAULT '',
        sampling TEXT NOT NULL DEFAULT '{}',
        draft TEXT NOT NULL DEFAULT '',
        leaf_id INTEGER,
        deleted_at REAL
    ) STRICT
    """,
    """
    CREATE TABLE messages (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        chat_id INTEGER NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
        parent_id INTEGER REFERENCES messages (id) DEFERRABLE INITIALLY DEFERRED,
        role TEXT NOT NULL,
        content TEXT NOT NULL DEFAULT '',
        thinking TEXT NOT NULL DEFAULT '',
        state TEXT NOT NULL DEFAULT 'done',
        error TEXT NOT NULL DEFAULT '',
        model TEXT NOT NULL DEFAULT '',
        figures TEXT,
        rating INTEGER NOT NULL DEFAULT 0,
        created REAL NOT NULL
    ) STRICT
    """,
    # Covers the sidebar's list, so that system prompts and drafts are not read for it; deleted_at is null in all of
    # it, yet older SQLite would fetch the row for it.
    "CREATE INDEX chats_listed ON chats (updated DESC, id DESC, title, model, deleted_at) WHERE deleted_at IS NULL",
    "CREATE INDEX messages_tree ON messages (parent_id, chat_id)",
    "CREATE INDEX messages_chat ON messages (chat_id)",
    "CREATE INDEX messages_streaming ON messages (state) WHERE state = 'streaming'",
    "CREATE VIEW messages_written AS SELECT id, content FROM messages WHERE state <> 'streaming'",
    """
    CREATE VIRTUAL TABLE messages_text USING fts5 (
        content, content = 'messages_written', content_rowid = 'id',
        tokenize = 'unicode61 remove_diacritics 2', prefix = '1 2 3'
    )
    """,
    """
    CREATE VIRTUAL TABLE chats_text USING fts5 (
        title, content = 'chats', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 2', prefix = '1 2 3'
    )
    """,
    """
    CREATE TRIGGER messages_inserted AFTER INSERT ON messages WHEN new.state <> 'streaming' BEGIN
        INSERT INTO messages_text (rowid, content) VALUES (new.id, new.content);
    END
    """,
    """
    CREATE TRIGGER messages_deleted AFTER DELETE ON messages WHEN old.state <> 'streaming' BEGIN
        INSERT INTO messages_text (messages_text, rowid, content) VALUES ('delete', old.id, old.content);
    END
    """,
    # One trigger and not two: the old text must leave the index before the new one enters.
    """
    CREATE TRIGGER messages_rewritten AFTER UPDATE OF content, state ON messages
    WHEN old.state <> 'streaming' OR new.state <> 'streaming' BEGIN
        INSERT INTO messages_text (messages_text, rowid, content)
            SELECT 'delete', old.id, old.content WHERE old.state <> 'streaming';
        INSERT INTO messages_text (rowid, content)
            SELECT new.id, new.content WHERE new.state <> 'streaming';
    END
    """,
    """
    CREATE TRIGGER chats_inserted AFTER INSERT ON chats BEGIN
        INSERT INTO chats_text (rowid, title) VALUES (new.id, new.title);
    END
    """,
    """
    CREATE TRIGGER chats_deleted AFTER DELETE ON chats BEGIN
        INSERT INTO chats_text (chats_text, rowid, title) VALUES ('delete', old.id, old.title);
    END
    """,
    """
    CREATE TRIGGER chats_renamed AFTER UPDATE OF title ON chats BEGIN
        INSERT INTO chats_text (chats_text, rowid, title) VALUES ('delete', old.id, old.title);
        INSERT INTO chats_text (rowid, title) VALUES (new.id, new.title);
    END
    """,
)


def jobs(connection: sqlite3.Connection) -> None:
    """Make the queue of jobs: each its record as it was last told, and the requests it is made of, as JSON."""
    connection.execute(
        """
        CREATE TABLE jobs (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            record TEXT NOT NULL,
            steps TEXT NOT NULL
        ) STRICT
        """
    )


def adapters(connection: sqlite3.Connection) -> None:
    """Let chats and replies name the adapter the model wears, empty for none."""
    for table in ("chats", "messages"):
        connection.execute(f"ALTER TABLE {table} ADD COLUMN adapter TEXT NOT NULL DEFAULT ''")


def job_versions(connection: sqlite3.Connection) -> None:
    """Let each job say by which version of its record it is to be read (models/jobs/rows.py)."""
    connection.execute("ALTER TABLE jobs ADD COLUMN version INTEGER NOT NULL DEFAULT 1")


MIGRATIONS: list[Callable[[sqlite3.Connection], None]] = [chats, jobs, adapters, job_versions]
