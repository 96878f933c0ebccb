import contextlib
import datetime
import os
import random
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from models import errors, paths
from models.store import database, migrations
from models.store.chats import Chats
from models.store.database import (
    back_up,
    back_up_daily,
    damage,
    newest_good_backup,
    open_database,
    restore_backup,
    transaction,
)
from tests.models.store import steps

ROOT = Path(__file__).resolve().parents[3]


def filled(path: Path | None = None, turns: int = 3) -> int:
    """Make a database with a chat in it; returns the chat's id."""
    with contextlib.closing(open_database(path)) as connection:
        chats = Chats(connection)
        chat = chats.create("starter")
        for turn in range(turns):
            asked = chats.add_user_message(chat.id, f"question {turn}")
            chats.finish(chats.begin_reply(asked.id, "starter").id)
        return chat.id


def value(connection: sqlite3.Connection, statement: str) -> object:
    return connection.execute(statement).fetchone()[0]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_file_is_private_and_durable(connection: sqlite3.Connection) -> None:
    Chats(connection).create()
    file = paths.database_file()
    assert [mode(Path(f"{file}{suffix}")) for suffix in ("", "-wal", "-shm")] == [0o600] * 3
    pragmas = ("journal_mode", "synchronous", "fullfsync", "checkpoint_fullfsync", "foreign_keys", "busy_timeout")
    assert [value(connection, f"PRAGMA {name}") for name in pragmas] == ["wal", 2, 1, 1, 1, 5000]
    assert value(connection, "PRAGMA user_version") == len(migrations.MIGRATIONS)


def test_a_file_that_others_could_read_is_made_private() -> None:
    filled()
    paths.database_file().chmod(0o644)
    open_database().close()
    assert mode(paths.database_file()) == 0o600


@pytest.mark.parametrize("name", ["a [1].db", "50% #1 ?x.db", "ünï 数 😀.db", "n" * 240 + ".db"])
def test_odd_names(tmp_path: Path, name: str) -> None:
    chat_id = filled(tmp_path / name)
    with contextlib.closing(open_database(tmp_path / name, readonly=True)) as connection:
        assert len(Chats(connection).branch(chat_id)) == 6
    assert (tmp_path / name).exists()


def test_a_transaction_is_all_or_nothing(connection: sqlite3.Connection) -> None:
    def halfway() -> None:
        with transaction(connection):
            connection.execute("INSERT INTO chats (created, updated) VALUES (1, 1)")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        halfway()
    assert value(connection, "SELECT count(*) FROM chats") == 0
    assert not connection.in_transaction


# Migrations

NEXT = len(migrations.MIGRATIONS) + 1


def with_next_step(monkeypatch: pytest.MonkeyPatch, step: Callable[[sqlite3.Connection], None] = steps.pinned) -> None:
    monkeypatch.setattr(database, "MIGRATIONS", [*migrations.MIGRATIONS, step])


def test_an_older_file_is_backed_up_and_brought_up_to_date(monkeypatch: pytest.MonkeyPatch) -> None:
    chat_id = filled()
    with_next_step(monkeypatch)
    with contextlib.closing(open_database()) as connection:
        assert value(connection, "PRAGMA user_version") == NEXT
        assert value(connection, "SELECT pinned FROM chats") == 1
        assert len(Chats(connection).branch(chat_id)) == 6
    backup = paths.backups_folder() / f"stillroom-before-migration-{NEXT}.db"
    assert mode(backup) == 0o600
    with contextlib.closing(sqlite3.connect(backup)) as old:
        assert value(old, "PRAGMA user_version") == NEXT - 1
        assert value(old, "SELECT count(*) FROM messages") == 6
    open_database().close()  # nothing left to do


def test_a_new_file_needs_no_backup() -> None:
    filled()
    assert list(paths.backups_folder().iterdir()) == []


def test_a_failing_step_leaves_the_old_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    chat_id = filled()

    def broken(connection: sqlite3.Connection) -> None:
        steps.pinned(connection)
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        with_next_step(patch, broken)
        with pytest.raises(ZeroDivisionError):
            open_database()
    with contextlib.closing(open_database()) as connection:
        assert value(connection, "SELECT count(*) FROM pragma_table_info('chats') WHERE name = 'pinned'") == 0
        assert len(Chats(connection).branch(chat_id)) == 6


def test_without_a_backup_there_is_no_migration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    filled()
    with_next_step(monkeypatch)
    file = tmp_path / "no folder"
    file.touch()
    monkeypatch.setattr(paths, "backups_folder", lambda: file)
    with pytest.raises(errors.StillroomError, match="Stillroom"):
        open_database()
    assert user_version() == NEXT - 1


