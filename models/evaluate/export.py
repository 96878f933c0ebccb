"""An evaluation as a file: CSV with a row a reply, JSON with everything, Markdown with the table of points."""

import csv
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from models import budgets, errors
from models.checkpoint import folders
from models.evaluate import results
from models.evaluate.evaluations import Contents, open_evaluation

COLUMNS = (
    "model", "adapter", "calm", "think", "id", "sample", "correct", "answer", "gold", "kind", "thinking_tokens",
    "answer_tokens", "seconds", "finish", "closed_by", "reason", "problem", "thinking", "reply",
)  # fmt: skip
ENDINGS = (".csv", ".json", ".md")


def write(evaluated: Sequence[str | Path], path: Path) -> None:
    """Write evaluations; the ending says how. Raises BadInput for another ending, NotFound, Corrupt, DiskFull."""
    check_ending(path)
    make = {".csv": as_csv, ".json": as_json, ".md": as_markdown}[path.suffix.lower()]
    content = make([open_evaluation(str(folder)) for folder in evaluated])
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with errors.disk_faults(f"writing {path}", writing=True), folders.taken_back(draft):
        folders.write_file(draft, content.encode("utf-8", "replace"))
        draft.replace(path)


def check_ending(path: Path) -> None:
    """Raise BadInput for a file whose ending says nothing that can be written."""
    if path.suffix.lower() not in ENDINGS:
        raise errors.BadInput(f"{path.name} is no {', '.join(ENDINGS)} file.", "The ending says what is written.")


def as_csv(opened: Sequence[Contents]) -> str:
    """A row a reply."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for contents in opened:
        _write_rows(writer, contents)
    return text.getvalue()


def _write_rows(writer: Any, contents: Contents) -> None:
    problems = {problem.id: problem for problem in contents.task.problems}
    for row in contents.rows:
        contender, problem = contents.card.contenders[row.contender], problems[row.problem]
        gold = problem.gold if isinstance(problem.gold, str) else ", ".join(problem.gold)
        correct = "cut" if row.correct is None else str(row.correct).lower()
        cells = (
            contender.model, contender.adapter, str(contender.calm).lower(), _budget(row.think), row.problem, row.sample, correct,
            row.taken, gold, problem.kind, row.thinking_tokens, row.answer_tokens, row.seconds, row.finish,
            row.closed_by or "", row.reason, problem.problem, row.thinking, row.answer,
        )  # fmt: skip
        writer.writerow(cells)


def as_json(opened: Sequence[Contents]) -> str:
    """Card, points, comparisons, problems and replies; a list where there are several."""
    everything = [_everything(contents) for contents in opened]
    found = everything[0] if len(everything) == 1 else everything
    return msgspec.json.format(msgspec.json.encode(found), indent=2).decode()


def _everything(contents: Contents) -> dict[str, Any]:
    return {
        "card": contents.card,
        "points": results.points(contents),
        "comparisons": results.compared(contents),
        "task": contents.task,
        "rows": contents.rows,
    }


def as_markdown(opened: Sequence[Contents]) -> str:
    """The table of points, as it can be put into a note."""
    return "\n".join(_as_markdown(contents) for contents in opened)


def _as_markdown(contents: Contents) -> str:
    card = contents.card
    lines = [
        f"**{card.task.title or card.task.name}**, {card.task.problems:,} problems, seed {card.seed}",
        "",
        "| model | thinking | votes | accuracy | 95 % interval | cut | thinking tokens, median | tokens/s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for point in results.points(contents):
        who = point.title.replace("|", "\\|")
        low, high = point.interval
        speed = f"{point.tokens_per_s:,.1f}" if point.tokens_per_s else ""
        thought = f"{point.thinking_tokens:,.0f}" if point.thinking_tokens is not None else ""
        lines.append(
            f"| {who} | {budgets.describe(point.think)} | {point.votes} | {point.accuracy:.1%} "
            f"| {low:.1%} to {high:.1%} | {point.cut:,} | {thought} | {speed} |"
        )
    sentences = [pair.sentence for pair in results.compared(contents)] + results.notes(card)
    return "\n".join([*lines, "", *sentences, ""])


def _budget(think: int | None) -> str:
    return "unlimited" if think is None else str(think)
