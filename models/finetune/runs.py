"""The runs on this disk, looked at without MLX: a window shows them while a worker trains. One can be removed.

Reads the card, the end of metrics.jsonl and the checkpoints' states (models/finetune/run_folder.py has the layout).
The folders are the truth; a line or a checkpoint that a kill cut off is left out, a run whose card can't be read too.
"""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec

from models import errors, leftovers, paths
from models.checkpoint import folders
from models.events import Checkpoint, Event, Note, Prepared, Sample, Step, Validation
from models.finetune import checkpoints as saving
from models.finetune import run_folder
from models.finetune.run_folder import BEST, CHECKPOINTS, METRICS, RunCard
from models.finetune_config import FinetuneConfig
from models.machine import hardware

log = logging.getLogger(__name__)

TAIL_BYTES = 64 << 10
Metric = Step | Validation | Sample | Checkpoint | Prepared | Note
State = Literal["new", "stopped", "done"]


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A run as its folder shows it."""

    id: str
    number: int  # from 1, by the time it began
    folder: str
    created: str  # ISO 8601, UTC
    base: str
    base_folder: str = ""  # where it was
    config: FinetuneConfig
    examples: int  # before rows were left out
    valid_examples: int
    adapter: str = ""  # the name it has or will have in the library; empty for none
    traces: str = ""  # the set's name; empty where the card does not say
    published: bool = False  # the adapter is there, made by this run
    machine: hardware.Machine | None = None
    state: State = "new"  # "done" when all steps are taken or it was published; "stopped" also while a worker has it
    step: int = 0  # of steps, as far as was measured; 0 of 0 when not
    steps: int = 0


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    """A whole checkpoint."""

    step: int
    path: str
    validation_loss: float | None = None  # None when it was not measured at this step
    best: bool = False  # the run's best


_metric = msgspec.json.Decoder(Metric)


def card(run: str) -> RunCard:
    """What a run began with. Raises NotFound, Corrupt."""
    return run_folder.read_card(paths.runs_folder() / run)


def runs() -> list[Run]:
    """All runs, oldest first. Never raises because of one of them."""
    cards = []
    for folder in _folders(paths.runs_folder()):
        try:
            cards.append((run_folder.read_card(folder), folder))
        except errors.NotFound:
            continue  # being made, or no run
        except errors.Corrupt as error:
            log.info("run %s left out: %s", folder.name, error)
    cards.sort(key=lambda found: (found[0].created, found[0].id))
    return [_run(number, card, folder) for number, (card, folder) in enumerate(cards, 1)]


def get(name: str) -> Run:
    """A run by its id. Raises NotFound."""
    found = [run for run in runs() if run.id == name]
    if not found:
        raise errors.NotFound(f"There is no run {name}.", "`stillroom runs list` shows those that are there.")
    return next((run for run in found if Path(run.folder).name == name), found[0])  # a copied folder has its id too


def remove(name: str) -> int:
    """Delete a run, its checkpoints too, and give the bytes that frees; an adapter that it made stays.

    Of a link to a run the link alone goes. Raises NotFound; Busy when a process has it.
    """
    folder = Path(get(name).folder)
    try:
        with saving.holding(folder):
            freed = folders.remove(folder)
        folders.sweep(folder.parent)
    except OSError as error:
        raise errors.from_os_error(error, f"deleting the run {name}", writing=True) from error
    return freed


def new_id(adapter: str) -> str:
    """The name of a run that begins now; its folder is made, so that no other run takes it."""
    began = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{adapter.replace('/', '-')}"
    name, number = began, 1
    while True:
        try:
            (paths.runs_folder() / name).mkdir(mode=0o700)
        except FileExistsError:
            number += 1
            name = f"{began}-{number}"
        except OSError as error:
            raise errors.from_os_error(error, "making a folder for the run", writing=True) from error
        else:
            return name


def unfinished(adapter: str) -> Run | None:
    """The last run for an adapter of that name, unless it is in the library; None when there is none."""
    last = next((run for run in reversed(runs()) if run.adapter == adapter), None)
    return None if last is None or last.published else last


def metrics(run: Run) -> list[Event]:
    """What a run measured, in order; empty before its first line."""
    return _metrics(run.folder)


def checkpoints(run: Run) -> list[Saved]:
    """The whole checkpoints of a run on the disk, newest first."""
    best = run_folder.pointed(Path(run.folder), BEST)
    found = []
    for folder in _folders(Path(run.folder) / CHECKPOINTS):
        state = run_folder.read_state(folder)
        if state is not None:
            loss = state.validation_loss if state.validated == state.step else None
            found.append(Saved(step=state.step, path=str(folder), validation_loss=loss, best=folder == best))
    return sorted(found, key=lambda saved: -saved.step)


def speed(run: Run) -> float | None:
    """Trained tokens a second of a run, the median over its last steps; None when it took none."""
    rates = sorted(event.tokens_per_s for event in _metrics(run.folder, TAIL_BYTES) if isinstance(event, Step))
    return rates[len(rates) // 2] if rates else None


def _run(number: int, card: RunCard, folder: Path) -> Run:
    last = next((event for event in reversed(_metrics(folder, TAIL_BYTES)) if isinstance(event, Step)), None)
    step, steps = (last.step, last.steps) if last else (0, 0)
    published = bool(card.adapter) and made_by(paths.adapters_folder() / card.adapter, card.id)
    state: State = "new" if last is None else "stopped"
    if published or (last is not None and step >= steps):
        state = "done"
    of_card = {name: getattr(card, name) for name in RunCard.__struct_fields__ if name in Run.__struct_fields__}
    return Run(number=number, folder=str(folder), published=published, state=state, step=step, steps=steps, **of_card)


def made_by(adapter: Path, run_id: str) -> bool:
    """Whether an adapter of the library is what a run made."""
    try:
        return run_folder.read_card(adapter).id == run_id
    except errors.StillroomError:
        return False


def _metrics(folder: str | Path, tail_bytes: int | None = None) -> list[Event]:
    """The metrics of a run, whole lines only. tail_bytes: of the file that are read from its end, None for all."""
    try:
        with (Path(folder) / METRICS).open("rb") as file:
            size = file.seek(0, 2)
            begin = 0 if tail_bytes is None else max(0, size - tail_bytes)
            file.seek(begin)
            content = file.read()
    except FileNotFoundError:
        return []
    return list(_parsed(content[content.find(b"\n") + 1 :] if begin else content))


def _parsed(content: bytes) -> Iterator[Event]:
    for line in content.split(b"\n")[:-1]:  # a last line without an end was cut off
        try:
            yield _metric.decode(line)
        except msgspec.MsgspecError:
            log.debug("a line of metrics left out")


def _folders(parent: Path) -> list[Path]:
    try:
        return leftovers.folders(parent)
    except FileNotFoundError:
        return []
