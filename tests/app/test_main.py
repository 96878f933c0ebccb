"""`stillroom` by its arguments: what each path imports, what it does without a display, how a pipe ends it."""

import os
import subprocess
import sys
import types

import pytest

from app import __main__ as entry
from app.cli import main
from models.machine import hardware

HEAVY = {"mlx", "mlx_lm", "transformers", "numpy", "PySide6"}


def _modules(script: str) -> set[str]:
    """The modules a script loads."""
    script += "\nimport sys; print('\\n' + ' '.join(sys.modules))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(run.stdout.splitlines()[-1].split())


def test_importing_it_is_cheap() -> None:
    loaded = _modules("import app.__main__")
    assert not (HEAVY | {"typer", "rich", "msgspec", "models.errors"}) & loaded


@pytest.mark.parametrize("arguments", [["--version"], ["show", "--help"], ["chat", "starter", "Hi", "--think", "no"]])
def test_a_command_loads_no_qt_and_no_mlx(arguments: list[str]) -> None:
    loaded = _modules(f"from app.cli import main; main.run({arguments})")
    assert not HEAVY & loaded
    assert "models.engine.client" not in loaded


def test_events_need_no_rich() -> None:
    assert "rich" not in _modules("from app.cli import main; main.run(['doctor', '--json'])")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was opened: the window, or a command. Here a window can open."""
    what: list[str] = []

    def window() -> int:
        what.append("window")
        return 0

    def command(arguments: list[str]) -> int:
        what.append(" ".join(arguments))
        return 0

    from app.desktop import window as window_room

    application = types.SimpleNamespace(run=window)
    monkeypatch.setattr(window_room, "application", application, raising=False)
    monkeypatch.setitem(sys.modules, "app.desktop.window.application", application)  # type: ignore[arg-type]
    monkeypatch.setattr(main, "run", command)
    monkeypatch.setattr(hardware, "why_no_display", lambda: "")
    monkeypatch.setattr(sys, "argv", ["stillroom"])
    return what


def test_the_window(opened: list[str]) -> None:
    assert entry.main() == 0
    assert opened == ["window"]


def test_a_command(opened: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["stillroom", "list", "--json"])
    assert entry.main() == 0
    assert opened == ["list --json"]


def test_no_display(opened: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(hardware, "why_no_display", lambda: "DISPLAY is not set")
    assert entry.main() == 0
    assert opened == ["chat starter"]
    assert capsys.readouterr().err == (
        "No window can open here (DISPLAY is not set): chatting in the terminal with the starter model.\n"
    )


def test_a_library_of_qts_is_missing(
    opened: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Broken(types.ModuleType):
        def __getattr__(self, name: str) -> object:
            raise ImportError("libEGL.so.1: cannot open shared object file", name="PySide6.QtGui")

    monkeypatch.setitem(sys.modules, "app.desktop.window", Broken("app.desktop.window"))
    assert entry.main() == 0
    assert opened == ["chat starter"]
    assert "libEGL.so.1" in capsys.readouterr().err


def test_the_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    run = subprocess.run([sys.executable, "-m", "app", "--probe"], capture_output=True, text=True, check=True)
    assert run.stdout.startswith('{"mlx":')


def test_a_pipe_that_closes_early_ends_silently() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as gone:
        run = subprocess.run([sys.executable, "-m", "app", "--help"], stdout=gone, stderr=subprocess.PIPE, check=False)
    assert run.stderr == b""
    assert run.returncode == 130
