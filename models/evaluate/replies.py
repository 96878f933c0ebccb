"""Replies made elsewhere, judged and scored against a task: no model is needed.

A row is {"problem" or "id", "reply"}; a problem may have several. Thinking stands in tags within the reply, in a field of
its own (reasoning_content, thinking …), or nowhere. A row that says it was cut (finish_reason "length", closed false) is.
"""

import csv
import io
import os
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from models import errors
from models.answers import tags
from models.checkpoint import folders
from models.evaluate import scores, tasks
from models.evaluate.problems import LeftOut, Problem, Task, vote_of
from models.evaluate.records import Evaluated
from models.evaluate.scores import Row, Scored
from models.events import Event
from models.traces import reading
from models.traces.fault import Fault
from models.traces.split import problem_key

PROBLEM = ("problem", "question", "prompt", "input")
REPLY = ("reply", "response", "output", "completion", "prediction", "content", "text", "message", "answer")
THINKING = ("reasoning_content", "thinking", "reasoning", "thought")
CSV_EVENT = ("id", "sample", "correct", "answer", "gold", "kind", "thinking_tokens", "answer_tokens", "reason")
LISTED = 10_000  # rows left out that are listed
CUT_SHORT = ("length", "max_tokens", "cancelled", "cut")


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """A reply of a file, and what its row knows besides."""

    text: str  # thinking in tags where it is known to be there
    cut: bool = False
    sample: int | None = None
    thinking_tokens: int | None = None
    answer_tokens: int | None = None
    seconds: float | None = None


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """A row of a file that was judged."""

    problem: Problem
    reply: Reply
    event: Scored
    row: Row


def score_replies(
    task: Task, file: Path, *, votes: int = 1, table: Path | None = None
) -> Generator[Event, None, Evaluated]:
    """Judge a file of replies, a Scored each, and return the score.

    votes: a point for the majority of so many as well; table: a CSV file to write, with a row a reply. Raises Unsafe for
    a task whose tests were not accepted, BadInput for a file without a reply to any of its problems.
    """
    tasks.check_accepted(task)
    rows: list[Row] = []
    left_out: list[LeftOut] = []
    told: list[list[object]] = []
    for found in judge(task, file):
        if isinstance(found, LeftOut):
            if len(left_out) < LISTED:
                left_out.append(found)
            continue
        rows.append(found.row)
        if table:
            told.append([getattr(found.event, name) for name in CSV_EVENT] + [found.problem.problem, found.reply.text])
        yield found.event
    if not rows:
        why = f" Row {left_out[0].line}: {left_out[0].text}" if left_out else ""
        raise errors.BadInput(f"{file.name} holds no reply to a problem of {task.title}.{why}", _HINT)
    if table:
        _write(table, told)
    points = [scores.score(rows)]
    if votes > 1:
        points.append(scores.score(rows, votes=votes))
    return Evaluated(
        task=task.name,
        title=task.title,
        points=points,
        left_out=left_out,
        unread=task.left_out,
        unanswered=len(task.problems) - points[0].n,
    )


_HINT = 'A row is {"problem" or "id": …, "reply": …}.'


def judge(task: Task, file: Path) -> Generator[Judged | LeftOut, None, None]:
    """Judge the rows of a file one by one; of one that is none, why."""
    places = _Places(task)
    samples: dict[str, int] = {}
    for row in reading.rows(file):
        if row.value is None:
            fault = row.fault or Fault("broken", "It is empty.")
            yield LeftOut(line=row.line, reason=fault.reason, text=fault.text)
            continue
        fields = {str(key).strip().casefold(): value for key, value in row.value.items()}
        problem, why = places.find(fields)
        reply = _reply(fields)
        if problem is None or reply is None:
            reason = "no_answer" if problem is not None else "unknown" if why.startswith("No ") else "no_problem"
            yield LeftOut(line=row.line, reason=reason, text=why or "It has no reply.")
            continue
        sample = reply.sample if reply.sample is not None else samples.get(problem.id, 0)
        samples[problem.id] = max(samples.get(problem.id, 0), sample) + 1
        yield _judged(problem, reply, sample)


