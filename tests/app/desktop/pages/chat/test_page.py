"""The Chat page as a person uses it: typed into, clicked, and looked at."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLabel, QMenu, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from app.desktop.pages.chat.page import ChatPage
from app.desktop.pages.chat.reply_view import ReplyView
from app.desktop.pages.settings.dialog import SettingsDialog
from app.desktop.services.services import Services
from app.desktop.window.main_window import MainWindow
from models import events, requests
from models.errors import DiskFull
from models.store.chats import Chats
from tests.app.desktop.fake_engine import UNTRAINED, FakeEngine, reply


def named(window: MainWindow, name: str) -> QWidget:
    return next(w for w in window.findChildren(QWidget) if w.accessibleName() == name and w.isVisible())


def click(qtbot: QtBot, window: MainWindow, name: str) -> None:
    qtbot.mouseClick(named(window, name), Qt.MouseButton.LeftButton)


def send(qtbot: QtBot, page: ChatPage, text: str) -> None:
    qtbot.keyClicks(page.composer.edit, text)
    qtbot.keyClick(page.composer.edit, Qt.Key.Key_Return)


def titles(window: MainWindow) -> list[str]:
    return [entry.title for entry in window.sidebar.chat_model.entries()]


def test_a_question_is_asked_and_answered(
    window: MainWindow, page: ChatPage, engine: FakeEngine, chats: Chats, qtbot: QtBot
) -> None:
    send(qtbot, page, "What is the capital of France?")
    assert page.composer.text == ""
    assert page.composer.button.accessibleName() == "Stop"
    assert titles(window) == ["What is the capital of France?"]
    engine.answer("Paris.")
    assert page.composer.button.accessibleName() == "Send"
    assert "3,214 of 32,768 tokens in context" in [label.text() for label in page.composer.findChildren(QLabel)]
    chat_id = page.shown.id
    assert chat_id is not None
    assert [row.content for row in chats.branch(chat_id)] == ["What is the capital of France?", "Paris."]


def test_calm_thinking_is_switched_on_in_the_settings(
    window: MainWindow, page: ChatPage, engine: FakeEngine, services: Services, qtbot: QtBot
) -> None:
    send(qtbot, page, "Hello")
    assert not engine.last_chat()[1].calm
    engine.answer()
    dialog = SettingsDialog(services.preferences, window)
    qtbot.addWidget(dialog)
    dialog.calm.click()
    send(qtbot, page, "Hello again")
    assert engine.last_chat()[1].calm


def test_an_example_is_one_click(window: MainWindow, page: ChatPage, engine: FakeEngine, qtbot: QtBot) -> None:
    click(qtbot, window, "What is the capital of France?")
    assert engine.last_chat()[1].messages[-1].content == "What is the capital of France?"


def test_the_model_is_loaded_while_one_types(window: MainWindow, page: ChatPage, engine: FakeEngine) -> None:
    assert requests.Load(model="starter") in engine.requests.values()
    assert page.shown.loading.loaded is not None
    assert page.toolbar.picker.title == "SmolLM2 135M Instruct"


def test_a_model_that_was_not_trained_to_think_begins_with_off_and_says_so_when_asked(
    window: MainWindow, page: ChatPage, engine: FakeEngine, qtbot: QtBot
) -> None:
    assert page.shown.choice.budget == 0
    assert page.toolbar.sentence == ""
    click(qtbot, window, "Short")
    assert page.toolbar.sentence == UNTRAINED
    send(qtbot, page, "Hello")
    assert engine.last_chat()[1].think == 512


def test_it_is_known_which_model_thinks_before_any_is_loaded(
    window: MainWindow, page: ChatPage, engine: FakeEngine, qtbot: QtBot
) -> None:
    engine.answers_loads = False
    page.shown.choose_model("r1-distill-qwen-7b")
    assert page.shown.choice.budget == 2048
    page.shown.choose_model("starter")
    assert page.shown.choice.budget == 0


def test_the_budget_is_kept_per_chat(window: MainWindow, page: ChatPage, engine: FakeEngine, qtbot: QtBot) -> None:
    send(qtbot, page, "First question here")
    engine.answer()
    first = page.shown.id
    click(qtbot, window, "Long")
    window.new_chat()
    assert page.shown.choice.budget == 0
    send(qtbot, page, "Second question here")
    engine.answer()
    window.browser.open(first or 0)
    assert page.shown.choice.budget == 8192
    assert window.services.chats.get(first or 0).think_budget == 8192


def test_a_number_typed_and_not_confirmed_counts_when_one_sends(
    window: MainWindow, page: ChatPage, engine: FakeEngine, qtbot: QtBot
) -> None:
    page.toolbar.thinking.field.setText("300")
    page.composer.set_text("Hello")
    click(qtbot, window, "Send")
    assert engine.last_chat()[1].think == 300


def test_a_wrong_number_is_told_below_the_bar(window: MainWindow, page: ChatPage, qtbot: QtBot) -> None:
    page.toolbar.thinking.field.setText("many")
    qtbot.waitUntil(lambda: "whole number" in page.toolbar.sentence)
    assert page.shown.choice.budget == 0


def test_stop_asks_the_engine_once(window: MainWindow, page: ChatPage, engine: FakeEngine, qtbot: QtBot) -> None:
    send(qtbot, page, "Hello")
    click(qtbot, window, "Stop")
    click(qtbot, window, "Stop")
    call_id, _ = engine.last_chat()
    assert engine.cancelled == [call_id]
    engine.play(call_id, events.Done(result=reply("Hel", finish="cancelled")))
    assert page.composer.button.accessibleName() == "Send"


def test_command_return_answers_now_while_it_thinks(
    window: MainWindow, page: ChatPage, engine: FakeEngine, qtbot: QtBot
) -> None:
    click(qtbot, window, "Short")
    send(qtbot, page, "Hello")
    assert window.menus.action("Answer Now").isEnabled()
    engine.think("Hm.")
    qtbot.keyClick(page.composer.edit, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    call_id, _ = engine.last_chat()
    assert engine.steered == [(call_id, "answer_now")]
    engine.play(call_id, events.ThinkingClosed(tokens=1, seconds=0.1, how="answer_now"))
    assert not window.menus.action("Answer Now").isEnabled()
    engine.play(call_id, events.Done(result=reply("Hello.")))
    qtbot.keyClicks(page.composer.edit, "Again")
    qtbot.keyClick(page.composer.edit, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert engine.last_chat()[1].messages[-1].content == "Again"


def test_regenerating_makes_versions_to_step_through(
    window: MainWindow, page: ChatPage, engine: FakeEngine, chats: Chats, qtbot: QtBot
) -> None:
    send(qtbot, page, "Hello")
    engine.answer("One.")
    window.menus.action("Regenerate Thinking: Long").trigger()
    assert engine.last_chat()[1].think == 8192
    assert [turn.role for turn in engine.last_chat()[1].messages] == ["user"]
    engine.answer("Two.")
    chat_id = page.shown.id or 0
    assert chats.branch(chat_id)[-1].content == "Two."
    window.menus.action("Older Version").trigger()
    assert chats.branch(chat_id)[-1].content == "One."
    window.menus.action("Newer Version").trigger()
    assert chats.branch(chat_id)[-1].content == "Two."
    assert page.shown.choice.budget == 0


def test_editing_a_message_branches_and_loses_nothing(
    window: MainWindow, page: ChatPage, engine: FakeEngine, chats: Chats, qtbot: QtBot
) -> None:
    send(qtbot, page, "Hello")
    engine.answer("One.")
    asked = chats.branch(page.shown.id or 0)[0]
    page.transcript().message_actions.edited.emit(asked.id, "Good day")
    engine.answer("Two.")
    assert [row.content for row in chats.branch(page.shown.id or 0)] == ["Good day", "Two."]
    page.shown.step_version(chats.branch(page.shown.id or 0)[0].id, -1)
    assert [row.content for row in chats.branch(page.shown.id or 0)] == ["Hello", "One."]


def test_a_failure_is_told_with_a_way_on_and_the_words_stay(
    window: MainWindow, page: ChatPage, engine: FakeEngine, chats: Chats, qtbot: QtBot
) -> None:
    send(qtbot, page, "Hello")
    call_id, _ = engine.last_chat()
    engine.play(call_id, events.Token(channel="answer", text="Hel", n=1))
    engine.play(call_id, events.Failed(kind="worker_died", text="The engine ended.", hint="Try again."))
    assert window.notices.text == "The engine ended. Try again."
    assert named(window, "Notice").isVisible()
    row = chats.branch(page.shown.id or 0)[-1]
    assert (row.state, row.content) == ("interrupted", "Hel")
    again = next(b for b in window.notices.findChildren(QPushButton) if b.text() == "Try again")
    qtbot.mouseClick(again, Qt.MouseButton.LeftButton)
    engine.answer("Hello.")
    assert chats.branch(page.shown.id or 0)[-1].content == "Hello."
    assert window.notices.text == ""


def test_a_message_that_can_not_be_stored_stays_in_the_composer(
    window: MainWindow, page: ChatPage, engine: FakeEngine, chats: Chats, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise DiskFull("There is no space left.", "Free some.")

    monkeypatch.setattr(Chats, "add_user_message", full)
    send(qtbot, page, "Do not lose me")
    assert page.composer.text == "Do not lose me"
    assert window.notices.text == "There is no space left. Free some."
    assert engine.chats() == []


def test_drafts_are_kept_per_chat_and_for_the_one_not_begun(
    window: MainWindow, page: ChatPage, engine: FakeEngine, chats: Chats, qtbot: QtBot
) -> None:
    send(qtbot, page, "Hello")
    engine.answer()
    chat_id = page.shown.id or 0
    qtbot.keyClicks(page.composer.edit, "half a thought")
    window.new_chat()
    assert page.composer.text == ""
    qtbot.keyClicks(page.composer.edit, "another")
    window.browser.open(chat_id)
    assert page.composer.text == "half a thought"
    assert chats.get(chat_id).draft == "half a thought"
    window.new_chat()
    assert page.composer.text == "another"


def test_a_draft_for_no_chat_yet_outlives_a_start_in_another_chat(
    window: MainWindow, page: ChatPage, engine: FakeEngine, services: Services, qtbot: QtBot
) -> None:
    send(qtbot, page, "Hello")
    engine.answer()
    window.new_chat()
    qtbot.keyClicks(page.composer.edit, "not begun")
    window.browser.open(services.chats.entries()[0].id)
    window.close()
    engine.closed = False
    again = MainWindow(services)
    assert again.chat_page.composer.text == ""
    again.new_chat()
    assert again.chat_page.composer.text == "not begun"
    again.close()
    again.deleteLater()


def test_a_reply_goes_on_while_another_chat_is_shown(
    window: MainWindow, page: ChatPage, engine: FakeEngine, chats: Chats, qtbot: QtBot
) -> None:
    send(qtbot, page, "Hello")
    chat_id = page.shown.id or 0
    window.new_chat()
    assert page.composer.button.accessibleName() == "Send"
    engine.play(engine.last_chat()[0], events.Token(channel="answer", text="Hel", n=1))
    window.browser.open(chat_id)
    assert page.composer.button.accessibleName() == "Stop"
    window.new_chat()
    engine.answer("Hello.")
    assert chats.branch(chat_id)[-1].content == "Hello."


def test_another_model_is_loaded_when_it_is_chosen(
    window: MainWindow, page: ChatPage, engine: FakeEngine, qtbot: QtBot
) -> None:
    page.toolbar.picker.model_chosen.emit("r1-distill-qwen-7b")
    assert page.toolbar.picker.title == "R1-Distill-Qwen-7B"
    assert page.composer.edit.placeholderText() == "Message R1-Distill-Qwen-7B"
    assert page.shown.choice.budget == 2048
    send(qtbot, page, "Hello")
    assert engine.last_chat()[1].model == "r1-distill-qwen-7b"


def test_loading_is_shown_in_place_and_a_message_waits(
    window: MainWindow, page: ChatPage, engine: FakeEngine, qtbot: QtBot
) -> None:
    engine.answers_loads = False
    page.shown.choose_model("r1-distill-qwen-7b")
    call_id = max(engine.requests)
    engine.play(call_id, events.Progress(stage="load", done=1, total=4, unit="bytes"))
    assert "loading 25 %" in page.toolbar.picker.accessibleDescription()
    send(qtbot, page, "Hello")
    assert page.shown.under_way is not None
    assert page.shown.under_way.phase == "waiting"


def test_a_preset_brings_its_prompt_and_is_kept(
    window: MainWindow, page: ChatPage, engine: FakeEngine, chats: Chats, qtbot: QtBot
) -> None:
    from models.presets import BUILT_IN

    page.shown.choose_preset(BUILT_IN[0])
    send(qtbot, page, "What is 2 + 2?")
    assert engine.last_chat()[1].messages[0].role == "system"
    assert "\\boxed{}" in engine.last_chat()[1].messages[0].content
    assert chats.get(page.shown.id or 0).preset == "Maths"


def test_the_focus_is_in_the_composer(window: MainWindow, page: ChatPage, qtbot: QtBot) -> None:
    window.activateWindow()
    qtbot.waitUntil(lambda: QApplication.focusWidget() is page.composer.edit)


def test_the_menu_of_regenerate_offers_budgets_and_other_models(
    window: MainWindow, page: ChatPage, engine: FakeEngine, qtbot: QtBot
) -> None:
    send(qtbot, page, "Hello")
    engine.answer("One.")
    last = page.shown.last_reply()
    menu = QMenu(window)
    page.transcript().message_actions.regenerate_menu_asked.emit(last, menu)
    names = [action.text() for action in menu.actions() if not action.isSeparator()]
    assert names == [
        "Thinking: Off",
        "Thinking: Short",
        "Thinking: Medium",
        "Thinking: Long",
        "Thinking: No limit",
        "With R1-Distill-Qwen-7B",
    ]
    menu.actions()[-1].trigger()
    assert engine.last_chat()[1].model == "r1-distill-qwen-7b"


def test_the_transcript_shows_what_was_said(
    window: MainWindow, page: ChatPage, engine: FakeEngine, qtbot: QtBot
) -> None:
    click(qtbot, window, "Short")
    send(qtbot, page, "Hello")
    engine.think("Let me see.")
    assert named(window, "Thinking status").isVisible()
    assert named(window, "Answer now").isVisible()
    engine.answer("Good day.", thinking=" And so.")
    view = page.transcript().view_of(page.shown.last_reply() or 0)
    assert isinstance(view, ReplyView)
    assert view.text() == "Good day."
    assert view.thinking() == "Let me see. And so."
