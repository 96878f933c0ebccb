"""What the window works with, gathered once at the start and handed to those who need it."""

from collections.abc import Callable

import msgspec

from app.desktop.services.chat_store import ChatStore
from app.desktop.services.engine_signals import EngineLike, EngineSignals
from app.desktop.services.job_queue import JobQueue
from app.desktop.services.preferences import Preferences
from models.events import Model
from models.store.chats import Chats


class Services(msgspec.Struct, frozen=True):
    """The parts behind the window."""

    store: ChatStore
    engine: EngineLike
    signals: EngineSignals
    preferences: Preferences
    jobs: JobQueue
    list_models: Callable[[], list[Model]]  # reads the library
    delete: Callable[[str], int]  # removes a model or an adapter of it and gives the bytes that freed
    readonly: bool = False  # the chats may be read only

    @property
    def chats(self) -> Chats:
        """The chats to read; they are changed through `store`."""
        return self.store.chats
