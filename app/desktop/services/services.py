"""What the window works with, gathered once at the start and handed to those who need it."""

from collections.abc import Callable
from dataclasses import dataclass

from app.desktop.services.engine_signals import EngineLike, EngineSignals
from app.desktop.services.job_queue import JobQueue
from app.desktop.services.preferences import Preferences
from models.events import Model
from models.store.chats import Chats


@dataclass(frozen=True)
class Services:
    """The parts behind the window.

    list_models: reads the library; delete: removes a model or an adapter of it and gives the bytes that freed; readonly:
    the chats may be read only.
    """

    chats: Chats
    engine: EngineLike
    signals: EngineSignals
    preferences: Preferences
    jobs: JobQueue
    list_models: Callable[[], list[Model]]
    delete: Callable[[str], int]
    readonly: bool = False
