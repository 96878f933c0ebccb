"""A store on a quick disk: what is asked of it is written, and told of, at once."""

from collections.abc import Callable
from typing import TypeVar

from app.desktop.services.chat_store import ChatStore
from models.errors import StillroomError
from models.store import database
from models.store.chats import Chats
from models.store.writer import Writer

T = TypeVar("T")


class SettledStore(ChatStore):
    """The real one, which waits after each write. chats: of the home's database, which is open."""

    def __init__(self, chats: Chats) -> None:
        self.writer = Writer(database.open_database)
        super().__init__(chats, self.writer)

    def write(
        self, work: Callable[[Chats], T], then: Callable[[T], object], failed: Callable[[StillroomError], object]
    ) -> None:
        super().write(work, then, failed)
        self.settle()

    def close(self) -> None:
        self.settle()
        self.writer.close()
