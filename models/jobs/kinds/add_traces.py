"""Read files of reasoning traces into a set."""

from collections.abc import Generator
from pathlib import Path

import msgspec

from models.events import Event
from models.jobs.request import JobRequest
from models.trace_report import Added, Columns


class AddTraces(JobRequest, frozen=True, kw_only=True, tag="add_traces"):
    """Read files of reasoning traces into a set, which is made when it is not there."""

    name: str  # of the set
    files: list[str]
    max_tokens: int | None = None  # longer ones are left out
    model: str | None = None  # whose tokenizer counts them; None: they are estimated
    evaluation: list[str] = msgspec.field(default_factory=list)  # files of problems that must not be learned
    columns: dict[str, Columns] = msgspec.field(default_factory=dict)  # by file, where they were chosen by hand

    lane = "light"
    doing = "reading"
    step = "read the traces"

    def work(self) -> Generator[Event, None, Added]:
        from models.library import installed
        from models.traces import counting, store
        from models.traces.checks import Limits

        if self.model is not None:
            yield from installed.prepare(self.model)  # the starter may not be made yet
        count = None if self.model is None else counting.tokens_of(self.model)
        return (
            yield from store.add(
                self.name,
                self.files,
                limits=Limits(max_tokens=self.max_tokens),
                count=count,
                evaluation=[Path(file) for file in self.evaluation],
                columns={str(Path(file)): chosen for file, chosen in self.columns.items()},
            )
        )

    def title(self) -> str:
        return f"Traces for {self.name}"

    def subject(self) -> str:
        return self.name
