"""An evaluation's folder as it lies on the disk, read and written without a model.

    evaluations/ID/
      card.json         what it began with; written first
      task.json         the problems and how they are asked, so that the folder alone can be asked again
      rows.jsonl        one reply and its verdict a line, written before a face hears of it
      sittings.jsonl    how long each stretch of work took, and what memory
      ended             there when a race ended before all problems were answered

A line that a kill cut off is left out when rows are read, and cut away before more are written.
"""

import errno
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import msgspec

from models import errors
from models.checkpoint import folders
from models.evaluate.problems import Task
from models.evaluate.records import EvaluationCard, ReplyRow

log = logging.getLogger(__name__)

T = TypeVar("T")

CARD, TASK, ROWS, SITTINGS, ENDED = "card.json", "task.json", "rows.jsonl", "sittings.jsonl", "ended"


class Sitting(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of work of one contender: an evaluation that is resumed has several."""

    contender: int
    think: int | None
    seconds: float
    tokens: int
    peak_bytes: int


_card = msgspec.json.Decoder(EvaluationCard)
_row = msgspec.json.Decoder(ReplyRow)
_task = msgspec.json.Decoder(Task)
_sitting = msgspec.json.Decoder(Sitting)


def create(folder: Path, card: EvaluationCard, task: Task) -> None:
    """Write a new evaluation's folder, its card last. Raises BadInput for one that is there, what errors.from_os_error gives."""
    if (folder / CARD).exists():
        raise errors.BadInput(f"There is an evaluation named {folder.name} already.")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folders.write_file(folder / TASK, msgspec.json.encode(task))
        folders.replace_file(folder / CARD, folders.as_json(card))
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise errors.from_os_error(error, "writing the evaluation", writing=True) from error


def read_card(folder: Path) -> EvaluationCard:
    """Raises NotFound or Corrupt."""
    try:
        return _card.decode((folder / CARD).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        raise errors.NotFound(f"There is no evaluation in {folder}.") from None
    except (OSError, msgspec.MsgspecError) as error:
        raise errors.Corrupt(f"The card of the evaluation {folder.name} can't be read.", "Start a new one.") from error


def read_task(folder: Path) -> Task:
    """The problems in the order in which they are asked. Raises Corrupt."""
    try:
        return _task.decode((folder / TASK).read_bytes())
    except (OSError, msgspec.MsgspecError) as error:
        fault = f"The problems of the evaluation {folder.name} can't be read."
        raise errors.Corrupt(fault, "Start a new one.") from error


def read_rows(folder: Path) -> list[ReplyRow]:
    """The replies so far, whole lines alone; of one key the first counts."""
    found: dict[object, ReplyRow] = {}
    for row in _lines(folder / ROWS, _row):
        found.setdefault(row.key, row)
    return list(found.values())


def read_sittings(folder: Path) -> list[Sitting]:
    """How long it took, by stretches of work."""
    return list(_lines(folder / SITTINGS, _sitting))


def end(folder: Path) -> None:
    """Mark an evaluation as ended though not all of its problems were answered."""
    with errors.disk_faults("writing the evaluation", writing=True):
        (folder / ENDED).touch(mode=0o600)


@contextmanager
def holding(folder: Path) -> Iterator[None]:
    """Lock an evaluation against other processes. Raises Busy when one has it."""
    with folders.holding(folder / ".lock", f"The evaluation {folder.name} is under way in another process."):
        yield


class RowsFile:
    """Appends rows; each is handed to the system before `add` returns, so that a killed process loses none."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> Self:
        try:
            self._rows, self._sittings = (_opened(self._folder / name) for name in (ROWS, SITTINGS))
        except OSError as error:
            raise errors.from_os_error(error, "writing the evaluation", writing=True) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._rows)
        os.close(self._sittings)

    def add(self, row: ReplyRow) -> None:
        """Raises DiskFull with the half line taken back."""
        try:
            _append(self._rows, msgspec.json.encode(row) + b"\n")
        except OSError as error:
            raise errors.from_os_error(error, "writing the evaluation", writing=True) from error

    def add_sitting(self, sitting: Sitting) -> None:
        """Keep how long a stretch took, if there is room for it: rows are what counts."""
        try:
            _append(self._sittings, msgspec.json.encode(sitting) + b"\n")
        except OSError as error:
            log.info("no room for a line of %s: %s", SITTINGS, error)


def _opened(path: Path) -> int:
    """A file to append to, without the line that a kill cut off."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        log.info("a line that was cut off is removed from %s", path.name)
        os.ftruncate(file, whole)
    return file


def _append(file: int, line: bytes) -> None:
    size = os.fstat(file).st_size
    try:
        if os.write(file, line) != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OSError:
        os.ftruncate(file, size)
        raise


def _lines(path: Path, decoder: msgspec.json.Decoder[T]) -> Iterator[T]:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return
    for line in content.split(b"\n")[:-1]:
        try:
            yield decoder.decode(line)
        except msgspec.MsgspecError:
            log.info("a line of %s left out", path.name)
