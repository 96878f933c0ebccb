"""Render a stranger's chat template in a process of its own, with little time and memory.

jinja2's sandbox keeps a template from the machine, not from counting to infinity. So the template runs in a child
(models/generate/template_child.py) that is ended when it takes too long or grows too large, and is started anew for the
next prompt. It is started when loading begins: by the time the weights are read, it waits.
"""

import logging
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from models.errors import Corrupt, StillroomError, Unsafe, WorkerDied
from models.machine.limited_process import LimitedProcess, OverLimitError
from models.quantities import one_line

log = logging.getLogger(__name__)

SECONDS = 2.0  # of processor time a prompt
MEMORY_BYTES = 512 << 20
MAX_OUTPUT = 4 << 20  # characters, beyond what the conversation itself has
MAX_SOURCE = 1 << 20  # characters
LONGEST_MESSAGE = 200  # characters of what a template says about an error
_ANSWER_BYTES = 12  # of a character that is escaped as two of \ud800


class TemplateProcess:
    """Renders one model's templates. It ends with the object, or with this process. Not for several threads at once.

    name: the model's, for the sentences; seconds: of processor time a prompt.
    """

    def __init__(self, name: str, seconds: float = SECONDS, memory_bytes: int = MEMORY_BYTES) -> None:
        self.name = name
        self.process = LimitedProcess(_command(), seconds, memory_bytes)
        self.process.start()

    def close(self) -> None:
        """End the child; the next render starts another."""
        self.process.close()

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
        try:
            answer = self.process.ask(request, _ANSWER_BYTES * most + (1 << 16))
        except OverLimitError as error:
            log.info("The process that renders chat templates was given up: %s, status %d.", error, error.status)
            raise self._given_up(error) from error
        try:
            return msgspec.json.decode(answer, type=dict[str, str])
        except msgspec.MsgspecError as error:
            self.close()
            raise WorkerDied("The process that renders chat templates answered nonsense.") from error

    def _given_up(self, error: OverLimitError) -> StillroomError:
        match error.limit:
            case "not started":
                text = f"The process that renders chat templates could not be started (status {error.status})."
                return WorkerDied(text)
            case "died":
                return Unsafe(f"The chat template of {self.name} ended the process that renders it.", _HINT)
            case "time":
                ran = f"ran for more than {self.process.seconds:g} s and was stopped"
                return Unsafe(f"The chat template of {self.name} {ran}.", _HINT)
        return self._said(error.limit, "")

    def _said(self, kind: str, error: str) -> StillroomError:
        said = one_line(error, LONGEST_MESSAGE)
        faults = {
            "memory": f"wanted more than {self.process.memory_bytes >> 20} MB of memory",
            "length": "makes a prompt without end",
            "escape": f"reaches for what it may not have: {said}",
        }
        if kind in faults:
            return Unsafe(f"The chat template of {self.name} {faults[kind]}.", _HINT)
        return Corrupt(f"The chat template of {self.name} failed: {said}.")


_HINT = "Do not trust this model's files; another source may have a good template."


def _command() -> list[str]:
    if getattr(sys, "frozen", False):
        return [sys.executable, "--templates"]
    return [sys.executable, "-P", "-m", "models.generate.template_child"]