def _write(table: Path, rows: Sequence[Sequence[object]]) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([*CSV_EVENT, "problem", "reply"])
    writer.writerows(rows)
    draft = table.with_name(f".{table.name}.{os.getpid()}")
    with errors.disk_faults(f"writing {table}", writing=True):
        folders.write_file(draft, text.getvalue().encode("utf-8", "replace"))
        draft.replace(table)


def _judged(problem: Problem, reply: Reply, sample: int) -> Judged:
    verdict = tasks.verdict(problem, reply.text, cut=reply.cut)
    event = Scored(
        id=problem.id,
        correct=verdict.correct,
        answer=verdict.answer,
        gold=verdict.gold,
        kind=verdict.kind,
        thinking_tokens=reply.thinking_tokens,
        answer_tokens=reply.answer_tokens,
        sample=sample,
        reason=verdict.reason,
    )
    row = Row(
        id=problem.id,
        correct=verdict.correct,
        vote=vote_of(problem, verdict),
        sample=sample,
        group=problem.group,
        thinking_tokens=reply.thinking_tokens,
        answer_tokens=reply.answer_tokens,
        seconds=reply.seconds,
    )
    return Judged(problem=problem, reply=reply, event=event, row=row)


class _Places:
    """Which problem a row is about."""

    def __init__(self, task: Task) -> None:
        self._ids = {problem.id: problem for problem in task.problems}
        self._texts: dict[str, Problem] = {}
        for problem in task.problems:
            self._texts.setdefault(problem_key(problem.problem), problem)
            self._texts.setdefault(problem_key(problem.question or problem.problem), problem)

    def find(self, fields: Mapping[str, object]) -> tuple[Problem | None, str]:
        asked = next((text for name in PROBLEM if isinstance(text := fields.get(name), str) and text.strip()), None)
        if asked is not None and (problem := self._texts.get(problem_key(asked))):
            return problem, ""
        named = fields.get("id")
        if isinstance(named, str | int) and not isinstance(named, bool):
            problem = self._ids.get(str(named).strip())
            return problem, "" if problem else f"No problem of the task has the id {str(named)[:80]!r}."
        if asked is not None:
            return None, "No problem of the task is the one it names."
        return None, "It names no problem and no id."


def _reply(fields: Mapping[str, object]) -> Reply | None:
    """The reply of a row; also as an API's answer has it, in a message or in choices."""
    inner = _inner(fields)
    text = next((value for name in REPLY if isinstance(value := inner.get(name), str)), None)
    thinking = next((value for name in THINKING if isinstance(value := inner.get(name), str) and value.strip()), "")
    if text is None and not thinking:
        return None
    cut = _is_cut({**fields, **inner})
    if thinking:
        thinking, text = tags.unwrap_thinking(thinking), text or ""
        cut = cut or not text.strip()  # it never came to its answer
        text = f"<think>\n{thinking}\n</think>\n{text}"
    return Reply(
        text=text or "",
        cut=cut,
        sample=_count(fields.get("sample")),
        thinking_tokens=_count(fields.get("thinking_tokens")),
        answer_tokens=_count(fields.get("answer_tokens")),
        seconds=float(seconds) if isinstance(seconds := fields.get("seconds"), int | float) and seconds >= 0 else None,
    )


def _inner(fields: Mapping[str, object]) -> Mapping[str, Any]:
    choices = fields.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], dict):
        message = choices[0].get("message")
        return {**choices[0], **(message if isinstance(message, dict) else {})}
    for name in ("message", "reply", "response"):
        if isinstance(message := fields.get(name), dict):
            return {**fields, **message, name: None}
    return fields


def _is_cut(fields: Mapping[str, object]) -> bool:
    finish = next((fields[name] for name in ("finish_reason", "finish", "stop_reason") if name in fields), None)
    return finish in CUT_SHORT or fields.get("closed") is False or fields.get("cut") is True


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
