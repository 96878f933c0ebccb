"""The engine client, made when it is first asked for something: the window is shown before it is imported."""

from typing import TYPE_CHECKING

from app.desktop.services.engine_signals import EngineSignals
from models.requests import Action, Request

if TYPE_CHECKING:
    from models.engine.client import Engine


class LateEngine:
    """Passes everything on to models.engine.client.Engine."""

    def __init__(self, signals: EngineSignals) -> None:
        self._signals = signals
        self._engine: Engine | None = None

    def start(self, request: Request) -> int:
        """Send a request and return its job id at once."""
        if self._engine is None:
            from models.engine.client import Engine

            self._engine = Engine(on_event=self._signals.send)
        return self._engine.start(request)

    def cancel(self, job_id: int) -> None:
        """Stop a job at its next token, layer or chunk."""
        if self._engine is not None:
            self._engine.cancel(job_id)

    def steer(self, job_id: int, action: Action) -> None:
        """Change how long a chat job goes on thinking."""
        if self._engine is not None:
            self._engine.steer(job_id, action)

    def worker_bytes(self) -> int:
        """Resident memory of the process that holds the model; 0 when there is none."""
        return self._engine.worker_bytes() if self._engine is not None else 0

    def call_bytes(self, job_id: int) -> int:
        """Resident memory of the process that runs a job; 0 when it runs no more."""
        return self._engine.call_bytes(job_id) if self._engine is not None else 0

    def close(self) -> None:
        """End the engine process."""
        if self._engine is not None:
            self._engine.close()
