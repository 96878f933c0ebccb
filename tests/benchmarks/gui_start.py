"""How long the window takes from process start until it can be used, and its memory, against an empty PySide6 window.

Both are started in turn, several times, on the offscreen platform and, where there is a display, there as well.
A window can be used when it is on the screen, painted, and the event loop has nothing left to do for the first time.
"""

import os
import statistics
from typing import Any

from tests.benchmarks import children
from tests.benchmarks.figures import Figure, at_most, median_ratio

ROUNDS = 7
TIMES = 2.0
EXTRA_MB = 60.0


def measure() -> list[Figure]:
    """Times and memory of both windows on each platform there is."""
    return [figure for platform in platforms() for figure in _on(platform)]


def platforms() -> list[str]:
    """Qt's platforms that can be measured here; "" is the system's own."""
    has_display = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or os.uname().sysname == "Darwin"
    return ["offscreen", ""] if has_display else ["offscreen"]


def variables(platform: str) -> dict[str, str]:
    """The environment that has Qt use a platform."""
    return {"QT_QPA_PLATFORM": platform}


def named(platform: str) -> str:
    """What a platform is called in the table."""
    return platform or "display"


def _on(platform: str) -> list[Figure]:
    rounds: dict[str, list[dict[str, Any]]] = {"stillroom": [], "empty": []}
    for number in range(ROUNDS + 1):
        order = ("stillroom", "empty") if number % 2 else ("empty", "stillroom")
        for kind in order:
            run = children.run("tests.benchmarks.windows", kind, variables=variables(platform))
            if number:  # the first start makes the database and warms the disk's cache
                rounds[kind].append(run)
    settled = children.run("tests.benchmarks.windows", "stillroom", "settled", variables=variables(platform))
    ours, empty = ([run["seconds"] for run in rounds[kind]] for kind in ("stillroom", "empty"))
    our_mb, empty_mb = (statistics.median(run["mb"] for run in rounds[kind]) for kind in ("stillroom", "empty"))
    where = named(platform)
    return [
        Figure(f"{where}: Stillroom usable", statistics.median(ours), "s"),
        Figure(f"{where}: empty window usable", statistics.median(empty), "s"),
        at_most(f"{where}: times the empty window's time", median_ratio(ours, empty), "", TIMES),
        Figure(f"{where}: empty window's memory", empty_mb, "MB"),
        Figure(f"{where}: Stillroom's memory when usable", our_mb, "MB"),
        at_most(f"{where}: more than the empty window", our_mb - empty_mb, "MB", EXTRA_MB),
        at_most(f"{where}: more, once the engine runs beside it", settled["mb"] - empty_mb, "MB", EXTRA_MB),
    ]
