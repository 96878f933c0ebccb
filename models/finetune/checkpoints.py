"""A run's checkpoints, from which it resumes as if never stopped, and its metrics (layout:
models/finetune/run_folder.py).

A checkpoint is written as a hidden folder, flushed to the disk and renamed; a pointer names it only then. A killed
process leaves a hidden folder at most, which the next one sweeps. The random numbers of a step follow from the seed and
the step, so a state needs no generator's own.
"""

import itertools
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from models import errors, events, leftovers, paths, quantities
from models.checkpoint import folders
from models.finetune import run_folder
from models.finetune.run_folder import METRICS, TrainingState, step_of
from models.finetune_config import FinetuneConfig

if TYPE_CHECKING:
    from models.finetune.lora import Weights


_metric = msgspec.json.Decoder(dict[str, object])


@contextmanager
def holding(run: Path) -> Iterator[None]:
    """Lock a run against other processes. Raises Busy when one has it."""
    with folders.holding(run / ".lock", f"The run {run.name} is under way in another process."):
        yield


def save(
    run: Path, state: TrainingState, weights: "Weights", optimizer: "Weights", config: FinetuneConfig, base: str
) -> Path:
    """Write a checkpoint, whole or not at all, and point `latest` to it.

    Raises BadInput when a weight is no number, DiskFull; the checkpoints before it stay either way.
    """
    folder = _checkpoints(run) / f"step-{state.step}"
    needed = sum(array.nbytes for array in (*weights.values(), *optimizer.values()))
    try:
        with folders.publishing(folder, needed, "writing a checkpoint", replace=True) as draft:
            _write(draft, state, weights, optimizer, config, base)
        point(run, run_folder.LATEST, folder)
    except errors.DiskFull as error:
        raise _no_space(run, state.step, needed) from error
    except OSError as error:
        raise errors.from_os_error(error, "writing a checkpoint", writing=True) from error
    return folder


def _write(
    draft: Path, state: TrainingState, weights: "Weights", optimizer: "Weights", config: FinetuneConfig, base: str
) -> None:
    from models.finetune import lora  # heavy: a face reads runs without mlx

    try:
        lora.save_adapter(draft, weights, config, base)
        lora.save_tensors(draft / run_folder.OPTIMIZER, optimizer)
    except RuntimeError as error:  # MLX's word for a write that failed, whatever the reason
        if shutil.disk_usage(draft).free < sum(array.nbytes for array in optimizer.values()):
            raise errors.DiskFull(str(error)) from error
        raise errors.Corrupt(f"The checkpoint of step {state.step} could not be written: {error}") from error
    sizes = {entry.name: entry.stat().st_size for entry in leftovers.entries(draft)}
    folders.write_file(draft / run_folder.STATE, msgspec.json.encode(msgspec.structs.replace(state, files=sizes)))


def _no_space(run: Path, step: int, needed: int) -> errors.DiskFull:
    free = shutil.disk_usage(run).free
    return errors.DiskFull(
        f"The checkpoint of step {step} needs {quantities.size(needed)}, {quantities.size(free)} are free on the disk"
        f" of {run}.",
        "The checkpoints before it are whole: free some space, then resume the run.",
    )


def newest(run: Path) -> tuple[Path, TrainingState] | None:
    """The newest whole checkpoint of a run and its state; None when there is none."""
    for folder in sorted(_folders(run), key=step_of, reverse=True):
        state = run_folder.read_state(folder)
        if state is not None:
            return folder, state
    return None


def damaged(run: Path) -> list[int]:
    """The steps of checkpoints that are not whole."""
    return sorted(step_of(folder) for folder in _folders(run) if run_folder.read_state(folder) is None)


def read_tensors(path: Path) -> "Weights":
    """The tensors of a checkpoint's file. Raises Corrupt."""
    import mlx.core as mx

    try:
        tensors = mx.load(str(path))
        mx.eval(tensors)  # it is read when it is used, and the file may be gone by then
    except (RuntimeError, ValueError, OSError) as error:
        raise errors.Corrupt(f"{path} can't be read: {error}.", "Delete this checkpoint and resume.") from error
    assert isinstance(tensors, dict), "a safetensors file is a dictionary"
    return tensors


def point(run: Path, name: str, folder: Path) -> None:
    """Make `latest` or `best` name a checkpoint, at once."""
    folders.replace_file(run / name, folder.name.encode())


def prune(run: Path, keep: int) -> None:
    """Delete all but the newest checkpoints and the best one, and what killed processes left."""
    best = run_folder.pointed(run, run_folder.BEST)
    for folder in sorted(_folders(run), key=step_of, reverse=True)[keep:]:
        if folder != best:
            folders.remove(folder)
    folders.sweep(_checkpoints(run))


def append_metrics(run: Path, measured: list[events.Event]) -> None:
    """Add events to the run's metrics, before a face hears of them. Raises DiskFull."""
    try:
        with open(run / METRICS, "ab", opener=paths.owners_alone) as file:
            file.write(b"".join(msgspec.json.encode(event) + b"\n" for event in measured))
    except OSError as error:
        raise errors.from_os_error(error, "writing the run's metrics", writing=True) from error


def read_metrics(run: Path) -> list[dict[str, object]]:
    """The run's metrics, without lines that can't be read, such as a last one that a kill cut off."""
    try:
        lines = (run / METRICS).read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    read = []
    for line in lines[:-1]:
        with suppress(msgspec.MsgspecError):
            read.append(_metric.decode(line))
    return read


def trim_metrics(run: Path, step: int) -> int:
    """Drop what was measured after a step: it will be measured again. Returns how many steps that were."""
    lines = read_metrics(run)
    kept = [line for line in lines if isinstance(at := line.get("step"), int) and at <= step]
    folders.replace_file(run / METRICS, b"".join(msgspec.json.encode(line) + b"\n" for line in kept))
    return _steps(lines) - _steps(kept)


def set_metrics_aside(run: Path) -> Path | None:
    """Begin the metrics anew; those that have steps are kept under another name, which is returned."""
    if not _steps(read_metrics(run)):
        (run / METRICS).unlink(missing_ok=True)
        return None
    path, _, ending = METRICS.partition(".")
    aside = next(
        run / f"{path}-{n}.{ending}" for n in itertools.count(1) if not (run / f"{path}-{n}.{ending}").exists()
    )
    return (run / METRICS).rename(aside)


def _steps(lines: list[dict[str, object]]) -> int:
    return sum(line.get("type") == events.Step.__struct_config__.tag for line in lines)


def _folders(run: Path) -> list[Path]:
    return [entry for entry in _checkpoints(run).iterdir() if run_folder.STEP_NAME.fullmatch(entry.name)]


def _checkpoints(run: Path) -> Path:
    folder = run / run_folder.CHECKPOINTS
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder
