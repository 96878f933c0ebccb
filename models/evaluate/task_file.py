"""A file of problems to a task's problems, and a line with a reason for each row that became none.

JSONL, JSON, CSV, TSV or Parquet, in any encoding that sets of traces may have. A row is {"problem", "answer"} and, where
they matter, choices, kind, unit, tolerance, tests, group, id.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from models import errors
from models.answers import verify
from models.answers.verdict import KINDS, Kind
from models.evaluate.problems import LeftOut, Problem
from models.traces import reading
from models.traces.split import problem_key

PROBLEM = ("problem", "question", "prompt", "input", "query")
ANSWER = (
    "answer",
    "gold",
    "target",
    "expected_answer",
    "gt_answer",
    "final_answer",
    "final_ans",
    "solution",
    "answerkey",
)
MOST_PROBLEMS = 100_000
_SCALARS = (str, int, float)


class Columns(msgspec.Struct, frozen=True, kw_only=True):
    """Which columns hold what, where a task says so; names in any case."""

    problem: Sequence[str] = PROBLEM
    joined: bool = False  # the problem is all of its columns that a row has, not the first
    answer: Sequence[str] = ANSWER
    choices: str = "choices"
    repeated: bool = False  # problems may stand there twice, as in some published sets


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """What a file holds."""

    problems: list[Problem]
    left_out: list[LeftOut]
    sha256: str


class _Fault(Exception):
    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason, self.text = reason, text


def read(path: Path, kind: Kind | None = None, columns: Columns | None = None) -> Read:
    """Read a file of problems. kind: of the verifier for rows that name none; else it follows from what a row has.

    Raises NotFound, BadInput, Corrupt, Unsupported for a file that can't be read at all, or holds no problem.
    """
    columns = columns or Columns()
    problems: list[Problem] = []
    left_out: list[LeftOut] = []
    lines: dict[str, int] = {}
    ids: dict[str, int] = {}
    for row in reading.rows(path):
        try:
            if row.value is None:
                raise _Fault(
                    row.fault.reason if row.fault else "broken", row.fault.text if row.fault else "It is empty."
                )
            problem = _problem(row.value, row.line, kind, columns)
            if not columns.repeated:
                _check_new(problem, lines, ids)
        except _Fault as fault:
            left_out.append(LeftOut(line=row.line, reason=fault.reason, text=fault.text))
            continue
        problems.append(problem)
        if len(problems) > MOST_PROBLEMS:
            raise errors.BadInput(f"{path.name} has more than {MOST_PROBLEMS:,} problems.")
    if not problems:
        why = f" Row {left_out[0].line}: {left_out[0].text}" if left_out else ""
        raise errors.BadInput(f"{path.name} holds no problem with an answer.{why}", _HINT)
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return Read(problems=problems, left_out=left_out, sha256=sha256)


_HINT = 'A row is {"problem": …, "answer": …}.'


def _problem(value: Mapping[str, object], line: int, kind: Kind | None, columns: Columns) -> Problem:
    row = {str(key).strip().casefold(): field for key, field in value.items()}
    asked = [text for name in columns.problem if (text := _text(row.get(name.casefold())))]
    if not asked:
        raise _Fault("no_problem", "It has no problem.")
    text = " ".join(asked) if columns.joined else asked[0]
    choices = _choices(row, columns.choices)
    tests = _tests(row.get("tests"))
    unit, tolerance = _text(row.get("unit")), _tolerance(row.get("tolerance"))
    gold = _gold(row, columns.answer)
    chosen = _kind(row.get("kind"), kind, bool(choices), bool(tests), bool(unit) or tolerance is not None, gold)
    if chosen == "choice":
        gold = _letter(gold, row, columns.answer, choices)
    if gold in ("", []) and not tests:
        raise _Fault("no_answer", "It has no answer.")
    try:
        why = verify.unreadable(gold, chosen, unit=unit, choices=choices, tests=tests)
    except RecursionError:
        why = "it is nested too deeply"
    if why:
        raise _Fault("unreadable", f"Its answer can't be read: {why}.")
    return Problem(
        id=_text(row.get("id")) if isinstance(row.get("id"), str) or _is_number(row.get("id")) else "",
        problem=text,
        gold=gold,
        kind=chosen,
        choices=choices,
        unit=unit,
        tolerance=tolerance,
        tests=tests,
        group=_text(row.get("group")),
        line=line,
    )


def _check_new(problem: Problem, lines: dict[str, int], ids: dict[str, int]) -> None:
    key = problem_key(problem.problem) + "\x1f" + "\x1f".join(problem.choices.values())
    if key in lines:
        raise _Fault("duplicate", f"It is the same problem as row {lines[key]}.")
    if problem.id and problem.id in ids:
        raise _Fault("duplicate", f"Row {ids[problem.id]} has the id {problem.id!r} too.")
    lines[key] = problem.line
    if problem.id:
        ids[problem.id] = problem.line


def _text(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return str(value).lower() if isinstance(value, bool) else ""
    if isinstance(value, float):
        return verify.gold_text(value) if value == value and abs(value) != float("inf") else ""
    if not isinstance(value, _SCALARS):
        return ""
    text = str(value).strip()
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise _Fault("encoding", "It holds characters that are no text.")
    return text


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _gold(row: Mapping[str, object], names: Sequence[str]) -> str | list[str]:
    for name in names:
        value = row.get(name.casefold())
        if isinstance(value, list):
            parts = [text for part in value if (text := _text(part))]
            return parts[0] if len(parts) == 1 else parts
        if text := _text(value):
            return verify.gold_answer(text)
    return ""


def _kind(said: object, asked: Kind | None, choices: bool, tests: bool, measured: bool, gold: str | list[str]) -> Kind:
    if text := _text(said):
        known = next((kind for kind in KINDS if kind == text.casefold()), None)
        if known is None:
            raise _Fault("broken", f"There is no kind {text!r}; there are {', '.join(KINDS)}.")
        return known
    if asked is not None:
        return asked
    if tests or choices:
        return "python" if tests else "choice"
    return "number" if measured else "several" if isinstance(gold, list) else "math"


def _tolerance(value: object) -> float | None:
    text = _text(value)
    if not text:
        return None
    try:
        tolerance = float(text.rstrip("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        tolerance = -1.0
    if not 0 <= tolerance < 1:
        raise _Fault("broken", f"The tolerance {text!r} is no share from 0 to 1.")
    return tolerance


def _tests(value: object) -> list[str]:
    if isinstance(value, str) and value.lstrip().startswith("["):
        value = _decoded(value)
    if isinstance(value, list):
        return [test for part in value if (test := _text(part))]
    return [text] if (text := _text(value)) else []


def _choices(row: Mapping[str, object], name: str) -> dict[str, str]:
    value = row.get(name.casefold())
    if value is None:
        lettered = {letter: _text(row.get(letter.casefold())) for letter in "ABCDEFGHIJ"}
        found = {letter: text for letter, text in lettered.items() if text}
        return found if len(found) > 1 and next(iter(found)) == "A" else {}
    if isinstance(value, str):
        value = _decoded(value) if value.lstrip()[:1] in ("[", "{") else re.split(r"\s*(?:\||\n)\s*", value.strip())
    if isinstance(value, dict) and isinstance(value.get("text"), list):
        labels, texts = value.get("label") or value.get("labels"), [_text(text) for text in value["text"]]
        if isinstance(labels, list) and len(labels) == len(texts):
            return {_text(label): text for label, text in zip(labels, texts, strict=True)}
        value = texts
    if isinstance(value, dict):
        return {str(letter).strip().upper(): _text(text) for letter, text in value.items()}
    if isinstance(value, list):
        return {chr(ord("A") + index): _text(text) for index, text in enumerate(value[:26]) if _text(text)}
    raise _Fault("broken", "Its choices are no list.")


def _decoded(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.MsgspecError as error:
        raise _Fault("broken", "It holds a list that is no JSON.") from error


def _letter(gold: str | list[str], row: Mapping[str, object], names: Sequence[str], choices: Mapping[str, str]) -> str:
    """The right choice; a number is its place from 0, as in many data sets, unless it is one of the choices itself."""
    text = verify.gold_text(gold)
    index = next((row[name.casefold()] for name in names if isinstance(row.get(name.casefold()), int)), None)
    said = {verify.normal(choice) for choice in choices.values()}
    if (
        isinstance(index, int)
        and not isinstance(index, bool)
        and text not in choices
        and verify.normal(text) not in said
    ):
        return list(choices)[index] if 0 <= index < len(choices) else text
    return text
