"""The command line: one short function a command. What each does is in models/; how it looks is in app/terminal.py.

With --json a command writes events to stdout as app/json_lines.py says. Exit status: 0 done, 1 failed, 2 wrong usage,
130 interrupted. A failure is one sentence on stderr and a hint; --debug shows the traceback and the log too.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import logging
import os
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.interrupts import INTERRUPTED, terminated, tidy_on_sigterm
from models.errors import BadInput, Interrupted, StillroomError

if TYPE_CHECKING:
    from app.json_lines import Display
    from models.engine.client import Engine

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    help="Run distilled reasoning models on this computer. Without a command the window opens.",
)

ModelName = Annotated[
    str, typer.Argument(metavar="MODEL", help="A name from `stillroom list`, a Hub repository or a folder.")
]
Json = Annotated[bool, typer.Option("--json", help="Write newline-delimited JSON events to stdout.")]


def run(arguments: list[str]) -> int:
    """Run a command line, without the program's name, and give the exit status."""
    debug, as_json = "--debug" in arguments, "--json" in arguments
    # Without a handler Python would print warnings between the lines of a reply.
    handler = logging.StreamHandler() if debug else logging.NullHandler()
    logging.basicConfig(level=logging.DEBUG if debug else logging.WARNING, handlers=[handler])
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A terminal that can't show a letter gets a question mark instead of an error in mid-reply.
            stream.reconfigure(errors="replace")
    try:
        with tidy_on_sigterm():
            return _run([argument for argument in arguments if argument != "--debug"])
    except BrokenPipeError:
        _stdout_is_gone()
        return INTERRUPTED
    except KeyboardInterrupt:
        return fail(Interrupted("Stopped."), as_json)
    except SystemExit:
        # SIGTERM; or rich, which ends the program in silence when nobody reads stdout any more.
        return fail(Interrupted("Stopped."), as_json) if terminated.is_set() else INTERRUPTED
    except typer.TyperException as error:
        return fail(_misuse(error), as_json)
    except StillroomError as error:
        if debug:
            traceback.print_exc()
        return fail(error, as_json)
    except Exception as error:
        if debug:
            traceback.print_exc()
        return fail(_bug(error), as_json)


def _run(arguments: list[str]) -> int:
    # Not typer's own main(): it writes errors in several lines and hides an interrupt.
    command = typer.main.get_command(app)
    try:
        with command.make_context("stillroom", arguments) as context:
            command.invoke(context)
    except typer.Exit as end:
        return end.exit_code
    return 0


def _version(asked: bool) -> None:
    if asked:
        print(f"Stillroom {importlib.metadata.version('stillroom')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version and end.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks and the log.")] = False,
) -> None:
    """Take the options that every command has; run() has looked at debug already."""


@app.command()
def doctor(json: Json = False) -> None:
    """Check this machine, and say what is wrong and how to mend it."""
    from models import doctor as checks

    if json:
        from app.json_lines import JsonLines

        lines = JsonLines()
        found = []
        for finding in checks.check():
            lines.show(finding)
            found.append(finding)
        lines.done(
            {"findings": [{key: getattr(item, key) for key in ("name", "state", "text", "hint")} for item in found]}
        )
    else:
        from app.tables import show_findings

        found = show_findings(checks.check())
    if any(finding.state == "bad" for finding in found):
        raise typer.Exit(1)


@app.command("list")
def list_models(json: Json = False) -> None:
    """List the models on this disk."""
    from models import library

    if json:
        from app.json_lines import JsonLines, fields_of

        JsonLines().done({"models": [fields_of(model) for model in library.models()]})
    else:
        from app.tables import show_models

        show_models(library.models())


@app.command()
def show(model: ModelName, json: Json = False) -> None:
    """Show what is known about a model."""
    from models import library

    if json:
        from app.json_lines import JsonLines

        JsonLines().result(library.show(model))
    else:
        from app.tables import show_model

        show_model(library.show(model))


