"""Search the Hub for models."""

import re
from collections.abc import Generator

from models import waiting
from models.events import Event, Found, Progress
from models.hub import client, endpoint

MOST_FOUND = 100


def search(query: str, limit: int = 30) -> Generator[Event, None, Found]:
    """Ask the Hub for models; returns what it found. Raises Offline, Denied, BadInput."""
    endpoint.check_use()
    wanted, most = _as_query(query), max(1, min(limit, MOST_FOUND))
    progress = Progress(stage="ask", done=0, total=0, unit="")
    found = yield from waiting.waited_for(lambda: client.found_models(wanted, most), lambda: progress)
    return Found(query=query, models=found)


def _as_query(text: str) -> str:
    """What was typed, or the repository when it is the address of one."""
    address = re.match(r"https?://[^/]+/([^/?#]+/[^/?#]+)", text.strip())
    return (address[1] if address else text.strip())[:200]
