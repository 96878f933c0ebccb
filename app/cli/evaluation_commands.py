"""Commands that judge answers: tasks and evaluation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from app.cli.command_parts import Json, absolute, display_for, place, run_to_end
from models import paths
from models.errors import BadInput

if TYPE_CHECKING:
    from models.evaluate.problems import Task
    from models.evaluate.records import Contender
    from models.jobs.kinds.evaluate import Evaluate

ANSWER_TOKENS = 2048
KindName = Literal["math", "number", "choice", "exact", "several", "python"]
Kind = Annotated[KindName | None, typer.Option(help="How answers are judged, where the task does not say.")]
Accept = Annotated[
    bool, typer.Option("--accept-tests", help="Let the task's tests run here; look at them first (stillroom tasks).")
]


def tasks(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="A task, or a file of problems.")] = None,
    kind: Kind = None,
    accept_tests: Accept = False,
    json: Json = False,
) -> None:
    """List the tasks, or show one with three problems."""
    from models.evaluate import tasks as known

    if name is None:
        _list(json)
        return
    display = display_for(json)
    task = known.ladder_shown(name) if known.is_ladder(name) else _loaded(name, display, kind=kind)
    if accept_tests:
        known.accept(task)
    if json:
        from app.cli.json_lines import JsonLines

        JsonLines().done(_fields(task))
    else:
        from app.cli.tables import show_task

        show_task(task)


def evaluate(
    model: Annotated[str | None, typer.Argument(metavar="MODEL", help="As for chat; none with --replies.")] = None,
    task: Annotated[
        str | None, typer.Option(metavar="TASK", help="A name from `stillroom tasks`, or a file of problems.")
    ] = None,
    think: Annotated[
        list[str] | None, typer.Option(metavar="BUDGET", help="As for chat; may be repeated, for a curve.")
    ] = None,
    samples: Annotated[int, typer.Option(min=1, metavar="K", help="Replies to each problem.")] = 1,
    votes: Annotated[
        list[int] | None, typer.Option(min=1, metavar="K", help="Score the majority of K replies too; may be repeated.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Take N of the problems, by seed.")] = None,
    adapter: Annotated[str | None, typer.Option(metavar="A", help="An adapter trained on the model.")] = None,
    against: Annotated[
        str | None, typer.Option(metavar="MODEL[:ADAPTER]", help="Compare with it, problem by problem.")
    ] = None,
    calm: Annotated[bool, typer.Option("--calm", help="Let it hesitate less while it thinks.")] = False,
    kind: Kind = None,
    temperature: Annotated[float | None, typer.Option(min=0, max=5, metavar="T", help="As for chat.")] = None,
    top_p: Annotated[float | None, typer.Option(min=0, max=1, metavar="P", help="As for chat.")] = None,
    answer_tokens: Annotated[
        int, typer.Option(min=1, metavar="N", help="Room for the answer after the thinking.")
    ] = ANSWER_TOKENS,
    seed: Annotated[
        int, typer.Option(min=0, max=2**32 - 1, metavar="S", help="Of draws, of the choice of problems, of ladders.")
    ] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the last evaluation of the same.")] = False,
    replay: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Ask an evaluation anew from its folder alone.")
    ] = None,
    replies: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Judge replies made elsewhere; no model is needed.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE.csv", help="Write a row a reply there.")] = None,
    accept_tests: Accept = False,
    json: Json = False,
) -> None:
    """Say how many problems of a task a model solves, and what thinking longer is worth."""
    if replies is not None:
        if model is not None or task is None:
            raise BadInput("Replies are judged with --replies FILE --task TASK, and no model.")
        choice: dict[str, Any] = {"kind": kind, "limit": limit, "seed": seed}
        _judge(task, replies, choice, max(votes or [1]), out, accept_tests, json)
        return
    if replay is None and (model is None or task is None):
        raise BadInput(
            "Name a model and a task.",
            "stillroom evaluate MODEL --task gsm8k, for instance; `stillroom tasks` lists them.",
        )
    from models import budgets
    from models.jobs.kinds.evaluate import Evaluate
    from models.requests import Sampling

    named: list[object] = [model, task, think, samples != 1, votes, limit, adapter, against, calm, kind, seed, resume]
    named += [temperature is not None, top_p is not None, answer_tokens != ANSWER_TOKENS]
    if replay is not None and any(named):
        raise BadInput(
            "An evaluation is asked anew with --replay FOLDER alone: model, task and settings are those of its card."
        )
    request = Evaluate(
        contenders=_contenders(model, adapter, against, calm),
        task=_place_of(task) if task else "",
        verifier=kind,
        limit=limit,
        think=[budgets.parse_budget(budget) for budget in think or []],
        samples=samples,
        votes=votes or [],
        answer_tokens=answer_tokens,
        sampling=Sampling(temperature=temperature, top_p=top_p),
        seed=seed,
        resume=resume,
        again=absolute(replay) if replay else "",
    )
    _run(request, out, accept_tests, json)


def best(
    candidates: Annotated[list[str], typer.Argument(metavar="CANDIDATE…", help="MODEL or MODEL:ADAPTER, each.")],
    task: Annotated[str, typer.Option(metavar="TASK", help="As for evaluate.")],
    think: Annotated[
        list[str] | None, typer.Option(metavar="BUDGET", help="Each candidate under it; may be repeated.")
    ] = None,
    votes: Annotated[
        list[int] | None,
        typer.Option(min=1, metavar="K", help="Each by the majority of K replies too; may be repeated."),
    ] = None,
    calm: Annotated[bool, typer.Option("--calm", help="Each thinking calmly too.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Take N of the problems, by seed.")] = None,
    kind: Kind = None,
    temperature: Annotated[float | None, typer.Option(min=0, max=5, metavar="T", help="As for chat.")] = None,
    top_p: Annotated[float | None, typer.Option(min=0, max=1, metavar="P", help="As for chat.")] = None,
    answer_tokens: Annotated[
        int, typer.Option(min=1, metavar="N", help="Room for the answer after the thinking.")
    ] = ANSWER_TOKENS,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, metavar="S", help="As for evaluate.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the last one of the same.")] = False,
    out: Annotated[Path | None, typer.Option(metavar="FILE.csv", help="Write a row a reply there.")] = None,
    accept_tests: Accept = False,
    json: Json = False,
) -> None:
    """Say which of several models, adapters, budgets and votes is best on a task; who can't win is stopped early."""
    import msgspec

    from models import budgets
    from models.evaluate import records
    from models.jobs.kinds.evaluate import Evaluate
    from models.requests import Sampling

    named = [records.contender(name) for name in candidates]
    placed = [msgspec.structs.replace(one, model=place(one.model)) for one in named]
    request = Evaluate(
        contenders=placed + ([msgspec.structs.replace(one, calm=True) for one in placed] if calm else []),
        task=_place_of(task),
        verifier=kind,
        limit=limit,
        think=[budgets.parse_budget(budget) for budget in think or []],
        votes=votes or [],
        answer_tokens=answer_tokens,
        sampling=Sampling(temperature=temperature, top_p=top_p),
        seed=seed,
        resume=resume,
        race=True,
    )
    _run(request, out, accept_tests, json)


