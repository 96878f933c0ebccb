"""Processes of their own for what is measured: each starts fresh and answers with JSON in a file.

In a file and not on stdout, where libraries print. A process learns when it was asked for: on one machine all
processes read the same monotonic clock.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from models.machine import blas

ANSWER = "BENCHMARK_ANSWER"
ASKED_AT = "BENCHMARK_ASKED_AT"


def run(module: str, *arguments: str, variables: Mapping[str, str] | None = None) -> Any:
    """Run a module as a process and return what it answered. Raises CalledProcessError when it fails.

    What it says on stderr is shown only then: Qt's platforms and libraries have remarks at every start.
    """
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.json"
        environment = {**os.environ, **(variables or {}), ANSWER: str(answer), ASKED_AT: repr(time.monotonic())}
        command = [sys.executable, "-m", module, *arguments]
        done = subprocess.run(command, env=environment, stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode or not answer.exists():
            sys.stderr.write(done.stderr)
            raise subprocess.CalledProcessError(done.returncode, command)
        return msgspec.json.decode(answer.read_bytes())


def answer(what: object) -> None:
    """In the process that was asked: give the answer."""
    Path(os.environ[ANSWER]).write_bytes(msgspec.json.encode(what))


def answer_and_end(what: object) -> NoReturn:
    """The same, as the last thing that a process with a quick BLAS does."""
    answer(what)
    blas.end_process()


def seconds_since_asked() -> float:
    """In the process that was asked: how long ago that was."""
    return time.monotonic() - float(os.environ[ASKED_AT])
