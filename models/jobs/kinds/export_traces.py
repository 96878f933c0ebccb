"""Write a set of traces to a file."""

from collections.abc import Generator
from pathlib import Path

from models.events import Event
from models.jobs.request import JobRequest
from models.trace_report import Exported


class ExportTraces(JobRequest, frozen=True, kw_only=True, tag="export_traces"):
    """Write a set of traces as a file."""

    name: str  # of the set
    path: str
    shape: str = "stillroom"  # one of models/traces/export.py

    lane = "light"
    doing = "writing"
    step = "write the traces"

    def work(self) -> Generator[Event, None, Exported]:
        from models.traces.export import export

        return (yield from export(self.name, Path(self.path), self.shape))

    def title(self) -> str:
        return f"Export of {self.name} to {Path(self.path).name}"

    def subject(self) -> str:
        return self.name
