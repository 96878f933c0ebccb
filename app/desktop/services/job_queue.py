"""The queue of long work as the window sees it: what can be asked for, and a signal for every change.

It lives on the GUI thread, where the database's connection belongs too; events of the engine come over EngineSignals.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app.desktop.services.engine_signals import EngineLike, EngineSignals
from models import events, requests
from models.engine import wire
from models.errors import StillroomError
from models.finetune_config import FinetuneConfig
from models.jobs import journeys
from models.jobs.queue import Job, Jobs, Rows

if TYPE_CHECKING:
    from models.finetune.runs import Run

log = logging.getLogger(__name__)

TRAINING = (events.Prepared, events.Step, events.Validation, events.Sample, events.Checkpoint, events.Note)
NO_JOB = 0


class JobQueue(QObject):
    """Passes what pages ask for on to models.jobs.queue.Jobs.

    Signals:
        changed: a Job as it is now.
        run_event: the id of a job and an event of its run (events.Step and its like), as it comes.
        refused: a StillroomError, when something could not be queued or kept.
    """

    changed = Signal(object)
    run_event = Signal(int, object)
    refused = Signal(object)

    def __init__(self, engine: EngineLike, signals: EngineSignals, rows: Rows, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs = Jobs(engine, rows, self.changed.emit)
        signals.arrived.connect(self._take)

    def all(self) -> list[Job]:
        """All jobs, newest last."""
        return self._jobs.all()

    def busy(self) -> list[Job]:
        """The jobs that run now."""
        return self._jobs.busy()

    def go_on(self) -> None:
        """Take up what waited when the app went down."""
        self._safely(self._jobs.go_on)

    def get(self, offer_title: str, repo: str, revision: str, recipe: str, drop_original: bool) -> int:
        """Download a repository, then quantize it; an empty recipe only downloads."""
        return self._add(offer_title, repo, lambda: journeys.get(repo, revision, recipe, drop_original))

    def quantize(self, model: str, title: str, recipe: str) -> int:
        """Make a quantized copy of what is on this disk."""
        return self._add(title, model, lambda: [requests.Quantize(model=model, recipe=recipe)])

    def measure(self, model: str, title: str) -> int:
        """Measure a model's quant card."""
        return self._add(title, model, lambda: [requests.MeasureCard(model=model)])

    def import_path(self, path: str) -> int:
        """Take a GGUF file or a folder into the library."""
        return self._add(Path(path).name, path, lambda: [requests.ImportModel(path=path)])

    def repair(self, model: str) -> int:
        """Download what a broken model misses."""
        from models.library import installed  # reads formats of checkpoints, which the first paint need not wait for

        return self._add(installed.title(model), model, lambda: journeys.repair(installed.show(model)))

    def add_traces(
        self,
        name: str,
        files: list[str],
        max_tokens: int | None = None,
        model: str | None = None,
        evaluation: list[str] | None = None,
    ) -> int:
        """Read files into a set of traces."""
        request = requests.AddTraces(
            name=name, files=files, max_tokens=max_tokens, model=model, evaluation=evaluation or []
        )
        return self._add(f"Traces for {name}", name, lambda: [request])

    def export_traces(self, name: str, path: str, shape: str) -> int:
        """Write a set of traces to a file."""
        request = requests.ExportTraces(name=name, path=path, shape=shape)
        return self._add(f"Export of {name} to {Path(path).name}", name, lambda: [request])

    def finetune(self, model: str, title: str, traces: str, name: str, config: FinetuneConfig, held_out: float) -> int:
        """Train an adapter. The run's folder gets a name of its own here, so that it can be found from the start."""
        run = f"{datetime.now():%Y%m%d-%H%M%S}-{name}"
        request = requests.Finetune(model=model, traces=traces, name=name, config=config, held_out=held_out, run=run)
        return self._add(title, name, lambda: [request])

    def take_up(self, run: "Run", title: str) -> int:
        """Take a run up again that no job works on: one of the terminal, or one whose job was cancelled or cleared."""
        request = requests.Finetune(
            model=run.base, traces=run.traces, name=run.adapter, config=run.config, run=run.id, resume=True
        )
        return self._add(title, run.adapter, lambda: [request])

    def fuse(self, model: str, adapter: str, gguf: str) -> int:
        """Make one model of a model and its adapter, or with a path a GGUF file."""
        request = requests.Fuse(model=model, adapter=adapter, gguf=gguf)
        return self._add(Path(gguf).name if gguf else f"{model} + {adapter}", adapter, lambda: [request])

    def run_of(self, job_id: int) -> str:
        """The id of a fine-tuning job's run, which is its folder's name; "" for other jobs."""
        kinds = requests.Finetune | requests.PublishCheckpoint
        return next((step.run for step in self._jobs.steps(job_id) if isinstance(step, kinds)), "")

    def pause(self, job_id: int) -> None:
        """Stop a job so that it can go on later."""
        self._safely(lambda: self._jobs.pause(job_id))

    def resume(self, job_id: int) -> None:
        """Let a paused job go on, or try a failed one again."""
        self._safely(lambda: self._jobs.resume(job_id))

    def cancel(self, job_id: int) -> None:
        """Stop a job for good."""
        self._safely(lambda: self._jobs.cancel(job_id))

    def stop_and_keep(self, job_id: int) -> None:
        """Stop a fine-tuning run and take what it learned so far into the library."""
        run = next((step for step in self._jobs.steps(job_id) if isinstance(step, requests.Finetune)), None)
        if run is not None:
            self._safely(lambda: self._jobs.finish_with(job_id, requests.PublishCheckpoint(run=run.run, name=run.name)))

    def clear(self) -> None:
        """Forget the jobs that ended."""
        self._safely(self._jobs.clear)

    def _add(self, title: str, subject: str, steps: Callable[[], list[requests.Job]]) -> int:
        added: list[int] = []
        self._safely(lambda: added.append(self._jobs.add(title, subject, steps())))
        return added[0] if added else NO_JOB

    def _take(self, call_id: int, event: wire.AnyEvent) -> None:
        job_id = self._jobs.owner(call_id)
        if job_id is None:
            return
        if isinstance(event, TRAINING):
            self.run_event.emit(job_id, event)
        self._safely(lambda: self._jobs.handle(call_id, event))

    def _safely(self, do: Callable[[], None]) -> None:
        try:
            do()
        except StillroomError as error:
            log.warning("the queue refused: %s", error)
            self.refused.emit(error)