def _run(request: Evaluate, out: Path | None, accept_tests: bool, json: bool) -> None:
    """Evaluate, the task's problems fetched first where they are not here; write it to a file where that is asked."""
    from models.evaluate import export
    from models.evaluate import tasks as known
    from models.evaluate.records import Evaluated
    from models.jobs.kinds.fetch_task import FetchTask

    if out is not None:
        export.check_ending(out)
    if accept_tests and request.task:
        known.accept(_loaded(request.task, display_for(json), kind=request.verifier))
    fetching = [FetchTask(task=request.task)] if request.task and not known.is_here(request.task) else []
    record = run_to_end([*fetching, request], json)
    if out is not None and isinstance(record, Evaluated):
        export.write([record.folder], out.expanduser())


def _place_of(task: str) -> str:
    """A task as the engine process will find it: files made absolute, other names left as they are."""
    from models.evaluate import tasks as known

    own, equals, file = task.partition("=")
    if equals and own in {one.name for one in known.built_in()}:
        return f"{own}={absolute(Path(file))}"
    path = paths.typed(task)
    return absolute(path) if path.exists() or path.suffix or "/" in task else task


def _contenders(model: str | None, adapter: str | None, against: str | None, calm: bool) -> list[Contender]:
    import msgspec

    from models.evaluate import records

    if model is None:
        return []
    found = [records.Contender(model=place(model), adapter=adapter or "", calm=calm)]
    if against is not None:
        other = records.contender(against)
        found.append(msgspec.structs.replace(other, model=place(other.model)))
    return found


evaluations = typer.Typer(
    add_completion=False, rich_markup_mode=None, help="Evaluations on this disk.", no_args_is_help=True
)

Id = Annotated[str, typer.Argument(metavar="ID", help="As `evaluations list` shows it, or its folder.")]


@evaluations.command("list")
def list_evaluations(json: Json = False) -> None:
    """List the evaluations, oldest first."""
    from models.evaluate import evaluations as kept

    found = kept.evaluations()
    if json:
        import msgspec

        from app.cli.json_lines import JsonLines

        JsonLines().done({"evaluations": [{**msgspec.to_builtins(one), "state": one.state} for one in found]})
    else:
        from app.cli.tables import show_evaluations

        show_evaluations(found)


@evaluations.command("show")
def show_evaluation(name: Id, json: Json = False) -> None:
    """Show what one came to, as far as it is."""
    from models.evaluate import evaluations as kept
    from models.evaluate import results

    found = kept.get(name)
    record = results.evaluated(Path(found.folder))
    if json:
        import msgspec

        from app.cli.json_lines import JsonLines, fields_of

        about = {"state": found.state, "done": found.done, "total": found.total}
        JsonLines().done({**fields_of(record), **about, "card": msgspec.to_builtins(found.card)})
    else:
        from app.cli.tables import show_evaluation as show

        show(found, record)


@evaluations.command("export")
def export_evaluation(
    name: Id,
    to: Annotated[Path, typer.Option(metavar="FILE", help="A .csv, .json or .md file.")],
    json: Json = False,
) -> None:
    """Write one to a file: its replies, all of it, or the table of its points."""
    from models.evaluate import evaluations as kept
    from models.evaluate import export

    file = to.expanduser()
    export.check_ending(file)
    export.write([kept.get(name).folder], file)
    if json:
        from app.cli.json_lines import JsonLines

        JsonLines().done({"path": str(file.absolute())})


@evaluations.command("rm")
def remove_evaluation(name: Id, json: Json = False) -> None:
    """Delete an evaluation, its replies too."""
    from models import events
    from models.evaluate import evaluations as kept

    display_for(json).result(events.Removed(name=name, freed_bytes=kept.remove(name)))


def _judge(
    task: str, replies: Path, choice: dict[str, Any], votes: int, out: Path | None, accept_tests: bool, json: bool
) -> None:
    from models.evaluate import replies as judging
    from models.evaluate import tasks as known
    from models.waiting import run

    display = display_for(json)
    asked = _loaded(task, display, **choice)
    if accept_tests:
        known.accept(asked)
    try:
        found = run(judging.score_replies(asked, replies.expanduser(), votes=votes, table=out), display.show)
    finally:
        display.finish()
    display.result(found)


def _loaded(name: str, display: Any, **choice: Any) -> Task:
    from models.evaluate import tasks as known
    from models.waiting import run

    try:
        run(known.fetch(name), display.show)
        return run(known.load(name, **choice), display.show)
    finally:
        display.finish()


def _list(json: bool) -> None:
    from models.evaluate import tasks as known

    if json:
        import msgspec

        from app.cli.json_lines import JsonLines

        JsonLines().done({"tasks": msgspec.to_builtins(known.listed())})
    else:
        from app.cli.tables import show_tasks

        show_tasks(known.listed())


def _fields(task: Task) -> dict[str, Any]:
    import msgspec

    from models.evaluate.tasks import SHOWN

    return {
        "name": task.name,
        "title": task.title,
        "about": task.about,
        "licence": task.licence,
        "source": task.source,
        "revision": task.revision,
        "hash": task.hash,
        "kinds": task.kinds,
        "n": len(task.problems),
        "of": task.of,
        "left_out": msgspec.to_builtins(task.left_out),
        "problems": msgspec.to_builtins(task.problems[:SHOWN]),
        **({"tests": task.tests} if task.tests else {}),
    }
