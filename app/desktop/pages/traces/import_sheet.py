"""An import in place of the table: what it is to do, how far it is, and what it kept and left out."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QScrollArea, QWidget

from app.desktop.pages.traces import words
from app.desktop.pages.traces.import_form import ImportForm, Request
from app.desktop.pages.traces.reasons import Reasons
from app.desktop.widgets.buttons import RowButton
from app.desktop.widgets.cards import label, say
from app.desktop.widgets.job_card import JobCard
from app.desktop.widgets.job_words import is_over
from app.desktop.widgets.layouts import in_column, in_row, take_out
from app.desktop.widgets.named import named
from app.desktop.widgets.scrolling import set_plain
from models.jobs.queue import Job
from models.trace_report import Added

WIDEST_PX = 620
NOTHING = "No trace was kept, so no set was made."


class ImportSheet(QScrollArea):
    """Form, progress, report: one after the other.

    Signals:
        closed: back to the table.
        reason_chosen: a Reason whose rows should be shown.
        cancel_requested: the id of a job.
        report_wanted: the name of the set whose report is to be read.
    """

    closed = Signal()
    reason_chosen = Signal(str)
    cancel_requested = Signal(int)
    pause_requested = Signal(int)
    resume_requested = Signal(int)
    report_wanted = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_plain(self, "see_through", "Import")
        self.job_id = 0
        self.request: Request | None = None
        self._title = label("Import traces", "sheet_title")
        self.form = ImportForm()
        self.form.cancelled.connect(self.closed)
        self.card: JobCard | None = None
        self._progress = in_column(None, spacing=12)
        self.hide_button = RowButton("Back to the traces")
        self.hide_button.clicked.connect(self.closed)
        self._shape = label("", "small")
        self.reasons = Reasons()
        self.reasons.chosen.connect(self.reason_chosen)
        self._notes = label("", "warning")
        self.done = RowButton("Show the traces")
        self.done.strong = True
        self.done.clicked.connect(self.closed)
        self._lay_out()
        self._show("form")

    @property
    def step(self) -> str:
        """Which step is shown: form, progress or report."""
        return self._step

    @property
    def text(self) -> str:
        return "\n".join(line.text() for line in (self._title, self._shape, self._notes) if not line.isHidden())

    def begin(self, paths: Sequence[str], into: str, longest: int | None) -> None:
        """Ask about some files; more of them join a form that is open."""
        if self._step == "form" and self.isVisible():
            self.form.add_files(paths)
            return
        self._show("form")
        self._title.setText("Import traces")
        self.form.begin(paths, into, longest)
        self.verticalScrollBar().setValue(0)

    def follow(self, job: Job, request: Request) -> None:
        self.job_id, self.request = job.id, request
        self._title.setText(f"Importing into {request.name}")
        self._show("progress")
        self.take_job(job)
        self.hide_button.setFocus()

    def take_job(self, job: Job) -> None:
        if job.id != self.job_id:
            return
        if not is_over(job):
            self._show_job(job)
            return
        self.job_id = 0
        if job.state == "done":
            self.report_wanted.emit(job.subject)
            return
        self._title.setText("Import traces")
        self._show("form")
        self.form.tell(f"{job.error} {job.hint}".strip() if job.state == "failed" else "The import was stopped.")
        self.form.go.setFocus()

    def awaits(self, name: str) -> bool:
        """Whether the report of an import that is done stands out."""
        return self._step == "progress" and not self.job_id and self.request is not None and self.request.name == name

    def let_go(self) -> int:
        """Follow no job any more; gives the one that was followed, 0 for none."""
        job_id, self.job_id = self.job_id, 0
        if self._step == "progress":
            self._show("form")
        return job_id

    def show_report(self, report: Added | None) -> None:
        """Say what was kept and what was left out; where not even a set was made the form says why, file by file."""
        if report is None:
            self._title.setText("Import traces")
            self._show("form")
            self.form.tell(NOTHING)
            return
        self._show("report")
        self._title.setText(words.outcome(report))
        shapes = [words.told_of(file) for file in report.files]
        self._shape.setText("\n".join(shapes))
        self.reasons.show_counts(report.counts, report.left_out)
        say(self._notes, "\n".join(words.notes(report)))
        self.done.setFocus()
        self.verticalScrollBar().setValue(0)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape goes back to the table; a job that runs goes on."""
        if event.key() == Qt.Key.Key_Escape:
            self.closed.emit()
        else:
            super().keyPressEvent(event)

    def _show_job(self, job: Job) -> None:
        if self.card is None or self.card.job.id != job.id:
            if self.card is not None:
                take_out(self._progress, self.card)
            self.card = JobCard(job)
            self.card.cancel.connect(self.cancel_requested)
            self.card.pause.connect(self.pause_requested)
            self.card.resume.connect(self.resume_requested)
            self._progress.insertWidget(0, self.card)
        else:
            self.card.show_job(job)

    def _show(self, step: str) -> None:
        self._step = step
        for name, part in self._parts.items():
            part.setVisible(name == step)

    def _lay_out(self) -> None:
        progress, report = QWidget(), QWidget()
        progress.setLayout(self._progress)
        self._progress.addWidget(self.hide_button, 0, Qt.AlignmentFlag.AlignLeft)
        in_column(
            report, self._shape, self.reasons, self._notes, (self.done, 0, Qt.AlignmentFlag.AlignLeft), spacing=12
        )
        self._parts: dict[str, QWidget] = {"form": self.form, "progress": progress, "report": report}
        holder = QWidget()
        holder.setMaximumWidth(WIDEST_PX)
        in_column(holder, self._title, *self._parts.values(), 1, spacing=12)
        content = named(QWidget(), "page")
        in_row(content, 1, (holder, 1000), 1, margins=(24, 24, 24, 24))
        self.setWidget(content)
