"""The start on a database with one wrong byte: a window opens, on the chats or on what is wrong with them."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from app.desktop.pages.chat.reply_view import ReplyView
from app.desktop.window import application
from app.desktop.window.application import Start
from app.desktop.window.single_instance import SingleInstance
from app.desktop.window.trouble import TroubleWindow
from models import paths
from models.store import database
from models.store.chats import Chats
from tests.app.desktop.fake_engine import STARTER, FakeEngine
from tests.models.store import bit_flips

FEW, MANY = range(400, 402), range(400)


@pytest.fixture(autouse=True)
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(application, "Engine", lambda on_event: FakeEngine(on_event.__self__))
    monkeypatch.setattr(application, "_list_models", lambda: [STARTER])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    file = tmp_path_factory.mktemp("whole") / "whole.db"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STILLROOM_HOME", str(file.parent))
        bit_flips.fill(file)
    return file.read_bytes()


@contextlib.contextmanager
def started(qapp: QApplication) -> Iterator[tuple[Start, TroubleWindow | None]]:
    start = Start(qapp, SingleInstance())
    start.open()
    troubles = [w for w in qapp.topLevelWidgets() if isinstance(w, TroubleWindow) and w.isVisible()]
    yield start, troubles[0] if troubles else None
    if start.window is not None:
        start.window.close()
        start.window.deleteLater()
        QApplication.sendPostedEvents(start.window, QEvent.Type.DeferredDelete.value)
    for trouble in troubles:
        trouble.close()
        trouble.deleteLater()
    start.close()
    qapp.processEvents()


@pytest.mark.parametrize(
    "seeds", [FEW, pytest.param(MANY, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])], ids=len
)
def test_a_window_opens_whatever_bit_turned(whole: bytes, qapp: QApplication, qtbot: QtBot, seeds: range) -> None:
    opened = 0
    for seed in seeds:
        for left in paths.home().glob("stillroom.db*"):
            left.unlink()
        paths.database_file().write_bytes(bit_flips.flipped(whole, seed))
        with qtbot.captureExceptions() as raised, started(qapp) as (start, trouble):
            if start.window is not None:
                use(start)
                opened += 1
            else:
                assert trouble is not None
                assert trouble.text.toPlainText()
        assert raised == [], f"bit {seed}"
    assert opened > len(seeds) // 2


def use(start: Start) -> None:
    """Open every chat of the list, search, and ask in the last one."""
    window = start.window
    assert window is not None
    for item in window.sidebar.chat_model.entries():
        window.browser.open(item.id)
        QApplication.processEvents()
    window.browser.search("bread")
    window.browser.search("")
    window.chat_page.send("And then?")
    window.services.store.settle()
    QApplication.processEvents()


def damaged(statement: str) -> None:
    bit_flips.fill(paths.database_file())
    with contextlib.closing(sqlite3.connect(paths.database_file())) as connection:
        connection.execute(statement)
        connection.commit()


def test_a_chat_with_a_damaged_part_says_so(qapp: QApplication) -> None:
    damaged("UPDATE chats SET sampling = '{' WHERE id = 3")
    with started(qapp) as (start, _trouble):
        assert start.window is not None
        start.window.browser.open(3)
        assert "damaged" in start.window.notices.text
        assert start.window.chat_page.shown.id == 3


def test_a_damaged_reply_says_so(qapp: QApplication) -> None:
    damaged("UPDATE messages SET figures = '{' WHERE id = 2")
    with started(qapp) as (start, _trouble):
        assert start.window is not None
        start.window.browser.open(1)
        view = start.window.chat_page.transcript().view_of(2)
        assert isinstance(view, ReplyView)
        assert view.text().startswith("answer 0")
        assert any("damaged" in part.text() for part in view.findChildren(QLabel))


def test_what_is_sent_goes_on_from_what_is_shown(qapp: QApplication) -> None:
    damaged("UPDATE chats SET leaf_id = 30 WHERE id = 1")  # a message of another chat
    with started(qapp) as (start, _trouble):
        assert start.window is not None
        start.window.browser.open(1)
        start.window.chat_page.send("And then?")
        start.window.services.store.settle()
        engine = start.window.services.engine
        assert isinstance(engine, FakeEngine)
        request = list(engine.requests.values())[-1]
        assert [turn.content[:10] for turn in request.messages][-3:] == ["question 3", "answer 3, ", "And then?"]


def test_whatever_is_raised_at_the_start_comes_to_the_window_of_troubles(
    qapp: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = database.open_database()
    Chats(connection).create()
    connection.close()
    database.back_up_daily()
    with monkeypatch.context() as patch:
        patch.setattr(Chats, "entries", lambda _chats: {}["unforeseen"])
        with started(qapp) as (start, trouble):
            assert start.window is None
            assert trouble is not None
            assert "KeyError" in trouble.text.toPlainText()
            patch.undo()
            trouble.try_again.emit()
            assert start.window is not None
            assert not trouble.isVisible()


@pytest.mark.bug
def test_a_click_that_fails_says_why(qapp: QApplication, home: Path) -> None:
    with started(qapp) as (start, _trouble):
        assert start.window is not None
        start.tell_fault(KeyError, KeyError("unforeseen"), None)
        assert "KeyError" in start.window.notices.text
