"""A fine-tuning run on a set of traces: the set divided by problem, the run begun or taken up."""

from collections.abc import Generator, Iterator
from pathlib import Path

from models import errors, requests
from models.events import Event, Finetuned, Note
from models.finetune import checkpoints, run_card, runs
from models.finetune.dataset import Example
from models.finetune.finetune import finetune, resume
from models.library import installed
from models.traces import split, store
from models.traces.trace import Trace


def finetune_on_set(request: requests.Finetune) -> Iterator[Event | Finetuned]:
    """Train an adapter of a model on a set, or go on with a run; the last thing yielded is Finetuned.

    The run's folder is named after request.run, so that whoever asked finds it again. Raises what finetune and
    store.read raise, and NotFound for a run that is not there.
    """
    run = _run(request)
    if (run / checkpoints.CARD).exists():
        yield from resume(run)
        return
    if request.resume:
        raise errors.NotFound(f"There is no run named {request.run}.", "Start it anew.")
    store.get(request.traces)  # before anything is made for it
    folder = yield from installed.prepare(request.model)
    train, valid = yield from _divided(request)
    yield from finetune(folder, request.model, train, valid, request.config, run, request.name, request.traces)


def _run(request: requests.Finetune) -> Path:
    """The folder of the run that is meant, there or not."""
    if request.run:
        return checkpoints.runs_folder() / request.run
    if not request.resume:
        return run_card.new_run(request.name)
    begun = runs.unfinished(request.name)
    if begun is None:
        raise errors.NotFound(
            f"There is no unfinished run for an adapter named {request.name}.", "Leave --resume out to start one."
        )
    return Path(begun.folder)


def _divided(request: requests.Finetune) -> Generator[Event, None, tuple[list[Example], list[Example]]]:
    """The examples to learn from and those held out, no problem on both sides."""
    traces = list(store.read(request.traces))
    fractions = {"train": 1 - request.held_out, "valid": request.held_out}
    parts = split.split(traces, fractions, request.config.seed)
    in_turns = sum(bool(trace.turns) for trace in traces)
    if in_turns:
        yield Note(text=f"{in_turns:,} traces end a longer conversation: only their last turn is learned from.")
    return [_example(trace) for trace in parts["train"]], [_example(trace) for trace in parts["valid"]]


def _example(trace: Trace) -> Example:
    return Example(trace.problem, trace.thinking, trace.answer, trace.system)
