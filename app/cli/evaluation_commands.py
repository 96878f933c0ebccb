"""Commands that judge answers: tasks and evaluation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from app.cli.command_parts import Json, display_for

if TYPE_CHECKING:
    from models.evaluate.problems import Task

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
    task: Annotated[str, typer.Option(metavar="TASK", help="A name from `stillroom tasks`, or a file of problems.")],
    replies: Annotated[Path, typer.Option(metavar="FILE", help="Replies made elsewhere, to be judged.")],
    kind: Kind = None,
    votes: Annotated[int, typer.Option(min=1, metavar="K", help="Score the majority of K replies a problem, too.")] = 1,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Take N of the problems, by seed.")] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, metavar="S", help="Of that choice, and of ladders.")] = 0,
    out: Annotated[Path | None, typer.Option(metavar="FILE.csv", help="Write a row a reply there.")] = None,
    accept_tests: Accept = False,
    json: Json = False,
) -> None:
    """Judge replies to the problems of a task, and say how many are right."""
    from models.evaluate import replies as judging
    from models.evaluate import tasks as known
    from models.waiting import run

    display = display_for(json)
    asked = _loaded(task, display, kind=kind, limit=limit, seed=seed)
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
