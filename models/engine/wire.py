"""The wire between a face and the engine process: one JSON object a line, each way.

Parent to worker: `Call` with a request, `Cancel` and `Steer` for a call under way. Worker to parent: `Report`
with an event of models/events.py; the last report of every call is `Done` or `Failed`.
"""

import msgspec

from models import events
from models.requests import Action, Request


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


AnyEvent = (
    events.Progress
    | events.Note
    | events.Token
    | events.Budget
    | events.ThinkingClosed
    | events.Prepared
    | events.Step
    | events.Validation
    | events.Sample
    | events.Checkpoint
    | events.Done
    | events.Failed
)


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """An event of a call."""

    id: int
    event: AnyEvent


ToWorker = Call | Cancel | Steer

to_worker = msgspec.json.Decoder(ToWorker)
from_worker = msgspec.json.Decoder(Report)
_encoder = msgspec.json.Encoder()


def line(message: ToWorker | Report) -> bytes:
    """Encode a message as one line of the wire."""
    return _encoder.encode(message) + b"\n"
