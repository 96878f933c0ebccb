"""Whether there is room for a model, and in its context for problems, thinking and answers: found out before it is loaded."""

from collections.abc import Iterator, Sequence

from models import budgets, errors
from models.evaluate.problems import Problem, Task
from models.generate import load
from models.generate.drawing import closing_tokens
from models.generate.load import Prompting, prompting
from models.generate.template import build_prompt
from models.generate.thinking import ANSWER_RESERVE, grace_tokens
from models.library import installed
from models.quantities import counted
from models.requests import Message

NAMED = 5  # problems that are named


def check_memory(model: str) -> None:
    """Raise NoMemory for a model that does not fit by itself, before others have been asked for hours."""
    path = installed.find(model)
    load.check_memory(installed.title(model), load.weights_on_disk(path), load.read_config(path))


def shortages(model: str, task: Task, think: Sequence[int | None]) -> Iterator[str]:
    """A sentence for each budget that some problems have no room for; those think less, or are cut.

    Raises BadInput when none has room: there would be nothing that was measured under that budget.
    """
    title = installed.title(model)
    with prompting(title, installed.find(model)) as found:
        lengths = {plain: _lengths(found, task, not plain) for plain in {budget == 0 for budget in think}}
        for budget in think:
            needed = ANSWER_RESERVE
            if budget:
                needed += budget + grace_tokens(budget) + closing_tokens(found)
            short = [
                problem
                for problem, length in zip(task.problems, lengths[budget == 0], strict=True)
                if length + needed > found.context_limit
            ]
            if short:
                wanted = "an answer" if budget in (0, None) else f"{budgets.describe(budget)} of thinking and an answer"
                context = f"the context of {title} ({counted(found.context_limit, 'token')})"
                if len(short) == len(task.problems):
                    hint = "Ask for a smaller budget, or take a model with a longer context."
                    raise errors.BadInput(f"No problem has room for {wanted} in {context}.", hint)
                yield f"{_share(short, task)} no room for {wanted} in {context}: {_names(short)}."


def _lengths(found: Prompting, task: Task, think: bool) -> list[int]:
    """Tokens of each problem's prompt; 0 for one that can't be rendered, whose row will say why."""
    lengths = []
    for problem in task.problems:
        messages = [Message(role="user", content=problem.as_asked)]
        try:
            lengths.append(len(build_prompt(found.style, messages, think, found.render, found.tokenizer).tokens))
        except errors.StillroomError:
            lengths.append(0)
    return lengths


def _share(short: Sequence[Problem], task: Task) -> str:
    return f"{len(short):,} of {counted(len(task.problems), 'problem')} {'has' if len(short) == 1 else 'have'}"


def _names(short: Sequence[Problem]) -> str:
    names = ", ".join(problem.id for problem in short[:NAMED])
    return names + (f" and {len(short) - NAMED:,} more" if len(short) > NAMED else "")
