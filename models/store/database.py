"""The SQLite file itself: opening, pragmas, migrations, integrity, backups.

WAL with synchronous=FULL (and F_FULLFSYNC on a Mac, where a plain fsync stops at the drive's cache): what was
committed survives a kill and a power cut. A file that can't be used is never changed and never deleted: a newer
one can be opened read-only, a damaged one is reported together with the newest backup that is whole.

Backups are written by VACUUM INTO, beside and renamed: copying the file alone would miss what is still in the WAL.
"""

import contextlib
import datetime
import functools
import logging
import os
import re
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from models import errors, paths
from models.store.migrations import MIGRATIONS
from models.store.rows import Garbled

log = logging.getLogger(__name__)

DAILY_BACKUPS = 7
BUSY_TIMEOUT_MS = 5000
_APPLICATION_ID = 0x5374696C  # "Stil", in the file's header
_LITTLE_SPACE = 2**16  # SQLite grows its files by half of that
_ORPHAN_S = 3600  # no backup takes an hour
# Faults that cost a row (rows.py), or what can be built anew: indexes here, that of the search where it is used (chats.py).
_OF_AN_INDEX = re.compile(r"row \d+ missing from index|wrong # of entries in index|non-unique entry in index")
_HARMLESS = re.compile(rf"{_OF_AN_INDEX.pattern}|.*FTS5|.*\b(NULL|(non-)?[A-Z]+) value in |CHECK constraint failed")
_OF_THE_SEARCH = re.compile("fts5|vtable constructor")
_DAILY = re.compile(r"stillroom-\d{4}-\d\d-\d\d\.db")


def open_database(path: Path | None = None, *, readonly: bool = False, check: bool = True) -> sqlite3.Connection:
    """Open the database of this home, or that at path: made when missing, checked, brought to today's schema.

    check: read the whole file for damage first. readonly: change nothing, and accept a file of a newer Stillroom.
    Damage of a row costs that row alone (rows.py), and what can be made anew from the rows is: indexes, triggers.
    The connection is in autocommit mode and of use to this thread alone; writes belong inside `transaction`.
    Raises Newer, Corrupt, Unsupported (readonly, older schema), NotFound (readonly), Busy, DiskFull, BadInput (no right to write).
    """
    path = path or paths.database_file()
    if path.is_dir():
        raise errors.Corrupt(f"There is a folder where Stillroom's database should be: {path}.", "Move it away.")
    if readonly:
        return _open_readonly(path, check)
    with faults(path):
        _make_private(path)
        if path.stat().st_size:
            _inspect(path, check)
        connection = connect(path)
        try:
            migrate(connection)
            mend(connection, check)
        except sqlite3.OperationalError as error:
            connection.close()
            # the statements are the same in every file, so what they fail at is in this one
            raise _from_sqlite_error(error, path) or _corrupt(path, str(error)) from error
        except BaseException:
            connection.close()
            raise
    return connection


def connect(path: Path, *, readonly: bool = False) -> sqlite3.Connection:
    """Another connection to a database that `open_database` has opened before."""
    with faults(path):
        if readonly:
            return _connect(path, _readonly_mode(path))
        connection = _connect(path, "rw")
        # the last two are without effect except on a Mac
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "fullfsync = ON", "checkpoint_fullfsync = ON"):
            connection.execute(f"PRAGMA {pragma}")
    return connection


def migrate(connection: sqlite3.Connection) -> None:
    """Run the steps this file has not seen, each in a transaction; a file that was there before is backed up before each."""
    version = _pragma(connection, "user_version")
    new = not version
    if version < 0 or (new and _tables(connection)):
        raise _corrupt(_file_of(connection), f"it says that it is of version {version}")
    for number, step in enumerate(MIGRATIONS, 1):
        version = _pragma(connection, "user_version")
        if version >= number:
            continue
        if not new:
            back_up(connection, f"stillroom-before-migration-{number}.db")
        with transaction(connection):
            if _pragma(connection, "user_version") < number:  # another process may have been quicker
                step(connection)
                connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {number}")
                log.debug("database migrated to version %d", number)
    with transaction(connection):  # a file or folder that can't be written says so now, not at the first message
        pass


