"""What can be done to a chat as a whole: rename, duplicate, export, delete and take back. Told through the notice bar."""

from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from app.desktop.services.chat_store import ChatStore
from app.desktop.widgets.notices import NoticeBar
from models import paths
from models.errors import StillroomError, from_os_error
from models.store.chats import Chats
from models.store.rows import UNTITLED, Chat, ChatEntry


class ChatActions(QObject):
    """Changes chats in the store and says what was done.

    Signals:
        changed: the list of chats is another one.
        deleted: the id of a chat that is in the recently deleted now.
        restored: the id of a chat that is back.
        duplicated: the id of the copy.
    """

    changed = Signal()
    deleted = Signal(int)
    restored = Signal(int)
    duplicated = Signal(int)

    def __init__(self, store: ChatStore, notices: NoticeBar, parent: QWidget) -> None:
        super().__init__(parent)
        self._store = store
        self._chats = store.chats
        self._notices = notices
        self._window = parent
        self._undoable: list[int] = []

    @property
    def can_undo(self) -> bool:
        """Whether there is a deletion to take back."""
        return bool(self._undoable)

    def rename(self, chat_id: int, title: str) -> None:
        """Give a chat the title that was typed."""

        def failed(error: StillroomError) -> None:
            self._tell(error)
            self.changed.emit()  # the list takes its title back

        self._store.write(lambda chats: chats.rename(chat_id, title), lambda _: self.changed.emit(), failed)

    def duplicate(self, chat_id: int) -> None:
        """Copy a chat with all its branches."""

        def done(copy: Chat) -> None:
            self.changed.emit()
            self.duplicated.emit(copy.id)

        self._store.write(lambda chats: chats.duplicate(chat_id), done, self._tell)

    def delete(self, chat_id: int) -> None:
        """Delete a chat without a question; Undo brings it back."""

        def delete(chats: Chats) -> str:
            chats.delete(chat_id)
            return chats.get(chat_id).title or UNTITLED

        def done(title: str) -> None:
            self._undoable.append(chat_id)
            self.changed.emit()
            self.deleted.emit(chat_id)
            self._notices.show_info(f"Deleted “{title}”.", "Undo", self.undo)

        self._store.write(delete, done, self._tell)

    def undo(self) -> None:
        if self._undoable:
            self.restore(self._undoable[-1])

    def restore(self, chat_id: int) -> None:
        def done(_result: None) -> None:
            self._undoable = [other for other in self._undoable if other != chat_id]
            self._notices.dismiss()
            self.changed.emit()
            self.restored.emit(chat_id)

        self._store.write(lambda chats: chats.restore(chat_id), done, self._tell)

    def recently_deleted(self) -> list[ChatEntry]:
        """The chats that can be brought back, last deleted first."""
        return self._chats.recently_deleted()

    def export(self, chat_id: int) -> None:
        """Ask where to, then write a chat as Markdown or JSON."""
        from PySide6.QtWidgets import QFileDialog

        title = (self._chats.get(chat_id).title or UNTITLED).replace("/", "-")
        markdown, json = "Markdown (*.md)", "JSON (*.json)"
        name, kind = QFileDialog.getSaveFileName(self._window, "Export chat", f"{title}.md", f"{markdown};;{json}")
        if name:
            as_json = kind == json or name.endswith(".json")
            self.write(chat_id, paths.with_ending(name, ".json" if as_json else ".md"), as_json)

    def write(self, chat_id: int, file: Path, as_json: bool) -> None:
        """Write a chat into a file and say so."""
        from models.checkpoint import folders
        from models.store.export import export_json, export_markdown

        try:
            content = export_json(self._chats, chat_id) if as_json else export_markdown(self._chats, chat_id).encode()
            folders.replace_file(file, content)
        except OSError as error:
            self._tell(from_os_error(error, "writing the chat", writing=True))
        except StillroomError as error:
            self._tell(error)
        else:
            self._notices.show_info(f"Exported to {file.name}.")

    def _tell(self, error: StillroomError) -> None:
        self._notices.show_error(error.text, error.hint)
