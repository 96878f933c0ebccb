"""The start: one window a home, and what is said when the chats can't be opened."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication, QPushButton
from pytestqt.qtbot import QtBot

from app.desktop.window import application
from app.desktop.window.application import Start
from app.desktop.window.single_instance import SingleInstance
from app.desktop.window.trouble import TroubleWindow
from models import paths, settings
from models.store import database
from models.store.chats import Chats
from tests.app.desktop.fake_engine import STARTER, FakeEngine


@pytest.fixture
def start(qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    monkeypatch.setattr(application, "Engine", lambda on_event: FakeEngine(on_event.__self__))
    monkeypatch.setattr(application, "_list_models", lambda: [STARTER])
    start = Start(qapp, SingleInstance())
    yield start
    if start.window is not None:
        start.window.close()
    start.close()


def trouble(qapp: QApplication) -> TroubleWindow | None:
    return next((w for w in qapp.topLevelWidgets() if isinstance(w, TroubleWindow) and w.isVisible()), None)


def press(window: TroubleWindow, name: str) -> None:
    next(button for button in window.findChildren(QPushButton) if button.text() == name).click()


def make_newer() -> bytes:
    database.open_database().close()
    connection = sqlite3.connect(paths.database_file())
    connection.execute("PRAGMA user_version = 999")
    connection.close()
    return paths.database_file().read_bytes()


def test_a_second_start_says_so_and_ends_well(qapp: QApplication) -> None:
    first = SingleInstance()
    assert first.claim()
    first.listen()
    second = subprocess.run(
        [sys.executable, "-c", "import sys; from app.desktop.window import application; sys.exit(application.run())"],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        check=False,
    )
    first.release()
    assert second.returncode == 0
    assert second.stderr.strip() == "Stillroom is open already; its window is in front now."


def test_a_reply_that_a_kill_cut_short_is_marked_at_the_next_start(start: Start) -> None:
    connection = database.open_database()
    chats = Chats(connection)
    asked = chats.add_user_message(chats.create("starter").id, "Hello")
    cut = chats.begin_reply(asked.id, "starter")
    chats.append(cut.id, content="Hel")
    connection.close()
    start.open()
    assert start.window is not None
    row = start.window.services.chats.message(cut.id)
    assert (row.state, row.content) == ("interrupted", "Hel")


def test_a_newer_database_is_told_left_alone_and_can_be_read(start: Start, qapp: QApplication) -> None:
    before = make_newer()
    start.open()
    assert start.window is None
    window = trouble(qapp)
    assert window is not None
    assert "newer Stillroom" in window.text.toPlainText()
    assert paths.database_file().read_bytes() == before
    press(window, "Open read-only")
    assert start.window is not None
    assert "read-only" in start.window.notices.text
    assert not start.window.chat_page.composer.isEnabled()
    assert trouble(qapp) is None


def test_one_may_leave_where_the_chats_can_not_be_opened(start: Start, qapp: QApplication) -> None:
    before = make_newer()
    start.open()
    window = trouble(qapp)
    assert window is not None
    press(window, "Quit")
    start.close()
    assert paths.database_file().read_bytes() == before


def test_a_damaged_database_can_be_replaced_by_its_backup(start: Start, qapp: QApplication, qtbot: QtBot) -> None:
    connection = database.open_database()
    chats = Chats(connection)
    chats.rename(chats.create("starter").id, "Kept")
    connection.close()
    database.back_up_daily(paths.database_file())
    paths.database_file().write_bytes(b"not a database" * 1000)
    start.open()
    window = trouble(qapp)
    assert window is not None
    press(window, "Restore the newest backup")
    assert start.window is not None
    assert [entry.title for entry in start.window.services.chats.entries()] == ["Kept"]
    assert list(paths.home().glob("stillroom-damaged-*.db"))


def contents(home: Path) -> dict[Path, int]:
    """When each file was last written; those that SQLite keeps beside an open database apart."""
    files = [path for path in home.rglob("*") if path.is_file() and not path.name.endswith(("-wal", "-shm"))]
    return {path: path.stat().st_mtime_ns for path in files}


def test_a_home_that_can_not_be_written_opens_to_be_read(
    qapp: QApplication, monkeypatch: pytest.MonkeyPatch, start: Start, home: Path
) -> None:
    connection = database.open_database()
    chats = Chats(connection)
    chats.add_user_message(chats.create("starter").id, "Hello")
    connection.close()
    monkeypatch.setattr(paths, "is_readonly", lambda: True)
    before = contents(home)
    assert SingleInstance().claim()
    again = Start(qapp, SingleInstance())
    again.open()
    assert again.window is not None
    again.window.browser.open(1)
    assert again.window.chat_page.transcript().ids() == [1]
    told = f"The chats are open read-only; nothing new can be written. {home} can't be written to."
    assert again.window.notices.text == told
    again.preferences.change(theme="dark")
    again.window.close()
    again.close()
    assert contents(home) == before


def test_settings_that_can_not_be_read_are_told(qapp: QApplication, start: Start, home: Path) -> None:
    paths.settings_file().write_text("theme = [", encoding="utf-8")
    again = Start(qapp, SingleInstance())
    again.open()
    assert again.window is not None
    assert "Defaults are used" in again.window.notices.text
    again.window.close()
    again.close()
    assert settings.load()[1] == ""
