"""Whether the window stays quick while a reply streams at 200 tokens/s into a chat of 32,000 tokens.

A timer in the GUI thread ticks every 5 ms. The time between two ticks tells how long the event loop was busy with
something else; as the tick itself is part of it, the figures err on the high side. The same is told for the window at
rest in the same run: that much is the machine's.
"""

from typing import Any

from tests.benchmarks import children
from tests.benchmarks.figures import Figure, at_most, percentile
from tests.benchmarks.gui_start import named, platforms, variables

P99_MS = 16.0
LONGEST_MS = 50.0


def measure() -> list[Figure]:
    """The figures on each platform there is."""
    return [figure for platform in platforms() for figure in _on(platform)]


def _on(platform: str) -> list[Figure]:
    seen: dict[str, Any] = children.run("tests.benchmarks.streaming", variables=variables(platform))
    where = named(platform)
    gaps: list[float] = seen["stream_ms"]
    rest: list[float] = seen["rest_ms"]
    return [
        Figure(f"{where}: tokens in the chat before", seen["chat_tokens"], ""),
        Figure(f"{where}: tokens of the reply, thinking and answer", seen["reply_tokens"], ""),
        Figure(f"{where}: tokens/s as they arrived", seen["tokens_per_s"], "tokens/s"),
        Figure(f"{where}: at rest, p99", percentile(rest, 99), "ms"),
        Figure(f"{where}: at rest, longest", max(rest), "ms"),
        Figure(f"{where}: streaming, p50", percentile(gaps, 50), "ms"),
        at_most(f"{where}: streaming, p99", percentile(gaps, 99), "ms", P99_MS),
        at_most(f"{where}: streaming, longest", max(gaps), "ms", LONGEST_MS),
        Figure(f"{where}: opening the chat, longest", max(seen["open_ms"]), "ms"),
        Figure(f"{where}: sending a message, longest", max(seen["send_ms"]), "ms"),
    ]
