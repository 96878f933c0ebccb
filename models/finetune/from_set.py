"""A fine-tuning run on a set of traces: the set divided by problem, the run begun or taken up."""

from collections.abc import Collection, Generator
from pathlib import Path

import msgspec

from models import errors, paths
from models.checkpoint import fingerprint
from models.events import Event, Finetuned, Note
from models.finetune import finetune as finetuning
from models.finetune import run_folder, runs
from models.finetune.examples import Example, examples_of
from models.finetune_config import FinetuneConfig, Replies, differences
from models.library import installed
from models.traces import split, store

DEFAULT = FinetuneConfig()
HELD_OUT = "held_out"  # a name beside those of the settings


def finetune_on_set(
    model: str,
    traces: str,
    name: str,
    *,
    config: FinetuneConfig = DEFAULT,
    held_out: float = split.HELD_OUT,
    run: str = "",
    resume: bool = False,
    given: Collection[str] = (),
) -> Generator[Event, None, Finetuned]:
    """Train an adapter of a model on a set, or go on with a run.

    name: of the adapter to come; held_out: share of the problems kept apart for validation; run: the name of its
    folder, so that whoever asked finds it again, made up when empty; one that is there goes on as it began. resume: it
    has to be there; with an empty run, the last for an adapter of that name; given: names of the settings (or
    "held_out") that it has to have begun with, the others are its own. Raises what finetune and store.read raise,
    NotFound for a run that is not there, BadInput for one that is another's.
    """
    place = _begun(name) if resume and not run else paths.runs_folder() / (run or runs.new_id(name))
    if (place / run_folder.CARD).exists():
        card = run_folder.read_card(place)
        if resume:
            _check_begun_so(card, model, traces, config, held_out, given)
        else:
            _check_same(card, model, traces, name)
        if _has_changed(card):
            began = f"The set {card.traces} has changed since this run began"
            yield Note(text=f"{began}: it goes on with the traces that it began with.")
        return _as_asked((yield from finetuning.resume(place, model)), model)
    if resume:
        raise errors.NotFound(f"There is no run named {run}.", "Start it anew.")
    found = store.get(traces)  # before anything is made for it
    folder = yield from installed.prepare(model)
    train, valid = yield from _divided(traces, held_out, config.seed, config.replies)
    trained = yield from finetuning.finetune(
        folder, _name(model), train, valid, config, place, name, traces, found.data_hash, held_out
    )
    return _as_asked(trained, model)


def _as_asked(trained: Finetuned, model: str) -> Finetuned:
    """The record with the base as it was asked for, where the run's card has a path as seen from home."""
    return msgspec.structs.replace(trained, base=model) if Path(model).is_absolute() else trained


def _name(model: str) -> str:
    """A model's name as a record has it: nothing that hangs on where the library stands."""
    return installed.recorded_name(Path(model)) if Path(model).is_absolute() else model


def _divided(
    set_name: str, held_out: float, seed: int, replies: Replies = "last"
) -> Generator[Event, None, tuple[list[Example], list[Example]]]:
    """The examples to learn from and those held out, no problem and no conversation on both sides."""
    parts = split.split(store.read(set_name), {"train": 1 - held_out, "valid": held_out}, seed)
    if held_out and parts["train"] and not parts["valid"]:
        yield Note(text="All traces are of one problem, so nothing is held out: there is no loss to compare with.")
    talks = sum(bool(trace.turns) for part in parts.values() for trace in part)
    if talks:
        learned = "their last reply is learned" if replies == "last" else "each of their replies is learned"
        yield Note(text=f"{talks:,} traces are conversations: {learned}, what came before it is read.")
    return examples_of(parts["train"], replies), examples_of(parts["valid"], replies)


def _begun(adapter: str) -> Path:
    begun = runs.unfinished(adapter)
    if begun is None:
        fault = f"There is no unfinished run for an adapter named {adapter}."
        raise errors.NotFound(fault, "Leave --resume out to start one.")
    return Path(begun.folder)


def _check_same(card: run_folder.RunCard, model: str, traces: str, adapter: str) -> None:
    """Raise BadInput when a run is there that was begun for something else."""
    # older cards name no set
    if (_name(card.base), card.traces or traces, card.adapter) != (_name(model), traces, adapter):
        raise errors.BadInput(f"There is another run named {card.id} already.", "Start it under another name.")


def _check_begun_so(
    card: run_folder.RunCard, model: str, traces: str, config: FinetuneConfig, held_out: float, given: Collection[str]
) -> None:
    """Raise BadInput, naming each, when a run is to go on with something else than it began with."""
    others = [] if card.traces in ("", traces) else [f"traces {card.traces}, not {traces}"]
    if _is_another(card, model):
        others.insert(0, f"model {card.base}, not {model}")
    others += differences(card.config, config, [name for name in given if name != HELD_OUT])
    if HELD_OUT in given and card.held_out not in (None, held_out):
        others.append(f"held out {card.held_out:g}, not {held_out:g}")
    if others:
        fault = f"The run {card.id} began with other settings: {'; '.join(others)}."
        raise errors.BadInput(fault, "Go on with those that it began with, or start a new run.")


def _is_another(card: run_folder.RunCard, model: str) -> bool:
    if _name(card.base) == _name(model):
        return False
    try:
        return fingerprint.of(installed.find(model)) != card.base_fingerprint
    except (errors.StillroomError, OSError):
        return True


def _has_changed(card: run_folder.RunCard) -> bool:
    """Whether the set that a run learns from is another by now; one that is gone, or not known, is not."""
    if not card.traces_hash:
        return False
    try:
        return store.get(card.traces).data_hash != card.traces_hash
    except errors.StillroomError:
        return False
