"""The main window: builds sidebar, pages and menus, and connects them. What they show lives in their own modules."""

import base64
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, QTimer, Signal
from PySide6.QtGui import QAction, QCloseEvent, QKeySequence
from PySide6.QtWidgets import QMainWindow, QToolButton, QWidget

from app.desktop import icons
from app.desktop.pages.chat.page import ChatPage
from app.desktop.pages.contract import Command
from app.desktop.services.services import Services
from app.desktop.theme import Scheme, colours, theme
from app.desktop.widgets.layouts import in_row
from app.desktop.widgets.plain import message_box, tip
from app.desktop.window.announcements import Announcements
from app.desktop.window.chat_actions import ChatActions
from app.desktop.window.chat_browser import ChatBrowser
from app.desktop.window.editing import Editing
from app.desktop.window.help_pages import help_pages
from app.desktop.window.memory_watch import MemoryWatch
from app.desktop.window.menus import Menus, keys_said
from app.desktop.window.page_stack import PAGES, PageStack
from app.desktop.window.quitting import QuitGuard
from app.desktop.window.sidebar import SIDEBAR_KEYS, Sidebar
from models.errors import StillroomError
from models.store.rows import UNTITLED

if TYPE_CHECKING:
    from app.desktop.window.jump import Target

DEFAULT_SIZE = (1300, 820)
SMALLEST = (760, 480)


