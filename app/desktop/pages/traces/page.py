"""The Traces page: builds its parts and connects them to the queue, the sets on this disk and the window."""

from collections.abc import Sequence

from PySide6.QtWidgets import QStackedWidget, QWidget

from app.desktop.pages.contract import Page
from app.desktop.pages.traces import words
from app.desktop.pages.traces.empty import Empty
from app.desktop.pages.traces.exclusions import Exclusions
from app.desktop.pages.traces.importing import Importing, importable
from app.desktop.pages.traces.reader import TracesReader
from app.desktop.pages.traces.set_view import SHOWS, SetView
from app.desktop.pages.traces.set_writer import Exclusion, SetWriter, Texts
from app.desktop.pages.traces.shown_set import ShownSet
from app.desktop.pages.traces.toolbar import TracesToolbar
from app.desktop.pages.traces.trace_panel import UNSAVED
from app.desktop.services.deletions import Deletions
from app.desktop.services.services import Services
from app.desktop.widgets.file_drop import FileDrop
from app.desktop.widgets.layouts import in_column
from models.errors import StillroomError
from models.jobs.queue import Job
from models.trace_report import Reason, TraceSet
from models.traces import store
from models.traces.trace import Trace


class TracesPage(Page):
    """Toolbar, notices, and a set, an import, or one sentence where there is neither."""

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(services, parent)
        preferences, notices = services.preferences, self.notices
        self._preferences = preferences
        self.removals = Deletions(store.delete, self)
        self.reading = TracesReader(self)
        self.changing = SetWriter(self)
        self.toolbar = TracesToolbar()
        self.view = SetView()
        self.empty = Empty()
        self.shown = ShownSet(self.reading, self.removals, self.view, self.toolbar, preferences, self)
        self.choices = Exclusions(self.changing, self.removals, notices, self)
        self.importing = Importing(services.jobs, self.reading, notices, preferences, self)
        self._lay_out()
        self._connect()
        show = preferences.window.traces_show
        self.view.show_filter(show if show in SHOWS else "all")

    # The window's

    def start(self) -> None:
        """Read what is on this disk."""
        self.importing.show_running()
        self.refresh()

    def refresh(self) -> None:
        """Look again: a chat may have added a trace, another page or the terminal a set."""
        self.reading.list_sets()

    def close_page(self) -> None:
        """Stop what was started, finish what was changed, and delete the sets that are to be deleted."""
        self.reading.close()
        self.changing.close()
        self.removals.close()

    def on_job(self, job: Job) -> None:
        """Show how an import or an export goes."""
        self.importing.take_job(job)

    def start_search(self) -> bool:
        """Put the cursor into the search field, where there is a set to search."""
        if self.shown.record is not None:
            self._stack.setCurrentWidget(self.view)
            self.toolbar.search.start()
        return True

    def choose_files(self) -> None:
        self.importing.ask_for_files("Import traces", self.import_files)

    def import_files(self, paths: Sequence[str]) -> None:
        """Say what files are, and ask how they should be imported."""
        self._begin_import(paths, self.set_name)

    def choose_set(self, name: str) -> None:
        """Show a set, if there is one of that name."""
        found = self.shown.find(name)
        if found is not None and not self._leaves_edit():
            self.shown.open(found)

    @property
    def sets(self) -> list[TraceSet]:
        """The sets that are not to be deleted."""
        return self.shown.sets

    @property
    def set_name(self) -> str:
        """The set that is shown; "" for none."""
        return self.shown.name

    def can_finetune(self) -> bool:
        """Whether the set that is shown has traces to learn from."""
        return self.shown.record is not None and words.kept(self.shown.record) > 0

    def finetune(self) -> None:
        """Ask the window to train on the set that is shown."""
        if self.can_finetune():
            self.page_requested.emit("Fine-tune", self.set_name)

    def leave_out_chosen(self, out: bool = True) -> None:
        """Leave the chosen traces out, or take them back."""
        rows = [row for row in self.view.table.chosen() if row.left_out is None and row.excluded != out]
        if rows and self.set_name:
            self.choices.choose(Exclusion(self.set_name, frozenset(row.key for row in rows), out))

    def delete_set(self) -> None:
        """Delete the set that is shown; it can be taken back until the app quits."""
        if self.set_name and not self._leaves_edit():
            self.choices.delete_set(self.set_name)

    def can_undo(self) -> bool:
        return self.choices.can_undo()

    def undo(self) -> None:
        """Take back the last leaving out, taking back, or deletion of a set."""
        self.choices.undo()

    # Within

    def _shown_changed(self) -> None:
        self.importing.sheet.form.set_sets(self.sets)
        if self._stack.currentWidget() is not self.importing.sheet:
            self._show_set()
        self.changed.emit()

    def _show_set(self) -> None:
        self._stack.setCurrentWidget(self.view if self.shown.record is not None else self.empty)

    def _look_for(self, query: str) -> None:
        self.view.look_for(query)
        self.reading.search(self.set_name, query)

    def _found(self, query: str, keys: set[str], last: bool) -> None:
        if query == self.toolbar.search.text().strip():
            self.view.show_found(keys, last)

    def _trace_read(self, key: str, trace: Trace) -> None:
        self.view.show_trace(key, trace)
        self.changed.emit()

    def _save(self, key: str, texts: Texts) -> None:
        self.changing.edit(self.set_name, key, texts)

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

    def _new_set(self) -> None:
        self.importing.ask_for_files("Import traces into a new set", lambda paths: self._begin_import(paths, ""))

    def _begin_import(self, paths: Sequence[str], into: str) -> None:
        if paths and not self._leaves_edit():
            self.importing.begin(paths, into)
            self._stack.setCurrentWidget(self.importing.sheet)
            self.importing.sheet.form.name.setFocus()

    def _leave_import(self) -> None:
        self._show_set()
        (self.view.table if self.shown.record is not None else self.empty.button).setFocus()

    def _remember_show(self, show: str) -> None:
        with self._preferences.remember() as window:
            window.traces_show = show

    def _show_reason(self, reason: Reason) -> None:
        self.view.show_only(reason)
        self.view.table.choose_none()

    def _ask_where(self, shape: str) -> None:
        if self.set_name:
            self.importing.ask_where(self.set_name, shape)

    def _not_read(self, error: StillroomError) -> None:
        self.notices.show_error(error.text, error.hint, "Try again", self.refresh)

    def _connect(self) -> None:
        self.file_drop.dropped.connect(self.import_files)
        self.empty.import_requested.connect(self.choose_files)
        self._connect_toolbar()
        self._connect_view()
        self.shown.changed.connect(self._shown_changed)
        self.choices.applied.connect(self.shown.apply)
        self.choices.restored.connect(self.choose_set)
        self.choices.changed.connect(self.changed)
        self.changing.chosen.connect(self.shown.measure)
        self.changing.edited.connect(self.shown.take_edit)
        self.changing.not_edited.connect(self._not_edited)
        self.reading.trace_read.connect(self._trace_read)
        self.reading.found.connect(self._found)
        self.reading.failed.connect(self._not_read)
        self.importing.left.connect(self._leave_import)
        self.importing.reason_chosen.connect(self._show_reason)
        self.importing.imported.connect(self.shown.open_next)
        self.importing.set_wanted.connect(self.choose_set)
        self.importing.set_changed.connect(self.shown.read_again)

    def _connect_toolbar(self) -> None:
        bar = self.toolbar
        bar.set_chosen.connect(self.choose_set)
        bar.new_set_requested.connect(self._new_set)
        bar.delete_requested.connect(self.delete_set)
        bar.query_changed.connect(self._look_for)
        bar.import_requested.connect(self.choose_files)
        bar.export_requested.connect(self._ask_where)
        bar.finetune_requested.connect(self.finetune)

    def _connect_view(self) -> None:
        view = self.view
        view.trace_wanted.connect(self.reading.read_trace)
        view.show_chosen.connect(self._remember_show)
        view.selection_changed.connect(self.changed)
        view.table.leave_out_pressed.connect(self.leave_out_chosen)
        view.panel.leave_out_requested.connect(self.leave_out_chosen)
        view.panel.take_back_requested.connect(lambda: self.leave_out_chosen(False))
        view.panel.save_requested.connect(self._save)

    def _lay_out(self) -> None:
        self._stack = QStackedWidget()
        blank = QWidget()  # until the sets are read
        for widget in (blank, self.view, self.importing.sheet, self.empty):
            self._stack.addWidget(widget)
        self.file_drop = FileDrop(self, self._stack, importable)
        in_column(self, self.toolbar, self.notices, self.importing.strip, (self._stack, 1))
