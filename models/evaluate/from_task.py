"""An evaluation asked for by names: the task found, the folder begun or taken up."""

from collections.abc import Generator, Sequence
from pathlib import Path

import msgspec

from models import errors, families, settings
from models.answers.verdict import Kind
from models.evaluate import evaluate as evaluating
from models.evaluate import evaluations, run_folder, tasks
from models.evaluate.records import Contender, Evaluated, EvaluationCard, contender
from models.events import Event
from models.library import installed
from models.requests import Sampling


def evaluate_task(
    contenders: str | Contender | Sequence[str | Contender],
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
    race: bool = False,
) -> Generator[Event, None, Evaluated]:
    """Evaluate one model, or two against each other, on a task, or go on with an evaluation.

    contenders: as records.contender takes them, "MODEL:ADAPTER"; task: as tasks.load takes it; think: budgets, 0 for
    off and None for no limit; without any the one that chats with the first begin with; verifier: where the task leaves
    the kind open; limit: problems; run: the name of the folder, made up when empty; one that is there goes on as it
    began. resume: it has to be there; with an empty run, the last unfinished one of the same. again: an evaluation that
    is asked anew from its folder alone, with its problems, budgets and seed. race: which of any number of contenders,
    budgets and votes is best; who can't win any more is stopped. Raises what evaluate and tasks.load raise,
    NotFound for what is not there.
    """
    given = [contenders] if isinstance(contenders, str | Contender) else contenders
    who = [contender(one) if isinstance(one, str) else one for one in given]
    if run and (evaluations.folder_of(run) / run_folder.CARD).is_file():
        return (yield from evaluating.resume(evaluations.folder_of(run)))
    if resume and (run or not task):
        return (yield from evaluating.resume(evaluations.place(run)))
    if again:
        return (yield from evaluating.again(evaluations.place(again), who, run))
    found = yield from tasks.load(task, kind=verifier, limit=limit, seed=seed)
    card = evaluating.card_of(
        who,
        found,
        think=think or [_usual(one) for one in who[:1]],
        samples=samples,
        votes=votes,
        answer_tokens=answer_tokens,
        sampling=sampling,
        seed=seed,
        run=run,
        race=race,
    )
    if resume:
        return (yield from evaluating.resume(_last(card)))
    return (yield from evaluating.begin(card, found))


def _usual(contender: Contender) -> int | None:
    found = installed.show(contender.model)
    chosen, _ = settings.load()
    return chosen.budget_for(contender.model, families.thinks(found.family, bool(contender.adapter)))


def _last(card: EvaluationCard) -> Path:
    """The folder of the last unfinished evaluation of the same. Raises NotFound, naming one that only resembles it."""
    near = ""
    for found in reversed(evaluations.evaluations()):
        if found.state == "done":
            continue
        if _same(found.card) == _same(card):
            return Path(found.folder)
        if not near and _who(found.card) == _who(card) and found.card.task.name == card.task.name:
            near = found.id
    who = " and ".join(one.title for one in card.contenders)
    hint = "Leave --resume out to start one."
    if near:
        hint = f"{near} has other problems, budgets or settings (`stillroom evaluations show {near}`). {hint}"
    raise errors.NotFound(f"There is no unfinished evaluation of {who} on {card.task.name} as it is asked for.", hint)


def _same(card: EvaluationCard) -> EvaluationCard:
    """A card without what differs between two evaluations of the same."""
    return msgspec.structs.replace(card, id="", created="", contenders=_who(card), versions={}, machine=None)


def _who(card: EvaluationCard) -> list[Contender]:
    return [Contender(model=one.model, adapter=one.adapter, calm=one.calm) for one in card.contenders]
