"""The Traces page: builds its parts and connects them to the queue, the sets on this disk and the window."""

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import Qt, QUrl, Signal, SignalInstance
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent
from PySide6.QtWidgets import QFileDialog, QFrame, QLabel, QStackedWidget, QVBoxLayout, QWidget

from app.desktop.models import job_words
from app.desktop.models.removals import Removals
from app.desktop.notices import NoticeBar
from app.desktop.preferences import Preferences
from app.desktop.traces import words
from app.desktop.traces.changing import Changing, Choice, Texts
from app.desktop.traces.contracts import ADDING, EXPORTING, JobsLike
from app.desktop.traces.empty import Empty
from app.desktop.traces.import_form import LONGEST, Request
from app.desktop.traces.import_sheet import NOTHING, ImportSheet
from app.desktop.traces.jobs_strip import JobsStrip
from app.desktop.traces.reading import Looked, Opened, Reading
from app.desktop.traces.rows import Row, row_of
from app.desktop.traces.set_view import SHOWS, SetView
from app.desktop.traces.toolbar import TracesToolbar
from app.desktop.traces.trace_panel import UNSAVED
from models.engine.jobs import Job
from models.errors import StillroomError
from models.traces import store
from models.traces.report import Added, TraceSet
from models.traces.trace import Trace

ENDINGS = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")
FILTER = "Traces (*.jsonl *.ndjson *.json *.csv *.tsv *.parquet);;All files (*)"
WRITTEN = ("JSON lines (*.jsonl)", "JSON (*.json)", "CSV (*.csv)", "TSV (*.tsv)", "Parquet (*.parquet)")


