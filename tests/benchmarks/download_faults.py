"""What becomes of downloads when things go wrong: every case of download_cases.py, then kill -9 again and again.

Counted is what must never be: a file in the cache whose bytes are not what its name says, a file outside the cache, a
token at the CDN, a file begun anew without need, an end other than the expected one; and what a kill costs.
"""

import errno
import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from unittest import mock

from models import errors
from models.events import Progress
from models.hub import cache, client, manifests
from models.hub.transfer import RetryPolicy
from models.library import download
from tests.benchmarks.download_cases import REPO, SIZE, WEIGHTS, Case, cases
from tests.benchmarks.figures import Figure, at_least, at_most
from tests.hub.faults import Fault
from tests.hub.large import write_model
from tests.hub.repos import files_of
from tests.hub.server import Hub, Request
from tests.hub.verification import hash_of, verify
from tests.returned import result_of

KILLS = 10
KILLED_BYTES = 80_000_000
PATIENCE = RetryPolicy(silence_s=0.5, sleep=lambda _stop, _seconds: None)


def measure() -> list[Figure]:
    """How many faults there were and what they did."""
    with tempfile.TemporaryDirectory(prefix="stillroom-faults-") as place, Hub() as hub:
        files = {name: path.read_bytes() for name, path in files_of(write_model(Path(place) / "m", [SIZE])).items()}
        with _environment(hub, {}), mock.patch.multiple(client, API_TIMEOUT_S=0.5, TRIES=3):
            tried = cases(hub)
            seen = [_Run(hub, case, files, Path(place) / f"run{number}") for number, case in enumerate(tried)]
            for run in seen:
                run.go()
        kills = _kills(hub, Path(place))
    other = [f"{run.case.name}: {run.ended}" for run in seen if run.ended != run.case.ends or not run.mended]
    for line in other:
        print(f"  ended otherwise: {line}", file=sys.stderr)
    return [
        at_least("faults", len(seen), "", 40),
        at_most("ended otherwise than expected, or could not be mended", len(other), "", 0),
        at_most("files accepted with false bytes", sum(run.corrupt for run in seen), "", 0),
        at_most("files outside the cache", sum(run.strays for run in seen), "", 0),
        at_most("files begun anew without need", sum(run.restarts for run in seen), "", 0),
        at_most("tokens at the CDN", sum(run.leaks for run in seen), "", 0),
        *kills,
    ]


