"""Checkpoint folders on disk: written beside their place, renamed into it, and described by a record of ours.

A draft is a hidden folder next to where the model will be, named after the process that writes it. It becomes the
model by one rename, so half a model never has a model's name; what a killed process leaves behind is swept later.
`stillroom.json`, written last, says where a model came from.
"""

import errno
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import psutil

from models import errors, events, leftovers, paths, quantities, utf8
from models.checkpoint import bounded_files, model_files

RECORD = "stillroom.json"
_MAX_RECORD_BYTES = 4 << 20
_DRAFT = re.compile(r"\.draft-(\d+)-")


class ModelRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What stillroom.json holds."""

    name: str
    title: str
    source: str
    created: str  # ISO 8601, UTC
    size_bytes: int
    licence: str = ""
    made_from: str = ""  # tells the file that it was made from from a later one of the same name
    requantized: dict[str, int] = {}  # of a GGUF file: types of blocks that MLX can't hold, and the bits they have now
    repo: str = ""  # the Hub repository it was made from, where known
    revision: str = ""  # and the commit
    recipe: str = ""  # how it was quantized
    original: str = ""  # what it was quantized or fused from, as installed.find takes it
    base: str = ""  # the model that an adapter belongs to
    # fingerprints of the model that it was quantized from or belongs to, and of what that was quantized from in turn
    lineage: list[str] = []
    family: str = ""  # how it thinks (models/families.py), as found when it was made
    card: events.QuantCard | None = None


def read_record(folder: Path) -> ModelRecord | None:
    """Read a model's record; None when it has none. Raises Corrupt when it is no record."""
    try:
        return msgspec.json.decode(bounded_files.read_bounded(folder / RECORD, _MAX_RECORD_BYTES), type=ModelRecord)
    except FileNotFoundError:
        return None
    except (msgspec.MsgspecError, OSError, UnicodeDecodeError, RecursionError, errors.StillroomError) as error:
        text = f"The record of {folder.name} ({RECORD}) can't be read."
        raise errors.Corrupt(text, "Import the model again.") from error


def new_record(
    folder: Path, title: str, source: str, licence: str = "", made_from: str = "", family: str = ""
) -> ModelRecord:
    """Describe a finished model folder as made now."""
    return ModelRecord(
        name=folder.name,
        title=title,
        source=source,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        size_bytes=folder_size(folder),
        licence=licence,
        made_from=made_from,
        family=family,
    )


def folder_size(folder: Path) -> int:
    """Bytes of the files directly in a folder; of a model's, without weights that are not its own."""
    strays = model_files.stray_weights(folder)
    return sum(entry.stat().st_size for entry in leftovers.entries(folder) if entry.is_file() and entry not in strays)


def write_record(folder: Path, record: ModelRecord) -> None:
    """Write a model's record, whole or not at all."""
    replace_file(folder / RECORD, as_json(record))


def replace_file(path: Path, content: bytes) -> None:
    """Write a file over the one that is there, whole or not at all."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with taken_back(draft):
        write_file(draft, content)
        draft.replace(path)


def as_json(content: object) -> bytes:
    """Anything that msgspec knows as indented JSON."""
    return msgspec.json.format(utf8.json(content), indent=2)


@contextmanager
def taken_back(path: Path) -> Iterator[None]:
    """Delete a new file when the block that writes it fails: half of one would keep a full disk full."""
    try:
        yield
    except BaseException:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        raise


def write_file(path: Path, content: bytes) -> None:
    """Write a new file that its owner alone may read, and wait until it is on the disk; half of one is taken back."""
    with taken_back(path), open(path, "wb", opener=paths.owners_alone) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def copy_file(source: Path, target: Path) -> None:
    """Copy a file and wait until it is on the disk; half of one is taken back."""
    with taken_back(target):
        shutil.copyfile(source, target)
        sync(target)


def companions(folder: Path) -> list[Path]:
    """The files that go with a model's weights as they are: tokenizer, chat template, generation_config.json. No code."""
    return [
        path
        for path in leftovers.entries(folder)
        if model_files.READ.fullmatch(path.name)
        and path.suffix != ".safetensors"
        and path.name not in ("config.json", model_files.INDEX, RECORD)  # written anew, never copied
        and not path.name.startswith(".")
        and path.is_file()
    ]


