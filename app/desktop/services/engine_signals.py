"""The one place where the engine's events cross from its reader thread to the GUI thread."""

from typing import Protocol

from PySide6.QtCore import QObject, Signal

from models.engine.wire import Request
from models.events import Event
from models.requests import Action


class EngineLike(Protocol):
    """What the window needs of models.engine.client.Engine; the tests bring one that replays events."""

    def start(self, request: Request) -> int:
        """Send a request and return the number of its call at once."""

    def cancel(self, call_id: int) -> None:
        """Stop a call at its next token, layer or chunk."""

    def steer(self, call_id: int, action: Action) -> None:
        """Change how long a chat call goes on thinking."""

    def worker_bytes(self) -> int:
        """Resident memory of the process that holds the model; 0 when there is none."""

    def call_bytes(self, call_id: int) -> int:
        """Resident memory of the process that runs a call; 0 when it runs no more."""

    def close(self) -> None:
        """End the engine process."""


class EngineSignals(QObject):
    """Carries events into the GUI thread: a signal emitted on another thread is queued for the receiver's.

    Signals:
        arrived: a call's number and its event (models/events.py).
    """

    arrived = Signal(int, object)  # not `event`: that is the method by which Qt delivers queued signals

    def send(self, call_id: int, event: Event) -> None:
        """Hand an event over; called on the engine's reader thread."""
        self.arrived.emit(call_id, event)
