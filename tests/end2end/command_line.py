"""The real command line as a process of its own, on a home of the test's choice."""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import psutil

from tests.end2end.fork_server import ForkServer

PROGRAM = str(Path(sys.executable).with_name("stillroom"))
SECONDS = 100  # that a command may take before the test gives up on it


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def events(self) -> list[dict[str, Any]]:
        """The lines of --json. Raises ValueError when anything else stands on stdout."""
        return [json.loads(line) for line in self.out.splitlines()]

    def assert_failed(self, kind: str, status: int, *parts: str) -> None:
        """See that a command given --json failed as it should: one sentence, its hint, and nothing else on stderr."""
        assert self.status == status, self.err
        assert "Traceback" not in self.err
        last = self.events[-1]
        assert (last["type"], last["kind"]) == ("failed", kind), last
        assert self.err.splitlines() == [line for line in (last["text"], last["hint"]) if line]
        assert is_sentence(last["text"]), last["text"]
        for part in parts:
            assert part in last["text"]


def is_sentence(text: str) -> bool:
    """Whether a text is one sentence, not two and not half of one."""
    return text.endswith((".", "?")) and ". " not in text and "\n" not in text


def stillroom(home: Path, *arguments: str, stdin: str = "", **environment: str) -> Ended:
    """Run a command to its end."""
    variables = _environment(home, environment)
    if sys.platform != "linux":
        done = subprocess.run(
            [PROGRAM, *arguments], input=stdin, capture_output=True, text=True, timeout=SECONDS, env=variables
        )
        return Ended(done.returncode, done.stdout, done.stderr)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "stdin").write_text(stdin)
        status = fork_server().run(arguments, variables, folder)
        return Ended(status, (folder / "stdout").read_text(), (folder / "stderr").read_text())


@cache
def fork_server() -> ForkServer:
    """The process that runs commands, started once."""
    return ForkServer()


def started(home: Path, *arguments: str) -> "subprocess.Popen[str]":
    """Start a command and leave it running; see `ended`."""
    return subprocess.Popen(
        [PROGRAM, *arguments],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=_environment(home, {}),
    )  # fmt: skip


def ended(process: "subprocess.Popen[str]", read: str = "") -> Ended:
    """Wait for a command. read: what was read of its stdout already."""
    # Not communicate(): it would not see what stdout has buffered behind the part that was read.
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            out, err = process.stdout.read(), process.stderr.read()
            process.wait(SECONDS)
        finally:
            process.kill()
    return Ended(process.returncode, read + out, err)


def read_until(process: "subprocess.Popen[str]", text: str) -> str:
    """Read stdout up to and with the line that has `text` in it."""
    assert process.stdout is not None
    read = ""
    for line in process.stdout:
        read += line
        if text in line:
            return read
    raise AssertionError(f"The command ended without saying {text!r}: {read}")


def worker_of(process: int) -> psutil.Process:
    """The engine process that a process has started."""
    (worker,) = [
        child for child in psutil.Process(process).children() if "models.engine.worker" in " ".join(child.cmdline())
    ]
    return worker


def contents(folder: Path) -> dict[str, bytes | None]:
    """All that is in a folder: files with what they hold, folders with None."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def _environment(home: Path, more: dict[str, str]) -> dict[str, str]:
    return {**os.environ, "STILLROOM_HOME": str(home), **more}
