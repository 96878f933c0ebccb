"""What the commands of the command line share: the options, the engine, the display, and running requests to their end."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from models import paths, utf8
from models.errors import BadInput

if TYPE_CHECKING:
    from app.cli.json_lines import Display
    from models import events
    from models.engine.client import Engine
    from models.engine.wire import Request

ModelName = Annotated[
    str, typer.Argument(metavar="MODEL", help="A name from `stillroom list`, a Hub repository or a folder.")
]
Json = Annotated[bool, typer.Option("--json", help="Write newline-delimited JSON events to stdout.")]


def open_engine() -> Engine:
    """Start the parent's side of the engine process."""
    from models.engine.client import Engine

    return Engine()


@contextlib.contextmanager
def running_engine() -> Iterator[Engine]:
    """The engine, ended with the block."""
    engine = open_engine()
    try:
        yield engine
    finally:
        engine.close()


def display_for(json: bool) -> Display:
    """Where events go: lines of JSON, or text for people."""
    if json:
        from app.cli.json_lines import JsonLines

        return JsonLines()
    from app.cli.terminal import Screen

    return Screen()


def run_to_end(requests: Iterable[Request], json: bool, notes: Iterable[str] = ()) -> events.Record | None:
    """Run requests one after the other, show what they tell, and end with the last one's record."""
    from app.cli.calls import follow
    from models import events

    display = display_for(json)
    for note in notes:
        display.show(events.Note(text=note))
    record: events.Record | None = None
    with running_engine() as engine:
        for request in requests:
            record = follow(engine, request, display)
    if record is not None:
        display.result(record)
    return record


def absolute(path: Path) -> str:
    """A path as the engine process, which works elsewhere, will find it. Raises BadInput for one that is not UTF-8."""
    whole = str(paths.typed(path).absolute())
    if not utf8.is_whole(whole):
        raise BadInput(f"The path {utf8.whole(whole)} is not UTF-8.", "Rename the folder, or work in another one.")
    return whole


def place(model: str) -> str:
    """A model as the engine process will find it: a path made absolute, a name left as it is."""
    path = paths.typed(model)
    return absolute(path) if path.is_absolute() or model.startswith(".") else model
