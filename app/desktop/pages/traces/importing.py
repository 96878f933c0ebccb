"""Traces come in from files and go out to files: what is asked for, how far it is, and how it ended."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, QUrl, Signal
from PySide6.QtWidgets import QFileDialog, QWidget

from app.desktop.pages.traces import words
from app.desktop.pages.traces.import_form import Request
from app.desktop.pages.traces.import_sheet import NOTHING, ImportSheet
from app.desktop.pages.traces.jobs_strip import JobsStrip
from app.desktop.pages.traces.reader import TracesReader
from app.desktop.services.job_queue import JobQueue
from app.desktop.services.preferences import Preferences
from app.desktop.widgets import job_words
from app.desktop.widgets.notices import NoticeBar
from models import paths
from models.errors import StillroomError
from models.jobs.kinds.add_traces import AddTraces
from models.jobs.kinds.export_traces import ExportTraces
from models.jobs.queue import Job
from models.trace_report import Added

ENDINGS = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")
FILTER = "Traces (*.jsonl *.ndjson *.json *.csv *.tsv *.parquet);;All files (*)"
WRITTEN = ("JSON lines (*.jsonl)", "JSON (*.json)", "CSV (*.csv)", "TSV (*.tsv)", "Parquet (*.parquet)")
KINDS = (AddTraces.kind(), ExportTraces.kind())  # Job.doing of these jobs; their subject is the set's name


class Importing(QObject):
    """Imports files by its sheet, exports sets, and follows these jobs in the sheet, the strip or the notice bar.

    Sheet and strip are the parent's to lay out; file dialogs stand over it.

    Signals:
        left: the sheet is done with.
        reason_chosen: a Reason whose rows should be shown.
        imported: the name of a set whose report the sheet shows.
        set_wanted: the name of a set that should be shown.
        set_changed: the name of a set that an import has ended for, however it went.
    """

    left = Signal()
    reason_chosen = Signal(str)
    imported = Signal(str)
    set_wanted = Signal(str)
    set_changed = Signal(str)

    def __init__(
        self, jobs: JobQueue, reading: TracesReader, notices: NoticeBar, preferences: Preferences, parent: QWidget
    ) -> None:
        super().__init__(parent)
        self._jobs = jobs
        self._reading = reading
        self._notices = notices
        self._preferences = preferences
        self._parent_widget = parent
        self.sheet = ImportSheet()
        self.strip = JobsStrip()
        self._connect()

    def begin(self, files: Sequence[str], into: str) -> None:
        """Say what files are, and ask how they should be imported. into: a set, "" for a new one."""
        if self.sheet.job_id:
            self._let_go()
        self.sheet.begin(files, into, self._preferences.window.traces_longest)

    def export(self, name: str, path: str, shape: str) -> None:
        self._notices.attempt(self._jobs.add, ExportTraces(name=name, path=path, shape=shape))

    def show_running(self) -> None:
        """Show what is under way already."""
        for job in self._jobs.all():
            self._take_running(job)

    def take_job(self, job: Job) -> None:
        """A job is another one now; it may be about something else."""
        if job.doing not in KINDS:
            return
        if job.id == self.sheet.job_id:
            self.sheet.take_job(job)
        else:
            self.strip.take_job(job)
            self._tell_end(job)
        if job.doing == AddTraces.kind() and job_words.is_over(job):
            self.set_changed.emit(job.subject)

    def ask_for_files(self, title: str, take: Callable[[Sequence[str]], None]) -> None:
        """Let files be chosen that may hold traces."""
        dialog = QFileDialog(self._parent_widget, title, self._folder(), FILTER)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        dialog.filesSelected.connect(take)
        dialog.filesSelected.connect(self._remember_folder)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def ask_where(self, name: str, shape: str) -> None:
        """Let a file be chosen, and write a set to it."""
        start = Path(self._folder()) / f"{name}.jsonl"
        dialog = QFileDialog(self._parent_widget, "Export traces", str(start))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilters(WRITTEN)
        dialog.setDefaultSuffix("jsonl")
        dialog.filterSelected.connect(lambda chosen: dialog.setDefaultSuffix(chosen.split("*.")[-1].rstrip(")")))
        dialog.fileSelected.connect(lambda path: self.export(name, written_as(path, dialog.defaultSuffix()), shape))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _import(self, request: Request) -> None:
        with self._preferences.remember() as window:
            window.traces_longest = request.max_tokens
        step = AddTraces(
            name=request.name,
            files=list(request.files),
            max_tokens=request.max_tokens,
            evaluation=list(request.evaluation),
            columns=dict(request.columns),
        )
        try:
            job_id = self._jobs.add(step)
        except StillroomError as error:
            self.sheet.form.tell(f"The import could not be queued. {error.text}")
            return
        self.strip.forget(job_id)
        self.sheet.follow(next(job for job in self._jobs.all() if job.id == job_id), request)

    def _folder(self) -> str:
        return self._preferences.window.traces_folder or str(Path.home())

    def _remember_folder(self, chosen: Sequence[str]) -> None:
        if chosen:
            with self._preferences.remember() as window:
                window.traces_folder = str(Path(chosen[0]).parent)

    def _take_running(self, job: Job) -> None:
        if job.doing in KINDS and job.id != self.sheet.job_id:
            self.strip.take_job(job)

    def _tell_end(self, job: Job) -> None:
        """Say how a job ended that the sheet does not show."""
        if job.state == "failed":
            self._notices.show_error(job.error, job.hint)
        elif job.state == "done" and job.doing == ExportTraces.kind():
            self._notices.show_info(f"{job.title} is done.")
        elif job.state == "done":
            self._reading.read_report(job.subject)

    def _reported(self, name: str, report: Added | None) -> None:
        if self.sheet.awaits(name):
            self.sheet.show_report(report)
            if report is not None:
                self.imported.emit(name)
        elif report is not None:
            self._notices.show_info(f"{name}: {words.outcome(report)}.", "Show", lambda: self.set_wanted.emit(name))
        else:
            self._notices.show_info(NOTHING)

    def _let_go(self) -> None:
        """Let what the sheet follows go on beside the table."""
        job_id = self.sheet.let_go()
        job = next((job for job in self._jobs.all() if job.id == job_id), None)
        if job is not None:
            self._take_running(job)

    def _leave(self) -> None:
        self._let_go()
        self.left.emit()

    def _choose_reason(self, reason: str) -> None:
        self._leave()
        self.reason_chosen.emit(reason)

    def _choose_evaluation(self) -> None:
        self.ask_for_files("Evaluation sets to keep apart from", self.sheet.form.set_evaluation)

    def _connect(self) -> None:
        sheet, form = self.sheet, self.sheet.form
        sheet.closed.connect(self._leave)
        sheet.reason_chosen.connect(self._choose_reason)
        sheet.report_wanted.connect(self._reading.read_report)
        for part in (sheet, self.strip):
            part.cancel_requested.connect(partial(self._notices.attempt, self._jobs.cancel))
            part.pause_requested.connect(partial(self._notices.attempt, self._jobs.pause))
            part.resume_requested.connect(partial(self._notices.attempt, self._jobs.resume))
        form.import_requested.connect(self._import)
        form.files_wanted.connect(lambda: self.ask_for_files("Add files", form.add_files))
        form.evaluation_wanted.connect(self._choose_evaluation)
        form.preview_wanted.connect(self._reading.preview)
        self._reading.reported.connect(self._reported)
        self._reading.previewed.connect(form.files.show_preview)


def written_as(path: str, ending: str) -> str:
    """The path of a file to write: as it was typed where it ends as one that can be, else with an ending added."""
    known = any(path.lower().endswith(kind.split("*")[-1].rstrip(")")) for kind in WRITTEN)
    return path if known else str(paths.with_ending(path, f".{ending}"))


def importable(urls: Sequence[QUrl]) -> list[str]:
    """The paths of what may hold traces: files of this machine by their ending."""
    files = [url.toLocalFile() for url in urls if url.isLocalFile()]
    return [path for path in files if path.lower().endswith(ENDINGS) and Path(path).is_file()]
