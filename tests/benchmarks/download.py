"""Bytes a second of a download against huggingface_hub's own, from one server on loopback, taking turns.

Each turn is a process of its own with a cache of its own; the server is another. What is timed is the call alone, for
ours with every hash and a wait until the bytes are on the disk, neither of which the other does.
"""

import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks import children
from tests.benchmarks.figures import Figure, at_least, median_ratio
from tests.hub.large import write_model

ROUNDS = 5
MB = 1_000_000
SHAPES = {"one file of 400 MB": [400 * MB], "four files of 150 MB": [150 * MB] * 4}


def measure() -> list[Figure]:
    """The rates and their ratio, for one large file and for several."""
    figures = []
    with tempfile.TemporaryDirectory(prefix="stillroom-download-") as place:
        folders = {name: write_model(Path(place) / f"m{n}", sizes) for n, (name, sizes) in enumerate(SHAPES.items())}
        with serving(list(folders.values())) as address:
            for name, folder in folders.items():
                figures += _compared(name, folder, address, Path(place) / "cache")
    return figures


@contextlib.contextmanager
def serving(folders: list[Path]) -> Iterator[str]:
    """The hub on loopback as a process, serving folders as local/NAME; gives its address."""
    command = [sys.executable, "-m", "tests.hub", *map(str, folders)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None, "opened with a pipe"
            yield next(line.partition("=")[2].strip() for line in server.stdout if line.startswith("HF_ENDPOINT="))
        finally:
            server.terminate()


def _compared(name: str, folder: Path, address: str, cache: Path) -> list[Figure]:
    total = sum(path.stat().st_size for path in folder.iterdir())
    repo = f"local/{folder.name}"
    rates: dict[str, list[float]] = {"ours": [], "theirs": []}
    for number in range(ROUNDS + 1):
        for who in ("ours", "theirs") if number % 2 else ("theirs", "ours"):
            seconds = _timed(who, repo, address, cache)
            if number:  # the first fills the page cache
                rates[who].append(total / seconds / MB)
    return [
        Figure(f"huggingface_hub, {name}", statistics.median(rates["theirs"]), "MB/s"),
        Figure(f"Stillroom, {name}", statistics.median(rates["ours"]), "MB/s"),
        at_least(f"ratio, {name}", median_ratio(rates["ours"], rates["theirs"]), "", 0.95),
    ]


def _timed(who: str, repo: str, address: str, cache: Path) -> float:
    shutil.rmtree(cache, ignore_errors=True)
    os.sync()  # what the turn before wrote is not paid for in this one
    variables = {
        "HF_ENDPOINT": address,
        "HF_HOME": str(cache),
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "no_proxy": "*",
    }
    seconds = children.run("tests.benchmarks.download", who, repo, variables=variables)
    return float(seconds)


def _download(who: str, repo: str) -> float:
    """In a process of its own: download and say how long it took."""
    if who == "ours":
        import huggingface_hub

        from models.library import download

        began = time.perf_counter()
        for _ in download.fetch(repo):
            pass
    else:
        import huggingface_hub

        began = time.perf_counter()
        huggingface_hub.snapshot_download(repo)
    return time.perf_counter() - began


if __name__ == "__main__":
    children.answer(_download(*sys.argv[1:]))