@app.command("import")
def import_model(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A Hugging Face folder, an MLX folder or a GGUF file.")],
    name: Annotated[str | None, typer.Option(help="The name to keep it under.")] = None,
    json: Json = False,
) -> None:
    """Take a model into the library."""
    from app.calls import follow
    from models.engine import messages

    display = _display(json)
    with _engine() as engine:
        record = follow(engine, messages.Import(path=str(path.expanduser().absolute()), name=name), display)
    if record is not None:
        display.result(record)


@app.command()
def chat(
    model: ModelName,
    prompt: Annotated[
        str | None, typer.Argument(metavar="PROMPT", help="Without it a conversation; - reads it from stdin.")
    ] = None,
    think: Annotated[
        str | None, typer.Option(metavar="BUDGET", help="off, short, medium, long, unlimited or a number of tokens.")
    ] = None,
    think_min: Annotated[int, typer.Option(min=0, metavar="N", help="The least number of thinking tokens.")] = 0,
    adapter: Annotated[str | None, typer.Option(metavar="A", help="An adapter trained on the model.")] = None,
    system: Annotated[str, typer.Option(metavar="TEXT", help="The system prompt.")] = "",
    temperature: Annotated[
        float | None, typer.Option(min=0, max=5, metavar="T", help="0 always takes the likeliest token.")
    ] = None,
    top_p: Annotated[
        float | None, typer.Option(min=0, max=1, metavar="P", help="Draw from the likeliest tokens up to this share.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, max=2**32 - 1, metavar="S", help="The same seed gives the same reply.")
    ] = None,
    max_tokens: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="The most tokens of thinking and answer together.")
    ] = None,
    votes: Annotated[
        int, typer.Option(metavar="K", help="Draw K replies side by side and give the answer most of them agree on.")
    ] = 1,
    json: Json = False,
) -> None:
    """Ask a model, once or in a conversation."""
    from app import chatting
    from models.ballots import check_votes
    from models.engine import messages

    check_votes(votes, temperature)
    sampling = messages.Sampling(temperature=temperature, top_p=top_p, seed=seed)
    request = messages.Chat(
        model=_place(model),
        messages=[],
        think_min=think_min,
        max_tokens=max_tokens,
        sampling=sampling,
        votes=votes,
        adapter=adapter,
    )
    asked = chatting.read_prompt(prompt)
    budget = chatting.read_budget(think, think_min)
    display = _display(json)
    with _engine() as engine:
        request = chatting.loaded(engine, request, budget, display)
        if asked is None:
            chatting.talk(engine, request, system, display)
        elif not chatting.answer(engine, request, system, asked, display):
            raise typer.Exit(INTERRUPTED)


def open_engine() -> Engine:
    """Start the parent's side of the engine process."""
    from models.engine.client import Engine

    return Engine()


@contextlib.contextmanager
def _engine() -> Iterator[Engine]:
    engine = open_engine()
    try:
        yield engine
    finally:
        engine.close()


def _display(json: bool) -> Display:
    if json:
        from app.json_lines import JsonLines

        return JsonLines()
    from app.terminal import Screen

    return Screen()


def _place(model: str) -> str:
    """A model as the engine process will find it: a path made absolute, a name left as it is."""
    looks_like_path = model.startswith(("/", ".", "~"))
    return str(Path(model).expanduser().absolute()) if looks_like_path else model


def _misuse(error: typer.TyperException) -> BadInput:
    text = " ".join(error.format_message().split())
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "stillroom"
    return BadInput(text if text.endswith((".", "?")) else f"{text}.", f"{command} --help says how it is used.")


def _bug(error: Exception) -> StillroomError:
    bug = StillroomError(
        f"Something went wrong in Stillroom itself: {type(error).__name__}: {' '.join(str(error).split())}",
        "The same command with --debug shows where.",
    )
    bug.kind = "bug"
    return bug


def fail(error: StillroomError, as_json: bool = False) -> int:
    """Say an error, and give its exit status."""
    from app.terminal import Screen

    with contextlib.suppress(BrokenPipeError):
        if as_json:
            _display(True).failed(error)
        Screen().failed(error)
    return error.exit_status


def _stdout_is_gone() -> None:
    """Let Python's last flush at exit go nowhere instead of failing."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
