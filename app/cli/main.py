"""The command line: one short function a command. What each does is in models/; how it looks is in app/cli/terminal.py.

The commands stand here, in model_commands.py, training_commands.py and evaluation_commands.py.
With --json a command writes events to stdout as app/cli/json_lines.py says. Exit status: 0 done, 1 failed, 2 wrong usage,
130 interrupted. A failure is one sentence on stderr and a hint; --debug shows the traceback and the log too.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import logging
import os
import sys
import traceback
from collections.abc import Callable
from typing import Annotated

import typer

from app.cli import evaluation_commands, model_commands, training_commands
from app.cli.command_parts import Json, ModelName, display_for, place, running_engine
from app.cli.interrupts import INTERRUPTED, terminated, tidy_on_sigterm
from models import utf8
from models.errors import BadInput, Interrupted, StillroomError, bug, from_os_error

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    help="Run distilled reasoning models on this computer. Without a command the window opens.",
)

COMMANDS: dict[str, Callable[..., None]] = {
    "search": model_commands.search,
    "pull": model_commands.pull,
    "import": model_commands.import_model,
    "list": model_commands.list_models,
    "show": model_commands.show,
    "rm": model_commands.rm,
    "quantize": model_commands.quantize,
    "finetune": training_commands.finetune,
    "fuse": training_commands.fuse,
    "export": training_commands.export,
    "tasks": evaluation_commands.tasks,
    "evaluate": evaluation_commands.evaluate,
    "best": evaluation_commands.best,
}
for name, command in COMMANDS.items():
    app.command(name)(command)
app.add_typer(training_commands.traces, name="traces")
app.add_typer(training_commands.runs, name="runs")
app.add_typer(evaluation_commands.evaluations, name="evaluations")


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
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(encoding=None if sys.stdin.isatty() else "utf-8", errors="replace")
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
    except OSError as error:
        if debug:
            traceback.print_exc()
        return fail(from_os_error(error, "working"), as_json)
    except Exception as error:
        return fail(bug(error, "The same command with --debug shows where."), as_json)


def _run(arguments: list[str]) -> int:
    for argument in arguments:
        if not utf8.is_whole(argument):
            raise BadInput(
                f"An argument is not UTF-8: {utf8.whole(argument)}.", "Write it in UTF-8, or rename the file."
            )
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
        from app.cli.json_lines import JsonLines

        lines = JsonLines()
        found = []
        for finding in checks.check():
            lines.show(finding)
            found.append(finding)
        lines.done(
            {"findings": [{key: getattr(item, key) for key in ("name", "state", "text", "hint")} for item in found]}
        )
    else:
        from app.cli.tables import show_findings

        found = show_findings(checks.check())
    if any(finding.state == "bad" for finding in found):
        raise typer.Exit(1)


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
    calm: Annotated[
        bool | None,
        typer.Option("--calm/--no-calm", help="Hesitate less often while it thinks; else as in the settings."),
    ] = None,
    json: Json = False,
) -> None:
    """Ask a model, once or in a conversation."""
    from app.cli import chatting
    from models import requests
    from models.answers.majority import check_votes

    check_votes(votes, temperature)
    sampling = requests.Sampling(temperature=temperature, top_p=top_p, seed=seed)
    request = requests.ChatRequest(
        model=place(model),
        messages=[],
        think_min=think_min,
        max_tokens=max_tokens,
        sampling=sampling,
        votes=votes,
        adapter=adapter,
    )
    asked = chatting.read_prompt(prompt)
    budget = chatting.read_budget(think, think_min)
    display = display_for(json)
    with running_engine() as engine:
        request = chatting.loaded(engine, request, budget, calm, display)
        if asked is None:
            chatting.talk(engine, request, system, display)
        elif not chatting.answer(engine, request, system, asked, display):
            raise typer.Exit(INTERRUPTED)


def _misuse(error: typer.TyperException) -> BadInput:
    text = " ".join(error.format_message().split())
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "stillroom"
    return BadInput(text if text.endswith((".", "?")) else f"{text}.", f"{command} --help says how it is used.")


def fail(error: StillroomError, as_json: bool = False) -> int:
    """Say an error, and give its exit status."""
    from app.cli.terminal import Screen

    with contextlib.suppress(BrokenPipeError):
        if as_json:
            display_for(True).failed(error)
        Screen().failed(error)
    return error.exit_status


def _stdout_is_gone() -> None:
    """Let Python's last flush at exit go nowhere instead of failing."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
