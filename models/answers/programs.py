"""Run the Python of an answer against tests, in a process of its own that can do nothing else.

It has no network, an empty environment, a temporary folder of its own, and limits of time, memory and files; it and
whatever it started are gone when the verdict is there. See models/answers/program_child.py for the inside.
"""

import os
import re
import secrets
import select
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import msgspec
import psutil

from models.answers import confinement, program_child
from models.machine.limited_process import memory_of

SECONDS = 5  # of processor time, and of waiting with sleep
PATIENCE = 6  # by the clock a program gets more: a busy machine gives less than all of it
MEMORY_BYTES = 512 << 20
FILE_BYTES = 8 << 20
MOST_SAID = 1 << 16  # bytes that are read
LONGEST = 200_000  # characters of a program
_LOOK_EVERY_S = 0.05

_FENCED = re.compile(r"```[ \t]*(?:python3?|py)?[ \t]*\n(.*?)(?:\n[ \t]*```|\Z)", re.DOTALL | re.IGNORECASE)


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a program: whether all tests hold, else why not."""

    passed: bool
    said: str = ""
    done: int = 0
    failed: bool = False  # at a test that does not hold


def program_in(answer: str) -> str:
    """The Python of an answer: its last fenced block, with those before it that it may need; else all of it."""
    blocks = [block for block in _FENCED.findall(answer) if block.strip()]
    defining = [block for block in blocks if re.search(r"^\s*(?:def|class|[a-zA-Z_]\w*\s*=)", block, re.MULTILINE)]
    return str((defining or blocks or [answer])[-1])


def run(code: str, tests: list[str], seconds: int = SECONDS, memory_bytes: int = MEMORY_BYTES) -> Outcome:
    """Run a program, then each test in its namespace."""
    if len(code) > LONGEST:
        return Outcome(passed=False, said=f"is longer than {LONGEST:,} characters")
    token = secrets.token_hex(16)
    request = {
        "code": code,
        "tests": tests,
        "token": token,
        "seconds": seconds,
        "memory_bytes": memory_bytes,
        "file_bytes": FILE_BYTES,
    }
    with tempfile.TemporaryDirectory(prefix="stillroom-answer-", ignore_cleanup_errors=True) as folder:
        folder = os.path.realpath(folder)
        child = subprocess.Popen(
            confinement.confined(_command(), folder),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env={"HOME": folder, "TMPDIR": folder, "PYTHONUTF8": "1", "PYTHONHASHSEED": "0"},
            start_new_session=True,
        )
        try:
            return _outcome(child, msgspec.json.encode(request), token, seconds, memory_bytes)
        finally:
            _end(child)


def _outcome(child: "subprocess.Popen[bytes]", request: bytes, token: str, seconds: int, most_bytes: int) -> Outcome:
    assert child.stdin is not None, "opened with a pipe"
    assert child.stdout is not None, "opened with a pipe"
    with suppress(BrokenPipeError):
        child.stdin.write(request)
        child.stdin.close()
    said = bytearray()
    begun, asleep = time.monotonic(), 0.0
    while time.monotonic() - begun < seconds * PATIENCE:
        readable, _, _ = select.select([child.stdout], [], [], _LOOK_EVERY_S)
        if readable:
            piece = os.read(child.stdout.fileno(), 1 << 16)
            said += piece
            if not piece or len(said) > MOST_SAID or (token.encode() in said and said.endswith(b"\n")):
                break
        elif _memory(child.pid) > most_bytes:
            return Outcome(passed=False, said="wanted more memory than it may have")
        elif _sleeps(child.pid) and (asleep := asleep + _LOOK_EVERY_S) >= seconds:
            break
    if (at := said.find(token.encode())) >= 0:
        with suppress(msgspec.MsgspecError):
            return msgspec.json.decode(bytes(said[at + len(token) :]), type=Outcome)
    if len(said) > MOST_SAID:
        return Outcome(passed=False, said="printed without end")
    if time.monotonic() - begun >= seconds:
        return Outcome(passed=False, said=f"did not end within {seconds} s")
    return Outcome(passed=False, said="ended its own process before its tests were done")


def _sleeps(pid: int) -> bool:
    """Whether neither a process nor what it started works now, or would if the machine let it."""
    with suppress(psutil.Error):
        return all(process.status() == psutil.STATUS_SLEEPING for process in _family(pid))
    return False


def _memory(pid: int) -> int:
    with suppress(psutil.Error):
        return max(memory_of(process) for process in _family(pid))
    return 0


def _family(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def _end(child: "subprocess.Popen[bytes]") -> None:
    """End a process and all that it started."""
    with suppress(psutil.Error):
        for process in reversed(_family(child.pid)):
            with suppress(psutil.Error):
                process.kill()
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()


def _command() -> list[str]:
    if getattr(sys, "frozen", False):
        return [sys.executable, "--program"]
    return [sys.executable, "-I", "-B", str(Path(program_child.__file__))]