def lacking(connection: sqlite3.Connection) -> list[str]:
    """What is missing or differs of all that holds nothing of its own, in the order it is made.

    Raises Corrupt for a table that is not as it should be.
    """
    schema = _schema(tuple(MIGRATIONS))
    with faults(connection):
        there = {name: (kind, sql) for name, kind, sql in connection.execute(_OBJECTS)}
        found = [name for name, made in schema.items() if there.get(name) != (made.kind, made.sql)]
        found = list(dict.fromkeys(_owner(name, schema) for name in found))
        for name in [name for name in found if schema[name].is_kept]:
            if _shape(connection, name) != schema[name].shape:  # another SQLite may have worded it otherwise
                raise _corrupt(_file_of(connection), f"its table {name} is not as it should be")
            found.remove(name)
    return found


def has_stale_index(connection: sqlite3.Connection) -> bool:
    """Whether an index says other than the rows it is made of. Reads the whole file."""
    with faults(connection):
        return any(_OF_AN_INDEX.match(str(row[0])) for row in connection.execute("PRAGMA integrity_check"))


def mend(connection: sqlite3.Connection, check: bool = True) -> None:
    """Make anew what is damaged of all that holds nothing of its own. check: of the indexes too, which reads the whole file."""
    if _pragma(connection, "user_version") != len(MIGRATIONS):
        return
    with transaction(connection):
        for name in lacking(connection):
            log.warning("%s of the database is damaged and is made anew", name)
            _make_anew(connection, name)
        # ids that no signal of the window could carry are those of a damaged count
        connection.execute(
            "UPDATE sqlite_sequence SET seq = 0 WHERE typeof(seq) <> 'integer' OR NOT seq BETWEEN 0 AND 2000000000"
        )
        if check and has_stale_index(connection):
            log.warning("the indexes of the database are damaged and are built anew")
            connection.execute("REINDEX")


class _Made(NamedTuple):
    """A table, view, index or trigger. shape: what a table holds, as far as its SQL says it."""

    kind: str
    sql: str | None
    shape: tuple[object, ...]

    @property
    def is_virtual(self) -> bool:
        return "VIRTUAL" in (self.sql or "")

    @property
    def is_kept(self) -> bool:
        """Whether it holds what is nowhere else."""
        return self.kind == "table" and not self.is_virtual


_OBJECTS = "SELECT name, type, sql FROM sqlite_schema"


@functools.cache
def _schema(steps: tuple[Callable[[sqlite3.Connection], None], ...]) -> dict[str, _Made]:
    """All that the steps make, by its name."""
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        for step in steps:
            step(connection)
        return {name: _Made(kind, sql, _shape(connection, name)) for name, kind, sql in connection.execute(_OBJECTS)}


def _owner(name: str, schema: dict[str, _Made]) -> str:
    """A virtual table's name for the tables that it keeps its index in."""
    return next((other for other, made in schema.items() if made.is_virtual and name.startswith(f"{other}_")), name)


def _shape(connection: sqlite3.Connection, table: str) -> tuple[object, ...]:
    columns = "SELECT name, type, [notnull], dflt_value, pk FROM pragma_table_info(?) ORDER BY name"
    references = "SELECT [table], [from], [to], on_delete FROM pragma_foreign_key_list(?) ORDER BY [from]"
    return tuple(row for query in (columns, references) for row in connection.execute(query, (table,)).fetchall())


def _make_anew(connection: sqlite3.Connection, name: str) -> None:
    made = _schema(tuple(MIGRATIONS))[name]
    assert made.sql is not None, "only what SQLite makes by itself has none"
    try:
        connection.execute(f"DROP {made.kind} IF EXISTS {name}")
    except sqlite3.OperationalError:  # a virtual table has to be opened to be dropped
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("DELETE FROM sqlite_schema WHERE name = ?", (name,))
        connection.execute("PRAGMA writable_schema = RESET")
    if made.is_virtual:
        for part in ("data", "idx", "docsize", "config"):
            connection.execute(f"DROP TABLE IF EXISTS {name}_{part}")
    connection.execute(made.sql)
    if made.is_virtual:
        connection.execute(f"INSERT INTO {name} ({name}) VALUES ('rebuild')")


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit what is done inside, all or nothing; inside another one, with that. Errors of the world come out as those of models/errors.py."""
    inside = connection.in_transaction
    if inside:
        yield
        return
    with faults(connection):
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # SQLite itself rolls back on a full disk
                connection.execute("ROLLBACK")
            raise


@contextlib.contextmanager
def faults(where: Path | sqlite3.Connection) -> Iterator[None]:
    """Turn what SQLite and the system say into our errors; where: the file that the sentence names, or a connection to it."""
    try:
        yield
    except sqlite3.Error as error:
        known = _from_sqlite_error(error, where)
        if known is None:
            raise
        raise known from error
    except UnicodeDecodeError as error:  # a name in the schema, and so SQLite's own sentence about it, is no UTF-8
        raise _corrupt(where if isinstance(where, Path) else _file_of(where), str(error)) from error
    except OSError as error:
        raise errors.from_os_error(error, "writing Stillroom's database", writing=True) from error


def back_up(connection: sqlite3.Connection, name: str) -> Path:
    """Write a checked copy of the database under that name into the backups' folder, replacing one of that name."""
    target = paths.backups_folder() / name
    part = target.with_name(f"{name}.{os.getpid()}.part")
    with faults(target):
        try:
            part.unlink(missing_ok=True)
            os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            connection.execute("VACUUM INTO ?", (str(part),))
            _synced(part)
            if (fault := damage(part)) is not None:
                raise errors.Corrupt(f"The backup {name} could not be written whole: {fault}.")
            os.replace(part, target)
        finally:
            part.unlink(missing_ok=True)
    return target


