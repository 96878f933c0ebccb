"""Ask the Hub for models. It is never queued: who asks waits for the answer."""

from collections.abc import Generator

from models.events import Event, Found
from models.jobs.request import JobRequest


class Search(JobRequest, frozen=True, kw_only=True, tag="search"):
    """Ask the Hub for models."""

    query: str
    limit: int = 30

    lane = "network"
    needs_network = True
    doing = "searching"
    step = "search"

    def work(self) -> Generator[Event, None, Found]:
        from models.hub.search import search

        return (yield from search(self.query, self.limit))

    def subject(self) -> str:
        return self.query
