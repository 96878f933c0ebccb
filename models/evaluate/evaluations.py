"""The evaluations on this disk, looked at without MLX: a window shows them while a worker draws replies.

The folders are the truth (models/evaluate/run_folder.py has the layout); one that can't be read is left out.
"""

import logging
import secrets
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from models import errors, paths
from models.checkpoint import folders
from models.evaluate import run_folder
from models.evaluate.problems import Task
from models.evaluate.records import EvaluationCard, ReplyRow, State
from models.evaluate.run_folder import Sitting

log = logging.getLogger(__name__)


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """An evaluation as its folder shows it."""

    card: EvaluationCard
    folder: str
    done: int  # replies that are there
    total: int
    ended: bool = False  # a race that was decided before

    @property
    def id(self) -> str:
        return self.card.id

    @property
    def state(self) -> State:
        """ "stopped" also while a worker has it."""
        if self.ended or self.done >= self.total:
            return "done"
        return "stopped" if self.done else "new"


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """An evaluation's replies, with the problems that they answer."""

    card: EvaluationCard
    task: Task
    rows: list[ReplyRow]
    sittings: list[Sitting]


def evaluations() -> list[Evaluation]:
    """All evaluations, oldest first. Never raises because of one of them."""
    found = []
    for folder in paths.evaluations_folder().iterdir():
        if folder.is_dir() and not folder.name.startswith("."):
            try:
                found.append(_evaluation(folder))
            except errors.NotFound:
                continue  # being made, or none
            except errors.Corrupt as error:
                log.info("evaluation %s left out: %s", folder.name, error)
    return sorted(found, key=lambda one: (one.card.created, one.id))


def get(name: str) -> Evaluation:
    """An evaluation by its id or folder. Raises NotFound, Corrupt."""
    return _evaluation(place(name))


def open_evaluation(name: str) -> Contents:
    """All that an evaluation holds. Raises NotFound, Corrupt."""
    folder = place(name)
    card, task = run_folder.read_card(folder), run_folder.read_task(folder)
    known = {problem.id for problem in task.problems}
    return Contents(
        card=card,
        task=task,
        rows=[row for row in run_folder.read_rows(folder) if row.problem in known and card.has(row)],
        sittings=run_folder.read_sittings(folder),
    )


def place(name: str) -> Path:
    """The folder of an evaluation, given by its id or as a path. Raises NotFound."""
    for folder in (paths.evaluations_folder() / name, Path(name).expanduser()):
        if name and (folder / run_folder.CARD).is_file():
            return folder.resolve()
    raise errors.NotFound(f"There is no evaluation {name}.", "`stillroom evaluations list` shows those that are there.")


def folder_of(run: str) -> Path:
    """Where an evaluation of that id lies in the home, perhaps not there."""
    return paths.evaluations_folder() / run


def new_id(task: str) -> str:
    """An id for an evaluation that begins now, which no other one has."""
    name = task.rpartition("/")[2].removesuffix(Path(task).suffix) if "/" in task else task
    word = "".join(letter if letter.isalnum() or letter in "-." else "-" for letter in name)[:40].strip("-.") or "task"
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{word}-{secrets.token_hex(2)}"


def remove(name: str) -> int:
    """Delete an evaluation; returns the bytes that frees. Of a link to one the link alone goes.

    Raises NotFound; Busy when a process has it.
    """
    folder = folder_of(name) if (folder_of(name) / run_folder.CARD).is_file() else place(name)
    with errors.disk_faults(f"deleting the evaluation {name}", writing=True), run_folder.holding(folder):
        return folders.remove(folder)


def _evaluation(folder: Path) -> Evaluation:
    card = run_folder.read_card(folder)
    try:
        done = (folder / run_folder.ROWS).read_bytes().count(b"\n")
    except FileNotFoundError:
        done = 0
    ended = (folder / run_folder.ENDED).exists()
    return Evaluation(card=card, folder=str(folder), done=min(done, card.total), total=card.total, ended=ended)
