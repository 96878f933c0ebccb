"""The wire between a face and the engine process: one JSON object a line, each way.

Parent to worker: `Call` with a request, `Cancel` and `Steer` for a call under way. Worker to parent: `Report`
with an event; the last report of every call is `Done` or `Failed`. Requests, events and records are tagged; what can
be read is what the kinds of jobs and the ground floor define, found when the first line is read.
"""

import functools
from typing import Any, Union

import msgspec

from models import utf8
from models.events import Done, Event, Record
from models.jobs import kinds
from models.jobs.request import JobRequest
from models.requests import Action, ChatRequest, Load, Unload

Request = Load | Unload | ChatRequest | JobRequest


class Call(msgspec.Struct, frozen=True, kw_only=True, tag="call"):
    """Start a request under a number of the parent's choice."""

    id: int
    request: Request


class Cancel(msgspec.Struct, frozen=True, kw_only=True, tag="cancel"):
    """Stop the call at the next token, layer or prefill chunk."""

    id: int


class Steer(msgspec.Struct, frozen=True, kw_only=True, tag="steer"):
    """Change how long a chat call goes on thinking."""

    id: int
    action: Action


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """An event of a call."""

    id: int
    event: Event


ToWorker = Call | Cancel | Steer


def line(message: ToWorker | Report) -> bytes:
    """Encode a message as one line of the wire. Raises TypeError, ValueError or OverflowError for what it can't carry."""
    return utf8.json(message) + b"\n"


def read_message(raw: bytes) -> ToWorker:
    """A line from the parent. Raises msgspec.MsgspecError."""
    message = _to_worker().decode(raw)
    return Call(id=message.id, request=message.request) if isinstance(message, Call) else message


def read_report(raw: bytes) -> Report:
    """A line from the worker. Raises msgspec.MsgspecError."""
    report = _from_worker().decode(raw)
    event = Done(result=report.event.result) if isinstance(report.event, Done) else report.event
    return Report(id=report.id, event=event)


@functools.cache
def _to_worker() -> "msgspec.json.Decoder[ToWorker]":
    request = _any_of([Load, Unload, ChatRequest, *kinds.by_name().values()])
    call = _narrowed(Call, request=request)
    return msgspec.json.Decoder(_any_of([call, Cancel, Steer]))


@functools.cache
def _from_worker() -> "msgspec.json.Decoder[Report]":
    kinds.by_name()  # events and records of their own come with them
    plain = [event for event in _tagged(Event) if event is not Done]
    done = _narrowed(Done, result=_any_of([*_tagged(Record), type(None)]))
    return msgspec.json.Decoder(_narrowed(Report, event=_any_of([*plain, done])))


def _narrowed(struct: type[msgspec.Struct], **fields: Any) -> Any:
    """The struct as the wire reads it: a field that is typed by a base class is one of the classes there are."""
    config = struct.__struct_config__
    defaults = {field.name: field.default for field in msgspec.structs.fields(struct) if not field.required}
    return msgspec.defstruct(
        struct.__name__,
        [(name, kind, defaults[name]) if name in defaults else (name, kind) for name, kind in fields.items()],
        bases=(struct,),
        frozen=True,
        kw_only=True,
        tag_field=config.tag_field,
        tag=config.tag,
    )


def _any_of(types: list[Any]) -> Any:
    return Union[tuple(types)]  # noqa: UP007 - made of what is there


def _tagged(base: type[msgspec.Struct]) -> list[type[msgspec.Struct]]:
    """All classes of a base that have a tag of their own and are no narrowed ones."""
    found: dict[object, type[msgspec.Struct]] = {}
    for cls in base.__subclasses__():
        found.setdefault(cls.__struct_config__.tag, cls)
    return list(found.values())
