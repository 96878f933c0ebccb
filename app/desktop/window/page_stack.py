"""The pages, one of them in front. Each is imported and made when it is first shown; its commands are there before."""

from functools import partial
from importlib import import_module
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QStackedWidget, QWidget

from app.desktop.pages.contract import Command, Page, PageCommand, PageKind
from app.desktop.services.services import Services
from app.desktop.widgets.notices import NoticeBar

# Folders of pages/ in the order of the sidebar and of the keys Ctrl+1, Ctrl+2 …; the first is there from the start.
FOLDERS = ("chat", "models", "traces", "finetune", "evaluate")
PAGES: tuple[PageKind[Any], ...] = tuple(import_module(f"app.desktop.pages.{folder}.kind").PAGE for folder in FOLDERS)


class PageStack(QStackedWidget):
    """Makes pages, brings them to the front, and passes on what the window asks of the one in front.

    Signals:
        shown: the title of the page that is in front now.
        changed: what a page can do now is something else.
        chat_requested: as Page.chat_requested.
    """

    shown = Signal(str)
    changed = Signal()
    chat_requested = Signal(str, str)

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("pages")
        self._services = services
        self._kinds = {kind.title: kind for kind in PAGES}
        self._made: dict[str, Page] = {}

    @property
    def keys(self) -> dict[str, str]:
        return {title: f"Ctrl+{number}" for number, title in enumerate(self._kinds, 1)}

    def page(self, title: str) -> Page:
        """A page, made now if need be."""
        if title not in self._made:
            page = self._made[title] = self._kinds[title].load()(self._services)
            page.changed.connect(self.changed)
            page.chat_requested.connect(self.chat_requested)
            page.page_requested.connect(lambda other, subject: self.show_page(other).begin_with(subject))
            self.addWidget(page)
        return self._made[title]

    def show_page(self, title: str) -> Page:
        page = self.page(title)
        self.setCurrentWidget(page)
        page.start()
        self.shown.emit(title)
        return page

    def is_front(self, title: str) -> bool:
        return title in self._made and self.currentWidget() is self._made[title]

    @property
    def front(self) -> Page | None:
        """The page in front; None while that is something else, as help."""
        return next((page for title, page in self._made.items() if self.is_front(title)), None)

    @property
    def notices(self) -> NoticeBar:
        """Where something is said now: on the page in front, or on the first."""
        return (self.front or self.page(PAGES[0].title)).notices

    def shows_what_is_made(self, makes: str) -> bool:
        """Whether the page in front is that of the jobs that make a model, or an adapter."""
        return any(kind.makes == makes and self.is_front(kind.title) for kind in PAGES)

    def start_search(self) -> bool:
        """Search the page in front; False where it can't be searched."""
        return self.front is not None and self.front.start_search()

    def can_undo(self) -> bool:
        """Whether the page in front has something to take back."""
        return self.front is not None and self.front.can_undo()

    def undo(self) -> None:
        """Take back what was done last on the page in front."""
        if self.front is not None:
            self.front.undo()

    def commands(self) -> list[Command]:
        """The way to each page, and what each can do."""
        ways = [
            Command("View", title, partial(self._go_to, title), keys, checked=partial(self.is_front, title))
            for title, keys in self.keys.items()
        ]
        return [*ways, *(self._command(kind.title, wanted) for kind in PAGES for wanted in kind.commands)]

    def close_pages(self) -> None:
        """Stop what the pages started."""
        for page in self._made.values():
            page.close_page()

    def _go_to(self, title: str) -> None:
        self.show_page(title)

    def _command(self, title: str, wanted: PageCommand[Any]) -> Command:
        def do() -> None:
            in_place = not wanted.in_front or self.is_front(title)
            wanted.do(self.page(title) if in_place else self.show_page(title))

        def available() -> bool:
            there = self.is_front(title) if wanted.in_front else title in self._made
            return there and (wanted.available is None or wanted.available(self._made[title]))

        return Command(
            wanted.menu, wanted.name, do, wanted.keys, available if wanted.available else None, group=wanted.group
        )