class TracesPage(QWidget):
    """Toolbar, notices, and a set, an import, or one sentence where there is neither.

    job_changed: carries a Job whenever one is another now; notices: a bar of this page's own, which it lays out below
    its toolbar.

    Signals:
        finetune_requested: the name of a set.
        changed: the sets, what is chosen, or what can be undone is another now: menus and pickers look again.
    """

    finetune_requested = Signal(str)
    changed = Signal()

    def __init__(
        self,
        jobs: JobsLike,
        job_changed: SignalInstance,
        notices: NoticeBar,
        preferences: Preferences,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("page")
        self.setAcceptDrops(True)
        self._jobs = jobs
        self._preferences = preferences
        self.notices = notices
        self._all: list[TraceSet] = []
        self._listed = False
        self._turn = 0
        self._shown: TraceSet | None = None  # whose rows are in the table
        self._report: Added | None = None
        self._stale = False  # the rows in the table are not those of the disk any more
        self._done: list[Choice | str] = []  # what can be undone, oldest first: choices, and names of deleted sets
        self._silent: set[Choice] = set()  # taken back: no notice
        self.removals = Removals(store.delete, self)
        self.reading = Reading(self)
        self.changing = Changing(self)
        self.toolbar = TracesToolbar()
        self.view = SetView()
        self.sheet = ImportSheet()
        self.empty = Empty()
        self.strip = JobsStrip()
        self._lay_out()
        self._connect(job_changed)
        show = preferences.window("traces_show", "all")
        self.view.show_filter(show if show in SHOWS else "all")
        self.toolbar.show_sets([], None)

    # The window's

    def start(self) -> None:
        """Read what is on this disk: to be called when the window is up, and again when the page comes to the front."""
        for job in self._jobs.all():
            self._take_running(job)
        self.refresh()

    def refresh(self) -> None:
        """Look again: a chat may have added a trace, another page or the terminal a set."""
        self.reading.list_sets()

    def close_page(self) -> None:
        """Stop what was started, finish what was changed, and delete the sets that are to be deleted."""
        self.reading.close()
        self.changing.close()
        self.removals.close()

    def start_search(self) -> None:
        """Put the cursor into the search field."""
        if self._shown is not None:
            self._stack.setCurrentWidget(self.view)
            self.toolbar.start_search()

    def choose_files(self) -> None:
        """Ask for files and import them."""
        self._ask_for_files("Import traces", self.import_files)

    def import_files(self, paths: Sequence[str]) -> None:
        """Say what files are, and ask how they should be imported."""
        self._begin_import(paths, self._shown.name if self._shown else "")

    def choose_set(self, name: str) -> None:
        """Show a set, if there is one of that name."""
        found = next((known for known in self.sets if known.name == name), None)
        if found is not None and not self._leaves_edit():
            self._open(found)

    @property
    def sets(self) -> list[TraceSet]:
        """The sets that are not to be deleted."""
        hidden = self.removals.pending()
        return [found for found in self._all if found.name not in hidden]

    @property
    def set_name(self) -> str:
        """The set that is shown; "" for none."""
        return self._shown.name if self._shown else ""

    def can_finetune(self) -> bool:
        """Whether the set that is shown has traces to learn from."""
        return self._shown is not None and words.kept(self._shown) > 0

    def finetune(self) -> None:
        """Ask the window to train on the set that is shown."""
        if self.can_finetune():
            self.finetune_requested.emit(self.set_name)

    def can_edit(self) -> bool:
        """Whether one trace is chosen."""
        row = self.view.current
        return self._stack.currentWidget() is self.view and row is not None and row.left_out is None

    def edit_chosen(self) -> None:
        """Edit the chosen trace."""
        self.view.start_edit()

    def leave_out_chosen(self, out: bool = True) -> None:
        """Leave the chosen traces out, or take them back."""
        rows = [row for row in self.view.table.chosen() if row.left_out is None and row.excluded != out]
        if rows and self._shown is not None:
            self._change(Choice(self._shown.name, frozenset(row.key for row in rows), out), True)

    def delete_set(self) -> None:
        """Delete the set that is shown; it can be taken back until the app quits."""
        if self._shown is None or self._leaves_edit():
            return
        name = self._shown.name
        self._done.append(name)
        self.removals.remove(name)
        self.notices.show_info(f"{name} is deleted when Stillroom quits.", "Undo", self.undo)

    def can_undo(self) -> bool:
        """Whether something can be taken back."""
        return bool(self._done)

    def undo(self) -> None:
        """Take back the last leaving out, taking back, or deletion of a set."""
        if not self._done:
            return
        last = self._done.pop()
        self.notices.dismiss()
        if isinstance(last, str):
            self.removals.undo(last)
            self.choose_set(last)
        else:
            self._change(last.opposite, False)
        self.changed.emit()

    def export_to(self, path: str, shape: str) -> None:
        """Write the set that is shown to a file."""
        if self._shown is not None:
            self._jobs.export_traces(self._shown.name, path, shape)

    # Drag and drop

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take files of traces."""
        if importable(event.mimeData().urls()):
            event.acceptProposedAction()
            self.show_drop_hint()

    def show_drop_hint(self) -> None:
        """Say over the whole page that what is dragged will be imported."""
        self._drop_hint.setGeometry(self._stack.geometry().adjusted(12, 12, -12, -12))
        self._drop_hint.show()
        self._drop_hint.raise_()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """It went elsewhere."""
        self._drop_hint.hide()

    def dropEvent(self, event: QDropEvent) -> None:
        """Import what was dropped."""
        self._drop_hint.hide()
        event.acceptProposedAction()
        self.import_files(importable(event.mimeData().urls()))

    # Sets

    def _take_sets(self, sets: list[TraceSet]) -> None:
        told = sets != self._all or not self._listed
        self._all, self._listed = sets, True
        self._show_sets()
        if told:
            self.changed.emit()

    def _show_sets(self) -> None:
        shown = self.sets
        self.sheet.form.set_sets(shown)
        wanted = self.set_name or self._preferences.window("traces_set", "")
        found = next((known for known in shown if known.name == wanted), shown[0] if shown else None)
        self.toolbar.show_sets(shown, found)
        if found is None:
            self._show_none()
        elif (
            self._stale
            or self._shown is None
            or (self._shown.name, self._shown.data_hash) != (found.name, found.data_hash)
        ):
            self._open(found)
        else:
            self._show_record(found, self._report)
        if self._stack.currentWidget() is not self.sheet:
            self._stack.setCurrentWidget(self.view if found is not None else self.empty)

    def _open(self, found: TraceSet) -> None:
        if self.view.panel.editing and self._shown is not None and self._shown.name == found.name:
            self._stale = True  # it was changed from outside: the edit goes first
            return
        self._stale = False
        same = self._shown is not None and self._shown.name == found.name
        self._shown = found
        if not same:
            self._report = None
            self.toolbar.search.clear()
            self.view.look_for("")
            self.view.about.show_lengths(None)
        self.toolbar.show_sets(self.sets, found)
        self._show_record(found, self._report)
        self.view.begin(same)
        self._preferences.remember(traces_set=found.name)
        self._turn = self.reading.open_set(found.name)
        if self._stack.currentWidget() is self.empty:
            self._stack.setCurrentWidget(self.view)
        self.changed.emit()

    def _show_none(self) -> None:
        if self._shown is not None:
            self._shown, self._report = None, None
            self._turn = self.reading.open_set("")
            self.view.begin(False)
        self.toolbar.show_counts(None, None)

    def _show_record(self, record: TraceSet, report: Added | None) -> None:
        self._shown, self._report = record, report
        self._all = [record if known.name == record.name else known for known in self._all]
        self.toolbar.show_sets(self.sets, record)
        self.toolbar.show_counts(record, report)
        self.view.about.show_set(record, report)

    def _opened(self, opened: Opened) -> None:
        if opened.turn == self._turn:
            self._show_record(opened.record, opened.report)

    def _rows_read(self, turn: int, rows: list[Row], last: bool) -> None:
        if turn == self._turn:
            self.view.add_rows(rows, last)

    def _looked(self, looked: Looked) -> None:
        if self._shown is not None and looked.record.name == self._shown.name:
            self._show_record(looked.record, looked.report)
            self.view.about.show_lengths(looked.histogram)
            self.changed.emit()

    def _trace_read(self, key: str, trace: Trace) -> None:
        self.view.show_trace(key, trace)
        self.changed.emit()

    # Search

    def _look_for(self, query: str) -> None:
        self.view.look_for(query)
        self.reading.search(self.set_name, query)

    def _found(self, query: str, keys: set[str], last: bool) -> None:
        if query == self.toolbar.search.text().strip():
            self.view.show_found(keys, last)

    # Changes

    def _change(self, choice: Choice, undoable: bool) -> None:
        if undoable:
            self._done.append(choice)
            n = words.counted(len(choice.keys), "trace")
            self.notices.show_info(f"{n} {'left out' if choice.out else 'taken back'}.", "Undo", self.undo)
        if choice.name == self.set_name:
            self.view.change_rows(choice.keys, choice.out)
        self.changing.choose(choice)
        self.changed.emit()

    def _chosen(self, choice: Choice) -> None:
        if choice.name == self.set_name:
            self.reading.measure(choice.name)

    def _not_chosen(self, choice: Choice, error: StillroomError) -> None:
        if choice in self._done:
            self._done.remove(choice)
        if choice.name == self.set_name:
            self.view.change_rows(choice.keys, not choice.out)
        self.notices.show_error(error.text, error.hint)
        self.changed.emit()

    def _save(self, key: str, texts: Texts) -> None:
        self.changing.edit(self.set_name, key, texts)

    def _edited(self, name: str, key: str, trace: Trace) -> None:
        row = next((row for row in self.view.model.rows if row.key == key), None)
        if name != self.set_name or row is None or self._shown is None:
            return
        fresh = row_of(trace, row.excluded)
        self.view.model.change(
            key, new_key=trace.id, problem=fresh.problem, tokens=fresh.tokens, estimated=fresh.estimated,
            answer=fresh.answer, verified=fresh.verified,
        )  # fmt: skip
        self.reading.put(row, trace)
        # a choice that waits to be undone goes by the id that the trace has now
        self._done = [_renamed(done, name, key, trace.id) for done in self._done]
        self.view.panel.show_saved(trace)
        self.reading.measure(name)

    def _not_edited(self, name: str, key: str, error: StillroomError) -> None:
        if name == self.set_name and self.view.panel.editing:
            self.view.panel.show_fault(f"{error.text} {error.hint}".strip())
        else:
            self.notices.show_error(error.text, error.hint)

    def _leaves_edit(self) -> bool:
        """Whether an edit with changes is open; it is said that it has to be ended first."""
        if self.view.panel.dirty:
            self._stack.setCurrentWidget(self.view)
            self.view.panel.show_fault(UNSAVED)
            return True
        self.view.panel.cancel_edit()
        return False

    def _removals_changed(self) -> None:
        self._shown = self._shown if self._shown and self._shown.name not in self.removals.pending() else None
        self._show_sets()
        self.changed.emit()

    # Import and export

    def _begin_import(self, paths: Sequence[str], into: str) -> None:
        if not paths or self._leaves_edit():
            return
        if self.sheet.job_id:
            self._leave_sheet()
        self.sheet.begin(paths, into, self._preferences.window("traces_longest", LONGEST))
        self._stack.setCurrentWidget(self.sheet)
        self.sheet.form.name.setFocus()

    def _import(self, request: Request) -> None:
        self._preferences.remember(traces_longest=request.max_tokens)
        job_id = self._jobs.add_traces(
            request.name, list(request.files), request.max_tokens, None, list(request.evaluation)
        )
        job = next((job for job in self._jobs.all() if job.id == job_id), None)
        if job is None:
            self.sheet.form.tell("The import could not be queued.")
        else:
            self.strip.forget(job_id)
            self.sheet.follow(job, request)

    def _take_job(self, job: Job) -> None:
        if job.doing not in (ADDING, EXPORTING):
            return
        if job.id == self.sheet.job_id:
            self.sheet.take_job(job)
        else:
            self._take_running(job)
            self._tell_end(job)
        if job.doing == ADDING and job_words.is_over(job):
            self._stale = self._stale or job.subject == self.set_name
            self.refresh()

    def _tell_end(self, job: Job) -> None:
        """Say how a job ended that the sheet does not show."""
        if job.state == "failed":
            self.notices.show_error(job.error, job.hint)
        elif job.state == "done" and job.doing == EXPORTING:
            self.notices.show_info(f"The export of {job.subject} is done.")
        elif job.state == "done":
            self.reading.read_report(job.subject)

    def _take_running(self, job: Job) -> None:
        if job.doing in (ADDING, EXPORTING) and job.id != self.sheet.job_id:
            self.strip.take_job(job)

    def _reported(self, name: str, report: Added | None) -> None:
        if self.sheet.awaits(name):
            self.sheet.show_report(report)
            if report is not None and name != self.set_name:
                self._preferences.remember(traces_set=name)
                self._shown = None
                self.refresh()
        elif report is not None:
            self.notices.show_info(f"{name}: {words.outcome(report)}.", "Show", lambda: self.choose_set(name))
        else:
            self.notices.show_info(NOTHING)

    def _leave_sheet(self) -> None:
        """Let what the sheet follows go on beside the table."""
        job = next((job for job in self._jobs.all() if job.id == self.sheet.let_go()), None)
        if job is not None:
            self._take_running(job)

    def _close_sheet(self) -> None:
        self._leave_sheet()
        self._stack.setCurrentWidget(self.view if self._shown is not None else self.empty)
        (self.view.table if self._shown is not None else self.empty.button).setFocus()

    def _show_reason(self, reason: str) -> None:
        self._close_sheet()
        self.view.show_only(reason)  # type: ignore[arg-type]
        self.view.table.choose_none()

    def _new_set(self) -> None:
        self._ask_for_files("Import traces into a new set", lambda paths: self._begin_import(paths, ""))

    def _choose_evaluation(self) -> None:
        self._ask_for_files("Evaluation sets to keep apart from", self.sheet.form.set_evaluation)

    def _ask_for_files(self, title: str, take: Callable[[Sequence[str]], None]) -> None:
        dialog = QFileDialog(self, title, self._preferences.window("traces_folder", str(Path.home())), FILTER)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        dialog.filesSelected.connect(take)
        dialog.filesSelected.connect(
            lambda paths: self._preferences.remember(traces_folder=str(Path(paths[0]).parent)) if paths else None
        )
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _ask_where(self, shape: str) -> None:
        if self._shown is None:
            return
        start = Path(self._preferences.window("traces_folder", str(Path.home()))) / f"{self._shown.name}.jsonl"
        dialog = QFileDialog(self, "Export traces", str(start))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilters(WRITTEN)
        dialog.setDefaultSuffix("jsonl")
        dialog.filterSelected.connect(lambda chosen: dialog.setDefaultSuffix(chosen.split("*.")[-1].rstrip(")")))
        dialog.fileSelected.connect(lambda path: self.export_to(path, shape))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _not_read(self, error: StillroomError) -> None:
        self.notices.show_error(error.text, error.hint, "Try again", self.refresh)

    def _connect(self, job_changed: SignalInstance) -> None:
        job_changed.connect(self._take_job)
        bar, view, sheet = self.toolbar, self.view, self.sheet
        bar.set_chosen.connect(self.choose_set)
        bar.new_set_requested.connect(self._new_set)
        bar.delete_requested.connect(self.delete_set)
        bar.query_changed.connect(self._look_for)
        bar.import_requested.connect(self.choose_files)
        bar.export_requested.connect(self._ask_where)
        bar.finetune_requested.connect(self.finetune)
        view.trace_wanted.connect(self.reading.read_trace)
        view.loaded.connect(lambda: self.reading.measure(self.set_name))
        view.show_chosen.connect(lambda show: self._preferences.remember(traces_show=show))
        view.selection_changed.connect(self.changed)
        view.table.leave_out_pressed.connect(self.leave_out_chosen)
        view.panel.leave_out_requested.connect(self.leave_out_chosen)
        view.panel.take_back_requested.connect(lambda: self.leave_out_chosen(False))
        view.panel.edit_ended.connect(lambda: self.refresh() if self._stale else None)
        view.panel.save_requested.connect(self._save)
        sheet.closed.connect(self._close_sheet)
        sheet.reason_chosen.connect(self._show_reason)
        sheet.report_wanted.connect(self.reading.read_report)
        for part in (sheet, self.strip):
            part.cancel_requested.connect(self._jobs.cancel)
            part.pause_requested.connect(self._jobs.pause)
            part.resume_requested.connect(self._jobs.resume)
        sheet.form.import_requested.connect(self._import)
        sheet.form.files_wanted.connect(lambda: self._ask_for_files("Add files", sheet.form.add_files))
        sheet.form.evaluation_wanted.connect(self._choose_evaluation)
        sheet.form.file_added.connect(self.reading.preview)
        self.empty.import_requested.connect(self.choose_files)
        self.reading.listed.connect(self._take_sets)
        self.reading.opened.connect(self._opened)
        self.reading.rows_read.connect(self._rows_read)
        self.reading.trace_read.connect(self._trace_read)
        self.reading.found.connect(self._found)
        self.reading.looked.connect(self._looked)
        self.reading.reported.connect(self._reported)
        self.reading.previewed.connect(sheet.form.files.show_preview)
        self.reading.failed.connect(self._not_read)
        self.changing.chosen.connect(self._chosen)
        self.changing.not_chosen.connect(self._not_chosen)
        self.changing.edited.connect(self._edited)
        self.changing.not_edited.connect(self._not_edited)
        self.removals.changed.connect(self._removals_changed)

    def _lay_out(self) -> None:
        self._stack = QStackedWidget()
        blank = QWidget()  # until the sets are read
        for widget in (blank, self.view, self.sheet, self.empty):
            self._stack.addWidget(widget)
        self._drop_hint = QLabel("Drop to import", self)
        self._drop_hint.setObjectName("drop_hint")
        self._drop_hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._drop_hint.setFrameShape(QFrame.Shape.NoFrame)
        self._drop_hint.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.toolbar)
        column.addWidget(self.notices)
        column.addWidget(self.strip)
        column.addWidget(self._stack, 1)


def importable(urls: Sequence[QUrl]) -> list[str]:
    """The paths of what may hold traces: files of this machine by their ending."""
    paths = [url.toLocalFile() for url in urls if url.isLocalFile()]
    return [path for path in paths if path.lower().endswith(ENDINGS) and Path(path).is_file()]


def _renamed(done: Choice | str, name: str, old: str, new: str) -> Choice | str:
    if isinstance(done, str) or done.name != name or old not in done.keys:
        return done
    return Choice(name, done.keys - {old} | {new}, done.out)
