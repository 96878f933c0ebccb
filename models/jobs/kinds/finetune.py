"""Train an adapter of a model on a set of traces."""

from collections.abc import Generator
from typing import Self

import msgspec

from models.events import Event, Finetuned, Record
from models.finetune_config import FinetuneConfig
from models.jobs.kinds.publish_checkpoint import PublishCheckpoint
from models.jobs.request import JobRequest


class Finetune(JobRequest, frozen=True, kw_only=True, tag="finetune"):
    """Train an adapter of a model on a set of traces, or go on with a run."""

    model: str
    traces: str  # the set's name
    name: str  # of the adapter to come
    config: FinetuneConfig = FinetuneConfig()
    held_out: float = 0.05  # share of the problems kept apart for validation
    run: str = ""  # the name of the run's folder, made up when empty; one that is there goes on as it began
    resume: bool = False  # the run has to be there; with an empty one, the last for an adapter of that name
    given: tuple[str, ...] = ()  # names of the settings that a run which goes on has to have begun with

    can_pause = True
    patience_s = 120.0  # a micro-batch of long traces takes as long; then it saves, and nothing is learned twice
    stopping = "Stopping after this step …"
    doing = "fine-tuning"
    step = "fine-tune"
    makes = "adapter"

    def work(self) -> Generator[Event, None, Finetuned]:
        from models.finetune.from_set import finetune_on_set

        return finetune_on_set(
            self.model,
            self.traces,
            self.name,
            config=self.config,
            held_out=self.held_out,
            run=self.run,
            resume=self.resume,
            given=self.given,
        )

    def subject(self) -> str:
        return self.name

    def run_id(self) -> str:
        return self.run

    def queued(self) -> Self:
        """The same with a run of its own, so that it can be found from the start."""
        from models.finetune import runs

        return self if self.run or self.resume else msgspec.structs.replace(self, run=runs.new_id(self.name))

    def publication(self) -> PublishCheckpoint:
        """What takes as much as it has learned so far into the library."""
        return PublishCheckpoint(run=self.run, name=self.name)

    def made(self, record: Record | None) -> str:
        """The adapter, when it was published."""
        return record.adapter if isinstance(record, Finetuned) else ""