def back_up_daily(path: Path | None = None, today: datetime.date | None = None) -> Path | None:
    """Make today's backup unless it is there, and keep the last seven. Returns the new file.

    Opens its own connection, so it may run in any thread while another one writes; takes as long as copying the file.
    """
    name = f"stillroom-{today or datetime.date.today()}.db"
    if (paths.backups_folder() / name).exists():
        return None
    with contextlib.closing(open_database(path, readonly=True, check=False)) as connection:
        written = back_up(connection, name)
    _sweep_backups()
    return written


def refuse_newer(connection: sqlite3.Connection, path: Path) -> None:
    """Raise Newer when the database was written by a newer Stillroom; path: what the sentence names."""
    version = _pragma(connection, "user_version")
    if version > len(MIGRATIONS) and _pragma(connection, "application_id") == _APPLICATION_ID:
        known = f"(version {version}; this one knows {len(MIGRATIONS)})"
        text = f"The chats in {path} were written by a newer Stillroom {known}."
        raise errors.Newer(text, "Update Stillroom, or open them read-only.")


def newest_good_backup() -> Path | None:
    """Find the newest backup that is whole, or None."""
    files = [file for file in paths.backups_folder().glob("*.db") if file.is_file()]
    files.sort(key=lambda file: file.stat().st_mtime, reverse=True)
    return next((file for file in files if damage(file) is None), None)


def restore_backup(backup: Path, path: Path | None = None) -> Path | None:
    """Put a copy of backup in the database's place. Returns where the file that was there is kept, None if there was none.

    No connection to the database may be open. Raises Corrupt when the backup itself is damaged.
    """
    path = path or paths.database_file()
    if (fault := damage(backup)) is not None:
        raise errors.Corrupt(f"The backup {backup.name} is damaged too: {fault}.")
    part = path.with_name(path.name + ".part")
    kept = path.with_name(f"{path.stem}-damaged-{time.strftime('%Y%m%d-%H%M%S')}-{time.time_ns() % 10**9:09d}.db")
    with faults(path):
        try:
            shutil.copyfile(backup, part)
            part.chmod(0o600)
            _synced(part)
        except OSError:
            part.unlink(missing_ok=True)  # half a copy would keep a full disk full
            raise
        there = path.exists()
        for suffix in ("-wal", "-shm", ""):  # the WAL of the old file must not be played into the new one
            if Path(f"{path}{suffix}").exists():
                os.replace(f"{path}{suffix}", f"{kept}{suffix}")
        os.replace(part, path)
    return kept if there else None


def damage(path: Path) -> str | None:
    """Say what is wrong with a database file, None when it is whole and Stillroom's."""
    try:
        with contextlib.closing(_connect(path, "ro")) as connection:
            return _damage(connection)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        return str(error)


def _sweep_backups() -> None:
    """Keep seven daily backups, and nothing of those that were killed on the way."""
    files = list(paths.backups_folder().iterdir())
    daily = sorted(file for file in files if _DAILY.fullmatch(file.name))
    orphans = [file for file in files if file.suffix == ".part" and time.time() - file.stat().st_mtime > _ORPHAN_S]
    for file in daily[:-DAILY_BACKUPS] + orphans:
        file.unlink(missing_ok=True)


