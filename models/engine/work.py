"""The work behind each request that has a process of its own. Each imports only what it needs: a download no MLX."""

from collections.abc import Iterator
from pathlib import Path
from typing import assert_never

from models import events
from models.engine import messages


def work(request: messages.Job) -> Iterator[events.Event]:
    """The events of a request, Done last; closing it stops the work and leaves nothing behind."""
    match request:
        case messages.Import(path=path, name=name):
            from models.library import import_model

            return import_model(path, name)
        case messages.Search():
            from models.hub import search

            return search(request)
        case messages.Fetch():
            from models.download import fetch

            return fetch(request)
        case messages.Quantize():
            from models.quantize import quantize

            return quantize(request)
        case messages.MeasureCard():
            from models.card import measure

            return measure(request)
        case messages.AddTraces():
            return _add_traces(request)
        case messages.ExportTraces(name=name, path=path, shape=shape):
            from models.traces import export

            return _ending(export.export(name, Path(path), shape))
        case messages.Finetune():
            from models.train.from_set import finetune_on_set

            return _ending(finetune_on_set(request))
        case messages.Keep():
            return _keep(request)
        case messages.Fuse():
            from models.export import fuse

            return fuse(request)
        case _:
            assert_never(request)


def _add_traces(request: messages.AddTraces) -> Iterator[events.Event]:
    from models import library
    from models.traces import counting, store
    from models.traces.checks import Limits

    if request.model is not None:
        yield from library.prepare(request.model)  # the starter may not be made yet
    count = None if request.model is None else counting.tokens_of(request.model)
    yield from _ending(
        store.add(
            request.name,
            [Path(file) for file in request.files],
            limits=Limits(max_tokens=request.max_tokens),
            count=count,
            evaluation=[Path(file) for file in request.evaluation],
        )
    )


def _keep(request: messages.Keep) -> Iterator[events.Event]:
    from models import library
    from models.train import checkpoints
    from models.train.publish import publish

    publish(checkpoints.runs_folder() / request.run, request.name)
    yield events.Done(result=library.show(request.name))


def _ending(source: Iterator[events.Event | events.Result]) -> Iterator[events.Event]:
    """Hand on events, and say a record, which comes last, as Done."""
    for item in source:
        yield item if isinstance(item, events.Event) else events.Done(result=item)
