"""One wrong byte costs the row it is in, and what can be made anew is; the rest works."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from models import doctor, errors, paths
from models.jobs.rows import JobRows
from models.store import database
from models.store.chats import Chats
from models.store.rows import DAMAGED
from models.traces import replies
from tests.models.store import bit_flips

FEW, MANY = range(24), range(400)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    file = tmp_path_factory.mktemp("whole") / "whole.db"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STILLROOM_HOME", str(file.parent))
        bit_flips.fill(file)
    return file.read_bytes()


@pytest.fixture
def file(whole: bytes, home: Path) -> Path:
    file = paths.database_file()
    file.write_bytes(whole)
    return file


@pytest.mark.parametrize(
    "seeds", [FEW, pytest.param(MANY, marks=[pytest.mark.slow, pytest.mark.timeout(600)])], ids=len
)
def test_any_bit_may_turn(whole: bytes, tmp_path: Path, seeds: range) -> None:
    outcomes = []
    for seed in seeds:
        file = tmp_path / f"{seed}.db"
        file.write_bytes(bit_flips.flipped(whole, seed))
        outcomes.append(bit_flips.use(file))
        file.unlink()
    assert outcomes.count("used") > len(outcomes) // 2
    assert outcomes.count("refused") < len(outcomes) // 4


@contextlib.contextmanager
def forged(file: Path) -> Iterator[sqlite3.Connection]:
    """A connection by which a table takes what its columns do not, as a wrong byte makes it."""
    strict = "SELECT name, sql FROM sqlite_schema WHERE sql LIKE '%STRICT'"
    for own in (True, False):
        with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as connection:
            connection.execute("PRAGMA writable_schema = ON")
            if own:
                tables = connection.execute(strict).fetchall()
                connection.execute("UPDATE sqlite_schema SET sql = replace(sql, ' STRICT', '')")
            else:
                yield connection
                for name, sql in tables:
                    connection.execute("UPDATE sqlite_schema SET sql = ? WHERE name = ?", (sql, name))


def opened(file: Path) -> "contextlib.closing[sqlite3.Connection]":
    return contextlib.closing(database.open_database(file))


@pytest.mark.parametrize(
    "change",
    [
        "title = CAST(x'41ff42' AS TEXT)", "title = x'00'", "model = CAST(x'ff' AS TEXT)", "updated = 1e300",
        "updated = -5.0", "created = 9e999", "created = x'00'", "think_budget = -1", "sampling = 'no JSON'",
        "sampling = x'ff'", "title_source = 'uqer'", "system = x'00'", "draft = x'00'", "leaf_id = 99999", "leaf_id = 30",
        "leaf_id = x'00'", "leaf_id = NULL", "updated = x'00'",
    ],
)  # fmt: skip
def test_a_damaged_chat_is_shown_and_goes_on(file: Path, change: str) -> None:
    with forged(file) as connection:
        connection.execute(f"UPDATE chats SET {change} WHERE id = 1")
    with opened(file) as connection:
        chats = Chats(connection)
        assert sorted(entry.id for entry in chats.entries()) == [1, 2, 3, 4, 5]
        assert "bread" in chats.get(1).title or "B" in chats.get(1).title or chats.get(1).title == DAMAGED
        assert len(chats.branch(1)) == 8
        assert {row.chat_id for row in chats.branch(1)} == {1}
        bit_flips._use_chat(chats, 1)
        assert len(chats.branch(chats.duplicate(1).id)) == 10


@pytest.mark.parametrize(
    "change",
    [
        "content = CAST(x'ff' AS TEXT)", "content = x'ff'", "thinking = x'00'", "role = 'usfr'", "role = x'00'",
        "state = 'dnne'", "created = 1e300", "created = x'00'", "figures = '{'", "figures = x'00'",
        "figures = '{\"thinking_tokens\": \"4\"}'", "rating = 65", "model = x'00'", "error = x'00'",
        "parent_id = 3", "parent_id = id", "parent_id = id + 1", "parent_id = NULL", "parent_id = 20",
        "parent_id = 99999", "parent_id = x'00'",
    ],
)  # fmt: skip
def test_a_damaged_message_is_shown_with_the_others(file: Path, change: str) -> None:
    with forged(file) as connection:
        connection.execute(f"UPDATE messages SET {change} WHERE id = 2")  # the first reply of the first chat
    with opened(file) as connection:
        chats = Chats(connection)
        shown = chats.branch(1)
        assert len(shown) == 8
        assert [row.role for row in shown] == ["user", "assistant"] * 4
        bit_flips._use_chat(chats, 1)
        assert len(replies.of_rated(chats)) >= 29
        assert chats.search("answer")


def test_a_circle_of_parents_ends(file: Path) -> None:
    with forged(file) as connection:
        connection.execute("UPDATE messages SET parent_id = 5 WHERE id = 1")
    with opened(file) as connection:
        chats = Chats(connection)
        assert len(chats.branch(1)) == 8
        assert [row.id for row in chats.path(2)] == [1, 2]
        chats.show(1)
        bit_flips._use_chat(chats, 1)


def test_a_wrong_moment_removes_no_chat_for_good(file: Path) -> None:
    with forged(file) as connection:
        connection.execute("UPDATE chats SET deleted_at = 2e-300 WHERE id = 1")
    with opened(file) as connection:
        chats = Chats(connection)
        chats.purge()
        assert {entry.id for entry in chats.recently_deleted()} >= {1}
        chats.restore(1)
        assert len(chats.branch(1)) == 8


@pytest.mark.parametrize(
    "lost",
    [
        "INDEX messages_tree",
        "INDEX chats_listed",
        "TRIGGER messages_inserted",
        "VIEW messages_written",
        "TABLE chats_text",
        "TABLE messages_text_docsize",
        "TABLE chats_text_config",
    ],
)
def test_what_holds_nothing_of_its_own_is_made_anew(file: Path, lost: str) -> None:
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.execute(f"DROP {lost}")
    with opened(file) as connection:
        assert database.lacking(connection) == []
        chats = Chats(connection)
        assert len(chats.search("bread")) == 5
        bit_flips._use_chat(chats, 1)
        assert [hit.chat_id for hit in chats.search("then")] == [1]


def make_stale(file: Path) -> None:
    """Let the index of the list say what the rows do not."""
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        entry = connection.execute("SELECT * FROM sqlite_schema WHERE name = 'chats_listed'").fetchone()
        connection.execute("DELETE FROM sqlite_schema WHERE name = 'chats_listed'")
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("UPDATE chats SET title = 'Renamed' WHERE id = 1")
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("INSERT INTO sqlite_schema VALUES (?, ?, ?, ?, ?)", entry)


def test_an_index_that_is_not_what_the_rows_are_is_built_anew(file: Path) -> None:
    make_stale(file)
    with opened(file) as connection:
        assert "Renamed" in [entry.title for entry in Chats(connection).entries()]


@pytest.mark.parametrize("version", [-2147483644, -1, 0])
def test_a_version_that_can_not_be_is_damage(file: Path, version: int) -> None:
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.execute(f"PRAGMA user_version = {version}")
    before = file.read_bytes()
    with pytest.raises(errors.Corrupt, match="damaged"):
        database.open_database(file)
    assert file.read_bytes() == before


def test_a_version_too_old_for_its_tables_is_damage(file: Path) -> None:
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA user_version = 2")
    with pytest.raises(errors.Corrupt, match="damaged"):
        database.open_database(file)


def test_a_table_without_a_column_is_damage(file: Path) -> None:
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.execute("ALTER TABLE messages DROP COLUMN rating")
    with pytest.raises(errors.Corrupt, match="its table messages is not as it should be"):
        database.open_database(file)


def test_ids_go_on_where_they_were_when_their_count_is_lost(file: Path) -> None:
    with forged(file) as connection:
        connection.execute("UPDATE sqlite_sequence SET seq = 9223372036854775807")
    with opened(file) as connection:
        assert Chats(connection).create().id == 7


@pytest.mark.parametrize(
    "change", ["record = x'00'", "record = '{'", "steps = x'00'", "steps = '[]'", "version = x'00'", "record = '[]'"]
)
def test_a_damaged_job_has_failed_and_can_be_cleared(file: Path, change: str) -> None:
    with forged(file) as connection:
        connection.execute(f"UPDATE jobs SET {change} WHERE id = 2")
    with opened(file) as connection:
        jobs = [job for job, _steps in JobRows(connection).all()]
        assert [job.state for job in jobs] == ["paused", "failed", "paused"]
        assert [job.id for job in jobs] == [1, 2, 3]


def test_doctor_finds_it(file: Path) -> None:
    assert [(found.state, "whole" in found.text) for found in doctor.database()] == [("ok", True)]
    with forged(file) as connection:
        connection.execute("UPDATE messages SET content = x'ff' WHERE id = 2")
        connection.execute("UPDATE messages SET parent_id = 99999 WHERE id = 9")
        connection.execute("UPDATE chats SET updated = 1e300 WHERE id = 3")
        connection.execute("UPDATE messages SET thinking = CAST(x'41ff' AS TEXT) WHERE id = 12")
    [found] = doctor.database()
    assert (found.state, found.text) == ("warn", "4 rows of the chats can't be read whole; the rest works.")
    make_stale(file)
    assert [found.state for found in doctor.database()] == ["warn", "warn"]