def user_version() -> object:
    with contextlib.closing(sqlite3.connect(paths.database_file())) as connection:
        return value(connection, "PRAGMA user_version")


def schema(path: Path) -> list[object]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert value(connection, "PRAGMA integrity_check") == "ok"
        return [
            value(connection, "PRAGMA user_version"),
            *connection.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY name"),
        ]


@pytest.mark.slow
def test_killed_in_a_migration_the_schema_is_old_or_new(tmp_path: Path) -> None:
    old, new = tmp_path / "old.db", tmp_path / "new.db"
    filled(old)
    with contextlib.closing(sqlite3.connect(old)) as source, contextlib.closing(sqlite3.connect(new)) as copy:
        source.backup(copy)
    run_killed("migrate", new, 10_000)
    whole = {0: schema(old), 1: schema(new)}
    assert whole[0] != whole[1]
    ends = []
    for statement in range(1, 40):
        file = tmp_path / f"{statement}.db"
        file.write_bytes(old.read_bytes())
        status = run_killed("migrate", file, statement)
        assert schema(file) in whole.values()
        ends.append(schema(file) == whole[1])
        if status == 0:
            break
    assert ends[0] is False
    assert ends[-1] is True
    assert ends.count(False) >= 6  # it was killed before, between and after the statements of the step


def test_killed_at_the_very_first_start(tmp_path: Path) -> None:
    for statement in (1, 3, 8, 20):
        file = tmp_path / f"{statement}.db"
        run_killed("migrate", file, statement)
        filled(file)


def run_killed(*args: object) -> int:
    command = [sys.executable, "-m", "tests.models.store.killed", *map(str, args)]
    return subprocess.run(command, cwd=ROOT, check=False, timeout=60).returncode


# Killed while a reply is written


@pytest.mark.slow
def test_kill_9_while_appending_loses_nothing_that_was_acknowledged() -> None:
    chance = random.Random(9)
    for _ in range(20):
        acknowledged = append_until_killed(after=chance.randrange(1, 120))
        with contextlib.closing(open_database()) as connection:
            assert value(connection, "PRAGMA integrity_check") == "ok"
            chats = Chats(connection)
            assert chats.repair() == 1
            asked, written = chats.branch(chats.entries()[0].id)
            assert asked.content == "Go on for ever."
            assert written.state == "interrupted"
            numbers = [int(number) for number in written.content.split(";")[:-1]]
            assert numbers == list(range(len(numbers)))
            assert numbers[-1] >= acknowledged
            assert written.thinking == "".join(f"{number} " for number in numbers)
            assert chats.search("ever")[0].chat_id == asked.chat_id


def append_until_killed(after: int) -> int:
    """Let a process append, kill it once that many appends were acknowledged; returns the last one that was."""
    command = [sys.executable, "-m", "tests.models.store.killed", "append"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(after)]
        process.kill()
        lines += [line for line in process.stdout.readlines() if line.endswith("\n")]
    return int(lines[-1])


# Files that can't be used


def test_a_newer_file_is_left_untouched_and_opens_read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        with_next_step(patch)
        chat_id = filled()
    before = paths.database_file().read_bytes()
    with pytest.raises(errors.Newer, match=rf"newer Stillroom \(version {NEXT}; this one knows {NEXT - 1}\)") as caught:
        open_database()
    assert "read-only" in caught.value.hint
    with contextlib.closing(open_database(readonly=True)) as connection:
        assert len(Chats(connection).branch(chat_id)) == 6
        assert len(Chats(connection).search("question")) == 3
    assert paths.database_file().read_bytes() == before


def test_a_file_in_a_read_only_folder_opens_read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    chat_id = filled()
    monkeypatch.setattr(database.os, "access", lambda folder, right: False)
    with contextlib.closing(open_database(readonly=True)) as connection:
        assert len(Chats(connection).branch(chat_id)) == 6
        assert not Path(f"{paths.database_file()}-shm").exists()  # nothing is written beside it


def test_an_older_file_does_not_open_read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    filled()
    with_next_step(monkeypatch)
    with pytest.raises(errors.Unsupported, match="older Stillroom"):
        open_database(readonly=True)


def test_nothing_there_to_open_read_only(tmp_path: Path) -> None:
    with pytest.raises(errors.NotFound, match="no database at"):
        open_database(tmp_path / "none.db", readonly=True)
    assert not (tmp_path / "none.db").exists()


