"""Follows a training run, without a widget: which one is shown, its job, its curves, and what can be done about it.

A run's curves come from its metrics.jsonl, which another thread reads, and from what its worker tells meanwhile. What
is told while the file is read is kept and added after it; what the file never has (the preparation, notes, why it
failed) is kept for as long as the window lives.
"""

from collections.abc import Collection, Sequence

from PySide6.QtCore import QObject, Signal

from app.desktop.services import run_entries
from app.desktop.services.job_queue import JobQueue
from app.desktop.services.run_curves import RunCurves
from app.desktop.services.run_entries import RunEntry
from models.events import Checkpoint, Event, Failed, Model, Note, Prepared
from models.finetune.runs import Run
from models.jobs.kinds.finetune import Finetune
from models.jobs.queue import ENDED, Job


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
        self._hidden: Collection[str] = ()  # ids of runs that are to be deleted
        self._states = {job.id: job.state for job in jobs.all()}
        self._unrecorded: dict[int, list[Event]] = {}  # of each job what metrics.jsonl does not have
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
        return next((entry for entry in self.entries if self._is_shown(entry)), None)

    @property
    def busy(self) -> RunEntry | None:
        return next((entry for entry in self.entries if entry.state in ("running", "preparing")), None)

    @property
    def coming(self) -> list[str]:
        """The names of adapters that are being made."""
        making = (entry for entry in self.entries if entry.job is not None and entry.job.state not in ENDED)
        return [entry.adapter for entry in making]

    @property
    def is_read(self) -> bool:
        """Whether the curves are whole: no metrics are being read."""
        return self._since is None

    def find(self, key: str) -> RunEntry | None:
        return next((entry for entry in self.entries if entry.key == key), None)

    def run_of(self, job: Job) -> str:
        """The id of the run that a job works on; empty for none."""
        return next(filter(None, (step.run_id() for step in self._jobs.steps(job.id))), "")

    def show(self, key: str) -> None:
        """Show another run; none for "" and for one that is not there. Its metrics are expected by `take_metrics`."""
        entry = self.find(key)
        self.key = entry.key if entry else ""
        self._job_id = entry.job.id if entry and entry.job else 0
        self.curves = RunCurves(self._unrecorded.get(self._job_id, ()))
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

    def hide(self, run_ids: Collection[str]) -> None:
        """List all runs but these, and their jobs neither."""
        self._hidden = run_ids
        self._list()
        if self.key and self.entry is None:
            self.show("")
        self.changed.emit()

    def take_metrics(self, run_id: str, events: Sequence[Event]) -> bool:
        """Take what metrics.jsonl has; False when another run is shown by now."""
        if run_id != self.key or self._since is None:
            return False
        self.curves = RunCurves([*self._unrecorded.get(self._job_id, ()), *events, *self._since])
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

    @property
    def can_delete(self) -> bool:
        """Whether no job waits for it or is at work on it."""
        entry = self.entry
        if entry is None:
            return False
        busy = {job.id for job in self._jobs.busy()}
        return all(job.state in ENDED and job.id not in busy for job in self._jobs_of(entry))

    def start(self, request: Finetune, title: str) -> None:
        job_id = self._jobs.add(request, title=title)
        self._list()
        self.show(next((entry.key for entry in self.entries if entry.job and entry.job.id == job_id), ""))

    def pause(self) -> None:
        if self._job_id:
            self._jobs.pause(self._job_id)

    def resume(self, models: Sequence[Model] = ()) -> None:
        """Let it go on, or try again. models: the library, which says what its base is called."""
        entry = self.entry
        if entry is not None and entry.run is not None and entry.can_go_on:
            run = entry.run
            request = Finetune(
                model=run.base, traces=run.traces, name=run.adapter, config=run.config, run=run.id, resume=True
            )
            self.start(request, entry.title(models))
        elif self._job_id:
            self._jobs.resume(self._job_id)

    def stop_and_keep(self) -> None:
        """End it at its next step and take what it has learned into the library."""
        if self._job_id:
            self._jobs.keep_so_far(self._job_id)
            self.is_stopping = self.is_stopping or self.can_stop
            self.changed.emit()

    def cancel(self) -> None:
        """Stop it for good; its checkpoints stay."""
        if self._job_id:
            self._jobs.cancel(self._job_id)

    def forget(self, entry: RunEntry) -> None:
        """Forget the ended jobs of a run, which has been deleted or never began."""
        for job in self._jobs_of(entry):
            self._jobs.forget(job.id)
        self.hide(self._hidden)

    # What is told

    def _take_job(self, job: Job) -> None:
        news = self._states.get(job.id) != job.state
        self._states[job.id] = job.state
        training = job.doing == Finetune.kind()
        if news and (training or job.state in ENDED):
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
            self._unrecorded.setdefault(job_id, []).append(event)
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

    def _list(self) -> None:
        runs = [run for run in self._runs if run.id not in self._hidden]
        jobs = [job for job in self._jobs.all() if self.run_of(job) not in self._hidden]
        self.entries = run_entries.entries(runs, jobs, self._request_of)

    def _is_shown(self, entry: RunEntry) -> bool:
        if not self.key:
            return False
        return entry.key == self.key or (self._job_id > 0 and entry.job is not None and entry.job.id == self._job_id)

    def _jobs_of(self, entry: RunEntry) -> list[Job]:
        """All jobs that were asked for a run, or the one that has none."""
        run_id = entry.run.id if entry.run else entry.request.run if entry.request else ""
        own = entry.job.id if entry.job else 0
        return [job for job in self._jobs.all() if job.id == own or (run_id and self.run_of(job) == run_id)]

    def _request_of(self, job_id: int) -> Finetune | None:
        return next((step for step in self._jobs.steps(job_id) if isinstance(step, Finetune)), None)
