"""A message of the user: its size, folding, editing and copying."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QPlainTextEdit, QWidget
from pytestqt.qtbot import QtBot

from app.desktop.pages.chat.message_actions import MessageActions
from app.desktop.pages.chat.user_view import UserView
from app.desktop.palette import LIGHT
from app.desktop.widgets.small_parts import TextButton


def made(qtbot: QtBot, text: str) -> UserView:
    view = UserView(LIGHT, text, MessageActions(), 7)
    qtbot.addWidget(view)
    view.grown.connect(lambda: view.fit(884))
    view.fit(884)
    view.show()
    return view


def button(view: UserView, name: str) -> TextButton:
    return next(found for found in view.findChildren(TextButton) if found.accessibleName() == name)


def bubble(view: UserView) -> QWidget:
    return view._bubble


@pytest.mark.parametrize("text", ["Hi", "A question of some length about $x^2$", "word " * 100])
def test_bubble_is_at_the_right_and_as_wide_as_needed(qtbot: QtBot, text: str) -> None:
    view = made(qtbot, text)
    assert bubble(view).geometry().right() == 883
    assert bubble(view).width() <= 0.75 * 884
    assert (bubble(view).width() < 100) == (text == "Hi")


def test_lines_stay_lines_and_markdown_stays_text(qtbot: QtBot) -> None:
    view = made(qtbot, "**one**\n<b>two</b>\n# three")
    assert view._text.toPlainText() == "**one**\n<b>two</b>\n# three"


def test_long_text_folds(qtbot: QtBot) -> None:
    view = made(qtbot, "line\n" * 100)
    folded = view.fit(884)
    assert folded < 340
    qtbot.mouseClick(button(view, "Show more"), Qt.MouseButton.LeftButton)
    assert view.fit(884) > 1500
    qtbot.mouseClick(button(view, "Show more"), Qt.MouseButton.LeftButton)
    assert view.fit(884) == folded


def test_copy_gives_what_was_written(qtbot: QtBot) -> None:
    view = made(qtbot, "a\n$x$")
    qtbot.mouseClick(button(view, "Copy message"), Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == "a\n$x$"


def test_another_wording_is_asked_for(qtbot: QtBot) -> None:
    view = made(qtbot, "Good dya")
    qtbot.mouseClick(button(view, "Edit message"), Qt.MouseButton.LeftButton)
    editor = view.findChild(QPlainTextEdit)
    editor.setPlainText("Good day")
    with qtbot.waitSignal(view.message_actions.edited, timeout=1000) as edited:
        qtbot.keyClick(editor, Qt.Key.Key_Return)
    assert edited.args == [7, "Good day"]
    assert not view.is_editing


def test_escape_and_the_same_words_change_nothing(qtbot: QtBot) -> None:
    view = made(qtbot, "Good day")
    with qtbot.assertNotEmitted(view.message_actions.edited):
        view.start_editing()
        qtbot.keyClick(view.findChild(QPlainTextEdit), Qt.Key.Key_Escape)
        view.start_editing()
        qtbot.mouseClick(button(view, "Send edited message"), Qt.MouseButton.LeftButton)
    assert not view.is_editing


def test_wordings_can_be_stepped_through(qtbot: QtBot) -> None:
    view = made(qtbot, "x")
    assert not button(view, "Older version of message").isVisible()
    view.set_versions(2, 2)
    view.fit(884)
    with qtbot.waitSignal(view.message_actions.version_asked, timeout=1000) as asked:
        qtbot.mouseClick(button(view, "Older version of message"), Qt.MouseButton.LeftButton)
    assert asked.args == [7, -1]
