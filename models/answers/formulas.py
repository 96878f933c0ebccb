"""Whether two formulas are equal, asked of a process of its own (models/answers/formula_child.py).

Algebra may take any time and memory, as 10^{10^{10}} does. So it has little of both, and a process that is given up is
started anew for the next question: a verdict takes seconds at most and nothing that is read can stop a run.
"""

import atexit
import logging
import sys
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

from models.machine.limited_process import LimitedProcess, OverLimitError

log = logging.getLogger(__name__)

SECONDS = 3.0  # of processor time a question
MEMORY_BYTES = 1 << 30
LONGEST = 2000  # characters of a formula that is asked about
MOST_ANSWER = 1 << 12  # bytes

Fault = Literal["too slow", "too large", "too long", "failed"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What algebra found. equal: None when it could not be said; value: of a formula that is a number."""

    equal: bool | None = None
    value: float | None = None
    unread: str = ""  # "answer" or "gold", the one that is no formula
    fault: Fault | None = None


def compare(answer: str, gold: str) -> Finding:
    """Whether an answer is equal to the gold. Both: in one notation."""
    return _ask({"answer": answer, "gold": gold})


def evaluate(formula: str) -> Finding:
    """The value of a formula without unknowns."""
    return _ask({"formula": formula})


def _ask(question: dict[str, str]) -> Finding:
    if max(map(len, question.values())) > LONGEST:
        return Finding(fault="too long")
    try:
        return msgspec.json.decode(_process().ask(msgspec.json.encode(question), MOST_ANSWER), type=Finding)
    except OverLimitError as error:
        log.info("The process that compares formulas was given up: %s, status %d.", error, error.status)
        faults: dict[str, Fault] = {"time": "too slow", "memory": "too large", "died": "too large"}
        return Finding(fault=faults.get(error.limit, "failed"))
    except msgspec.MsgspecError:
        return Finding(fault="failed")


@cache
def _process() -> LimitedProcess:
    """One for all questions, started with the first."""
    process = LimitedProcess(_command(), SECONDS, MEMORY_BYTES, {"PYTHONPATH": str(Path(__file__).parents[2])})
    atexit.register(process.close)
    return process


def _command() -> list[str]:
    if getattr(sys, "frozen", False):
        return [sys.executable, "--formulas"]
    return [sys.executable, "-P", "-m", "models.answers.formula_child"]
