"""Take what a run has learned so far into the library."""

from collections.abc import Generator

from models import paths
from models.events import Event, Model
from models.jobs.request import JobRequest


class PublishCheckpoint(JobRequest, frozen=True, kw_only=True, tag="keep"):
    """Take a run's best checkpoint into the library as an adapter."""

    run: str  # the name of its folder
    name: str  # of the adapter to come

    lane = "light"
    doing = "keeping"
    step = "keep what it learned"
    makes = "adapter"

    def work(self) -> Generator[Event, None, Model]:
        from models.finetune.publish import publish_or_rename
        from models.library import installed

        folder = yield from publish_or_rename(paths.runs_folder() / self.run, self.name)
        return installed.show(f"{paths.ADAPTERS}{folder.name}")

    def subject(self) -> str:
        return self.name

    def run_id(self) -> str:
        return self.run
