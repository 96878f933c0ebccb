"""The queue of long work as the window sees it: models.jobs.queue.Jobs with a signal for every change.

It lives on the GUI thread, where the database's connection belongs too; events of the engine come over EngineSignals.
"""

import logging
from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

from app.desktop.services.engine_signals import EngineLike, EngineSignals
from models import events
from models.errors import StillroomError
from models.jobs.queue import Job, Jobs, Rows
from models.jobs.request import JobRequest

log = logging.getLogger(__name__)

OF_EVERY_JOB = (events.Progress, events.Done, events.Failed)


class JobQueue(QObject):
    """Jobs, and what comes of them. A method raises StillroomError when what was asked for can't be done or kept.

    Signals:
        changed: a Job as it is now.
        run_event: the id of a job and an event that only its kind has (events.Step and its like), as it comes.
        refused: a StillroomError that no caller waits for.
    """

    changed = Signal(object)
    run_event = Signal(int, object)
    refused = Signal(object)

    def __init__(self, engine: EngineLike, signals: EngineSignals, rows: Rows, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs = Jobs(engine, rows, self.changed.emit)
        signals.arrived.connect(self._take)

    def all(self) -> list[Job]:
        return self._jobs.all()

    def busy(self) -> list[Job]:
        """The jobs that have a process now, those among them that are stopping."""
        return self._jobs.busy()

    def steps(self, job_id: int) -> list[JobRequest]:
        """The requests that a job is made of."""
        return self._jobs.steps(job_id)

    def add(self, *steps: JobRequest, title: str | None = None) -> int:
        """Queue a job of these steps and give its id. title: the first step's own when None."""
        return self._jobs.add(*steps, title=title)

    def pause(self, job_id: int) -> None:
        """Stop a job so that it can go on later."""
        self._jobs.pause(job_id)

    def resume(self, job_id: int) -> None:
        """Let a paused job go on, or try a failed one again."""
        self._jobs.resume(job_id)

    def cancel(self, job_id: int) -> None:
        """Stop a job for good."""
        self._jobs.cancel(job_id)

    def keep_so_far(self, job_id: int) -> None:
        """End a job at its next step and take what it has made so far into the library; nothing for one that can't."""
        step = next(filter(None, (step.publication() for step in self._jobs.steps(job_id))), None)
        if step is not None:
            self._jobs.finish_with(job_id, step)

    def clear(self) -> None:
        """Forget the jobs that ended."""
        self._jobs.clear()

    def forget(self, job_id: int) -> None:
        """Forget a job that ended; any other stays."""
        self._jobs.forget(job_id)

    def go_on(self) -> None:
        """Take up what waited when the app went down."""
        self.attempt(self._jobs.go_on)

    def suspend(self) -> None:
        """Stop all that runs, to go on when the app is next opened; `changed` tells of each that has stopped."""
        self.attempt(self._jobs.suspend)

    def attempt(self, act: Callable[..., object], *arguments: object) -> bool:
        """Do something for a caller who has no place of his own to say why it failed. Gives whether it did not."""
        try:
            act(*arguments)
        except StillroomError as error:
            log.warning("the queue refused: %s", error)
            self.refused.emit(error)
            return False
        return True

    def _take(self, call_id: int, event: events.Event) -> None:
        job_id = self._jobs.owner(call_id)
        if job_id is None:
            return
        if not isinstance(event, OF_EVERY_JOB):
            self.run_event.emit(job_id, event)
        self.attempt(self._jobs.handle, call_id, event)
