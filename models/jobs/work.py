"""The work behind each request that has a process of its own. Each imports only what it needs: a download no MLX."""

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import assert_never

from models import events, requests


def work(request: requests.Job) -> Iterator[events.Event]:
    """The events of a request, Done last; closing it stops the work and leaves nothing behind."""
    match request:
        case requests.ImportModel(path=path, name=name):
            from models.library.installed import import_model

            return import_model(path, name)
        case requests.Search():
            from models.hub.search import search

            return _returning(search(request.query, request.limit))
        case requests.Fetch():
            from models.library.download import fetch

            return fetch(request)
        case requests.Quantize():
            from models.quant.quantize import quantize

            return quantize(request)
        case requests.MeasureCard():
            from models.quant.card import measure

            return measure(request)
        case requests.AddTraces():
            return _add_traces(request)
        case requests.ExportTraces(name=name, path=path, shape=shape):
            from models.traces import export

            return _ending(export.export(name, Path(path), shape))
        case requests.Finetune():
            from models.finetune.from_set import finetune_on_set

            return _ending(finetune_on_set(request))
        case requests.PublishCheckpoint():
            return _keep(request)
        case requests.Fuse():
            from models.fuse.fuse import fuse

            return fuse(request)
        case _:
            assert_never(request)


def _add_traces(request: requests.AddTraces) -> Iterator[events.Event]:
    from models.library import installed
    from models.traces import counting, store
    from models.traces.checks import Limits

    if request.model is not None:
        yield from installed.prepare(request.model)  # the starter may not be made yet
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


def _keep(request: requests.PublishCheckpoint) -> Iterator[events.Event]:
    from models.finetune import checkpoints
    from models.finetune.publish import publish
    from models.library import installed

    publish(checkpoints.runs_folder() / request.run, request.name)
    yield events.Done(result=installed.show(request.name))


def _ending(source: Iterator[events.Event | events.Result]) -> Iterator[events.Event]:
    """Hand on events, and say a record, which comes last, as Done."""
    for item in source:
        yield item if isinstance(item, events.Event) else events.Done(result=item)


def _returning(source: Generator[events.Event, None, events.Result]) -> Iterator[events.Event]:
    """Hand on events, and say what the work returns as Done."""
    result = yield from source
    yield events.Done(result=result)
