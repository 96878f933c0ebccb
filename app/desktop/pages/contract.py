"""What a page of the window is, and what a new one brings.

A page is a folder beside this file and one line in window/page_stack.py. The folder brings

* kind.py with `PAGE`: a PageKind with title, icon, commands, and where the class is. The window reads it before it is
  painted, so it imports nothing else of the folder until the page is first shown;
* the class, a Page, which is made with the window's Services and lays out its toolbar, its notices and what it shows;
* a drawing in resources/icons and a page of help in resources/help;
* rules for shapes and colours that no other page has, in style/.

Its place in the list is its place in the sidebar and gives its key: Ctrl+1, Ctrl+2 …
"""

from collections.abc import Callable
from typing import Generic, Literal, TypeVar

import msgspec
from PySide6.QtCore import Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QWidget

from app.desktop.services.services import Services
from app.desktop.widgets.notices import NoticeBar
from models.jobs.queue import Job

Keys = str | QKeySequence.StandardKey  # Qt's Ctrl is a Mac's Cmd, and its Meta a Mac's Ctrl


class Page(QWidget):
    """A page, made when it is first shown.

    Signals:
        chat_requested: begin a chat with a model, by its name, and an adapter: its name, the folder of a checkpoint, or "".
        page_requested: the title of another page and what it should begin with.
        changed: what can be done now is something else: menus look again.
    """

    chat_requested = Signal(str, str)
    page_requested = Signal(str, str)
    changed = Signal()

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("page")
        self.services = services
        self.notices = NoticeBar()
        services.jobs.changed.connect(self.on_job)

    def start(self) -> None:
        """Read what may have changed: the page came to the front."""

    def close_page(self) -> None:
        """Stop what was started and finish what was changed; the window closes."""

    def begin_with(self, subject: str) -> None:
        """Show what another page asks for, as a set of traces to train on."""

    def set_in_use(self, model: str) -> None:
        """Take the name of the model that chats are answered with; told whenever the page comes to the front."""

    def on_job(self, job: Job) -> None:
        """Take a job of the queue as it is now."""

    def start_search(self) -> bool:
        """Put the cursor into the search field; False where there is none, and the chats are searched instead."""
        return False

    def can_undo(self) -> bool:
        """Whether there is something that `undo` takes back."""
        return False

    def undo(self) -> None:
        """Take back what was done last."""


class Command(msgspec.Struct, frozen=True):
    """One entry of a menu, which may have a key and can be jumped to by its name."""

    menu: str
    name: str
    do: Callable[[], None]
    keys: Keys = ""
    available: Callable[[], bool] | None = None  # asked whenever a menu opens or something changed; None: always
    checked: Callable[[], bool] | None = None  # of what is on or off
    role: QAction.MenuRole = QAction.MenuRole.NoRole  # where macOS puts it in its own menu
    group: int = 0  # entries of one number stand between two separators
    jump: bool = True


P = TypeVar("P", bound=Page)


class PageCommand(msgspec.Struct, Generic[P], frozen=True):
    """A command of a page, which stands in its menu before the page is made; fields as of Command."""

    menu: str
    name: str
    do: Callable[[P], object]
    keys: Keys = ""
    available: Callable[[P], bool] | None = None
    group: int = 0
    in_front: bool = True  # it brings the page to the front, or with `available` is there only while the page is


class PageKind(msgspec.Struct, Generic[P], frozen=True):
    """How the window knows a page that it has not imported."""

    title: str  # in the sidebar and the View menu
    icon: str  # of resources/icons
    load: Callable[[], type[P]]  # imports its class
    commands: tuple[PageCommand[P], ...] = ()
    makes: Literal["", "model", "adapter"] = ""  # what its jobs make; said on other pages when it is ready
