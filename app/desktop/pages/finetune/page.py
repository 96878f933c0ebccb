"""The Fine-tune page: the form of a new run, or a run as it trains; builds both and connects them to queue and disk."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QStackedWidget, QWidget

from app.desktop.pages.contract import Page
from app.desktop.pages.finetune.facts import Listing, OpenedRun, SetFacts
from app.desktop.pages.finetune.reader import FinetuneReader
from app.desktop.pages.finetune.setup_form import SetupForm
from app.desktop.pages.finetune.toolbar import FinetuneToolbar
from app.desktop.services.deletions import Deletions
from app.desktop.services.run_curves import RunCurves
from app.desktop.services.run_entries import RunEntry
from app.desktop.services.run_tracker import RunTracker
from app.desktop.services.services import Services
from app.desktop.services.wishes import EvaluationWish
from app.desktop.widgets.cards import label
from app.desktop.widgets.layouts import in_column
from models.errors import StillroomError
from models.events import Event, Model
from models.finetune import runs
from models.finetune.runs import Saved
from models.jobs.kinds.finetune import Finetune
from models.jobs.queue import ENDED, Job
from models.machine import hardware
from models.machine.hardware import Machine
from models.trace_report import TraceSet

if TYPE_CHECKING:
    from app.desktop.pages.finetune.run_view import RunView


class FinetunePage(Page):
    """Toolbar, notices, and the form or a run."""

    def __init__(
        self, services: Services, machine: Callable[[], Machine] = hardware.machine, parent: QWidget | None = None
    ) -> None:
        super().__init__(services, parent)
        self._preferences = services.preferences
        self._machine = machine()
        self._listing: Listing | None = None
        self._charts = False
        self._wanted_traces = ""
        self._beside = ""  # the key of the run whose curves are drawn too
        self._can = "", False, False, False
        self.run = RunTracker(services.jobs, self)
        self.removals = Deletions(runs.remove, self)
        self._going: dict[str, RunEntry] = {}  # by the ids of their runs: what is to be deleted
        self.toolbar = FinetuneToolbar(self.run)
        self.form = SetupForm(self._machine)
        self.view: RunView | None = None  # made once the charts' library is there
        self.reading = FinetuneReader(services.list_models, machine, self)
        self._opening = label("Opening the run …", "hint")
        self._opening.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._lay_out()
        self._connect()
        self.form.choose_preset(self._preferences.window.finetune_preset)

    def start(self) -> None:
        """Read library, sets and runs."""
        if not self._charts:
            self.reading.prepare_charts()
        self.reading.list_all()

    def close_page(self) -> None:
        """Stop what was started. Jobs go on or are paused by whoever owns the queue."""
        self.reading.close()
        self.removals.close()
        if self.view is not None:
            self.view.close_view()

    def begin_with(self, subject: str) -> None:
        """Show the form of a new run with a set of traces chosen; one that is new is looked for first."""
        self.run.show("")
        self._wanted_traces = subject
        self._choose_wanted()
        self.reading.list_all()

    def on_job(self, job: Job) -> None:
        """Measure the set again: a run that has ended says how quick the next one is. One that goes on is not deleted."""
        if job.state not in ENDED:
            self.removals.undo(self.run.run_of(job))
        if job.doing == Finetune.kind() and job.state in ENDED:
            self.form.look_again()

    # Commands, for menus too

    def new_run(self) -> None:
        self.run.show("")

    def pause(self) -> None:
        self.notices.attempt(self.run.pause)

    def resume(self) -> None:
        self.notices.attempt(lambda: self.run.resume(self._models))

    def stop_and_keep(self) -> None:
        """End it at its next step and take what it has learned into the library."""
        if self.notices.attempt(self.run.stop_and_keep) and self.view is not None:
            self.view.show_status()

    def cancel(self) -> None:
        """Stop it for good; its checkpoints stay."""
        self.notices.attempt(self.run.cancel)

    def delete_run(self) -> None:
        """Delete the run that is shown, its adapter not; it can be taken back until the app quits."""
        entry = self.run.entry
        if entry is None or not self.run.can_delete:
            return
        if entry.run is None:  # it failed before it had anything to delete
            self.notices.attempt(partial(self.run.forget, entry))
            return
        run_id, title = entry.run.id, entry.said(self._models)
        self._going[run_id] = entry
        self.removals.remove(run_id)
        self.notices.show_info(f"{title} is deleted.", "Undo", partial(self.removals.undo, run_id))

    def can_undo(self) -> bool:
        return bool(self.removals.pending())

    def undo(self) -> None:
        """Take back the last deletion."""
        self.removals.undo_last()

    def evaluate(self) -> None:
        """Ask for the adapter that the run made, against its base, on what the run held out."""
        entry = self.run.entry
        if entry is not None and entry.adapter:
            task = f"run:{entry.run.id}" if entry.run is not None else ""
            wish = EvaluationWish(model=entry.base, adapter=entry.adapter, against="base", task=task)
            self.page_requested.emit("Evaluate", wish.said())

    def compare(self, key: str) -> None:
        """Draw another run's curves beside those that are shown; "" for none."""
        self._beside = key
        other = self.run.find(key)
        if self.view is not None and (other is None or other.run is None):
            self.view.show_beside("", None)
        elif other is not None and other.run is not None:
            self.reading.open_run(other.run)
        self._show_toolbar()

    # What is read

    def _take_listing(self, listing: Listing) -> None:
        before, self._listing = self._listing, listing
        self.form.show_listing(listing.models, listing.sets)
        first = before is None and not self._wanted_traces
        self._choose_wanted()
        was_shown = self.run.key
        self.run.take_runs(listing.runs)
        if before is None:
            self.form.choose_base(self._preferences.window.finetune_base)
        if first:
            self._restore()
        elif self.view is not None and self.run.entry is not None:
            self.view.show_models(listing.models)
            if self.run.key != was_shown:
                self._remember_run()
                self._look_at_traces(self.run.entry)
            self.view.show_run()

    def _restore(self) -> None:
        """Show what was shown when the window closed, or what is at work."""
        if not self.run.key:
            busy = self.run.busy
            self.run.show(busy.key if busy else self._preferences.window.finetune_run)

    def _take_opened(self, opened: OpenedRun) -> None:
        if opened.run_id == self._beside and self.view is not None:
            beside = self.run.find(opened.run_id)
            self.view.show_beside(f"run {beside.number}" if beside else "", RunCurves(opened.events))
        if self.run.take_metrics(opened.run_id, opened.events) and self.view is not None:
            self.view.show_run()
            self.view.show_saved(opened.saved)

    def _take_saved(self, run_id: str, saved: list[Saved]) -> None:
        if self.view is not None and run_id == self.run.key:
            self.view.show_saved(saved)

    def _take_facts(self, facts: SetFacts) -> None:
        self.form.show_look(facts)
        entry = self.run.entry
        if self.view is not None and entry is not None and facts.traces == entry.traces:
            self.view.show_traces(self._set(facts.traces), facts)

    def _charts_are_ready(self) -> None:
        from app.desktop.pages.finetune.run_view import RunView

        self._charts = True
        if self.view is None:
            self.view = RunView(self.run, self._machine)
            self._stack.addWidget(self.view)
            self.view.retry.connect(self.resume)
            self.view.chat.connect(self._chat)
            self.view.chat_checkpoint.connect(self._chat)
            self.view.evaluate.connect(self.evaluate)
            if self.run.key:
                self.run.show(self.run.key)

    def _not_read(self, error: StillroomError) -> None:
        self.notices.show_error(error.text, error.hint, "Try again", self.start)

    # What the run tells

    def _show_run(self) -> None:
        self._beside = ""
        if self._listing is not None:
            self._remember_run()
        entry = self.run.entry
        if entry is None:
            self._stack.setCurrentWidget(self.form)
        elif self.view is None:
            self._stack.setCurrentWidget(self._opening)
        else:
            self._open(self.view, entry)

    def _open(self, view: "RunView", entry: RunEntry) -> None:
        """Show a run; its metrics come from the disk, a job without a folder has what was told of it."""
        self._stack.setCurrentWidget(view)
        view.show_beside("", None)
        view.show_saved([])
        view.show_models(self._models)
        view.show_traces(None, None)
        view.show_run()
        view.verticalScrollBar().setValue(0)
        if entry.run is not None:
            self.reading.open_run(entry.run)
        self._look_at_traces(entry)

    def _job_changed(self, state_changed: bool) -> None:
        if self.view is not None:
            self.view.show_job(state_changed)

    def _event_taken(self, event: Event) -> None:
        if self.view is not None:
            self.view.show_event(event)

    def _check_saved(self) -> None:
        entry = self.run.entry
        if self.view is not None and entry is not None and entry.run is not None:
            self.reading.check_saved(entry.run)

    # Within

    def _removals_changed(self) -> None:
        hidden = self.removals.pending()
        if self._beside in hidden:
            self.compare("")
        self.run.hide(hidden)
        self.changed.emit()

    def _forget(self, run_id: str, _freed: int) -> None:
        self.services.jobs.attempt(self.run.forget, self._going.pop(run_id))

    @property
    def _models(self) -> list[Model]:
        return self._listing.models if self._listing else []

    def _look_at_traces(self, entry: RunEntry) -> None:
        found = self._set(entry.traces)
        if found is not None:
            base = entry.run.base if entry.run else ""
            self.reading.look_at(found.name, next((model for model in self._models if model.name == base), None))

    def _set(self, name: str) -> TraceSet | None:
        return next((found for found in self._listing.sets if found.name == name), None) if self._listing else None

    def _choose_wanted(self) -> None:
        if self._wanted_traces:
            self.form.choose_traces(self._wanted_traces)
            if self.form.traces.current == self._wanted_traces:
                self._wanted_traces = ""

    def _chat(self, adapter: str = "") -> None:
        entry = self.run.entry
        if entry is not None:
            self.chat_requested.emit(entry.base, adapter or entry.adapter)

    def _remember_choice(self, base: str, preset: str) -> None:
        with self._preferences.remember() as window:
            window.finetune_base, window.finetune_preset = base, preset

    def _remember_run(self) -> None:
        with self._preferences.remember() as window:
            window.finetune_run = self.run.key

    def _show_toolbar(self) -> None:
        self.toolbar.show_run(self._models, self._beside)
        self.form.show_coming(self.run.coming)
        now = self.run.key, self.run.can_pause, self.run.can_resume, self.run.can_stop
        if now != self._can:
            self._can = now
            self.changed.emit()

    def _connect(self) -> None:
        run, bar = self.run, self.toolbar
        run.shown.connect(self._show_run)
        run.job_changed.connect(self._job_changed)
        run.event_taken.connect(self._event_taken)
        run.checkpoints_changed.connect(self._check_saved)
        run.disk_changed.connect(self.reading.list_all)
        run.changed.connect(self._show_toolbar)
        bar.run_chosen.connect(run.show)
        bar.compare_chosen.connect(self.compare)
        bar.pause.connect(self.pause)
        bar.resume.connect(self.resume)
        bar.stop_and_keep.connect(self.stop_and_keep)
        bar.cancel.connect(self.cancel)
        bar.delete_requested.connect(self.delete_run)
        self.removals.changed.connect(self._removals_changed)
        self.removals.freed.connect(self._forget)
        self.form.start_requested.connect(
            lambda request, title: self.notices.attempt(lambda: run.start(request, title))
        )
        self.form.looked_for.connect(self.reading.look_at)
        self.form.chosen.connect(self._remember_choice)
        self.reading.listed.connect(self._take_listing)
        self.reading.opened.connect(self._take_opened)
        self.reading.saved.connect(self._take_saved)
        self.reading.looked.connect(self._take_facts)
        self.reading.charts_ready.connect(self._charts_are_ready)
        self.reading.failed.connect(self._not_read)

    def _lay_out(self) -> None:
        self._stack = QStackedWidget()
        self._stack.addWidget(self.form)
        self._stack.addWidget(self._opening)
        in_column(self, self.toolbar, self.notices, (self._stack, 1))