def _open_readonly(path: Path, check: bool) -> sqlite3.Connection:
    if not path.exists():
        raise errors.NotFound(f"There is no database at {path}.")
    with faults(path):
        connection = _connect(path, _readonly_mode(path))
        try:
            if (version := _pragma(connection, "user_version")) < len(MIGRATIONS):
                text = f"The chats in {path} are of an older Stillroom (version {version})."
                raise errors.Unsupported(text, "Start Stillroom once to bring them up to date.")
            if check and (fault := _damage(connection)) is not None:
                raise _corrupt(path, fault)
        except BaseException:
            connection.close()
            raise
    return connection


def _readonly_mode(path: Path) -> str:
    """Without a WAL file, a file in a folder that can't be written is only readable as immutable."""
    wal = Path(f"{path}-wal")
    if os.access(path.parent, os.W_OK) or (wal.exists() and wal.stat().st_size):
        return "ro"
    return "ro&immutable=1"


def _inspect(path: Path, check: bool) -> None:
    """Refuse a file that is newer, damaged or not ours, without touching it."""
    with contextlib.closing(_connect(path, "ro")) as connection:
        refuse_newer(connection, path)
        fault = _damage(connection) if check else _foreign(connection)
        if fault is not None:
            raise _corrupt(path, fault)


def _damage(connection: sqlite3.Connection) -> str | None:
    faults_found = [str(row[0]) for row in connection.execute("PRAGMA quick_check")]
    serious = [fault for fault in faults_found if fault != "ok" and not _HARMLESS.match(fault)]
    return serious[0] if serious else _foreign(connection)


def _foreign(connection: sqlite3.Connection) -> str | None:
    """A database without tables is one that was killed before its first migration: ours to fill."""
    if _tables(connection) and _pragma(connection, "application_id") != _APPLICATION_ID:
        return "it is a database of another program"
    return None


def _tables(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0])


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    uri = f"file:{quote(str(path.absolute()))}?mode={mode}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=BUSY_TIMEOUT_MS / 1000)
    connection.text_factory = _shown  # one wrong byte costs its letter, not its row
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def _shown(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return Garbled(raw.decode("utf-8", "replace"))


def _make_private(path: Path) -> None:
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    for file in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
        if file.exists():
            file.chmod(0o600)


def _synced(path: Path) -> None:
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


def _file_of(connection: sqlite3.Connection) -> Path:
    """A database in memory has no file: then the home's is as good a name as any."""
    with contextlib.suppress(sqlite3.Error, UnicodeDecodeError):
        file = connection.execute("PRAGMA database_list").fetchone()[2]
        return Path(file or paths.database_file())
    return paths.database_file()


def _corrupt(path: Path, fault: str) -> errors.Corrupt:
    newest = "There is no backup"
    if backup := newest_good_backup():
        day = datetime.datetime.fromtimestamp(backup.stat().st_mtime).strftime("%Y-%m-%d %H:%M")
        newest = f"The newest good backup is of {day}: {backup}"
    return errors.Corrupt(f"The chats in {path} are damaged ({fault}).", f"The file is kept as it is. {newest}.")


def _is_full(folder: Path) -> bool:
    with contextlib.suppress(OSError):
        return shutil.disk_usage(folder).free < _LITTLE_SPACE
    return False


def _from_sqlite_error(error: sqlite3.Error, where: Path | sqlite3.Connection) -> errors.StillroomError | None:
    """Say what the world did wrong; None for a wrong statement or wrong use of a connection, which are bugs of ours."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # extended codes keep the plain one in the low byte
    path = where if isinstance(where, Path) else _file_of(where)
    # a log that can't be begun, or a map of it that can't grow, is said in other words than a full disk
    unmade = code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN) and _is_full(path.parent)
    if code == sqlite3.SQLITE_FULL or unmade:
        text = f"There is no space left on the disk for {path}; what was saved before is safe."
        return errors.DiskFull(text, "Free some space and try again.")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return errors.Busy(f"Another process is writing to {path}.", "Close the other Stillroom and try again.")
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        hint = "Check the permissions of the file and its folder."
        return errors.BadInput(f"Stillroom may not write to {path}.", hint)
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return _corrupt(path, str(error))
    if code == sqlite3.SQLITE_IOERR:
        return errors.Corrupt(f"The disk reported a fault at {path}: {error}.", "What was saved before is kept.")
    if isinstance(error, sqlite3.ProgrammingError | sqlite3.InterfaceError) or (
        code == sqlite3.SQLITE_ERROR and not _OF_THE_SEARCH.search(str(error))
    ):
        return None
    return _corrupt(path, str(error))
