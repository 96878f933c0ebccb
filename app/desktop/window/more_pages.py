"""The pages beside the chat: each made when it is first shown, and wired to the window."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QApplication, QWidget

from app.desktop.services.deletions import Deletions
from app.desktop.widgets.notices import NoticeBar
from models.jobs import kinds
from models.jobs.queue import Job

if TYPE_CHECKING:
    from app.desktop.pages.finetune.page import FinetunePage
    from app.desktop.pages.models.page import ModelsPage
    from app.desktop.pages.traces.page import TracesPage
    from app.desktop.window.main_window import MainWindow

Maker = Callable[[], QWidget]


class MorePages(QObject):
    """Makes Models, Traces and Fine-tune, hands them what they work with, and stops them."""

    def __init__(self, window: "MainWindow") -> None:
        super().__init__(window)
        self._window = window
        self._services = window.services
        self.removals = Deletions(self._services.delete, self)
        self._models: ModelsPage | None = None
        self._traces: TracesPage | None = None
        self._finetune: FinetunePage | None = None
        self._bars: dict[str, NoticeBar] = {}  # of the pages that were made
        self._services.jobs.changed.connect(self._tell)

    def all(self) -> list[tuple[str, str, Maker]]:
        """Name, icon and maker of each."""
        return [
            ("Models", "model", self._make_models),
            ("Traces", "lines", self._make_traces),
            ("Fine-tune", "curve", self._make_finetune),
        ]

    def shown(self, name: str) -> None:
        """A page came to the front: it reads what may have changed meanwhile."""
        if name == "Models":
            self.models.start()
            self.models.set_in_use(self._window.chat_page.shown.choice.model)
        elif name == "Traces" and self._traces is not None:
            self._traces.start()
        elif name == "Fine-tune" and self._finetune is not None:
            self._finetune.start()

    def notices(self) -> NoticeBar:
        """The bar of notices of the page in front."""
        front = next((name for name in self._bars if self._window.is_page(name)), "")
        return self._bars.get(front, self._window.notices)

    @property
    def models(self) -> "ModelsPage":
        """The Models page, made now if need be."""
        if self._models is None:
            self._window.show_page("Models")
        assert self._models is not None, "made when it is shown"
        return self._models

    def on_models(self, do: Callable[["ModelsPage"], None]) -> None:
        """Bring the Models page to the front and do something there."""
        self._window.show_page("Models")
        do(self.models)

    @property
    def traces(self) -> "TracesPage":
        """The Traces page, made now if need be."""
        if self._traces is None:
            self._window.show_page("Traces")
        assert self._traces is not None, "made when it is shown"
        return self._traces

    @property
    def finetune(self) -> "FinetunePage":
        """The Fine-tune page, made now if need be."""
        if self._finetune is None:
            self._window.show_page("Fine-tune")
        assert self._finetune is not None, "made when it is shown"
        return self._finetune

    def on_traces(self, do: Callable[["TracesPage"], None]) -> None:
        """Bring the Traces page to the front and do something there."""
        self._window.show_page("Traces")
        do(self.traces)

    def on_finetune(self, do: Callable[["FinetunePage"], None]) -> None:
        """Bring the Fine-tune page to the front and do something there."""
        self._window.show_page("Fine-tune")
        do(self.finetune)

    def run_can(self, ask: Callable[["FinetunePage"], bool]) -> bool:
        """Whether the run that is shown can be paused, resumed or stopped."""
        return self._finetune is not None and self._window.is_page("Fine-tune") and ask(self._finetune)

    def start_search(self) -> bool:
        """Search the page in front, where it can be searched."""
        for page in (self._models, self._traces):
            if page is not None and page.isVisible():
                page.start_search()
                return True
        return False

    def can_undo(self) -> bool:
        """Whether the page in front has something to take back."""
        if self._window.is_page("Models"):
            return self._models is not None and self._models.can_undo()
        return self._window.is_page("Traces") and self._traces is not None and self._traces.can_undo()

    def undo(self) -> None:
        """Take back the last deletion of the page in front."""
        if self._window.is_page("Models"):
            self.models.undo_delete()
        else:
            self.traces.undo()

    def can_delete_model(self) -> bool:
        """Whether a model is chosen that can be deleted."""
        return self._models is not None and self._window.is_page("Models") and self._models.can_delete()

    def close(self) -> None:
        """Stop what the pages started, and delete what is to be deleted."""
        for page in (self._models, self._traces, self._finetune):
            if page is not None:
                page.close_page()
        self.removals.close()

    def _make_models(self) -> QWidget:
        from app.desktop.pages.models.page import ModelsPage

        services = self._services
        page = ModelsPage(
            services.jobs,
            services.jobs.changed,
            services.engine,
            services.signals.arrived,
            services.list_models,
            self.removals,
            self._bar("Models"),
            services.preferences,
        )
        page.chat_requested.connect(self._window.chat_with)
        page.adapter_chat_requested.connect(self._window.chat_with)
        page.changed.connect(self._window.menus.refresh)
        self._models = page
        return page

    def _make_traces(self) -> QWidget:
        from app.desktop.pages.traces.page import TracesPage

        services = self._services
        page = TracesPage(services.jobs, services.jobs.changed, self._bar("Traces"), services.preferences)
        page.finetune_requested.connect(lambda name: self.on_finetune(lambda shown: shown.choose_traces(name)))
        page.changed.connect(self._window.menus.refresh)
        self._traces = page
        return page

    def _make_finetune(self) -> QWidget:
        from app.desktop.pages.finetune.page import FinetunePage

        services = self._services
        page = FinetunePage(
            services.jobs,
            services.jobs.changed,
            services.jobs.run_event,
            services.list_models,
            self._bar("Fine-tune"),
            services.preferences,
        )
        page.chat_requested.connect(self._window.chat_with)
        page.changed.connect(self._window.menus.refresh)
        self._finetune = page
        return page

    def _bar(self, page: str) -> NoticeBar:
        """A bar of notices for a page."""
        self._bars[page] = NoticeBar()
        return self._bars[page]

    def _tell(self, job: Job) -> None:
        """Say on another page, and in the Dock, that a job has ended."""
        if job.state == "done" and job.model:
            self._window.chat_page.status.refresh()
        if job.state not in ("done", "failed"):
            return
        if not self._window.isActiveWindow():
            QApplication.alert(self._window)
        if job.state == "failed":
            self.notices().show_error(f"{job.title}: {job.error}", job.hint)
            return
        makes = kinds.of(job.doing).makes if job.model else ""
        if makes == "model" and not self._window.is_page("Models"):
            self.notices().show_info(f"{job.title} is ready.", "Chat", lambda: self._window.chat_with(job.model))
        elif makes == "adapter" and not self._window.is_page("Fine-tune"):
            self.notices().show_info(f"The adapter {job.model} is ready.")
