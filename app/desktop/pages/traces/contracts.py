"""What the Traces page needs of the job queue: the window hands the real one in, tests bring one that only records."""

from typing import Protocol

from models.jobs.queue import Job

ADDING, EXPORTING = "add_traces", "export_traces"  # Job.doing of these jobs; their subject is the set's name


class JobsLike(Protocol):
    """The queue of long work; all calls return at once, what comes of them is told by a signal that carries the Job."""

    def all(self) -> list[Job]:
        """All jobs, newest last."""

    def add_traces(
        self,
        name: str,
        files: list[str],
        max_tokens: int | None = None,
        model: str | None = None,
        evaluation: list[str] | None = None,
    ) -> int:
        """Read files into a set. Gives the job's id, 0 when it could not be queued."""

    def export_traces(self, name: str, path: str, shape: str) -> int:
        """Write a set to a file. Gives the job's id, 0 when it could not be queued."""

    def pause(self, job_id: int) -> None:
        """Stop a job so that it can go on later."""

    def resume(self, job_id: int) -> None:
        """Let a paused job go on, or try a failed one again."""

    def cancel(self, job_id: int) -> None:
        """Stop a job for good."""
