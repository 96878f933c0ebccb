"""A reply of an evaluation as a trace, with the right answer of its problem."""

import msgspec

from models.evaluate.problems import Problem
from models.evaluate.records import EvaluationCard, ReplyRow
from models.traces.trace import Trace, from_chat


def as_trace(card: EvaluationCard, problem: Problem, row: ReplyRow) -> Trace:
    """The trace of a reply. Its problem is the task's, without what the model was told about the form of its answer."""
    trace = from_chat(
        problem.problem,
        row.thinking,
        row.answer,
        card.contenders[row.contender].title,
        row.think,
        closed_by=row.closed_by,
        tokens=row.thinking_tokens + row.answer_tokens,
        verified=row.correct,
    )
    return msgspec.structs.replace(trace, source=card.task.title or card.task.name, gold=problem.gold_text)
