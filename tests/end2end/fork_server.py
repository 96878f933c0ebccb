"""A process that has imported the command line and forks for each command: its end, signals and output are a process's.

What a test saves is the start of Python with the imports, three quarters of what a quick command takes. The program as
it is installed is started by `command_line.started`, and on a Mac, where not every library survives a fork, by all tests.
"""

import gc
import importlib
import json
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FILES = (("stdin", os.O_RDONLY), ("stdout", os.O_WRONLY | os.O_CREAT), ("stderr", os.O_WRONLY | os.O_CREAT))


class ForkServer:
    """The parent's side."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.end2end.fork_server"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
        )  # fmt: skip

    def run(self, arguments: tuple[str, ...], environment: dict[str, str], folder: Path) -> int:
        """Run a command to its end and give its status. folder: holds stdin, and stdout and stderr afterwards."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([arguments, environment, str(folder)]) + "\n")
        self._process.stdin.flush()
        try:
            return int(self._process.stdout.readline())
        except BaseException:
            self._process.kill()  # what comes next would get this command's answer
            raise

    def close(self) -> None:
        """End it."""
        with self._process:
            pass


def _serve() -> None:
    import typer

    from app import cli
    from app.__main__ import main
    from app.cli.main import app

    for module in pkgutil.iter_modules(cli.__path__, "app.cli."):
        importlib.import_module(module.name)
    importlib.import_module("models.engine.client")
    importlib.import_module("models.library.installed")
    typer.main.get_command(app).make_context("stillroom", ["--debug", "list"])  # typer imports late
    gc.collect()
    gc.freeze()  # or each command would end with freeing what was imported
    with os.fdopen(os.dup(0)) as orders, os.fdopen(os.dup(1), "w") as ends:
        for order in orders:
            arguments, environment, folder = json.loads(order)
            child = os.fork()
            if child == 0:
                for number, (name, flags) in enumerate(FILES):
                    os.dup2(os.open(Path(folder) / name, flags), number)
                os.environ.clear()
                os.environ.update(environment)
                sys.argv = ["stillroom", *arguments]
                sys.exit(main())
            _, status = os.waitpid(child, 0)
            ends.write(f"{os.waitstatus_to_exitcode(status)}\n")
            ends.flush()


if __name__ == "__main__":
    _serve()