@pytest.mark.parametrize("content", [b"this is no database", b"x" * 100_000, b"SQLite format 3\x00" + b"\xff" * 5000])
@pytest.mark.parametrize("readonly", [False, True])
@pytest.mark.parametrize("check", [False, True])
def test_not_a_database(content: bytes, readonly: bool, check: bool) -> None:
    paths.database_file().write_bytes(content)
    with pytest.raises(errors.Corrupt, match="are damaged") as caught:
        open_database(readonly=readonly, check=check)
    assert "There is no backup" in caught.value.hint
    assert paths.database_file().read_bytes() == content


def test_a_database_of_another_program() -> None:
    with contextlib.closing(sqlite3.connect(paths.database_file())) as other:
        other.execute("CREATE TABLE recipes (name)")
    before = paths.database_file().read_bytes()
    with pytest.raises(errors.Corrupt, match="another program"):
        open_database()
    assert paths.database_file().read_bytes() == before


def test_an_empty_file_is_filled() -> None:
    paths.database_file().touch()
    assert filled() == 1


def test_a_folder_in_its_place() -> None:
    paths.database_file().mkdir()
    with pytest.raises(errors.Corrupt, match="There is a folder"):
        open_database()


def test_a_damaged_file_is_kept_and_the_newest_good_backup_is_named() -> None:
    chat_id = filled(turns=200)
    back_up_daily(today=datetime.date(2025, 3, 1))
    good = back_up_daily(today=datetime.date(2025, 3, 2))
    assert good is not None
    os.utime(good, (1_740_900_000, 1_740_900_000))
    os.utime(paths.backups_folder() / "stillroom-2025-03-01.db", (1_740_800_000, 1_740_800_000))
    (paths.backups_folder() / "stillroom-2025-03-03.db").write_bytes(b"damaged too")
    damaged = flip(paths.database_file().read_bytes(), 1, page=2)
    paths.database_file().write_bytes(damaged)
    with pytest.raises(errors.Corrupt, match="are damaged") as caught:
        open_database()
    assert str(good) in caught.value.hint
    assert paths.database_file().read_bytes() == damaged
    kept = restore_backup(good)
    assert kept is not None
    assert kept.read_bytes() == damaged
    with contextlib.closing(open_database()) as connection:
        assert len(Chats(connection).branch(chat_id)) == 400
    assert mode(paths.database_file()) == 0o600


def flip(content: bytes, seed: int, page: int) -> bytes:
    """Change 64 bytes at the head of a page, where SQLite keeps what it needs most."""
    damaged = bytearray(content)
    chance = random.Random(seed)
    for at in range((page - 1) * 4096 + (100 if page == 1 else 0), (page - 1) * 4096 + 164):
        damaged[at] = chance.randrange(256)
    return bytes(damaged)


def test_flipped_bytes_are_reported_or_do_no_harm(tmp_path: Path) -> None:
    whole = tmp_path / "whole.db"
    chat_id = filled(whole, turns=60)
    content = whole.read_bytes()
    refused = 0
    for page in range(1, min(len(content) // 4096, 30) + 1):
        file = tmp_path / f"page{page}.db"
        file.write_bytes(flip(content, page, page))
        try:
            connection = open_database(file)
        except errors.Corrupt:
            refused += 1
            continue
        with contextlib.closing(connection):
            chats = Chats(connection)
            assert len(chats.branch(chat_id)) == 120
            chats.search("question")
            chats.add_user_message(chat_id, "still here")
    assert refused >= 10


@pytest.mark.parametrize(
    ("number", "expected", "sentence"),
    [
        (13, errors.BadInput, "may not write"),
        (30, errors.BadInput, "may not write"),
        (28, errors.DiskFull, "no space left"),
    ],
)
def test_a_folder_that_can_not_be_written(
    monkeypatch: pytest.MonkeyPatch, number: int, expected: type[errors.StillroomError], sentence: str
) -> None:
    def refuse(path: Path, *rest: object) -> int:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(database.os, "open", refuse)
    with pytest.raises(expected, match=sentence) as caught:
        open_database()
    assert caught.value.hint


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (sqlite3.SQLITE_READONLY_DIRECTORY, errors.BadInput),
        (sqlite3.SQLITE_CANTOPEN, errors.BadInput),
        (sqlite3.SQLITE_FULL, errors.DiskFull),
        (sqlite3.SQLITE_BUSY_RECOVERY, errors.Busy),
    ],
)
def test_what_sqlite_says_at_the_first_write(
    monkeypatch: pytest.MonkeyPatch, code: int, expected: type[errors.StillroomError]
) -> None:
    filled()

    def refuse(connection: sqlite3.Connection) -> None:
        fault = sqlite3.OperationalError("refused")
        fault.sqlite_errorcode = code  # type: ignore[misc]
        raise fault

    monkeypatch.setattr(database, "migrate", refuse)
    with pytest.raises(expected, match=r"stillroom\.db"):
        open_database()
    monkeypatch.undo()


