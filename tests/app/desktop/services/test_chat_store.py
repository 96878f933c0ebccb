"""A slow disk: the window goes on, what is told is written, and closing writes what is left."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.desktop import theme
from app.desktop.pages.chat.page import ChatPage
from app.desktop.services.chat_store import ChatStore
from app.desktop.services.preferences import Preferences
from app.desktop.services.services import Services
from app.desktop.window.main_window import MainWindow
from models import events, settings
from models.errors import DiskFull, StillroomError
from models.store import database
from models.store.chats import Chats
from models.store.writer import Writer
from tests.app.desktop.fake_engine import STARTER, FakeEngine
from tests.app.desktop.staged_queue import StagedQueue, no_delete


class Disk:
    """Stands between a write and its commit until it is let go."""

    def __init__(self) -> None:
        self.free = threading.Event()
        self.free.set()
        self.reached = threading.Event()

    def hold(self) -> None:
        self.reached.clear()
        self.free.clear()

    def wait(self) -> None:
        self.reached.set()
        assert self.free.wait(20), "the test never let the disk go"


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk()
    whole = Chats.whole

    def slow(chats: Chats, changes: Any) -> Any:
        disk.wait()
        return whole(chats, changes)

    monkeypatch.setattr(Chats, "whole", slow)
    return disk


@pytest.fixture
def slow_store(chats: Chats, disk: Disk, qapp: QApplication) -> Iterator[ChatStore]:
    writer = Writer(database.open_database)
    yield ChatStore(chats, writer)
    disk.free.set()
    writer.close()


@pytest.fixture
def slow_window(slow_store: ChatStore, engine: FakeEngine, qapp: QApplication, qtbot: QtBot) -> Iterator[MainWindow]:
    theme.apply(qapp, "light")
    window = MainWindow(
        Services(
            store=slow_store,
            engine=engine,
            signals=engine.signals,
            preferences=Preferences(settings.load()[0]),
            jobs=StagedQueue(engine),
            delete=no_delete,
            list_models=lambda: [STARTER],
        )
    )
    window.show()
    qtbot.waitExposed(window)
    window.chat_page.start_engine()
    qtbot.waitUntil(lambda: window.chat_page.shown.loading.loaded is not None)
    yield window
    window.close()
    window.deleteLater()


def under_way(page: ChatPage, qtbot: QtBot) -> Any:
    qtbot.waitUntil(lambda: page.shown.under_way is not None)
    return page.shown.under_way


def test_sending_does_not_wait_and_the_engine_hears_of_what_is_stored(
    slow_window: MainWindow, engine: FakeEngine, chats: Chats, disk: Disk, qtbot: QtBot
) -> None:
    page = slow_window.chat_page
    disk.hold()
    page.send("Hello")  # comes back while nothing is written yet
    assert disk.reached.wait(10)
    assert page.composer.text == ""
    assert engine.chats() == []
    assert chats.entries() == []
    page.send("Once more")  # one at a time
    disk.free.set()
    reply = under_way(page, qtbot)
    assert [row.content for row in chats.branch(reply.chat_id)] == ["Hello", ""]
    assert len(engine.chats()) == 1
    assert page.shown.id == reply.chat_id


def test_a_reply_streams_on_and_is_told_of_once_it_is_stored(
    slow_window: MainWindow, engine: FakeEngine, chats: Chats, disk: Disk, qtbot: QtBot
) -> None:
    page = slow_window.chat_page
    page.send("Hello")
    reply = under_way(page, qtbot)
    ended: list[object] = []
    page.shown.replies.ended.connect(lambda _reply, row: ended.append(row))
    disk.hold()
    engine.play(reply.call_id, events.Token(channel="answer", text="Par", n=1))
    qtbot.waitUntil(disk.reached.is_set)  # half a second later it is being written
    engine.play(reply.call_id, events.Token(channel="answer", text="is", n=2))
    assert reply.answer == "Paris"
    engine.answer("Paris.")
    assert (reply.phase, ended) == ("ending", [])
    assert chats.message(reply.message_id).content == ""
    disk.free.set()
    qtbot.waitUntil(lambda: bool(ended))
    row = chats.message(reply.message_id)
    assert (row.state, row.content) == ("done", "Paris.")
    assert ended == [row]


def test_closing_writes_what_is_left(
    slow_window: MainWindow, engine: FakeEngine, chats: Chats, disk: Disk, qtbot: QtBot
) -> None:
    page = slow_window.chat_page
    page.send("Hello")
    reply = under_way(page, qtbot)
    disk.hold()
    engine.play(reply.call_id, events.Token(channel="answer", text="Par", n=1))
    page.composer.set_text("half typed")
    threading.Timer(0.1, disk.free.set).start()
    slow_window.close()
    row = chats.message(reply.message_id)
    assert (row.state, row.content) == ("stopped", "Par")
    assert chats.get(reply.chat_id).draft == "half typed"


def test_another_chat_that_is_opened_meanwhile_stays_in_front(
    slow_window: MainWindow, engine: FakeEngine, chats: Chats, disk: Disk, qtbot: QtBot
) -> None:
    page = slow_window.chat_page
    disk.hold()
    page.send("Hello")
    page.shown.new()
    disk.free.set()
    qtbot.waitUntil(lambda: len(engine.chats()) == 1)
    assert page.shown.id is None
    assert page.shown.under_way is None
    (entry,) = chats.entries()
    slow_window.browser.open(entry.id)
    assert page.shown.under_way is not None


def test_what_can_not_be_stored_comes_back(
    slow_window: MainWindow, engine: FakeEngine, disk: Disk, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise DiskFull("There is no space left.")

    monkeypatch.setattr(Chats, "add_user_message", full)
    page = slow_window.chat_page
    page.send("Do not lose me")
    assert page.composer.text == ""
    qtbot.waitUntil(lambda: page.composer.text == "Do not lose me")
    assert slow_window.notices.text == "There is no space left."
    assert engine.chats() == []
    assert page.shown.can_send("Do not lose me")


def test_results_come_in_order_on_this_thread_and_settling_brings_them_all(
    slow_store: ChatStore, chats: Chats, disk: Disk
) -> None:
    came: list[object] = []
    disk.hold()
    slow_store.write(lambda c: c.create().id, came.append, came.append)
    slow_store.write(lambda c: c.rename(99, "No"), came.append, lambda error: came.append(type(error)))
    slow_store.write(lambda c: c.create().id, lambda made: came.append((made, threading.get_ident())), came.append)
    assert came == []
    disk.free.set()
    slow_store.settle()
    assert came[0] == 1
    assert issubclass(came[1], StillroomError)  # type: ignore[arg-type]
    assert came[2] == (2, threading.get_ident())
    assert slow_store.call(lambda c: c.create().id) == 3
    assert len(chats.entries()) == 3
