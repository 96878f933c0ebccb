"""The Models page: builds its three sections and connects them to the queue, the library and the catalog."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QTimer, QUrl
from PySide6.QtGui import QCursor
from PySide6.QtWidgets import QFileDialog, QMenu, QStackedWidget, QWidget

from app.desktop.pages.contract import Page
from app.desktop.pages.models.activity import Activity
from app.desktop.pages.models.discover import Discover
from app.desktop.pages.models.downloads import Downloads
from app.desktop.pages.models.library_section import LibrarySection
from app.desktop.pages.models.reader import ModelsReader
from app.desktop.pages.models.toolbar import SECTIONS, ModelsToolbar
from app.desktop.services.deletions import Deletions
from app.desktop.services.services import Services
from app.desktop.services.wishes import EvaluationWish
from app.desktop.widgets import job_words
from app.desktop.widgets.file_drop import FileDrop
from app.desktop.widgets.layouts import in_column
from app.desktop.widgets.menus import fleeting_menu
from models.errors import BadInput, NotFound, StillroomError
from models.events import Model
from models.jobs.kinds.import_model import ImportModel
from models.jobs.queue import Job
from models.library import catalog
from models.machine import hardware
from models.machine.hardware import Machine
from models.names import plain

BASE_UNKNOWN = (NotFound.kind, BadInput.kind)  # of an import that may only lack a word on what an adapter belongs to
CHOOSE_BASE = "Choose Its Model…"


class ModelsPage(Page):
    """Toolbar, notices, and one of Discover, On this Mac and Activity."""

    def __init__(
        self,
        services: Services,
        offers: Callable[[], list[catalog.Offer]] = catalog.offers,
        machine: Callable[[], Machine] = hardware.machine,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(services, parent)
        jobs, preferences, notices = services.jobs, services.preferences, self.notices
        self._jobs = jobs
        self._preferences = preferences
        self.removals = Deletions(services.delete, self)
        self._in_use = ""
        self._free_bytes = 0
        self._read = False
        self.models: list[Model] = []
        self.toolbar = ModelsToolbar()
        self.getting = Downloads(jobs, notices, preferences, self)
        self.discover = Discover(jobs, self.getting, services.engine, services.signals.arrived)
        self.library = LibrarySection(jobs, self.removals, self.getting, notices, preferences)
        self.activity = Activity(jobs)
        self.reading = ModelsReader(services.list_models, offers, machine, self)
        self._sections: dict[str, QWidget] = {
            "discover": self.discover,
            "library": self.library,
            "activity": self.activity,
        }
        self._lay_out()
        self._connect()
        self.toolbar.keep_precision = preferences.window.keep_precision
        section = preferences.window.models_section
        self.show_section(section if section in SECTIONS else "discover")
        self.refresh_jobs()

    def start(self) -> None:
        self.refresh_jobs()  # another page may have forgotten one, which no signal tells
        self.reading.read_library()
        if not self._read:
            self._read = True
            self.reading.read_catalog()

    def close_page(self) -> None:
        """Stop what was started, and delete the models that are to be deleted."""
        self.discover.results.clear()
        self.reading.close()
        self.removals.close()

    @property
    def section(self) -> str:
        """Which section is shown: discover, library or activity."""
        return next(name for name, widget in self._sections.items() if widget is self._stack.currentWidget())

    def show_section(self, section: str) -> None:
        self._stack.setCurrentWidget(self._sections[section])
        self.toolbar.show_section(section)
        with self._preferences.remember() as window:
            window.models_section = section
        if section == "library" and self.library.view.current() is None:
            self.library.view.setCurrentIndex(self.library.model.index(0))
        elif section == "activity":
            self.activity.show_jobs(self._jobs.all())

    def set_in_use(self, model: str) -> None:
        """Show the model that chats are answered with in bold among its variants."""
        if model != self._in_use:
            self._in_use = model
            self._show_models()

    def refresh_jobs(self) -> None:
        jobs = self._jobs.all()
        self.discover.show_jobs(jobs)
        self.library.show_jobs(jobs)
        if self.section == "activity":
            self.activity.show_jobs(jobs)
        self._show_counts(jobs)

    def on_job(self, job: Job) -> None:
        """Show the queue, and read the library when a job may have changed it."""
        self.refresh_jobs()
        if job_words.is_over(job):
            self.reading.read_library()
        if job.state == "failed" and job.doing == ImportModel.kind() and job.kind in BASE_UNKNOWN:
            self._ask_base(job)

    # Commands

    def start_search(self) -> bool:
        """Show the catalog and put the cursor into the search field."""
        self.show_section("discover")
        self.toolbar.search.start()
        return True

    def import_file(self) -> None:
        """Ask for a GGUF file and import it."""
        self._ask("Import a GGUF file", QFileDialog.FileMode.ExistingFile)

    def import_folder(self) -> None:
        """Ask for a model folder and import it."""
        self._ask("Import a model folder", QFileDialog.FileMode.Directory)

    def can_delete(self) -> bool:
        """Whether a model is chosen that can be deleted."""
        model = self.library.view.current()
        return self.section == "library" and model is not None and model.name != "starter"

    def delete_chosen(self) -> None:
        """Delete the model that is chosen, with undo."""
        model = self.library.view.current()
        if self.can_delete() and model is not None:
            self.library.delete(model.name)

    def can_undo(self) -> bool:
        return any(not self.removals.is_going(name) for name in self.removals.pending())

    def undo(self) -> None:
        if self.removals.undo_last():
            self.notices.dismiss()

    def import_path(self, path: str) -> None:
        """Bring a file or folder into the library, and show how that goes."""
        request = ImportModel(path=path, keep_precision=self.toolbar.keep_precision)
        if self.notices.attempt(lambda: self._jobs.add(request)) and self.section == "library":
            self.show_section("activity")

    def base_menu(self, path: str) -> QMenu:
        """The models, to say which one an adapter was trained on that is imported."""
        menu = fleeting_menu(self)
        for model in self.models:
            if model.kind != "adapter" and model.state == "ready":
                request = ImportModel(path=path, base=model.name)
                action = menu.addAction(plain(model.title) if model.kind == "model" else model.name)
                action.triggered.connect(partial(self.notices.attempt, self._jobs.add, request))
        return menu

    # Within

    def _evaluate(self, model: str, adapter: str) -> None:
        wish = EvaluationWish(model=model, adapter=adapter, against="base" if adapter else "")
        self.page_requested.emit("Evaluate", wish.said())

    def _switch_precision(self, keep: bool) -> None:
        self.toolbar.keep_precision = keep
        with self._preferences.remember() as window:
            window.keep_precision = keep

    def _ask_base(self, job: Job) -> None:
        """Let it be said which model an adapter belongs to, where an import failed for that."""
        from models.finetune import peft_format  # which nobody needs before that

        if peft_format.is_adapter(Path(job.subject)):
            ask = partial(self.notices.show_error, job.error, "", CHOOSE_BASE, partial(self._choose_base, job.subject))
            QTimer.singleShot(0, self, ask)  # after what every job that failed has to say

    def _choose_base(self, path: str) -> None:
        self.base_menu(path).popup(QCursor.pos())

    def _import_all(self, paths: list[str]) -> None:
        for path in paths:
            self.import_path(path)

    def _take_models(self, models: list[Model], free_bytes: int) -> None:
        told = self.models != models
        self.models, self._free_bytes = models, free_bytes
        self._show_models()
        if told:
            self.changed.emit()

    def _show_models(self) -> None:
        hidden = self.removals.pending()
        self.library.show_models(self.models, self._free_bytes, self._in_use)
        self.discover.show_models([model for model in self.models if model.name not in hidden], self._in_use)
        self._show_counts(self._jobs.all())
        if self.section == "library" and self.library.view.current() is None:
            self.library.view.setCurrentIndex(self.library.model.index(0))

    def _show_counts(self, jobs: list[Job]) -> None:
        under_way = sum(not job_words.is_over(job) for job in jobs)
        self.toolbar.show_counts(len(self.library.shown), under_way)

    def _removals_changed(self) -> None:
        self._show_models()
        self.changed.emit()

    def _freed(self, name: str, n_bytes: int) -> None:
        model = self.library.described(name)
        self.library.tell_freed(model.title if model else name, n_bytes)
        self.models = [model for model in self.models if model.name != name]
        self.reading.read_library()

    def _not_deleted(self, name: str, error: StillroomError) -> None:
        model = self.library.described(name)
        self.library.tell_kept(model.title if model else name, error)

    def _not_read(self, error: StillroomError) -> None:
        self.notices.show_error(error.text, error.hint, "Try again", self._try_again)

    def _try_again(self) -> None:
        self._read = bool(self.discover.table.rows)
        self.start()

    def _search(self, query: str) -> None:
        self.show_section("discover")
        self.discover.search(query)

    def _look_for(self, query: str) -> None:
        if query:
            self.show_section("discover")
        self.discover.look_for(query)

    def _clear(self) -> None:
        if self.notices.attempt(self._jobs.clear):
            self.refresh_jobs()

    def _ask(self, title: str, mode: QFileDialog.FileMode) -> None:
        dialog = QFileDialog(self, title, str(Path.home()))
        dialog.setFileMode(mode)
        if mode == QFileDialog.FileMode.ExistingFile:
            dialog.setNameFilter("GGUF (*.gguf)")
        dialog.fileSelected.connect(self.import_path)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _connect(self) -> None:
        self.file_drop.dropped.connect(self._import_all)
        bar = self.toolbar
        bar.section_chosen.connect(self.show_section)
        bar.query_changed.connect(self._look_for)
        bar.search_requested.connect(self._search)
        bar.import_file_requested.connect(self.import_file)
        bar.import_folder_requested.connect(self.import_folder)
        bar.precision_switched.connect(self._switch_precision)
        for section in (self.discover, self.library, self.activity):
            section.chat_requested.connect(lambda model: self.chat_requested.emit(model, ""))
        self.library.adapter_chat_requested.connect(self.chat_requested)
        self.library.evaluate_requested.connect(self._evaluate)
        self.library.selection_changed.connect(self.changed)
        self.activity.clear_requested.connect(self._clear)
        self.reading.listed.connect(self._take_models)
        self.reading.offered.connect(self.discover.show_offers)
        self.reading.failed.connect(self._not_read)
        self.removals.changed.connect(self._removals_changed)
        self.removals.freed.connect(self._freed)
        self.removals.failed.connect(self._not_deleted)

    def _lay_out(self) -> None:
        self._stack = QStackedWidget()
        for widget in self._sections.values():
            self._stack.addWidget(widget)
        self.file_drop = FileDrop(self, self._stack, importable)
        in_column(self, self.toolbar, self.notices, (self._stack, 1))


def importable(urls: Sequence[QUrl]) -> list[str]:
    """The paths of what can be imported: GGUF files and folders of this machine."""
    paths = [url.toLocalFile() for url in urls if url.isLocalFile()]
    return [path for path in paths if path.lower().endswith(".gguf") or Path(path).is_dir()]