def write_json(path: Path, content: dict[str, object]) -> None:
    """Write a dictionary as indented JSON and wait until it is on the disk."""
    write_file(path, as_json(content))


@contextmanager
def publishing(folder: Path, needed_bytes: int, doing: str, replace: bool = False) -> Iterator[Path]:
    """Yield a draft folder that is renamed to `folder` when the block succeeds and removed when it fails.

    needed_bytes is checked against the free space first; doing says what goes on, as in "writing the model". Raises
    BadInput when `folder` exists and is not to be replaced, DiskFull, there and when a write runs out of space; other
    faults of the disk as errors.from_os_error.
    """
    draft = None
    try:
        check_space(folder.parent, needed_bytes)
        draft = _draft(folder)
        yield draft
        paths.tighten(draft)
        sync(draft)
        _take_place(draft, folder, replace)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            _remove(draft)  # first, so that the figure of free space is what the next try will find
            raise _disk_full(folder.parent, needed_bytes) from error
        raise errors.from_os_error(error, doing, writing=True) from error
    finally:
        _remove(draft)


@contextmanager
def holding(path: Path, fault: str, hint: str = "") -> Iterator[None]:
    """Hold a lock against other processes. Raises Busy, with these sentences, when one has it."""
    import filelock  # it brings asyncio along

    lock = filelock.FileLock(path, mode=0o600)
    try:
        lock.acquire(timeout=0)
    except TimeoutError as error:
        raise errors.Busy(fault, hint) from error
    try:
        yield
    finally:
        lock.release()


def check_space(folder: Path, needed_bytes: int) -> None:
    """Raise DiskFull, with both figures, when the disk of `folder` has not that much space left."""
    if shutil.disk_usage(folder).free < needed_bytes:
        raise _disk_full(folder, needed_bytes)


def sweep(parent: Path) -> None:
    """Remove the drafts in `parent` whose process is gone."""
    for entry in parent.iterdir():
        match = _DRAFT.match(entry.name)
        if match and not psutil.pid_exists(int(match[1])):
            shutil.rmtree(entry, ignore_errors=True)


def remove(folder: Path) -> int:
    """Delete a folder, out of sight in one step, so that no half of it is ever listed; returns the bytes that frees.

    Of a link to a folder the link alone goes, and so it is with links inside of one.
    """
    if folder.is_symlink():
        folder.unlink()
        return 0
    freed = sum(found.st_size for found in map(Path.lstat, folder.rglob("*")) if found.st_nlink == 1)
    draft = _draft(folder)  # a name that the sweep knows
    folder.rename(draft)
    shutil.rmtree(draft, ignore_errors=True)
    return freed


def _draft(folder: Path) -> Path:
    return Path(tempfile.mkdtemp(prefix=f".draft-{os.getpid()}-", dir=folder.parent))


def _remove(draft: Path | None) -> None:
    if draft is not None:
        shutil.rmtree(draft, ignore_errors=True)


def _take_place(draft: Path, folder: Path, replace: bool) -> None:
    if folder.is_symlink() and replace:
        folder.unlink()
    if folder.exists() and replace:
        # a full folder can't be renamed over: the old model steps aside under a name that the sweep knows
        old = _draft(folder)
        folder.rename(old)
        draft.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    else:
        # no look beforehand: of two processes that take one place at once, the rename lets one through
        try:
            draft.rename(folder)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                raise
            raise errors.BadInput(f"There is a model named {folder.name} already.", "Choose another name.") from error
    sync(folder.parent)


def sync(path: Path) -> None:
    """Wait until a file's bytes, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _disk_full(folder: Path, needed_bytes: int) -> errors.DiskFull:
    needed, free = quantities.size(needed_bytes), quantities.size(shutil.disk_usage(folder).free)
    text = f"The model needs {needed}, {free} are free on the disk of {folder}."
    return errors.DiskFull(text, "Free some space and try again.")
