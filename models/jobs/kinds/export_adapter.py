"""Write an adapter for other programs."""

from collections.abc import Generator
from pathlib import Path

from models.events import AdapterExported, Event
from models.jobs.request import JobRequest


class ExportAdapter(JobRequest, frozen=True, kw_only=True, tag="export_adapter"):
    """Write an adapter of the library as a folder that PEFT reads."""

    name: str  # of the adapter
    path: str  # the folder to come

    lane = "light"
    doing = "writing"
    step = "write the adapter"

    def work(self) -> Generator[Event, None, AdapterExported]:
        from models.finetune.peft import export_adapter

        return (yield from export_adapter(self.name, self.path))

    def title(self) -> str:
        return f"Export of {self.name} to {Path(self.path).name}"

    def subject(self) -> str:
        return self.name
