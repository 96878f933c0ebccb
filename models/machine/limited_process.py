"""A process that answers each line with a line, and is ended when one takes too long or makes it grow too large.

For what a stranger's input may drive without end: whatever it does, the question is answered or given up within its
limits, and the next one goes to a new process. The child is told its limits as its last two arguments, seconds of
processor time a question and bytes of memory in all, sets what of them its system enforces, and says that it is ready
by a line; the parent looks at the clock and at its memory besides, since a Mac enforces neither.
"""

import os
import select
import signal
import subprocess
import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal

import psutil

Limit = Literal["time", "memory", "length", "died", "not started"]

# By the clock a child gets more than its processor time: a busy machine gives less than all of it.
PATIENCE = 4
LEAST_PATIENCE_S = 4.0
START_S = 30.0
LOOK_EVERY_S = 0.02  # at the child's memory
# what a process needs to start, time zone and language; nothing else of the environment
KEPT = ("PATH", "LANG", "LC_ALL", "LC_TIME", "TZ", "PYTHONHOME", "VIRTUAL_ENV")


class OverLimitError(Exception):
    """A question was not answered. limit: what it ran into; status: of a process that died."""

    def __init__(self, limit: Limit, status: int = 0) -> None:
        super().__init__(limit)
        self.limit, self.status = limit, status


class LimitedProcess:
    """Asks a child, which is started with the first question or by `start`. It ends with the object or this process."""

    def __init__(
        self, command: Sequence[str], seconds: float, memory_bytes: int, environment: Mapping[str, str] | None = None
    ) -> None:
        self.command = list(command)
        self.seconds = seconds
        self.memory_bytes = memory_bytes
        self.environment = dict(environment or {})
        self.child: subprocess.Popen[bytes] | None = None
        self._end: weakref.finalize[..., Any] | None = None
        self._ready = False
        self._asking = threading.Lock()

    def start(self) -> None:
        """Start the child without waiting for it."""
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        self.child = subprocess.Popen(
            [*self.command, str(self.seconds), str(self.memory_bytes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # nothing private into a log
            env={"PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1", **kept, **self.environment},
            start_new_session=True,
        )
        self._ready = False
        self._end = weakref.finalize(self, _end, self.child)

    def close(self) -> None:
        """End the child; the next question starts another."""
        if self._end is not None:
            self._end()
        self.child = None

    def ask(self, line: bytes, most: int) -> bytes:
        """The child's answer to a line, without its end. most: bytes it may have. Raises OverLimitError."""
        with self._asking:
            if self.child is None or self.child.poll() is not None:
                self.close()
                self.start()
            try:
                if not self._ready:
                    self._exchange(b"", START_S, 1 << 10)
                    self._ready = True
                return self._exchange(line + b"\n", max(self.seconds * PATIENCE, LEAST_PATIENCE_S), most)[:-1]
            except BaseException:
                self.close()
                raise

    def _exchange(self, request: bytes, seconds: float, most: int) -> bytes:
        """Write a line and read one, watching the clock and the child's memory."""
        child = self.child
        assert child is not None, "started"
        assert child.stdin is not None, "opened with a pipe"
        assert child.stdout is not None, "opened with a pipe"
        into, out = child.stdin.fileno(), child.stdout.fileno()
        os.set_blocking(into, False)
        watched, left, answer = psutil.Process(child.pid), memoryview(request), bytearray()
        deadline = time.monotonic() + seconds
        while not answer.endswith(b"\n"):
            readable, writable, _ = select.select([out], [into] if left else [], [], LOOK_EVERY_S)
            if writable:
                with suppress(BlockingIOError, BrokenPipeError):  # a child that is gone is seen when reading
                    left = left[os.write(into, left) :]
            if readable:
                piece = os.read(out, 1 << 16)
                if not piece:
                    raise self._death(child.wait())
                answer += piece
            elif time.monotonic() > deadline:
                raise OverLimitError("time")
            if len(answer) > most:
                raise OverLimitError("length")
            if not readable and memory_of(watched) > self.memory_bytes:
                raise OverLimitError("memory")
        return bytes(answer)

    def _death(self, status: int) -> OverLimitError:
        if not self._ready:
            return OverLimitError("not started", status)
        return OverLimitError("time" if status == -signal.SIGPROF else "died", status)


def memory_of(process: psutil.Process) -> int:
    """Resident bytes of a process, 0 for one that is gone."""
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def _end(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with suppress(OSError):  # unwritten bytes of a request that nobody reads any more
                pipe.close()
