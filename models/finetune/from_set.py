"""A fine-tuning run on a set of traces: the set divided by problem, the run begun or taken up."""

from collections.abc import Generator
from pathlib import Path

from models import errors, paths
from models.events import Event, Finetuned, Note
from models.finetune import finetune as finetuning
from models.finetune import run_folder, runs
from models.finetune.dataset import Example
from models.finetune_config import FinetuneConfig
from models.library import installed
from models.traces import split, store
from models.traces.trace import Trace

DEFAULT = FinetuneConfig()


def finetune_on_set(
    model: str,
    traces: str,
    name: str,
    *,
    config: FinetuneConfig = DEFAULT,
    held_out: float = 0.05,
    run: str = "",
    resume: bool = False,
) -> Generator[Event, None, Finetuned]:
    """Train an adapter of a model on a set, or go on with a run.

    name: of the adapter to come; held_out: share of the problems kept apart for validation; run: the name of its
    folder, so that whoever asked finds it again, made up when empty; one that is there goes on as it began. resume: it
    has to be there; with an empty run, the last for an adapter of that name. Raises what finetune and store.read raise,
    NotFound for a run that is not there, BadInput for one that is another's.
    """
    place = _begun(name) if resume and not run else paths.runs_folder() / (run or runs.new_id(name))
    if (place / run_folder.CARD).exists():
        if not resume:
            _check_same(place, model, traces, name)
        return (yield from finetuning.resume(place, model))
    if resume:
        raise errors.NotFound(f"There is no run named {run}.", "Start it anew.")
    store.get(traces)  # before anything is made for it
    folder = yield from installed.prepare(model)
    train, valid = yield from _divided(traces, held_out, config.seed)
    base = _name(model)
    return (yield from finetuning.finetune(folder, base, train, valid, config, place, name, traces))


def _name(model: str) -> str:
    """A model's name as a record has it: nothing that hangs on where the library stands."""
    return installed.recorded_name(Path(model)) if Path(model).is_absolute() else model


def _begun(adapter: str) -> Path:
    begun = runs.unfinished(adapter)
    if begun is None:
        fault = f"There is no unfinished run for an adapter named {adapter}."
        raise errors.NotFound(fault, "Leave --resume out to start one.")
    return Path(begun.folder)


def _check_same(run: Path, model: str, traces: str, adapter: str) -> None:
    """Raise BadInput when a run is there that was begun for something else."""
    card = run_folder.read_card(run)
    # older cards name no set
    if (_name(card.base), card.traces or traces, card.adapter) != (_name(model), traces, adapter):
        raise errors.BadInput(f"There is another run named {run.name} already.", "Start it under another name.")


def _divided(set_name: str, held_out: float, seed: int) -> Generator[Event, None, tuple[list[Example], list[Example]]]:
    """The examples to learn from and those held out, no problem on both sides."""
    traces = list(store.read(set_name))
    parts = split.split(traces, {"train": 1 - held_out, "valid": held_out}, seed)
    in_turns = sum(bool(trace.turns) for trace in traces)
    if in_turns:
        yield Note(text=f"{in_turns:,} traces end a longer conversation: only their last turn is learned from.")
    return _examples(parts["train"]), _examples(parts["valid"])


def _examples(traces: list[Trace]) -> list[Example]:
    return [Example(trace.problem, trace.thinking, trace.answer, trace.system) for trace in traces]
