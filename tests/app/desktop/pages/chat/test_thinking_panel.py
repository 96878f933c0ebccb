"""The thinking panel: what it says while it thinks and after, and what can be done."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton
from pytestqt.qtbot import QtBot

from app.desktop.pages.chat.message_actions import MessageActions
from app.desktop.pages.chat.thinking_panel import ThinkingPanel
from app.desktop.palette import LIGHT
from app.desktop.text.message_text import MessageText
from app.desktop.widgets.small_parts import Bar, StatusLine
from models.events import ClosedBy


@pytest.fixture
def panel(qtbot: QtBot) -> ThinkingPanel:
    made = ThinkingPanel(LIGHT, MessageActions())
    qtbot.addWidget(made)
    made.fit(884)
    made.show()
    return made


def status(panel: ThinkingPanel) -> str:
    return panel.findChild(StatusLine).toPlainText()


def button(panel: ThinkingPanel, name: str) -> QAbstractButton:
    return next(found for found in panel.findChildren(QAbstractButton) if found.accessibleName() == name)


def test_says_how_far_it_is(panel: ThinkingPanel) -> None:
    panel.set_status(312, 2048, 7.6)
    assert status(panel) == "Thinking · 312 of 2,048 tokens · 7.6 s"
    assert panel.findChild(StatusLine).accessibleName() == "Thinking status"
    assert panel.findChild(Bar).fraction == pytest.approx(312 / 2048)


def test_without_a_limit_there_is_no_bar_and_nothing_to_lengthen(panel: ThinkingPanel) -> None:
    panel.set_status(312, None, 7.6)
    assert status(panel) == "Thinking · 312 tokens · 7.6 s"
    assert panel.findChild(Bar).isHidden()
    assert not button(panel, "Think longer").isEnabled()


@pytest.mark.parametrize(
    ("how", "end"),
    [
        ("budget", "stopped at the budget"),
        ("model", "ended by itself"),
        ("answer_now", "stopped by you"),
        (None, "stopped before it ended"),
    ],
)
def test_says_how_it_ended(panel: ThinkingPanel, how: ClosedBy | None, end: str) -> None:
    panel.close_thinking(734, 18.2, how, 2048)
    assert status(panel) == f"Thought for 18 s · 734 of 2,048 tokens · {end}"
    assert button(panel, "Answer now").isHidden()
    assert button(panel, "Think longer").isHidden()


def test_buttons_steer(panel: ThinkingPanel, qtbot: QtBot) -> None:
    panel.set_status(3, 100, 1.0)
    for name, signal in (
        ("Answer now", panel.message_actions.answer_now),
        ("Think longer", panel.message_actions.think_longer),
    ):
        with qtbot.waitSignal(signal, timeout=1000):
            qtbot.mouseClick(button(panel, name), Qt.MouseButton.LeftButton)


def test_once_told_to_answer_it_cannot_be_steered_again(panel: ThinkingPanel) -> None:
    panel.set_status(3, 100, 1.0, "closing")
    assert not button(panel, "Answer now").isEnabled()
    assert not button(panel, "Think longer").isEnabled()


def test_opens_to_what_was_thought_and_goes_on(panel: ThinkingPanel, qtbot: QtBot) -> None:
    panel.append("First ")
    assert panel.findChild(MessageText) is None  # nothing is built that is not looked at
    qtbot.mouseClick(panel, Qt.MouseButton.LeftButton, pos=panel.rect().center())
    text = panel.findChild(MessageText)
    assert text.accessibleName() == "Thinking text"
    panel.append("second")
    qtbot.waitUntil(lambda: text.toPlainText() == "First second")
    closed = 47
    assert panel.fit(884) > closed
    qtbot.mouseClick(button(panel, "Hide thinking"), Qt.MouseButton.LeftButton)
    assert panel.fit(884) == closed
    assert panel.text() == "First second"


def test_forced_words_are_told_apart(panel: ThinkingPanel, qtbot: QtBot) -> None:
    panel.append("mine")
    panel.append("\nforced", forced=True)
    qtbot.mouseClick(button(panel, "Show thinking"), Qt.MouseButton.LeftButton)
    text = panel.findChild(MessageText)
    qtbot.waitUntil(lambda: text.toPlainText() == "mine\nforced")
    assert text.document().lastBlock().begin().fragment().charFormat().fontItalic()
    assert panel.text() == "mine\nforced"
