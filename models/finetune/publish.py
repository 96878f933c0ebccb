"""A run's best checkpoint becomes an adapter of the library, whole or not at all."""

import shutil
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from models import errors, paths
from models.checkpoint import folders, model_files
from models.events import Note
from models.finetune import checkpoints, lora, names, run_card, run_folder, runs
from models.library import bases


def publish(run: Path, name: str) -> Path:
    """Put the best checkpoint of a run into the library under a name; the newest when none was validated.

    Raises BadInput for a name that is taken or can't be one, and for weights that are no numbers; NotFound when the run
    has no checkpoint yet; DiskFull.
    """
    check_free(name)
    card = run_folder.read_card(run)
    source = chosen(run)
    weights = checkpoints.read_tensors(source / model_files.ADAPTER_WEIGHTS)
    lora.check_finite(weights, card.dtype)
    needed = folders.folder_size(source)
    folder = paths.adapters_folder() / name
    folders.sweep(folder.parent)
    with folders.publishing(folder, needed, "writing the adapter") as draft:
        lora.save_adapter(draft, weights, card.config, card.base)
        shutil.copyfile(run / run_folder.CARD, draft / run_folder.CARD)
        record = folders.new_record(draft, name, f"run {card.id}, step {run_folder.step_of(source)}")
        of_base = {"base": card.base, "lineage": _lineage(card)}
        folders.write_record(draft, msgspec.structs.replace(record, name=name, **of_base))
    return folder


def _lineage(card: run_folder.RunCard) -> list[str]:
    with suppress(errors.StillroomError, OSError):
        return bases.lineage(run_card.find_base(card))
    return [card.base_fingerprint] if card.base_fingerprint else []


def publish_or_rename(run: Path, name: str) -> Generator[Note, None, Path]:
    """The same, under a numbered name where another adapter has taken it while the run was under way. What the run has
    published already stays as it is."""
    made = paths.adapters_folder() / name
    if runs.made_by(made, run_folder.read_card(run).id):
        return made  # it was stopped right after
    if not is_free(name):
        wanted, name = name, names.suggest(name, [entry.name for entry in paths.adapters_folder().iterdir()])
        run_card.note_adapter(run, name)
        yield Note(text=f"There is another adapter named {wanted} by now: this one is called {name}.")
    return publish(run, name)


def chosen(run: Path) -> Path:
    """The checkpoint that is published. Raises NotFound."""
    newest = checkpoints.newest(run)
    if newest is None:
        raise errors.NotFound(f"The run {run.name} has no checkpoint yet.", "Let it train for longer.")
    has_best = newest[1].best_loss is not None
    return (run_folder.pointed(run, run_folder.BEST) if has_best else None) or newest[0]


def check_free(name: str) -> None:
    """Raise BadInput when a name is taken or can't be one; an empty one is none and passes."""
    if not name:
        return
    if not names.allowed(name):
        hint = f"Up to {names.MAX_NAME} letters, digits, dots, dashes and underscores."
        raise errors.BadInput(f"{name!r} can't be the name of an adapter.", hint)
    if not is_free(name):
        raise errors.BadInput(f"There is an adapter named {name} already.", "Choose another name.")


def is_free(name: str) -> bool:
    """Whether no adapter of the library has the name."""
    return name.lower() not in {entry.name.lower() for entry in paths.adapters_folder().iterdir()}


@contextmanager
def reserving(name: str) -> Iterator[None]:
    """Keep other runs from making an adapter of this name meanwhile. Raises Busy where one is at it."""
    if not name:
        yield
        return
    with folders.holding(
        paths.runs_folder() / f".{name.lower()}.lock",
        f"Another run is making an adapter named {name}.",
        "Choose another name, or wait until that run is done.",
    ):
        yield
