"""Running one request on the engine for the terminal: its events to a display, Ctrl-C to the engine, keys to the reply."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.cli import interrupts
from app.cli.json_lines import Display
from app.cli.terminal import notices
from models import events, requests
from models.jobs.request import JobRequest

if TYPE_CHECKING:
    from models.engine.client import Engine
    from models.engine.wire import Request

KEYS: dict[str, requests.Action] = {"\n": "answer_now", "\r": "answer_now", "+": "think_longer"}


def follow(engine: Engine, request: Request, display: Display) -> events.Record | None:
    """Run a request to its end and give its record, which is not shown yet.

    Ctrl-C and SIGTERM cancel the call, which then ends as the engine sees fit; a second one raises KeyboardInterrupt.
    While a reply is thinking, Enter asks for the answer and "+" for more thinking. Raises the call's StillroomError.
    """
    display.begin(request)
    call, reports = engine.start_watched(request)
    result: events.Record | None = None

    def steer(key: str) -> None:
        if key in KEYS and isinstance(request, requests.ChatRequest):
            engine.steer(call, KEYS[key])

    def stop() -> None:
        if isinstance(request, JobRequest) and request.can_pause:  # it saves first, which may take a while
            notices().print(request.stopping, style="dim")
        engine.cancel(call)

    with interrupts.stopping(stop), interrupts.pressed(steer):
        try:
            for event in reports:
                if isinstance(event, events.Done):
                    result = event.result
                else:
                    display.show(event)
        finally:
            display.finish()
    return result
