"""An evaluation asked for by names: the task found, the folder begun or taken up."""

from collections.abc import Generator, Sequence
from pathlib import Path

import msgspec

from models import errors, families, settings
from models.answers.verdict import Kind
from models.evaluate import evaluate as evaluating
from models.evaluate import evaluations, run_folder, tasks
from models.evaluate.records import Contender, Evaluated
from models.events import Event
from models.library import installed
from models.requests import Sampling


def evaluate_task(
    contenders: Sequence[Contender],
    task: str,
    *,
    verifier: Kind | None = None,
    limit: int | None = None,
    think: Sequence[int | None] = (),
    samples: int = 1,
    votes: Sequence[int] = (),
    answer_tokens: int = evaluating.ANSWER_TOKENS,
    sampling: Sampling | None = None,
    seed: int = 0,
    run: str = "",
    resume: bool = False,
    again: str = "",
) -> Generator[Event, None, Evaluated]:
    """Evaluate contenders on a task, or go on with an evaluation.

    task: as tasks.load takes it; think: the budget that chats with the first begin with, when none is given; verifier: where the task leaves the kind open; limit: problems; run: the name of the
    folder, made up when empty; one that is there goes on as it began. resume: it has to be there; with an empty run,
    the last one of the same contenders and task. again: an evaluation that is asked anew from its folder alone, with
    its problems, budgets and seed. Raises what evaluate and tasks.load raise, NotFound for what is not there.
    """
    if resume:
        place = evaluations.place(run) if run else _last(contenders, task)
        return (yield from evaluating.resume(place))
    if run and (evaluations.folder_of(run) / run_folder.CARD).is_file():
        return (yield from evaluating.resume(evaluations.folder_of(run)))
    if again:
        return (yield from evaluating.again(evaluations.place(again), contenders, run))
    found = yield from tasks.load(task, kind=verifier, limit=limit, seed=seed)
    if not think and contenders:
        think = [_usual(contenders[0])]
    return (
        yield from evaluating.evaluate(
            contenders,
            found,
            think=think,
            samples=samples,
            votes=votes,
            answer_tokens=answer_tokens,
            sampling=sampling,
            seed=seed,
            run=run,
        )
    )


def _usual(contender: Contender) -> int | None:
    found = installed.show(contender.model)
    chosen, _ = settings.load()
    return chosen.budget_for(contender.model, families.thinks(found.family, bool(contender.adapter)))


def _last(contenders: Sequence[Contender], task: str) -> Path:
    """The folder of the last unfinished evaluation of these contenders and this task. Raises NotFound."""
    for found in reversed(evaluations.evaluations()):
        same = [_bare(one) for one in found.card.contenders] == [_bare(one) for one in contenders]
        if found.state != "done" and same and found.card.task.name == tasks.name_of(task):
            return Path(found.folder)
    who = " and ".join(contender.title for contender in contenders)
    raise errors.NotFound(f"There is no unfinished evaluation of {who} on {task}.", "Leave --resume out to start one.")


def _bare(contender: Contender) -> Contender:
    return msgspec.structs.replace(contender, fingerprint="", adapter_fingerprint="")
