"""What is read off the disk for the page: library, sets and runs, a run as it was, a set as a base model sees it."""

import msgspec

from models.checkpoint import shapes
from models.events import Event, Model
from models.finetune.estimate import Lengths, Speed
from models.finetune.runs import Run, Saved
from models.finetune_config import Method
from models.trace_report import Added, TraceSet


class Listing(msgspec.Struct, frozen=True):
    """What there is on this disk."""

    models: list[Model]
    sets: list[TraceSet]
    runs: list[Run]


class OpenedRun(msgspec.Struct, frozen=True):
    """A run's metrics and checkpoints."""

    run_id: str
    events: list[Event]
    saved: list[Saved]


class SetFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a set of traces for a base model. base: its name, empty for none; shape: None where it can't be
    computed with; speeds: of earlier runs, by method."""

    traces: str
    base: str
    lengths: Lengths
    report: Added | None = None
    shape: shapes.ModelShape | None = None
    speeds: dict[Method, Speed] = {}
