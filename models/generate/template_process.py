"""Render a stranger's chat template in a process of its own, with little time and memory.

jinja2's sandbox keeps a template from the machine, not from counting to infinity. So the template runs in a child
(models/generate/template_child.py) that is ended when it takes too long or grows too large, and is started anew for the
next prompt. It is started when loading begins: by the time the weights are read, it waits.
"""

import logging
import os
import select
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec
import psutil

from models.errors import Corrupt, StillroomError, Unsafe, WorkerDied
from models.quantities import one_line

log = logging.getLogger(__name__)

SECONDS = 2.0  # of processor time a prompt
MEMORY_BYTES = 512 << 20
MAX_OUTPUT = 4 << 20  # characters, beyond what the conversation itself has
MAX_SOURCE = 1 << 20  # characters
LONGEST_MESSAGE = 200  # characters of what a template says about an error
# By the clock a child gets more than its processor time: a busy machine gives less than all of it.
_PATIENCE = 4
_LEAST_PATIENCE_S = 4.0
_START_S = 30.0
_LOOK_EVERY_S = 0.02  # at the child's memory
_ANSWER_BYTES = 12  # of a character that is escaped as two of \ud800


class TemplateProcess:
    """Renders one model's templates. It ends with the object, or with this process. Not for several threads at once.

    name: the model's, for the sentences; seconds: of processor time a prompt.
    """

    def __init__(self, name: str, seconds: float = SECONDS, memory_bytes: int = MEMORY_BYTES) -> None:
        self.name = name
        self.seconds = seconds
        self.memory_bytes = memory_bytes
        self._child: subprocess.Popen[bytes] | None = None
        self._end: weakref.finalize[..., Any] | None = None
        self._ready = False
        self.start()

    def start(self) -> None:
        """Start the child without waiting for it."""
        # what a process needs to start, time zone and language; nothing else of the environment
        names = ("PATH", "LANG", "LC_ALL", "LC_TIME", "TZ", "PYTHONHOME", "VIRTUAL_ENV")
        kept = {name: os.environ[name] for name in names if name in os.environ}
        self._child = subprocess.Popen(
            [*_command(), str(self.seconds), str(self.memory_bytes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # nothing of a private prompt into a log
            env={"PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1", **kept},
            start_new_session=True,
        )
        self._ready = False
        self._end = weakref.finalize(self, _end, self._child)

    def close(self) -> None:
        """End the child; the next render starts another."""
        if self._end is not None:
            self._end()
        self._child = None

    def render(self, template: str, messages: Sequence[Mapping[str, Any]], variables: Mapping[str, Any]) -> str:
        """Render a template for a conversation.

        Raises Corrupt when the template fails, Unsafe when it reaches for what it may not have or exceeds its limits,
        WorkerDied when the child can't be used.
        """
        if len(template) > MAX_SOURCE:
            raise Corrupt(f"The chat template of {self.name} is larger than any real one.")
        conversation = msgspec.json.encode(list(messages))
        everything = {"tools": None, "documents": None, **variables, "messages": msgspec.Raw(conversation)}
        most = MAX_OUTPUT + len(conversation)
        answer = self._ask(msgspec.json.encode({"template": template, "variables": everything, "most": most}), most)
        if "text" in answer:
            return answer["text"]
        raise self._said(answer.get("kind", ""), answer.get("error", ""))

    def _ask(self, request: bytes, most: int) -> dict[str, str]:
        if self._child is None or self._child.poll() is not None:
            self.close()
            self.start()
        try:
            if not self._ready:
                self._exchange(b"", _START_S, 1 << 10)
                self._ready = True
            patience_s = max(self.seconds * _PATIENCE, _LEAST_PATIENCE_S)
            answer = self._exchange(request + b"\n", patience_s, _ANSWER_BYTES * most + (1 << 16))
        except BaseException:
            self.close()
            raise
        try:
            return msgspec.json.decode(answer, type=dict[str, str])
        except msgspec.MsgspecError as error:
            self.close()
            raise WorkerDied("The process that renders chat templates answered nonsense.") from error

    def _exchange(self, request: bytes, seconds: float, max_bytes: int) -> bytes:
        """Write a line and read one, watching the clock and the child's memory."""
        child = self._child
        assert child is not None, "started"
        assert child.stdin is not None, "opened with a pipe"
        assert child.stdout is not None, "opened with a pipe"
        into, out = child.stdin.fileno(), child.stdout.fileno()
        os.set_blocking(into, False)
        watched, left, answer = psutil.Process(child.pid), memoryview(request), bytearray()
        deadline = time.monotonic() + seconds
        while not answer.endswith(b"\n"):
            readable, writable, _ = select.select([out], [into] if left else [], [], _LOOK_EVERY_S)
            if writable:
                with suppress(BlockingIOError, BrokenPipeError):  # a child that is gone is seen when reading
                    left = left[os.write(into, left) :]
            if readable:
                piece = os.read(out, 1 << 16)
                if not piece:
                    raise self._death(child.wait())
                answer += piece
            elif time.monotonic() > deadline:
                raise self._too_slow()
            if len(answer) > max_bytes:
                raise self._said("length", "")
            if not readable and _memory(watched) > self.memory_bytes:
                raise self._said("memory", "")
        return bytes(answer)

    def _death(self, status: int) -> StillroomError:
        log.info("The process that renders chat templates ended with status %d.", status)
        if not self._ready:
            return WorkerDied(f"The process that renders chat templates could not be started (status {status}).")
        if status == -signal.SIGPROF:
            return self._too_slow()
        return Unsafe(f"The chat template of {self.name} ended the process that renders it.", _HINT)

    def _too_slow(self) -> Unsafe:
        return Unsafe(f"The chat template of {self.name} ran for more than {self.seconds:g} s and was stopped.", _HINT)

    def _said(self, kind: str, error: str) -> StillroomError:
        said = one_line(error, LONGEST_MESSAGE)
        faults = {
            "memory": f"wanted more than {self.memory_bytes >> 20} MB of memory",
            "length": "makes a prompt without end",
            "escape": f"reaches for what it may not have: {said}",
        }
        if kind in faults:
            return Unsafe(f"The chat template of {self.name} {faults[kind]}.", _HINT)
        return Corrupt(f"The chat template of {self.name} failed: {said}.")


_HINT = "Do not trust this model's files; another source may have a good template."


def _memory(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def _command() -> list[str]:
    if getattr(sys, "frozen", False):
        return [sys.executable, "--templates"]
    return [sys.executable, "-P", "-m", "models.generate.template_child"]


def _end(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with suppress(OSError):  # unwritten bytes of a request that nobody reads any more
                pipe.close()