class _Run:
    """One case: the fault, how it ended, and whether all is well once nothing goes wrong any more."""

    def __init__(self, hub: Hub, case: Case, files: Mapping[str, bytes], place: Path) -> None:
        self.case = case
        self.ended = ""
        self.mended = False
        self.corrupt = self.strays = self.restarts = self.leaks = 0
        self._hub, self._files, self._place = hub, files, place

    def go(self) -> None:
        """Try it."""
        hub, case = self._hub, self.case
        self._place.mkdir()
        with _environment(hub, {"HF_HOME": str(self._place / "hf")}):
            repo = hub.add(REPO, {**self._files, **case.extra}, **case.about)
            commit = repo.main
            self._before()
            hub.requests.clear()
            hub.faults[:] = case.faults
            hub.watch = self._watch
            with _environment(hub, case.variables), _disk(case.full_after):
                self.ended = _outcome(
                    commit if case.variables.get("HF_HUB_OFFLINE") and case.before == "whole" else "main"
                )
            self._look()
            hub.faults.clear()
            hub.add(REPO, self._files)
            self.mended = _outcome("main") == "whole"
            self._look()
            hub.watch = lambda request: None

    def _before(self) -> None:
        if self.case.before == "half":
            self._hub.faults[:] = [
                Fault("bytes", "cut", path=WEIGHTS, after=SIZE // 2),
                Fault("bytes", "cut", times=None),
            ]
            _outcome("main")
            self._hub.faults.clear()
        elif self.case.before != "nothing":
            _outcome("main")
            blob = cache.blob(REPO, self._hub.repos[REPO].file(WEIGHTS).sha256)
            if self.case.before == "whole, flipped":
                content = bytearray(blob.read_bytes())
                content[SIZE // 2] ^= 0xFF
                blob.write_bytes(content)
            elif self.case.before == "whole, cut short":
                os.truncate(blob, SIZE // 2)

    def _watch(self, request: Request) -> None:
        if request.host == "cdn":
            self.leaks += request.authorized
            part = cache.part(REPO, hashlib.sha256(self._files[WEIGHTS]).hexdigest())
            begun = part.exists() and part.stat().st_size > 0
            self.restarts += begun and not request.range and not self.case.false_bytes

    def _look(self) -> None:
        """Every blob's name is the hash of its bytes, every file of a snapshot is the right one, nothing lies elsewhere."""
        blobs = cache.folder(REPO) / "blobs"
        for file in blobs.iterdir() if blobs.is_dir() else ():
            if not file.name.endswith(cache.PART) and self.case.before == "nothing":
                self.corrupt += hash_of(file, file.name, file.stat().st_size) != file.name
        for manifest in manifests.of_repo(REPO):
            with suppress(errors.NotFound):
                if cache.snapshot(REPO, manifest.commit).is_dir() and self.ended == "whole":
                    self.corrupt += sum(not right for _, right in verify(REPO, manifest.commit))
        allowed = {self._place / "hf" / "hub" / name for name in (cache.folder(REPO).name, ".locks")}
        found = [path for path in self._place.rglob("*") if path.is_file()]
        self.strays += sum(not any(parent in allowed for parent in path.parents) for path in found)
        self.strays += Path("/tmp/evil").exists() + Path("/tmp/evil.json").exists()


def _outcome(revision: str) -> str:
    """How a download ends: "whole", or the kind of its error."""
    try:
        result_of(download.fetch(REPO, revision, patience=PATIENCE))
    except errors.StillroomError as error:
        return error.kind
    return "whole"


@contextmanager
def _environment(hub: Hub, more: Mapping[str, str]) -> Iterator[None]:
    quiet = {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "", "no_proxy": "*", "HF_HUB_DISABLE_TELEMETRY": "1"}
    with mock.patch.dict(os.environ, {**quiet, **more}):
        yield


@contextmanager
def _disk(takes: int | None) -> Iterator[None]:
    """A disk that is full after so many bytes."""
    if takes is None:
        yield
        return
    write, left = os.write, takes

    def some(out: int, piece: bytes) -> int:
        nonlocal left
        left -= len(piece)
        if left < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(out, piece)

    with mock.patch.object(os, "write", some):
        yield


def _kills(hub: Hub, place: Path) -> list[Figure]:
    """kill -9 at random points of one download, which goes on each time; the bytes that the server sent tell the cost."""
    files = files_of(write_model(place / "large", [KILLED_BYTES]))
    hub.faults.clear()
    hub.requests.clear()
    hub.add(REPO, files)
    hub.rate = 20e6
    draw = random.Random(0)
    home = place / "killed"
    with _environment(hub, {"HF_HOME": str(home)}):
        killed = sum(_killed_after(draw.randint(1_000_000, 4_000_000)) for _ in range(KILLS))
        hub.rate = 0
        ended = _outcome("main")
        orphans = len(list((cache.folder(REPO) / "blobs").glob("*.part")))
        begun_anew = sum(not request.range and request.sent > 0 for request in hub.gets(WEIGHTS)[1:])
    twice = (hub.sent(WEIGHTS) - KILLED_BYTES) / max(killed, 1)
    return [
        at_least("kills in the middle of a download, all gone on with", killed if ended == "whole" else 0, "", KILLS),
        at_most("fetched twice per kill", twice / 1e6, "MB", 1.0),
        at_most("begun anew after a kill", begun_anew, "", 0),
        at_most("half files left at the end", orphans, "", 0),
    ]


def _killed_after(n_bytes: int) -> int:
    """Download in a process and kill it once so many new bytes are there; how many kills that were."""
    command = [sys.executable, "-m", "tests.benchmarks.download_faults"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None, "opened with a pipe"
        first = None
        for line in child.stdout:
            done = int(line)
            first = done if first is None else first
            if done - first >= n_bytes:
                break
        alive = child.poll() is None
        if alive:
            os.kill(child.pid, signal.SIGKILL)
    return int(alive)


def _child() -> None:
    for event in download.fetch(REPO):
        if isinstance(event, Progress) and event.total:
            sys.stdout.write(f"{event.done}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    _child()
