"""What the Fine-tune page needs of the job queue: the window hands the real one in, tests bring one that only records."""

from typing import Protocol

from models.finetune.runs import Run
from models.finetune_config import FinetuneConfig
from models.jobs.queue import Job

DOING = "finetune"  # Job.doing of these jobs; their subject is the adapter's name


class JobsLike(Protocol):
    """The queue of long work; all calls return at once, what comes of them is told by a signal that carries the Job."""

    def all(self) -> list[Job]:
        """All jobs, newest last."""

    def finetune(self, model: str, title: str, traces: str, name: str, config: FinetuneConfig, held_out: float) -> int:
        """Train an adapter of a model on a set of traces. Gives the job's id."""

    def take_up(self, run: Run, title: str) -> int:
        """Take a run up again that no job works on. Gives the job's id."""

    def run_of(self, job_id: int) -> str:
        """The id of a fine-tuning job's run; "" for other jobs."""

    def pause(self, job_id: int) -> None:
        """Stop a job so that it can go on later."""

    def resume(self, job_id: int) -> None:
        """Let a paused job go on, or try a failed one again."""

    def stop_and_keep(self, job_id: int) -> None:
        """End a run at its next step and take what it has learned into the library."""

    def cancel(self, job_id: int) -> None:
        """Stop a job for good."""
