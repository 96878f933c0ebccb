"""Long work that outlives a click: a queue of jobs, each some requests one after the other, kept in the database.

A job is what a person asked for ("get R1-Distill-Qwen-7B as 4-bit"); its steps are requests of the wire, each run in a
worker of its own. Steps that load the network and steps that load the machine run side by side, one of each kind at a
time, so that one model downloads while the one before is quantized. Every change is written before it is told, so the
queue is the same after the app, or the Mac, went down: what was running then waits again and goes on where it stopped.
"""

from typing import Literal

import msgspec

JobState = Literal["waiting", "running", "paused", "done", "failed", "cancelled"]


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A job as its row shows it, whole at every change, so that a late listener is right at once.

    subject: what it is about, a Hub repository or a model's name; doing: the kind of the request under way, as on the wire
    ("fetch", "quantize"); then: in words what comes after it, as in "quantize to 4-bit"; step and steps: the request under way, from 0, and how
    many there are; stage, done, total, unit, rate: of the last Progress; seconds_left: None while not known; peak_bytes:
    of memory, 0 when not known; model: the library's name of what it made, once it is done; kind, error, hint: why it
    failed; created, ended: ISO 8601, UTC.
    """

    id: int
    title: str
    subject: str
    state: JobState
    step: int = 0
    steps: int = 1
    doing: str = ""
    then: str = ""
    stage: str = ""
    done: int = 0
    total: int = 0
    unit: str = ""
    rate: float = 0.0
    seconds_left: float | None = None
    peak_bytes: int = 0
    note: str = ""
    model: str = ""
    kind: str = ""
    error: str = ""
    hint: str = ""
    created: str = ""
    ended: str = ""
