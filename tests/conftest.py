"""Fixtures for all tests: a private home, no window on a screen, no call to the outside."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ["HF_HUB_OFFLINE"] = "1"

try:
    from PySide6 import QtTest, QtWidgets  # noqa: F401
except ImportError as error:  # a library of the system's that Qt needs; the set-up has said how to get it
    QT_LACKS = str(error).partition(":")[0]
else:
    QT_LACKS = ""


class WindowTests(pytest.Collector):
    """The tests of the window, where Qt can't load."""

    def collect(self) -> NoReturn:
        pytest.skip(f"Qt lacks {QT_LACKS}: make setup gets it, or says how")


def pytest_addoption(pluginmanager: pytest.PytestPluginManager) -> None:
    if QT_LACKS:
        pluginmanager.unregister(name="pytest-qt")  # it would end the whole run


def pytest_collect_directory(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    # Not by its path: pytest would look for fixtures there, which import Qt.
    return WindowTests.from_parent(parent, name=path.name) if QT_LACKS and path.match("tests/app/desktop") else None


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own for every test."""
    folder = tmp_path / "home"
    monkeypatch.setenv("STILLROOM_HOME", str(folder))
    return folder


@pytest.fixture(autouse=True)
def no_bug(request: pytest.FixtureRequest, home: Path) -> Iterator[None]:
    """What goes wrong has its sentence: an error of kind `bug`, here or in an engine process, fails a test that asks for none."""
    found: list[str] = []
    watch = logging.Handler(logging.ERROR)
    watch.emit = lambda record: found.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("models.errors").addHandler(watch)
    yield
    logging.getLogger("models.errors").removeHandler(watch)
    for log in home.glob("logs/*.log"):
        found += [line for line in log.read_text("utf-8", "replace").splitlines() if " models.errors: a bug:" in line]
    assert not found or request.node.get_closest_marker("bug"), found
