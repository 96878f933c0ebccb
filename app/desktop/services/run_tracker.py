"""Follows a training run, without a widget: which one is shown, its job, its curves, and what can be done about it.

A run's curves come from its metrics.jsonl, which another thread reads, and from what its worker tells meanwhile. What
is told while the file is read is kept and added after it; what the file never has (the preparation, notes, why it
failed) is kept for as long as the window lives.
"""

from collections.abc import Sequence

import msgspec
from PySide6.QtCore import QObject, Signal

from app.desktop.services import run_entries
from app.desktop.services.job_queue import JobQueue
from app.desktop.services.run_curves import RunCurves
from app.desktop.services.run_entries import DOING, RunEntry
from models.events import Checkpoint, Event, Failed, Model, Note, Prepared
from models.finetune.runs import Run
from models.finetune_config import FinetuneConfig
from models.jobs.queue import Job

OVER = ("done", "failed", "cancelled")


class RunRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A run that is to start."""

    model: str  # the base's name
    title: str  # what the run is called
    traces: str  # the set's name
    name: str  # of the adapter to come
    config: FinetuneConfig
    held_out: float  # share of the problems kept apart for validation


class RunTracker(QObject):
    """Shows one run at a time, or none, which is the form of a new one.

    Signals:
        shown: another run is shown, or none.
        job_changed: the job of the run shown is another now; whether its state is.
        event_taken: an event of the run shown, which is in its curves now.
        checkpoints_changed: the run shown has other checkpoints on the disk.
        disk_changed: there are other runs, adapters or models on the disk.
        changed: what can be done about the run shown, or which runs there are, may be something else.
    """

    shown = Signal()
    job_changed = Signal(bool)
    event_taken = Signal(object)
    checkpoints_changed = Signal()
    disk_changed = Signal()
    changed = Signal()

    def __init__(self, jobs: JobQueue, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs = jobs
        self._runs: Sequence[Run] = ()
        self._states = {job.id: job.state for job in jobs.all()}
        self._requests: dict[int, RunRequest] = {}  # of the jobs that were begun here
        self._told: dict[int, list[Event]] = {}  # of each job what metrics.jsonl does not have
        self._since: list[Event] | None = None  # told while the metrics are read
        self._job_id = 0
        self.key = ""  # of the entry that is shown; empty for none
        self.entries: list[RunEntry] = []
        self.curves = RunCurves()  # of the run shown
        self.is_stopping = False  # it was told to stop and keep what it learned
        jobs.changed.connect(self._take_job)
        jobs.run_event.connect(self._take_event)

    # What is shown

    @property
    def entry(self) -> RunEntry | None:
        """The run that is shown."""
        return next((entry for entry in self.entries if self._is_shown(entry)), None)

    @property
    def busy(self) -> RunEntry | None:
        """A run that is at work."""
        return next((entry for entry in self.entries if entry.state in ("running", "preparing")), None)

    @property
    def is_read(self) -> bool:
        """Whether the curves are whole: no metrics are being read."""
        return self._since is None

    @property
    def base(self) -> str:
        """The name of the base model; empty while it is not known, as the two below."""
        run, request = self._source()
        return run.base if run else request.model if request else ""

    @property
    def traces(self) -> str:
        """The name of the set that is learned from."""
        request = self._source()[1]
        return request.traces if request else self.entry.traces if self.entry else ""

    @property
    def config(self) -> FinetuneConfig | None:
        """The recipe."""
        run, request = self._source()
        return run.config if run else request.config if request else None

    def find(self, key: str) -> RunEntry | None:
        """The entry of a key."""
        return next((entry for entry in self.entries if entry.key == key), None)

    def show(self, key: str) -> None:
        """Show another run; none for "" and for one that is not there. Its metrics are expected by `take_metrics`."""
        entry = self.find(key)
        self.key = entry.key if entry else ""
        self._job_id = entry.job.id if entry and entry.job else 0
        self.curves = RunCurves(self._told.get(self._job_id, ()))
        self._since = [] if entry is not None and entry.run is not None else None
        self.is_stopping = False
        self.shown.emit()
        self.changed.emit()

    def take_runs(self, runs: Sequence[Run]) -> None:
        """Take the runs on the disk, oldest first; a job that is shown may have found its folder."""
        self._runs = runs
        self._list()
        entry = self.entry
        if entry is not None:
            self.key = entry.key
        self.changed.emit()

    def take_metrics(self, run_id: str, events: Sequence[Event]) -> bool:
        """Take what metrics.jsonl has; False when another run is shown by now."""
        if run_id != self.key or self._since is None:
            return False
        self.curves = RunCurves([*self._told.get(self._job_id, ()), *events, *self._since])
        self._since = None
        return True

    # What can be done; all raise StillroomError where the queue refuses

    @property
    def can_pause(self) -> bool:
        """Whether it waits or is at work."""
        entry = self.entry
        at_work = entry is not None and entry.job is not None and entry.state in ("waiting", "preparing", "running")
        return at_work and not self.is_stopping

    @property
    def can_resume(self) -> bool:
        """Whether it is paused, or stands still with steps left."""
        entry = self.entry
        return entry is not None and (entry.state == "paused" or entry.can_go_on)

    @property
    def can_stop(self) -> bool:
        """Whether it can be stopped and what it learned kept."""
        entry = self.entry
        return entry is not None and entry.state in ("running", "paused") and not self.is_stopping

    @property
    def can_cancel(self) -> bool:
        """Whether it can be stopped for good."""
        job = self.entry.job if self.entry else None
        return job is not None and job.state in ("waiting", "running", "paused")

    def start(self, request: RunRequest) -> None:
        """Queue a new run and show it."""
        job_id = self._jobs.finetune(
            request.model, request.title, request.traces, request.name, request.config, request.held_out
        )
        self._requests[job_id] = request
        self._show_job(job_id)

    def pause(self) -> None:
        """Pause it."""
        if self._job_id:
            self._jobs.pause(self._job_id)

    def resume(self, models: Sequence[Model] = ()) -> None:
        """Let it go on, or try again. models: the library, which says what its base is called."""
        entry = self.entry
        if entry is not None and entry.run is not None and entry.can_go_on:
            self._jobs.take_up(entry.run, entry.title(models))
            self._list()
            self.show(entry.run.id)
        elif self._job_id:
            self._jobs.resume(self._job_id)

    def stop_and_keep(self) -> None:
        """End it at its next step and take what it has learned into the library."""
        if self._job_id:
            self._jobs.stop_and_keep(self._job_id)
            self.is_stopping = self.can_stop
            self.changed.emit()

    def cancel(self) -> None:
        """Stop it for good; its checkpoints stay."""
        if self._job_id:
            self._jobs.cancel(self._job_id)

    # What is told

    def _take_job(self, job: Job) -> None:
        news = self._states.get(job.id) != job.state
        self._states[job.id] = job.state
        training = job.doing == DOING
        if news and (training or job.state in OVER):
            self.disk_changed.emit()
        if not training:
            return
        before = self.entry
        self._list()
        entry = self.entry
        if entry is not None and job.id == self._job_id:
            if before is None or before.state != entry.state:
                self.is_stopping = False
            self.job_changed.emit(before is None or before.state != entry.state)
            if news:
                self.checkpoints_changed.emit()
        self.changed.emit()

    def _take_event(self, job_id: int, event: Event) -> None:
        if isinstance(event, Prepared | Note | Failed):
            self._told.setdefault(job_id, []).append(event)
        if isinstance(event, Prepared):
            self.disk_changed.emit()
        if job_id != self._job_id:
            return
        if self._since is not None:
            self._since.append(event)
            return
        self.curves.take(event)
        self.event_taken.emit(event)
        if isinstance(event, Checkpoint):
            self.checkpoints_changed.emit()

    # Within

    def _show_job(self, job_id: int) -> None:
        self._list()
        self.show(next((entry.key for entry in self.entries if entry.job and entry.job.id == job_id), ""))

    def _list(self) -> None:
        self.entries = run_entries.entries(self._runs, self._jobs.all(), self._jobs.run_of)

    def _is_shown(self, entry: RunEntry) -> bool:
        if not self.key:
            return False
        return entry.key == self.key or (self._job_id > 0 and entry.job is not None and entry.job.id == self._job_id)

    def _source(self) -> tuple[Run | None, RunRequest | None]:
        """What says how the run was set up."""
        entry = self.entry
        return (entry.run if entry else None), self._requests.get(self._job_id)
