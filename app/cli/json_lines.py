"""What the command line writes for programs (`--json`): one JSON object a line on stdout, and nothing else there."""

import sys
from typing import Any, Protocol

import msgspec

from models import events, utf8
from models.engine.wire import Request
from models.errors import StillroomError


class Display(Protocol):
    """Where the events of a command go: to lines of JSON, or to the text of app/cli/terminal.py."""

    def begin(self, request: Request) -> None:
        """A request goes to the engine; its events come next."""

    def show(self, event: events.Event) -> None:
        """Show one event."""

    def finish(self) -> None:
        """Leave the screen in order: the call is over, or was broken off."""

    def result(self, record: events.Record) -> None:
        """Show what a call ended with."""

    def failed(self, error: StillroomError) -> None:
        """Show why a call failed."""


class JsonLines:
    """Every event as a line of JSON; the last line of a command is `done` or `failed`."""

    def begin(self, request: Request) -> None:
        """Events tell enough by themselves."""

    def show(self, event: events.Event) -> None:
        """Write an event."""
        _write(event)

    def finish(self) -> None:
        """Every line is whole as it is."""

    def result(self, record: events.Record) -> None:
        """Write the last line: the record's fields beside the type."""
        self.done(fields_of(record))

    def done(self, fields: dict[str, Any]) -> None:
        """Write the last line of a command that ends with no single record."""
        _write({"type": "done", **fields})

    def failed(self, error: StillroomError) -> None:
        """Write the last line of a command that failed."""
        _write({"type": "failed", "kind": error.kind, "text": error.text, "hint": error.hint})


def fields_of(record: events.Record) -> dict[str, Any]:
    """A record as it stands in a `done` line, which tells by its command what kind it is."""
    fields: dict[str, Any] = msgspec.to_builtins(record)
    del fields["record"]
    return fields


def _write(what: events.Event | dict[str, Any]) -> None:
    # The whole line in one call, flushed: a reader never sees half of one.
    sys.stdout.write(utf8.json(what).decode() + "\n")
    sys.stdout.flush()
