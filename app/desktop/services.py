"""What the window works with, gathered once at the start and handed to those who need it."""

from collections.abc import Callable
from dataclasses import dataclass

from app.desktop.engine_signals import EngineLike, EngineSignals
from app.desktop.preferences import Preferences
from models.events import Model
from models.store.chats import Chats


@dataclass(frozen=True)
class Services:
    """The parts behind the window. list_models: reads the library; readonly: the chats may be read only."""

    chats: Chats
    engine: EngineLike
    signals: EngineSignals
    preferences: Preferences
    list_models: Callable[[], list[Model]]
    readonly: bool = False
