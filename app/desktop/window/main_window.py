"""The main window: builds sidebar, pages and menus, and connects them. What they show lives in their own modules."""

import base64
from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QByteArray, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QKeySequence
from PySide6.QtWidgets import QHBoxLayout, QMainWindow, QMenu, QStackedWidget, QToolButton, QWidget

from app.desktop import icons
from app.desktop.pages.chat.page import ChatPage
from app.desktop.services.services import Services
from app.desktop.theme import Scheme, colours, theme
from app.desktop.widgets.notices import NoticeBar
from app.desktop.window import commands
from app.desktop.window.chat_actions import ChatActions
from app.desktop.window.chat_browser import ChatBrowser
from app.desktop.window.editing import Editing
from app.desktop.window.help_pages import help_pages
from app.desktop.window.memory_watch import MemoryWatch
from app.desktop.window.menus import Menus
from app.desktop.window.more_pages import MorePages
from app.desktop.window.quitting import QuitGuard
from app.desktop.window.sidebar import Sidebar
from models.errors import StillroomError
from models.store.titles import UNTITLED

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
        self.page_keys: dict[str, str] = {}
        self._pages: dict[str, QWidget] = {}
        self._makers: dict[str, Callable[[], QWidget]] = {}  # of pages that were not shown yet
        self.notices = NoticeBar()
        self.sidebar = Sidebar()
        self._stack = QStackedWidget()
        self._stack.setObjectName("pages")
        self.chat_page = ChatPage(services, self.notices)
        self.chat_actions = ChatActions(services.chats, self.notices, self)
        self.browser = ChatBrowser(self.sidebar, self.chat_page, self.chat_actions, services.chats)
        self.editing = Editing(self.chat_actions)
        self._show_sidebar = QToolButton()
        self._lay_out()
        self.more_pages = MorePages(self)
        self._add_page("Chat", "chat", lambda: self.chat_page)
        for name, icon_name, make in self.more_pages.all():
            self._add_page(name, icon_name, make)
        self.menus = Menus(self.menuBar(), commands.all_commands(self), self)
        self.leaving = QuitGuard(self, services.jobs)
        self._memory = MemoryWatch(self.sidebar.memory, self.chat_page, services.engine)
        self._connect()
        self.browser.refresh()
        self._restore()

    # Pages

    def is_page(self, name: str) -> bool:
        """Whether a page is in front."""
        return name in self._pages and self._stack.currentWidget() is self._pages[name]

    def show_page(self, name: str) -> None:
        """Bring a page to the front; it is made when it is first shown."""
        if name not in self._pages:
            self._pages[name] = self._makers[name]()
            self._stack.addWidget(self._pages[name])
        self._stack.setCurrentWidget(self._pages[name])
        self.sidebar.show_page(name)
        self.services.preferences.remember(page=name)
        self.more_pages.shown(name)
        self.menus.refresh()

    def chat_with(self, model: str, adapter: str = "") -> None:
        """Begin a chat with a model, and an adapter of it."""
        self.show_page("Chat")
        self.chat_page.chat_with(model, adapter)

    def new_chat(self) -> None:
        """Show a chat that is not begun."""
        self.show_page("Chat")
        self.chat_page.shown.new()

    def jump_to_chat(self, chat_id: int) -> None:
        """Show a chat, whatever page is in front."""
        self.show_page("Chat")
        self.browser.open(chat_id)

    def find_here(self) -> None:
        """Search the page in front where that can be searched, else the chats."""
        if self.more_pages.start_search():
            return
        self._set_sidebar(True)
        self.sidebar.start_search()

    def show_help(self, file: Path) -> None:
        """Show a help page in place of the page in front."""
        from app.desktop.window.help import HelpPage

        page = self._stack.findChild(HelpPage)
        if page is None:
            page = HelpPage()
            page.closed.connect(lambda: self.show_page("Chat"))
            self._stack.addWidget(page)
        try:
            page.show_file(file)
        except StillroomError as error:
            self.notices.show_error(error.text, error.hint)
            return
        self._stack.setCurrentWidget(page)

    def show_jump(self) -> None:
        """Open the field that finds anything."""
        from app.desktop.window import targets
        from app.desktop.window.jump import JumpDialog

        JumpDialog(targets.all_targets(self), self).open()

    def show_settings(self) -> None:
        """Open the settings."""
        from app.desktop.pages.settings.dialog import SettingsDialog

        SettingsDialog(self.services.preferences, self).open()

    def show_deleted(self) -> None:
        """Offer the chats that were deleted in the last 30 days."""
        menu = QMenu(self)
        for entry in self.chat_actions.recently_deleted()[:30]:
            action = menu.addAction(icons.icon("restore", colours().muted), f"Restore “{entry.title or UNTITLED}”")
            action.triggered.connect(partial(self._restore_chat, entry.id))
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(self.sidebar.chats.mapToGlobal(self.sidebar.chats.rect().topLeft()))

    def show_about(self) -> None:
        """Say what this is."""
        from PySide6.QtWidgets import QMessageBox

        text = "<b>Stillroom</b><br>Distilled reasoning models on your own machine, thinking as long as you say."
        box = QMessageBox(QMessageBox.Icon.NoIcon, "About Stillroom", text, QMessageBox.StandardButton.Ok, self)
        box.open()

    # The window itself

    def sidebar_shown(self) -> bool:
        """Whether the sidebar is unfolded."""
        return not self.sidebar.isHidden()

    def toggle_sidebar(self) -> None:
        """Fold the sidebar away or bring it back."""
        self._set_sidebar(not self.sidebar_shown())

    def choose_theme(self, scheme: Scheme) -> None:
        """Follow the system, or be light or dark."""
        self.services.preferences.change(theme=scheme)
        theme.follow(scheme)

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
        """Show the window above others."""
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
        self.chat_page.close_page()
        self.more_pages.close()
        self.services.engine.close()
        self.services.preferences.write()
        super().closeEvent(event)
        self.closed.emit()

    # Within

    def _add_page(self, name: str, icon_name: str, make: Callable[[], QWidget]) -> None:
        keys = f"Ctrl+{len(self._makers) + 1}"
        self._makers[name] = make
        self.page_keys[name] = keys
        self.sidebar.add_page(name, icon_name, keys)

    def _lay_out(self) -> None:
        centre = QWidget()
        row = QHBoxLayout(centre)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.sidebar)
        row.addWidget(self._stack, 1)
        self.setCentralWidget(centre)
        self._show_sidebar.setAccessibleName("Show sidebar")
        self._show_sidebar.setToolTip(f"Show the sidebar ({QKeySequence(commands.SIDEBAR_KEYS).toString()})")
        self._show_sidebar.clicked.connect(self.toggle_sidebar)
        self.chat_page.toolbar.row.insertWidget(0, self._show_sidebar)
        self._show_sidebar.hide()
        self._recolour()

    def _connect(self) -> None:
        self.sidebar.page_chosen.connect(self.show_page)
        self.sidebar.hide_pressed.connect(self.toggle_sidebar)
        self.sidebar.chats.chat_chosen.connect(lambda _id: self.show_page("Chat"))
        for signal in (self.chat_page.shown.phase_changed, self.chat_page.shown.changed, self.chat_actions.changed):
            signal.connect(self.menus.refresh)
        self.services.preferences.not_saved.connect(lambda error: self.notices.show_error(error.text, error.hint))
        self.services.jobs.refused.connect(lambda error: self.more_pages.notices().show_error(error.text, error.hint))
        theme.changed.connect(self._recolour)

    def _set_sidebar(self, shown: bool) -> None:
        self.sidebar.setVisible(shown)
        self._show_sidebar.setVisible(not shown)
        self.services.preferences.remember(sidebar=shown)
        self.menus.refresh()

    def _recolour(self) -> None:
        self._show_sidebar.setIcon(icons.icon("sidebar", colours().muted))

    def _restore_chat(self, chat_id: int, _checked: bool = False) -> None:
        self.chat_actions.restore(chat_id)

    def _remember(self) -> None:
        geometry = base64.b64encode(self.saveGeometry().data()).decode()
        self.services.preferences.remember(
            geometry=geometry, chat=self.chat_page.shown.id or 0, scroll=self.chat_page.presenter.place()
        )

    def _restore(self) -> None:
        recalled = self.services.preferences.window
        self.resize(*DEFAULT_SIZE)
        geometry = recalled("geometry", "")
        if isinstance(geometry, str) and geometry:
            self.restoreGeometry(QByteArray.fromBase64(geometry.encode()))
        self._set_sidebar(bool(recalled("sidebar", True)))
        page = recalled("page", "Chat")
        self.show_page(page if page in self._makers else "Chat")
        chat_id, scroll = recalled("chat", 0), recalled("scroll", 0)
        if isinstance(chat_id, int) and any(entry.id == chat_id for entry in self.services.chats.entries()):
            self.browser.open(chat_id)
            # The transcript has its height only once it is laid out.
            QTimer.singleShot(0, self, lambda: self.chat_page.presenter.go_to_place(int(scroll)))
        else:
            self.chat_page.shown.new()
