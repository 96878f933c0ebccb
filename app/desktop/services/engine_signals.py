"""The one place where the engine's events cross from its reader thread to the GUI thread."""

from typing import Protocol

from PySide6.QtCore import QObject, Signal

from models.engine.wire import AnyEvent
from models.requests import Action, Request


class EngineLike(Protocol):
    """What the window needs of models.engine.client.Engine; the tests bring one that replays events."""

    def start(self, request: Request) -> int:
        """Send a request and return its job id at once."""

    def cancel(self, job_id: int) -> None:
        """Stop a job at its next token, layer or chunk."""

    def steer(self, job_id: int, action: Action) -> None:
        """Change how long a chat job goes on thinking."""

    def worker_bytes(self) -> int:
        """Resident memory of the process that holds the model; 0 when there is none."""

    def call_bytes(self, job_id: int) -> int:
        """Resident memory of the process that runs a job; 0 when it runs no more."""

    def close(self) -> None:
        """End the engine process."""


class EngineSignals(QObject):
    """Carries events into the GUI thread: a signal emitted on another thread is queued for the receiver's.

    Signals:
        arrived: a job's id and its event (models/events.py).
    """

    arrived = Signal(int, object)  # not `event`: that is the method by which Qt delivers queued signals

    def send(self, job_id: int, event: AnyEvent) -> None:
        """Hand an event over; called on the engine's reader thread."""
        self.arrived.emit(job_id, event)
