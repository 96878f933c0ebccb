"""Fetch the problems of a task that is built in."""

from collections.abc import Generator

from models.events import Event
from models.jobs.request import JobRequest


class FetchTask(JobRequest, frozen=True, kw_only=True, tag="fetch_task"):
    """Download a task's problems into the standard Hugging Face cache, where they stay."""

    task: str  # its name

    lane = "network"
    needs_network = True
    doing = "downloading"
    step = "download the problems"

    def work(self) -> Generator[Event, None, None]:
        from models.evaluate import tasks

        yield from tasks.fetch(self.task)

    def subject(self) -> str:
        return self.task
