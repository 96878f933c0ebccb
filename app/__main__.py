"""`stillroom` and `python -m app`: the window, a command, or the engine process, by the arguments.

Importing this costs next to nothing, and each path imports only what it needs: the window no typer, a command no Qt,
the engine process neither.
"""

import sys


def main() -> int:
    """Do what the command line asks and give the exit status."""
    try:
        return _main(sys.argv[1:])
    except KeyboardInterrupt:  # before a command could take care of it
        return 130


def _main(arguments: list[str]) -> int:
    if arguments == ["--worker"]:
        from models.engine import worker
        from models.machine import blas

        worker.main()
        blas.end_process()
    if arguments[:1] == ["--templates"]:
        from models.generate import template_child

        template_child.main()
        return 0
    if arguments[:1] == ["--formulas"]:
        from models.answers import formula_child

        formula_child.main()
        return 0
    if arguments == ["--program"]:
        from models.answers import program_child

        program_child.main()
    if arguments == ["--probe"]:
        from models.machine import backend, blas

        backend.main()
        blas.end_process()
    if not arguments:
        return _window()
    from app.cli import main as cli

    return cli.run(arguments)


def _window() -> int:
    """Open the window; where none can open, say so in a line and chat in the terminal."""
    import gc

    gc.disable()  # until application.py sees to it: a start makes many objects and leaves no garbage
    # Qt's Python looks through the source of each module that is imported after it.
    from models.engine import client  # noqa: F401
    from models.errors import StillroomError
    from models.jobs import written_rows  # noqa: F401
    from models.machine import hardware
    from models.store import writer  # noqa: F401

    why = hardware.why_no_display()
    if not why:
        try:
            from app.desktop.window import application

            return application.run()
        except ImportError as error:
            # A system library that Qt needs is missing; a module of ours missing is a bug and says so.
            if (error.name or "").partition(".")[0] in ("app", "models"):
                raise
            why = str(error)
        except StillroomError as error:
            from app.cli import main as cli

            return cli.fail(error)
    from app.cli import main as cli

    sys.stderr.write(f"No window can open here ({why}): chatting in the terminal with the starter model.\n")
    return cli.run(["chat", "starter"])


if __name__ == "__main__":
    sys.exit(main())