@pytest.mark.parametrize("code", [sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_CANTOPEN])
def test_a_full_disk_in_other_words(connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    full = shutil._ntuple_diskusage(10**9, 10**9, 0)
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: full)
    fault = sqlite3.OperationalError("disk I/O error")
    fault.sqlite_errorcode = code  # type: ignore[misc]
    with pytest.raises(errors.DiskFull, match="no space left"), database.faults(connection):
        raise fault


def test_a_full_disk_at_the_first_start(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "full.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA max_page_count = 5")
        with pytest.raises(errors.DiskFull):
            database.migrate(connection)
        assert value(connection, "SELECT count(*) FROM sqlite_schema") == 0


# Backups


def test_seven_daily_backups_are_kept_and_one_is_made_a_day() -> None:
    filled()
    with contextlib.closing(open_database()) as connection:
        back_up(connection, "stillroom-before-migration-9.db")
    days = [datetime.date(2025, 2, 24) + datetime.timedelta(days) for days in range(10)]
    for day in days:
        assert back_up_daily(today=day) == paths.backups_folder() / f"stillroom-{day}.db"
        assert back_up_daily(today=day) is None
    names = sorted(file.name for file in paths.backups_folder().iterdir())
    assert names == [*(f"stillroom-{day}.db" for day in days[-7:]), "stillroom-before-migration-9.db"]


def test_a_backup_holds_what_is_still_in_the_wal() -> None:
    with contextlib.closing(open_database()) as connection:
        chats = Chats(connection)
        chats.add_user_message(chats.create().id, "only in the WAL")
        backup = back_up_daily()
    assert backup is not None
    assert newest_good_backup() == backup
    assert mode(backup) == 0o600
    with contextlib.closing(open_database(backup, readonly=True)) as connection:
        assert len(Chats(connection).search("wal")) == 1


def test_what_a_killed_backup_left_is_swept_away() -> None:
    filled()
    orphan, running = (paths.backups_folder() / f"stillroom-2025-01-0{n}.db.77.part" for n in (1, 2))
    orphan.touch()
    os.utime(orphan, (1_700_000_000, 1_700_000_000))
    running.touch()
    back_up_daily(today=datetime.date(2025, 1, 3))
    assert sorted(file.name for file in paths.backups_folder().iterdir()) == [running.name, "stillroom-2025-01-03.db"]


def test_a_failed_backup_leaves_nothing_half_done(monkeypatch: pytest.MonkeyPatch) -> None:
    filled()
    monkeypatch.setattr(database, "damage", lambda path: "row 1 missing")
    with pytest.raises(errors.Corrupt, match="could not be written whole"):
        back_up_daily()
    assert list(paths.backups_folder().iterdir()) == []


def test_a_damaged_backup_is_not_restored() -> None:
    chat_id = filled()
    bad = paths.backups_folder() / "stillroom-2025-01-01.db"
    bad.write_bytes(b"no database")
    assert newest_good_backup() is None
    with pytest.raises(errors.Corrupt, match="damaged too"):
        restore_backup(bad)
    with contextlib.closing(open_database()) as connection:
        assert len(Chats(connection).branch(chat_id)) == 6


def test_the_wal_of_the_old_file_is_not_played_into_a_restored_one() -> None:
    chat_id = filled()
    backup = back_up_daily()
    assert backup is not None
    append_until_killed(after=5)
    assert Path(f"{paths.database_file()}-wal").stat().st_size
    kept = restore_backup(backup)
    assert kept is not None
    with contextlib.closing(open_database()) as connection:
        assert [entry.id for entry in Chats(connection).entries()] == [chat_id]
    with contextlib.closing(open_database(kept, readonly=True)) as connection:
        assert len(Chats(connection).entries()) == 2  # kept whole, its WAL with it


def test_restoring_where_nothing_is() -> None:
    filled()
    backup = back_up_daily()
    assert backup is not None
    paths.database_file().unlink()
    assert restore_backup(backup) is None
    assert damage(paths.database_file()) is None
