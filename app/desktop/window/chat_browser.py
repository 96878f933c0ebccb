"""Keeps the sidebar's list, the chat that is shown and the store in agreement."""

import sys
from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QObject, QPoint

from app.desktop import icons
from app.desktop.pages.chat.page import ChatPage
from app.desktop.pages.contract import Command
from app.desktop.theme import colours
from app.desktop.widgets.menus import fleeting_menu
from app.desktop.window.chat_actions import ChatActions
from app.desktop.window.chat_list import ChatItem
from app.desktop.window.sidebar import Sidebar
from models.errors import StillroomError
from models.store.chats import Chats
from models.store.rows import UNTITLED

# Elsewhere Ctrl+Backspace deletes a word in the composer.
DELETE_KEYS = "Ctrl+Backspace" if sys.platform == "darwin" else "Ctrl+Shift+Backspace"


class ChatBrowser(QObject):
    """Lists, searches and opens chats."""

    def __init__(self, sidebar: Sidebar, page: ChatPage, actions: ChatActions, chats: Chats) -> None:
        super().__init__(page)
        self._sidebar = sidebar
        self._page = page
        self._actions = actions
        self._chats = chats
        self._query = ""
        self._shown = page.shown
        self._shown.listed.connect(self.refresh)
        self._shown.changed.connect(self._mark_shown)
        actions.changed.connect(self.refresh)
        actions.deleted.connect(self._deleted)
        actions.restored.connect(self.open)
        actions.duplicated.connect(self.open)
        sidebar.search_changed.connect(self.search)
        sidebar.chat_model.renamed.connect(actions.rename)
        sidebar.chats.chat_chosen.connect(self.open)
        sidebar.chats.hit_chosen.connect(self.open)
        sidebar.chats.delete_pressed.connect(actions.delete)
        sidebar.chats.menu_requested.connect(self._show_menu)

    def refresh(self) -> None:
        """Read the list, or the hits of the search under way, again."""
        self._page.notices.attempt(self._refresh)

    def _refresh(self) -> None:
        busy = self._shown.replies.busy_chats()
        if self._query:
            entries = [
                ChatItem(hit.chat_id, hit.title, hit.created, hit.snippet, hit.spans, hit.message_id)
                for hit in self._chats.search(self._query)
            ]
        else:
            entries = [
                ChatItem(entry.id, entry.title, entry.updated, busy=entry.id in busy) for entry in self._chats.entries()
            ]
        self._sidebar.nothing.setVisible(bool(self._query) and not entries)
        self._sidebar.chat_model.set_entries(entries, grouped=not self._query)
        self._mark_shown()

    def search(self, query: str) -> None:
        """List where words occur; empty lists all chats again."""
        self._query = query
        self.refresh()

    def open(self, chat_id: int, message_id: int | None = None) -> None:
        """Show a chat; one that is gone is told and leaves the list."""
        if chat_id == self._shown.id and message_id is None:
            return
        try:
            self._shown.open(chat_id, message_id)
            if message_id is not None:
                self._page.presenter.scroll_to(message_id)
        except StillroomError as error:
            self._page.notices.show_error(error.text, error.hint)
            self.refresh()

    def commands(self) -> list[Command]:
        """What can be done to the chat that is shown, and the way to others."""
        actions = self._actions
        return [
            Command("File", "Rename Chat", self.rename_shown, "F2", self._is_begun, group=1),
            Command("File", "Duplicate Chat", self._with_shown(actions.duplicate), "Ctrl+D", self._is_begun, group=1),
            Command("File", "Export Chat…", self._with_shown(actions.export), "Ctrl+Shift+E", self._is_begun, group=1),
            Command("File", "Delete Chat", self._with_shown(actions.delete), DELETE_KEYS, self._is_begun, group=2),
            Command(
                "File",
                "Recently Deleted…",
                self.show_deleted,
                available=lambda: bool(actions.recently_deleted()),
                group=2,
            ),
            Command("View", "Previous Chat", lambda: self.step(-1), "Ctrl+Alt+Up", group=2),
            Command("View", "Next Chat", lambda: self.step(1), "Ctrl+Alt+Down", group=2),
        ]

    def rename_shown(self) -> None:
        """Open the editor on the title of the chat that is shown."""
        if self._shown.id is not None:
            self._sidebar.search.clear()
            self.search("")
            self._sidebar.chats.rename(self._shown.id)

    def step(self, by: int) -> None:
        """Show the next chat down (1) or up (-1) the list."""
        ids = [entry.id for entry in self._sidebar.chat_model.entries()]
        if ids:
            at = ids.index(self._shown.id) + by if self._shown.id in ids else 0
            self.open(ids[min(max(at, 0), len(ids) - 1)])

    def show_deleted(self) -> None:
        """Offer the chats that were deleted in the last 30 days."""
        menu = fleeting_menu(self._sidebar)
        for entry in self._actions.recently_deleted()[:30]:
            action = menu.addAction(icons.icon("restore", colours().muted), f"Restore “{entry.title or UNTITLED}”")
            action.triggered.connect(partial(self._restore, entry.id))
        menu.popup(self._sidebar.chats.mapToGlobal(self._sidebar.chats.rect().topLeft()))

    def _restore(self, chat_id: int, _checked: bool = False) -> None:
        self._actions.restore(chat_id)

    def _is_begun(self) -> bool:
        return self._shown.id is not None

    def _with_shown(self, do: Callable[[int], None]) -> Callable[[], None]:
        def run() -> None:
            if self._shown.id is not None:
                do(self._shown.id)

        return run

    def _mark_shown(self) -> None:
        self._sidebar.chats.show_chosen(self._shown.id)

    def _deleted(self, chat_id: int) -> None:
        if chat_id == self._shown.id:
            self._shown.replies.stop(chat_id)
            self._shown.new()

    def _show_menu(self, chat_id: int, at: QPoint) -> None:
        menu = fleeting_menu(self._sidebar)
        menu.addAction("Rename").triggered.connect(lambda: self._sidebar.chats.rename(chat_id))
        menu.addAction("Duplicate").triggered.connect(lambda: self._actions.duplicate(chat_id))
        menu.addAction("Export…").triggered.connect(lambda: self._actions.export(chat_id))
        menu.addSeparator()
        menu.addAction("Delete").triggered.connect(lambda: self._actions.delete(chat_id))
        menu.popup(at)
