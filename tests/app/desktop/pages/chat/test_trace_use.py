"""Use as trace: a reply goes into a set, and what was done is said and can be undone."""

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QInputDialog, QLineEdit, QMenu, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from app.desktop.pages.chat.page import ChatPage
from app.desktop.window.main_window import MainWindow
from models import events
from models.store.chats import Chats
from models.traces import replies, store
from tests.app.desktop.fake_engine import FakeEngine, reply


def buttons(window: MainWindow, name: str) -> list[QWidget]:
    return [w for w in window.findChildren(QWidget) if w.accessibleName() == name and w.isVisible()]


@pytest.fixture
def thought(page: ChatPage, engine: FakeEngine) -> Callable[..., int]:
    """Ask and have it answered after thinking; returns the reply's id."""

    def ask(question: str, thinking: str = "Two and two make four.", answer: str = "4.", **figures: object) -> int:
        page.send(question)
        engine.answer(answer, thinking=thinking, **figures)
        return page.shown.last_reply() or 0

    return ask


def open_menu(qtbot: QtBot, window: MainWindow) -> QMenu:
    qtbot.mouseClick(buttons(window, "Use as trace")[0], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: isinstance(QApplication.activePopupWidget(), QMenu))
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    return menu


def pick(qtbot: QtBot, window: MainWindow, text: str) -> None:
    menu = open_menu(qtbot, window)
    next(action for action in menu.actions() if action.text() == text).trigger()
    menu.close()


def press(qtbot: QtBot, window: MainWindow, text: str) -> None:
    button = next(b for b in window.notices.findChildren(QPushButton) if b.text() == text)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def said(qtbot: QtBot, window: MainWindow, text: str) -> None:
    qtbot.waitUntil(lambda: text in window.notices.text)


def test_only_a_whole_reply_that_thought_can_be_used(
    window: MainWindow, page: ChatPage, engine: FakeEngine, thought: Callable[..., int]
) -> None:
    page.send("Hello")
    engine.answer("Good day.")
    assert buttons(window, "Use as trace") == []
    page.send("What is 2 + 2?")
    engine.think("Two and")
    engine.play(engine.last_chat()[0], events.Done(result=reply("", "Two and", finish="cancelled")))
    assert buttons(window, "Use as trace") == []
    thought("What is 2 + 2, then?")
    assert len(buttons(window, "Use as trace")) == 1


def test_the_last_reply_that_can_be_used_is_the_one_without_a_number(
    window: MainWindow, page: ChatPage, engine: FakeEngine, thought: Callable[..., int]
) -> None:
    def offered() -> list[str]:
        names = (w.accessibleName() for w in window.findChildren(QWidget) if w.isVisible())
        return sorted(name for name in names if name.startswith("Use as trace"))

    thought("What is 2 + 2?")
    thought("And 3 + 3?", "Three and three make six.", "6.")
    assert offered() == ["Use as trace", "Use as trace 1"]
    page.send("Hello")
    assert offered() == ["Use as trace", "Use as trace 1"]
    engine.answer("Good day.")
    assert offered() == ["Use as trace", "Use as trace 1"]
    shown = page.shown.id or 0
    window.new_chat()
    page.shown.open(shown)
    assert offered() == ["Use as trace", "Use as trace 1"]


def test_the_first_reply_makes_the_set_chat(
    window: MainWindow, page: ChatPage, thought: Callable[..., int], qtbot: QtBot
) -> None:
    thought("What is 2 + 2?")
    with qtbot.waitSignal(page.traces.collected):
        pick(qtbot, window, "New set “chat”")
    said(qtbot, window, "Added to “chat”: 1 trace.")
    menu = open_menu(qtbot, window)
    assert [action.text() for action in menu.actions() if not action.isSeparator()] == ["chat", "New set…"]
    menu.close()


def test_the_first_reply_makes_a_set_with_a_name_of_ones_own(
    window: MainWindow, page: ChatPage, thought: Callable[..., int], qtbot: QtBot
) -> None:
    thought("What is 2 + 2?")
    menu = open_menu(qtbot, window)
    assert [action.text() for action in menu.actions()] == ["New set “chat”", "New set…"]
    menu.actions()[1].trigger()
    menu.close()
    dialog = page.findChild(QInputDialog)
    field = dialog.findChild(QLineEdit)
    assert (field.accessibleName(), field.text()) == ("Set name", "")
    qtbot.keyClicks(field, "sums")
    with qtbot.waitSignal(page.traces.collected):
        dialog.accept()
    said(qtbot, window, "Added to “sums”: 1 trace.")
    (trace,) = store.read("sums")
    assert (trace.problem, trace.thinking, trace.answer) == ("What is 2 + 2?", "Two and two make four.", "4.")
    assert (trace.teacher, trace.source, trace.closed) == ("starter", "chat", True)


def test_a_later_one_goes_into_a_set_there_is_and_can_be_taken_out_again(
    window: MainWindow, page: ChatPage, chats: Chats, thought: Callable[..., int], qtbot: QtBot
) -> None:
    first = thought("What is 2 + 2?")
    replies.collect("sums", [replies.of_reply(chats, first)])
    window.new_chat()
    thought("How many legs have six spiders?", "Eight legs each, six of them.", "48.")
    pick(qtbot, window, "sums")
    said(qtbot, window, "Added to “sums”: 2 traces.")
    press(qtbot, window, "Undo")
    said(qtbot, window, "Taken out of “sums” again.")
    assert [trace.answer for trace in store.read("sums")] == ["4."]
    pick(qtbot, window, "sums")
    said(qtbot, window, "Added to “sums”: 2 traces.")


def test_why_a_reply_is_no_trace_is_said(
    window: MainWindow, page: ChatPage, chats: Chats, thought: Callable[..., int], qtbot: QtBot
) -> None:
    first = thought("What is 2 + 2?")
    replies.collect("sums", [replies.of_reply(chats, first)])
    pick(qtbot, window, "sums")
    said(qtbot, window, "Not added to “sums”. It is the same as a trace of this set.")
    window.new_chat()
    thought("How many legs have six spiders?", "Eight legs each and", "48.", closed_by="budget")
    pick(qtbot, window, "sums")
    said(qtbot, window, "Not added to “sums”. The reply was cut off, or its thinking did not end by itself.")
    assert store.get("sums").traces == 1


def test_a_name_that_can_not_be_one_is_said(
    window: MainWindow, page: ChatPage, thought: Callable[..., int], qtbot: QtBot
) -> None:
    page.traces.use_in(thought("What is 2 + 2?"), "../outside")
    said(qtbot, window, "can't be the name of a set of traces")
    assert store.all_sets() == []


def test_all_rated_replies_go_into_a_set(
    window: MainWindow, page: ChatPage, chats: Chats, thought: Callable[..., int], qtbot: QtBot
) -> None:
    assert page.collect_rated("good") == 0
    assert window.notices.text == "No reply is rated good yet."
    for number, (question, rating) in enumerate((("What is 2 + 2?", 1), ("Name a colour.", -1), ("And a tree?", 1))):
        window.new_chat()
        page.shown.rate(thought(question, f"Thought number {number} of all.", f"Answer {number}."), rating)
    with qtbot.waitSignal(page.traces.collected) as got:
        assert page.collect_rated("good") == 2
    assert len(got.args[0].ids) == 2
    said(qtbot, window, "Added to “good”: 2 traces.")
    with qtbot.waitSignal(page.traces.collected):
        assert page.collect_rated("bad", -1) == 1
    assert [trace.verified for trace in store.read("bad")] == [False]
