"""Evaluate one model, or two against each other, on a task's problems."""

from collections.abc import Generator, Mapping
from pathlib import Path
from typing import ClassVar, Self

import msgspec

from models.answers.verdict import Kind
from models.evaluate.records import Contender, Evaluated
from models.events import Event
from models.jobs.request import JobRequest
from models.requests import Sampling
from models.stages import Stage


class Evaluate(JobRequest, frozen=True, kw_only=True, tag="evaluate"):
    """Draw and check replies to a task's problems, or go on with an evaluation."""

    contenders: list[Contender] = msgspec.field(default_factory=list)
    task: str = ""  # its name, or a file
    verifier: Kind | None = None  # where the task leaves it open
    limit: int | None = None  # problems; None for all, of an endless task for its usual number
    think: list[int | None] = msgspec.field(default_factory=list)  # budgets
    samples: int = 1
    votes: list[int] = msgspec.field(default_factory=list)
    answer_tokens: int = 2048
    sampling: Sampling = Sampling()
    seed: int = 0
    run: str = ""  # the name of its folder, made up when empty; one that is there goes on as it began
    resume: bool = False  # the evaluation has to be there
    race: bool = False  # which is best; who can't win any more is stopped
    again: str = ""  # the folder of an evaluation that is asked anew, everything else as on its card

    can_pause = True
    patience_s = 20.0
    stopping = "Stopping …"
    doing = "evaluating"
    step = "evaluate"
    stages: ClassVar[Mapping[str, Stage]] = {"evaluate": Stage("Answering and checking", "evaluating")}

    def work(self) -> Generator[Event, None, Evaluated]:
        from models.evaluate.from_task import evaluate_task

        return evaluate_task(
            self.contenders,
            self.task,
            verifier=self.verifier,
            limit=self.limit,
            think=self.think,
            samples=self.samples,
            votes=self.votes,
            answer_tokens=self.answer_tokens,
            sampling=self.sampling,
            seed=self.seed,
            run=self.run,
            resume=self.resume,
            again=self.again,
            race=self.race,
        )

    def title(self) -> str:
        if self.race:
            return f"Best of {', '.join(contender.title for contender in self.contenders)} on {self._task}"
        who = " against ".join(contender.title for contender in self.contenders)
        return f"{who} on {self._task}" if who else f"Evaluation {self.run or self.again}".rstrip()

    def subject(self) -> str:
        return self.contenders[0].model if self.contenders else self.run or self._task

    def run_id(self) -> str:
        return self.run

    def queued(self) -> Self:
        """The same with a folder of its own, so that it can be found from the start."""
        from models.evaluate import evaluations

        return self if self.run or self.resume else msgspec.structs.replace(self, run=evaluations.new_id(self._task))

    @property
    def _task(self) -> str:
        return Path(self.task).stem if "/" in self.task else self.task or "task"
