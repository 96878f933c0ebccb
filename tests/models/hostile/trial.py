"""A process that imports and loads damaged files, one after the other, as the engine process would.

Run as a module it reads paths on stdin and answers each with a line of JSON: how it ended, by which error, in how many
seconds. A file that ends it or takes too long is told by its parent, `run`, which starts the next one.
"""

import contextlib
import json
import os
import resource
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

MEMORY_BYTES = 6 << 30
LIMIT_S = 10.0
_START_S = 60.0


class Outcome(msgspec.Struct, frozen=True):
    """How one file ended. how: ok, refused, bug (an exception that is not ours), died or slow."""

    how: str
    seconds: float
    said: str = ""


def run(paths: Iterable[Path], limit_s: float = LIMIT_S) -> Iterator[Outcome]:
    """Try each file or folder in the process, started anew after one that ended it."""
    child: subprocess.Popen[bytes] | None = None
    try:
        for path in paths:
            if child is None or child.poll() is not None:
                child = _start()
            outcome = _ask(child, path, limit_s)
            if outcome.how in ("died", "slow"):
                _end(child)
            yield outcome
    finally:
        if child is not None:
            _end(child)


def _start() -> subprocess.Popen[bytes]:
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.models.hostile.trial"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert _line(child, _START_S) == b"ready\n"
    return child


def _ask(child: subprocess.Popen[bytes], path: Path, limit_s: float) -> Outcome:
    assert child.stdin is not None
    begun = time.monotonic()
    child.stdin.write(os.fsencode(path) + b"\n")
    child.stdin.flush()
    answer = _line(child, limit_s)
    if answer is None:
        return Outcome("slow", time.monotonic() - begun)
    if not answer:
        return Outcome("died", time.monotonic() - begun, f"status {child.wait()}")
    return msgspec.json.decode(answer, type=Outcome)


def _line(child: subprocess.Popen[bytes], limit_s: float) -> bytes | None:
    """The next line; b"" when the child is gone, None when it is silent too long."""
    assert child.stdout is not None
    if not select.select([child.stdout], [], [], limit_s)[0]:
        return None
    return child.stdout.readline()


def _end(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    child.wait()
    for pipe in (child.stdin, child.stdout):
        assert pipe is not None
        with contextlib.suppress(OSError):
            pipe.close()


def _serve() -> None:
    from models import paths
    from models.errors import StillroomError
    from models.generate.load import load
    from models.library import installed
    from tests.returned import result_of

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    answers.write("ready\n")
    answers.flush()
    for line in sys.stdin.buffer:
        begun = time.monotonic()
        how, said = "ok", ""
        try:
            list(installed.import_model(os.fsdecode(line[:-1]), "damaged"))
            result_of(load("damaged", installed.find("damaged")))
        except StillroomError as error:
            how, said = "refused", error.text
        except BaseException as error:
            how, said = "bug", repr(error)
        shutil.rmtree(paths.models_folder() / "damaged", ignore_errors=True)
        answers.write(json.dumps({"how": how, "seconds": time.monotonic() - begun, "said": said}) + "\n")
        answers.flush()


if __name__ == "__main__":
    _serve()
