"""What an evaluation of a quantized model against its original says, kept with the quant card of the copy."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from models import errors
from models.checkpoint import folders
from models.evaluate import intervals, results
from models.evaluate.evaluations import Contents
from models.evaluate.records import Contender, EvaluationCard, ReplyRow
from models.events import OnProblems
from models.library import bases, installed


def keep(contents: Contents) -> str:
    """Keep what a finished evaluation says of a copy with its card; returns it in a sentence, empty where there is nothing.

    A copy is known by its lineage, not by its name; one without a quant card has no place to keep it.
    """
    copy = _copy(contents.card)
    if copy is None or not (pairs := [pair for pair in results.compared(contents) if pair.votes == 1]):
        return ""
    number, folder = copy
    record = folders.read_record(folder)
    if record is None:
        return ""
    pair, sign = pairs[-1], 1 if number == 0 else -1  # the longest budget; the pair is of the first against the second
    low, high = sorted(sign * bound for bound in pair.interval)
    original, ours = (_thinking(contents.rows, which, pair.think) for which in (1 - number, number))
    both = sorted(original.keys() & ours.keys())
    longer = intervals.ratio([original[key] for key in both], [ours[key] for key in both])
    found = OnProblems(
        task=contents.card.task.title or contents.card.task.name,
        problems=pair.n,
        think=pair.think,
        difference=sign * pair.difference,
        interval=(low, high),
        thinking=longer[0] if longer else None,
        thinking_interval=(longer[1].low, longer[1].high) if longer else None,
        evaluation=contents.card.id,
        measured=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    if record.card is not None:
        card = msgspec.structs.replace(record.card, on_problems=found)
        folders.write_record(folder, msgspec.structs.replace(record, card=card))
    return f"{record.title} {found.words()}."


def _copy(card: EvaluationCard) -> tuple[int, Path] | None:
    """Which of the two contenders is a quantized copy of the other, and its folder; None when neither is."""
    if not card.is_comparison or any(one.adapter for one in card.contenders):
        return None
    if card.contenders[0].calm != card.contenders[1].calm:
        return None
    for number, original in ((0, card.contenders[1]), (1, card.contenders[0])):
        try:
            folder = installed.find(card.contenders[number].model)
            if _is_copy(folder, card.contenders[number], original):
                return number, folder
        except (errors.StillroomError, OSError):
            continue  # it is gone by now
    return None


def _is_copy(folder: Path, copy: Contender, original: Contender) -> bool:
    line = bases.lineage(folder)
    return line[0] == copy.fingerprint and original.fingerprint in line[1:]


def _thinking(rows: list[ReplyRow], contender: int, think: int | None) -> Mapping[str, float]:
    """Thinking tokens of each problem, the mean over its samples."""
    found: dict[str, list[int]] = {}
    for row in rows:
        if (row.contender, row.think) == (contender, think):
            found.setdefault(row.problem, []).append(row.thinking_tokens)
    return {key: math.fsum(lengths) / len(lengths) for key, lengths in found.items()}
