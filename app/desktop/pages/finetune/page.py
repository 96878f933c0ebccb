"""The Fine-tune page: the form of a new run, or a run as it trains; builds both and connects them to queue and disk."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, SignalInstance
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from app.desktop.pages.finetune.facts import Listing, OpenedRun, SetFacts
from app.desktop.pages.finetune.reader import FinetuneReader
from app.desktop.pages.finetune.setup_form import Request, SetupForm
from app.desktop.pages.finetune.toolbar import FinetuneToolbar
from app.desktop.services import run_entries as entries
from app.desktop.services.preferences import Preferences
from app.desktop.services.run_entries import RunEntry
from app.desktop.widgets.cards import label
from app.desktop.widgets.notices import NoticeBar
from models.errors import StillroomError
from models.events import Checkpoint, Event, Failed, Model, Note, Prepared
from models.finetune.runs import Run, Saved
from models.jobs.kinds.finetune import Finetune
from models.jobs.queue import Job
from models.machine import hardware
from models.machine.hardware import Machine
from models.trace_report import TraceSet

if TYPE_CHECKING:
    from app.desktop.pages.finetune.run_view import RunView

OVER = ("done", "failed", "cancelled")


class FinetunePage(QWidget):
    """Toolbar, notices, and the form or a run.

    job_changed: carries a Job whenever one is another now; run_event: the id of a job and what its worker told;
    notices: a bar of this page's own, which it lays out below its toolbar.

    Signals:
        chat_requested: the name of a base model, and an adapter: its name, or the folder of a checkpoint.
        changed: what can be done now is something else: menus look again.
    """

    chat_requested = Signal(str, str)
    changed = Signal()

    def __init__(
        self,
        jobs: JobQueue,
        job_changed: SignalInstance,
        run_event: SignalInstance,
        list_models: Callable[[], list[Model]],
        notices: NoticeBar,
        preferences: Preferences,
        machine: Callable[[], Machine] = hardware.machine,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("page")
        self._jobs = jobs
        self._preferences = preferences
        self._machine = machine()
        self._listing: Listing | None = None
        self._entries: list[RunEntry] = []
        self._states: dict[int, str] = {}
        self._requests: dict[int, Request] = {}
        self._told: dict[int, list[Event]] = {}  # of each job what metrics.jsonl does not have
        self._since: list[Event] | None = None  # told while the run's metrics are read
        self._charts = False
        self._wanted_traces = ""
        self._key = ""  # of the entry that is shown; "" for the form
        self._job_id = 0
        self._beside = ""
        self._shown = "", False, False, False
        self.notices = notices
        self.toolbar = FinetuneToolbar()
        self.form = SetupForm(self._machine)
        self.view: RunView | None = None  # made once the charts' library is there
        self.reading = FinetuneReader(list_models, machine, self)
        self._opening = label("Opening the run …", "hint")
        self._opening.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._lay_out()
        self._connect(job_changed, run_event)
        self.form.choose_preset(preferences.window("finetune_preset", ""))
        for job in self._jobs.all():
            self._states[job.id] = job.state

    def start(self) -> None:
        """Read library, sets and runs: to be called when the window is up, and again when the page comes to the front."""
        if not self._charts:
            self.reading.prepare_charts()
        self.reading.list_all()

    def close_page(self) -> None:
        """Stop what was started; the window closes. Jobs go on or are paused by whoever owns the queue."""
        self.reading.close()
        if self.view is not None:
            self.view.close_view()

    def choose_traces(self, set_name: str) -> None:
        """Show the form of a new run with a set of traces chosen; one that is new is looked for first."""
        self.show_run("")
        self._wanted_traces = set_name
        self._choose_wanted()
        self.reading.list_all()

    @property
    def entry(self) -> RunEntry | None:
        """The run that is shown; None for the form."""
        return next((entry for entry in self._entries if self._is_shown(entry)), None)

    def show_run(self, key: str) -> None:
        """Show an entry of the menu of runs, or the form for "" and for one that is not there."""
        entry = next((entry for entry in self._entries if entry.key == key), None)
        self._key = entry.key if entry else ""
        self._job_id = entry.job.id if entry and entry.job else 0
        self._beside = ""
        if self._listing is not None:
            self._preferences.remember(finetune_run=self._key)
        if entry is None:
            self._since = None
            self._stack.setCurrentWidget(self.form)
        elif self.view is None:
            self._stack.setCurrentWidget(self._opening)
        else:
            self._open(self.view, entry)
        self._show_toolbar()

    # Commands, for menus too

    def new_run(self) -> None:
        """Show the form."""
        self.show_run("")

    def can_pause(self) -> bool:
        """Whether the run that is shown is at work."""
        return self.toolbar.pause_button.isVisibleTo(self.toolbar)

    def can_resume(self) -> bool:
        """Whether it is paused."""
        return self.toolbar.resume_button.isVisibleTo(self.toolbar)

    def can_stop(self) -> bool:
        """Whether it can be stopped and kept."""
        return self.toolbar.stop_button.isVisibleTo(self.toolbar)

    def pause(self) -> None:
        """Pause the run that is shown."""
        self._do(self._jobs.pause)

    def resume(self) -> None:
        """Let it go on, or try again."""
        entry = self.entry
        if entry is not None and entry.run is not None and entry.can_go_on:
            self._take_up(entry.run, entry.title(self._listing.models if self._listing else []))
        else:
            self._do(self._jobs.resume)

    def stop_and_keep(self) -> None:
        """End it at its next step and take what it has learned into the library."""
        if self._do(self._jobs.keep_so_far) and self.view is not None:
            entry = self.entry
            if entry is not None and entry.state in ("running", "paused"):
                self.view.show_stopping()
            self._show_toolbar()

    def cancel(self) -> None:
        """Stop it for good; its checkpoints stay."""
        self._do(self._jobs.cancel)

    def compare(self, key: str) -> None:
        """Draw another run's curves beside those that are shown; "" for none."""
        self._beside = key
        other = next((entry.run for entry in self._entries if entry.key == key), None)
        if self.view is not None and other is None:
            self.view.show_beside("", None)
        elif other is not None:
            self.reading.open_run(other)
        self._show_toolbar()

    # What is read

    def _take_listing(self, listing: Listing) -> None:
        before, self._listing = self._listing, listing
        first = before is None and not self._wanted_traces
        self.form.show_listing(listing.models, listing.sets)
        self._choose_wanted()
        self._list_entries()
        if before is None:
            self.form.choose_base(self._preferences.window("finetune_base", ""))
        if first:
            self._restore()
        elif self.view is not None and self.entry is not None:
            self.view.show_models(listing.models)
            self._show_entry(self.entry)
        self._show_toolbar()

    def _restore(self) -> None:
        """Show what was shown when the window closed, or what is at work."""
        if self._key:
            return
        busy = next((entry for entry in self._entries if entry.state in ("running", "preparing")), None)
        self.show_run(busy.key if busy else self._preferences.window("finetune_run", ""))

    def _take_opened(self, opened: OpenedRun) -> None:
        from app.desktop.services.run_curves import RunCurves

        entry = self.entry
        if self.view is None:
            return
        if opened.run_id == self._beside:
            run = next((entry.run for entry in self._entries if entry.key == opened.run_id), None)
            self.view.show_beside(f"run {run.number}" if run else "", RunCurves(opened.events))
        if entry is None or opened.run_id != self._key or self._since is None:
            return
        record = RunCurves([*self._told.get(self._job_id, ()), *opened.events, *self._since])
        self._since = None
        self.view.show_entry(entry, record, entry.run.config if entry.run else None, self._traces(entry))
        self.view.show_saved(opened.saved)

    def _take_saved(self, run_id: str, saved: list[Saved]) -> None:
        if self.view is not None and run_id == self._key:
            self.view.show_saved(saved)

    def _take_look(self, look: SetFacts) -> None:
        self.form.show_look(look)
        entry = self.entry
        if self.view is not None and entry is not None and look.traces == self._traces(entry):
            self.view.show_traces(self._set(look.traces), look)

    def _charts_are_ready(self) -> None:
        from app.desktop.pages.finetune.run_view import RunView

        self._charts = True
        if self.view is not None:
            return
        view = self.view = RunView(self._machine)
        self._stack.addWidget(view)
        view.retry.connect(self.resume)
        view.chat.connect(self._chat)
        view.chat_checkpoint.connect(self._chat)
        if self._key:
            self.show_run(self._key)

    def _not_read(self, error: StillroomError) -> None:
        self.notices.show_error(error.text, error.hint, "Try again", self.start)

    # What is told

    def _take_job(self, job: Job) -> None:
        news = self._states.get(job.id) != job.state
        self._states[job.id] = job.state
        if news and (job.state in OVER or job.doing == Finetune.kind()):
            self.reading.list_all()
        if news and job.doing == Finetune.kind() and job.state in OVER:
            self.form.look_again()
        if job.doing != Finetune.kind():
            return
        self._list_entries()
        entry = self.entry
        if self.view is not None and entry is not None and job.id == self._job_id:
            self.view.show_job(entry)
            if news and entry.run is not None:
                self.reading.check_saved(entry.run)
        self._show_toolbar()

    def _take_event(self, job_id: int, event: Event) -> None:
        if isinstance(event, Prepared | Note | Failed):
            self._told.setdefault(job_id, []).append(event)
        if isinstance(event, Prepared):
            self.reading.list_all()
        if job_id != self._job_id or self.view is None:
            return
        if self._since is not None:
            self._since.append(event)
            return
        self.view.take(event)
        entry = self.entry
        if isinstance(event, Checkpoint) and entry is not None and entry.run is not None:
            self.reading.check_saved(entry.run)

    # Within

    def _start(self, request: Request) -> None:
        try:
            job_id = self._jobs.add(
                Finetune(
                    model=request.model,
                    traces=request.traces,
                    name=request.name,
                    config=request.config,
                    held_out=request.held_out,
                ),
                title=request.title,
            )
        except StillroomError as error:
            self.notices.show_error(error.text, error.hint)
            return
        self._requests[job_id] = request
        self._list_entries()
        self.show_run(next((entry.key for entry in self._entries if entry.job and entry.job.id == job_id), ""))

    def _take_up(self, run: Run, title: str) -> None:
        try:
            self._job_id = self._jobs.add(
                Finetune(
                    model=run.base, traces=run.traces, name=run.adapter, config=run.config, run=run.id, resume=True
                ),
                title=title,
            )
        except StillroomError as error:
            self.notices.show_error(error.text, error.hint)
            return
        self._list_entries()
        self.show_run(run.id)

    def _open(self, view: "RunView", entry: RunEntry) -> None:
        """Show a run; its metrics come from the disk, a job without a folder has what was told of it."""
        from app.desktop.services.run_curves import RunCurves

        self._stack.setCurrentWidget(view)
        request = self._requests.get(self._job_id)
        config = entry.run.config if entry.run else request.config if request else None
        view.stopping = False
        view.show_beside("", None)
        view.show_saved([])
        view.show_models(self._listing.models if self._listing else [])
        view.show_traces(None, None)
        view.show_entry(entry, RunCurves(self._told.get(self._job_id, ())), config, self._traces(entry))
        view.verticalScrollBar().setValue(0)
        if entry.run is not None:
            self._since = []
            self.reading.open_run(entry.run)
        else:
            self._since = None
        self._look_at_traces(entry)

    def _show_entry(self, entry: RunEntry) -> None:
        """Show the same run with what is known of it now: a job has found its folder, or the run has ended."""
        view = self.view
        if view is None:
            return
        if self._key != entry.key:
            self._key = entry.key
            self._preferences.remember(finetune_run=self._key)
            self._look_at_traces(entry)
        view.show_entry(entry, view.record, entry.run.config if entry.run else view.config, self._traces(entry))

    def _look_at_traces(self, entry: RunEntry) -> None:
        found = self._set(self._traces(entry))
        if found is not None:
            base = entry.run.base if entry.run else ""
            models = self._listing.models if self._listing else []
            self.reading.look_at(found.name, next((model for model in models if model.name == base), None))

    def _traces(self, entry: RunEntry) -> str:
        request = self._requests.get(entry.job.id) if entry.job else None
        return request.traces if request else entry.traces

    def _set(self, name: str) -> TraceSet | None:
        return next((found for found in self._listing.sets if found.name == name), None) if self._listing else None

    def _list_entries(self) -> None:
        self._entries = entries.entries(
            self._listing.runs if self._listing else [], self._jobs.all(), self._jobs.run_id
        )

    def _is_shown(self, entry: RunEntry) -> bool:
        if not self._key:
            return False
        return entry.key == self._key or (self._job_id > 0 and entry.job is not None and entry.job.id == self._job_id)

    def _choose_wanted(self) -> None:
        if self._wanted_traces:
            self.form.choose_traces(self._wanted_traces)
            if self.form.traces.current == self._wanted_traces:
                self._wanted_traces = ""

    def _chat(self, adapter: str = "") -> None:
        entry = self.entry
        if entry is not None:
            request = self._requests.get(self._job_id)
            base = entry.run.base if entry.run else request.model if request else ""
            self.chat_requested.emit(base, adapter or entry.adapter)

    def _do(self, act: Callable[[int], None]) -> bool:
        if not self._job_id:
            return False
        try:
            act(self._job_id)
        except StillroomError as error:
            self.notices.show_error(error.text, error.hint)
            return False
        return True

    def _remember_choice(self, base: str, preset: str) -> None:
        self._preferences.remember(finetune_base=base, finetune_preset=preset)

    def _show_toolbar(self) -> None:
        models = self._listing.models if self._listing else []
        stopping = self.view is not None and self.view.stopping
        self.toolbar.show_entry(self.entry, self._entries, models, self._beside, stopping)
        now = self._key, self.can_pause(), self.can_resume(), self.can_stop()
        if now != self._shown:
            self._shown = now
            self.changed.emit()

    def _connect(self, job_changed: SignalInstance, run_event: SignalInstance) -> None:
        job_changed.connect(self._take_job)
        run_event.connect(self._take_event)
        bar = self.toolbar
        bar.run_chosen.connect(self.show_run)
        bar.compare_chosen.connect(self.compare)
        bar.pause.connect(self.pause)
        bar.resume.connect(self.resume)
        bar.stop_and_keep.connect(self.stop_and_keep)
        bar.cancel.connect(self.cancel)
        self.form.start_requested.connect(self._start)
        self.form.looked_for.connect(self.reading.look_at)
        self.form.chosen.connect(self._remember_choice)
        self.reading.listed.connect(self._take_listing)
        self.reading.opened.connect(self._take_opened)
        self.reading.saved.connect(self._take_saved)
        self.reading.looked.connect(self._take_look)
        self.reading.charts_ready.connect(self._charts_are_ready)
        self.reading.failed.connect(self._not_read)

    def _lay_out(self) -> None:
        self._stack = QStackedWidget()
        self._stack.addWidget(self.form)
        self._stack.addWidget(self._opening)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.toolbar)
        column.addWidget(self.notices)
        column.addWidget(self._stack, 1)
