"""The rows of an evaluation as scores take them, by contender, budget and problem."""

from models.evaluate.evaluations import Contents
from models.evaluate.records import ReplyRow
from models.evaluate.scores import Row

Tables = dict[tuple[int, int | None], dict[str, list[Row]]]
"""Of each contender and budget the problems that have all their samples, in the task's order."""


def tables(contents: Contents) -> Tables:
    """The rows of each contender and budget."""
    card = contents.card
    found: dict[tuple[int, int | None], dict[str, list[ReplyRow]]] = {
        (number, think): {} for number in range(len(card.contenders)) for think in card.think
    }
    for row in contents.rows:
        if (row.contender, row.think) in found:
            found[row.contender, row.think].setdefault(row.problem, []).append(row)
    return {
        key: {
            problem.id: [row_of(row, problem.group) for row in sorted(rows, key=lambda row: row.sample)]
            for problem in contents.task.problems
            if len(rows := by_problem.get(problem.id, [])) >= card.samples
        }
        for key, by_problem in found.items()
    }


def row_of(row: ReplyRow, group: str = "") -> Row:
    """A row as scores take it. group: of its problem."""
    return Row(
        id=row.problem,
        correct=row.correct,
        vote=row.vote,
        sample=row.sample,
        group=group,
        thinking_tokens=row.thinking_tokens,
        answer_tokens=row.answer_tokens,
        seconds=row.seconds,
        logprob=row.logprob,
    )