class MainWindow(QMainWindow):
    """The one window.

    Signals:
        closed: it is closed, and everything it had started is stopped.
    """

    closed = Signal()

    def __init__(self, services: Services) -> None:
        super().__init__()
        self.setWindowTitle("Stillroom")
        self.setMinimumSize(*SMALLEST)
        self.services = services
        self.help_pages = help_pages()
        self.sidebar = Sidebar()
        self.pages = PageStack(services)
        chat_page = self.pages.page("Chat")
        assert isinstance(chat_page, ChatPage), "the page of that title"
        self.chat_page = chat_page
        self.notices = chat_page.notices
        self.chat_actions = ChatActions(services.store, self.notices, self)
        self.browser = ChatBrowser(self.sidebar, self.chat_page, self.chat_actions, services.chats)
        self.editing = Editing(self.chat_actions, self.pages)
        self._show_sidebar = QToolButton()
        self._lay_out()
        owners = (self, self.editing, self.browser, self.pages)
        self.menus = Menus(self.menuBar(), (command for owner in owners for command in owner.commands()), self)
        self._announcements = Announcements(self, self.pages, services.jobs, self.chat_with)
        self.leaving = QuitGuard(self, services.jobs)
        self._memory = MemoryWatch(self.sidebar.memory, self.chat_page, services.engine)
        self._connect()
        self.browser.refresh()
        self._restore()

    def commands(self) -> list[Command]:
        role, keys = QAction.MenuRole, QKeySequence.StandardKey
        schemes: tuple[tuple[str, Scheme], ...] = (("As the System", "system"), ("Light", "light"), ("Dark", "dark"))
        return [
            Command("Stillroom", "About Stillroom", self.show_about, role=role.AboutRole),
            Command("Stillroom", "Settings…", self.show_settings, "Ctrl+,", role=role.PreferencesRole, group=1),
            Command("Stillroom", "Quit Stillroom", self.quit, "Ctrl+Q", role=role.QuitRole, group=2),
            Command("File", "New Chat", self.new_chat, keys.New),
            Command("File", "Close Window", self.quit, keys.Close, group=3),
            Command("Edit", "Find", self.find_here, keys.Find, group=2),
            Command("View", "Jump to…", self.show_jump, "Ctrl+K", group=1, jump=False),
            Command("View", "Show Sidebar", self.toggle_sidebar, SIDEBAR_KEYS, checked=self.sidebar_shown, group=3),
            *(
                Command(
                    "View", name, partial(self.choose_theme, scheme), checked=partial(self._is_scheme, scheme), group=4
                )
                for name, scheme in schemes
            ),
            Command("Window", "Minimise", self.showMinimized, "Ctrl+M"),
            Command("Window", "Zoom", self.zoom),
            Command("Window", "Full Screen", self.toggle_full_screen, keys.FullScreen, group=1),
            *(
                Command("Help", title, partial(self.show_help, file), keys.HelpContents if number == 0 else "")
                for number, (title, file) in enumerate(self.help_pages)
            ),
        ]

    # What is in front

    def chat_with(self, model: str, adapter: str = "") -> None:
        """Begin a chat with a model, and an adapter of it."""
        self.pages.show_page("Chat")
        self.chat_page.chat_with(model, adapter)

    def new_chat(self) -> None:
        """Show a chat that is not begun."""
        self.pages.show_page("Chat")
        self.chat_page.shown.new()

    def jump_to_chat(self, chat_id: int) -> None:
        """Show a chat, whatever page is in front."""
        self.pages.show_page("Chat")
        self.browser.open(chat_id)

    def find_here(self) -> None:
        """Search the page in front where that can be searched, else the chats."""
        if self.pages.start_search():
            return
        self._set_sidebar(True)
        self.sidebar.search.start()

    def show_help(self, file: Path) -> None:
        """Show a help page in place of the page in front."""
        from app.desktop.window.help import HelpPage

        page = self.pages.findChild(HelpPage)
        if page is None:
            page = HelpPage()
            page.closed.connect(lambda: self.pages.show_page("Chat"))
            self.pages.addWidget(page)
        try:
            page.show_file(file)
        except StillroomError as error:
            self.notices.show_error(error.text, error.hint)
            return
        self.pages.setCurrentWidget(page)

    def show_jump(self) -> None:
        from app.desktop.window.jump import JumpDialog

        JumpDialog(self.targets(), self).open()

    def targets(self) -> "list[Target]":
        """Everything one can jump to now: chats, models, and commands, help among them."""
        from app.desktop.window.jump import Target

        self.menus.refresh()
        chats = [
            Target(entry.title or UNTITLED, "Chat", "chat", partial(self.jump_to_chat, entry.id))
            for entry in self.services.chats.entries()
        ]
        models = [
            Target(model.title, "Model", "model", partial(self.chat_page.shown.choose_model, model.name))
            for model in self.chat_page.status.models
        ]
        commands = [
            Target(command.name, command.menu, "command", command.do, keys_said(command))
            for command in self.menus.commands
            if command.jump and (command.available is None or command.available())
        ]
        return chats + models + commands

    def show_settings(self) -> None:
        from app.desktop.pages.settings.dialog import SettingsDialog

        SettingsDialog(self.services.preferences, self).open()

    def show_about(self) -> None:
        about = "Distilled reasoning models on your own machine, thinking as long as you say."
        box = message_box(self, "Stillroom", about)
        box.setWindowTitle("About Stillroom")
        box.open()

    # The window itself

    def sidebar_shown(self) -> bool:
        return not self.sidebar.isHidden()

    def toggle_sidebar(self) -> None:
        """Fold the sidebar away or bring it back."""
        self._set_sidebar(not self.sidebar_shown())

    def choose_theme(self, scheme: Scheme) -> None:
        """Follow the system, or be light or dark."""
        self.services.preferences.change(theme=scheme)
        theme.follow(scheme)

    def _is_scheme(self, scheme: Scheme) -> bool:
        return self.services.preferences.current.theme == scheme

    def zoom(self) -> None:
        """Fill the screen, or take the size from before."""
        if self.isMaximized():
            self.showNormal()
        else:
            self.showMaximized()

    def toggle_full_screen(self) -> None:
        """Take the whole screen, or give it back."""
        if self.isFullScreen():
            self.showNormal()
        else:
            self.showFullScreen()

    def come_to_front(self) -> None:
        if self.isMinimized():
            self.showNormal()
        self.show()
        self.raise_()
        self.activateWindow()

    def quit(self) -> None:
        """Close the window, which ends everything."""
        self.close()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Ask about work under way; keep what is typed and where things stand; stop everything that was started."""
        if not self.leaving.may_close():
            event.ignore()
            return
        self._remember()
        self._memory.stop()
        self.pages.close_pages()
        self.services.engine.close()
        self.services.preferences.write()
        super().closeEvent(event)
        self.closed.emit()

    # Within

    def _shown(self, title: str) -> None:
        self.sidebar.show_page(title)
        with self.services.preferences.remember() as remembered:
            remembered.page = title
        self.pages.page(title).set_in_use(self.chat_page.shown.choice.model)
        self.menus.refresh()

    def _lay_out(self) -> None:
        for kind in PAGES:
            self.sidebar.add_page(kind.title, kind.icon, self.pages.keys[kind.title])
        centre = QWidget()
        in_row(centre, self.sidebar, (self.pages, 1))
        self.setCentralWidget(centre)
        self._show_sidebar.setAccessibleName("Show sidebar")
        self._show_sidebar.setToolTip(tip(f"Show the sidebar ({QKeySequence(SIDEBAR_KEYS).toString()})"))
        self._show_sidebar.clicked.connect(self.toggle_sidebar)
        self.chat_page.toolbar.row.insertWidget(0, self._show_sidebar)
        self._show_sidebar.hide()
        self._recolour()

    def _connect(self) -> None:
        self.pages.shown.connect(self._shown)
        self.pages.changed.connect(self.menus.refresh)
        self.pages.chat_requested.connect(self.chat_with)
        self.sidebar.page_chosen.connect(self.pages.show_page)
        self.sidebar.new_chat_pressed.connect(self.new_chat)
        self.sidebar.hide_pressed.connect(self.toggle_sidebar)
        for chosen in (self.sidebar.chats.chat_chosen, self.sidebar.chats.hit_chosen):
            chosen.connect(lambda *_: self.pages.show_page("Chat"))
        for signal in (self.chat_page.shown.phase_changed, self.chat_page.shown.changed, self.chat_actions.changed):
            signal.connect(self.menus.refresh)
        self.services.preferences.not_saved.connect(lambda error: self.notices.show_error(error.text, error.hint))
        self.services.jobs.refused.connect(lambda error: self.pages.notices.show_error(error.text, error.hint))
        theme.changed.connect(self._recolour)

    def _set_sidebar(self, shown: bool) -> None:
        self.sidebar.setVisible(shown)
        self._show_sidebar.setVisible(not shown)
        with self.services.preferences.remember() as remembered:
            remembered.sidebar = shown
        self.menus.refresh()

    def _recolour(self) -> None:
        self._show_sidebar.setIcon(icons.icon("sidebar", colours().muted))

    def _remember(self) -> None:
        with self.services.preferences.remember() as remembered:
            remembered.geometry = base64.b64encode(self.saveGeometry().data()).decode()
            remembered.chat = self.chat_page.shown.id or 0
            remembered.scroll = self.chat_page.presenter.place()

    def _restore(self) -> None:
        remembered = self.services.preferences.window
        self.resize(*DEFAULT_SIZE)
        if remembered.geometry:
            self.restoreGeometry(QByteArray.fromBase64(remembered.geometry.encode()))
        self._set_sidebar(remembered.sidebar)
        self.pages.show_page(remembered.page if remembered.page in self.pages.keys else PAGES[0].title)
        if any(entry.id == remembered.chat for entry in self.services.chats.entries()):
            self.browser.open(remembered.chat)
            # The transcript has its height only once it is laid out.
            QTimer.singleShot(0, self, lambda: self.chat_page.presenter.go_to_place(remembered.scroll))
        else:
            self.chat_page.shown.new()
