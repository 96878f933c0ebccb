"""What the Models page needs of the job queue: the window hands the real one in, tests bring one that only records."""

from typing import Protocol

from models.jobs.queue import Job


class JobsLike(Protocol):
    """The queue of long work; all calls return at once, what comes of them is told by a signal that carries the Job."""

    def all(self) -> list[Job]:
        """All jobs, newest last."""

    def get(self, offer_title: str, repo: str, revision: str, recipe: str, drop_original: bool) -> int:
        """Download a repository, then quantize it; an empty recipe only downloads. Gives the job's id."""

    def quantize(self, model: str, title: str, recipe: str) -> int:
        """Make a quantized copy of what is on this disk. Gives the job's id."""

    def measure(self, model: str, title: str) -> int:
        """Measure a model's quant card. Gives the job's id."""

    def import_path(self, path: str) -> int:
        """Take a GGUF file or a folder into the library. Gives the job's id."""

    def repair(self, model: str) -> int:
        """Download what a broken model misses. Gives the job's id."""

    def fuse(self, model: str, adapter: str, gguf: str) -> int:
        """Make one model of a model and its adapter, or with a path a GGUF file. Gives the job's id."""

    def pause(self, job_id: int) -> None:
        """Stop a job so that it can go on later."""

    def resume(self, job_id: int) -> None:
        """Let a paused job go on, or try a failed one again."""

    def cancel(self, job_id: int) -> None:
        """Stop a job for good."""

    def clear(self) -> None:
        """Forget the jobs that ended."""
