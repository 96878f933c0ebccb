"""Download a repository of the Hub."""

from collections.abc import Generator
from typing import Self

import msgspec

from models.events import Event, Model
from models.jobs.request import JobRequest


class Fetch(JobRequest, frozen=True, kw_only=True, tag="fetch"):
    """Download a repository into the standard Hugging Face cache, going on where an earlier try stopped."""

    repo: str
    revision: str = "main"  # a branch, tag or commit, pinned at the start
    recipe: str = ""  # what it will be quantized to next, so that the disk is checked for the copy too

    lane = "network"
    needs_network = True
    can_pause = True
    doing = "downloading"
    step = "download"
    makes = "model"

    def work(self) -> Generator[Event, None, Model]:
        from models.library.download import fetch

        return (yield from fetch(self.repo, self.revision, self.recipe))

    def title(self) -> str:
        return self.repo.rpartition("/")[2]

    def subject(self) -> str:
        return self.repo

    def resumed(self) -> Self:
        """The same at the commit it began with, whatever its branch stands for by now."""
        from models.hub import manifests

        begun = [manifest.commit for manifest in manifests.of_repo(self.repo) if manifest.revision == self.revision]
        return msgspec.structs.replace(self, revision=begun[-1]) if begun else self

    def discard(self) -> None:
        """Give what was downloaded so far back to the disk."""
        from models.hub import cache

        cache.discard(self.repo)
