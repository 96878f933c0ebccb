"""The window around the pages: sidebar, menus, undo, what is recalled."""

from pathlib import Path

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from pytestqt.qtbot import QtBot

from app.desktop.palette import DARK, LIGHT
from app.desktop.services.preferences import Preferences
from app.desktop.services.services import Services
from app.desktop.theme import colours
from app.desktop.window.main_window import MainWindow
from models import settings
from models.store.chats import Chats
from tests.app.desktop.fake_engine import FakeEngine


def begin(chats: Chats, title: str, text: str = "A question") -> int:
    chat = chats.create("starter")
    chats.rename(chat.id, title)
    asked = chats.add_user_message(chat.id, text)
    reply = chats.begin_reply(asked.id, "starter")
    chats.append(reply.id, content="An answer.")
    chats.finish(reply.id)
    return chat.id


def titles(window: MainWindow) -> list[str]:
    return [entry.title for entry in window.sidebar.chat_model.entries()]


def trigger(window: MainWindow, name: str) -> None:
    window.menus.refresh()
    action = window.menus.action(name)
    assert action.isEnabled(), name
    action.trigger()


def test_only_pages_that_are_done_are_shown(window: MainWindow) -> None:
    assert list(window.pages.keys) == ["Chat", "Models", "Traces", "Fine-tune", "Evaluate"]
    assert window.pages.is_front("Chat")


def test_every_key_belongs_to_one_command(window: MainWindow) -> None:
    keys = [action.shortcut().toString() for action in window.findChildren(QAction) if not action.shortcut().isEmpty()]
    assert len(keys) == len(set(keys))
    for wanted in ("Ctrl+N", "Ctrl+,", "Ctrl+F", "Ctrl+K", "Ctrl+Return", "Ctrl+.", "Ctrl+[", "Ctrl+]", "Ctrl+1"):
        assert wanted in keys, wanted


def test_deleting_can_be_undone_by_key_and_by_the_notice(window: MainWindow, chats: Chats, qtbot: QtBot) -> None:
    chat_id = begin(chats, "Keep me")
    window.browser.refresh()
    window.browser.open(chat_id)
    trigger(window, "Delete Chat")
    assert titles(window) == []
    assert window.chat_page.shown.id is None
    assert window.notices.text == "Deleted “Keep me”."
    qtbot.keyClick(window.chat_page.composer.edit, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert titles(window) == ["Keep me"]
    assert window.chat_page.shown.id == chat_id
    assert window.notices.text == ""


def test_undo_is_the_texts_own_while_there_is_typing_to_undo(window: MainWindow, chats: Chats, qtbot: QtBot) -> None:
    chat_id = begin(chats, "Gone")
    window.browser.refresh()
    window.chat_actions.delete(chat_id)
    edit = window.chat_page.composer.edit
    qtbot.keyClicks(edit, "typed")
    qtbot.keyClick(edit, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert edit.toPlainText() == ""
    assert titles(window) == []


def test_a_chat_is_renamed_in_place(window: MainWindow, chats: Chats, qtbot: QtBot) -> None:
    from PySide6.QtWidgets import QLineEdit

    chat_id = begin(chats, "Old")
    window.browser.refresh()
    window.browser.open(chat_id)
    trigger(window, "Rename Chat")
    editor = window.sidebar.chats.findChild(QLineEdit, "rename")
    assert isinstance(editor, QLineEdit)
    editor.selectAll()
    qtbot.keyClicks(editor, "New name")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: chats.get(chat_id).title == "New name")
    assert titles(window) == ["New name"]


def test_a_copy_is_shown_beside_the_original(window: MainWindow, chats: Chats) -> None:
    window.browser.open(begin(chats, "Original"))
    trigger(window, "Duplicate Chat")
    assert titles(window) == ["Original copy", "Original"]
    assert chats.get(window.chat_page.shown.id or 0).title == "Original copy"


def test_search_lists_hits_and_an_empty_field_all_chats(window: MainWindow, chats: Chats, qtbot: QtBot) -> None:
    begin(chats, "Baking", "How long does sourdough rise?")
    begin(chats, "Space", "Why is the sky dark?")
    window.browser.refresh()
    with qtbot.waitSignal(window.sidebar.search_changed):
        qtbot.keyClicks(window.sidebar.search, "sourd")
    assert titles(window) == ["Baking"]
    assert "sourdough" in window.sidebar.chat_model.entries()[0].snippet
    with qtbot.waitSignal(window.sidebar.search_changed):
        window.sidebar.search.setText("nowhere to be found")
    assert window.sidebar.nothing.isVisible()
    with qtbot.waitSignal(window.sidebar.search_changed):
        window.sidebar.search.clear()
    assert titles(window) == ["Space", "Baking"]
    assert not window.sidebar.nothing.isVisible()


def test_a_click_in_the_list_opens_the_chat(window: MainWindow, chats: Chats, qtbot: QtBot) -> None:
    chat_id = begin(chats, "Click me")
    window.browser.refresh()
    view = window.sidebar.chats
    row = window.sidebar.chat_model.row_of(chat_id)
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=view.visualRect(row).center())
    assert window.chat_page.shown.id == chat_id


def test_a_chat_is_exported_as_markdown(window: MainWindow, chats: Chats, tmp_path: Path) -> None:
    chat_id = begin(chats, "Export")
    window.chat_actions.write(chat_id, tmp_path / "chat.md", as_json=False)
    assert "An answer." in (tmp_path / "chat.md").read_text(encoding="utf-8")
    window.chat_actions.write(chat_id, tmp_path / "no" / "chat.md", as_json=False)
    assert "missing" in window.notices.text


def test_the_sidebar_folds_and_the_theme_follows_the_menu(window: MainWindow) -> None:
    trigger(window, "Show Sidebar")
    assert not window.sidebar.isVisible()
    trigger(window, "Show Sidebar")
    assert window.sidebar.isVisible()
    trigger(window, "Dark")
    assert colours() is DARK
    trigger(window, "Light")
    assert colours() is LIGHT


def test_the_next_start_finds_things_as_they_were(
    window: MainWindow, services: Services, chats: Chats, qtbot: QtBot, engine: FakeEngine
) -> None:
    chat_id = begin(chats, "Last shown")
    window.browser.open(chat_id)
    qtbot.keyClicks(window.chat_page.composer.edit, "half typed")
    window.toggle_sidebar()
    window.resize(780, 600)
    window.close()
    assert engine.closed
    again = MainWindow(
        msgspec.structs.replace(services, engine=FakeEngine(), preferences=Preferences(settings.load()[0]))
    )
    qtbot.addWidget(again)
    again.show()
    assert again.chat_page.shown.id == chat_id
    assert again.chat_page.composer.text == "half typed"
    assert not again.sidebar.isVisible()
    assert (again.width(), again.height()) == (780, 600)


def test_the_memory_meter_says_what_the_engine_takes(window: MainWindow, engine: FakeEngine, qtbot: QtBot) -> None:
    described = window.sidebar.memory.bar.accessibleDescription()
    assert described.startswith("0.4 of ")
    assert "SmolLM2 135M Instruct · 4.5-bit" in described


@pytest.mark.parametrize("name", ["Settings…", "Jump to…", "About Stillroom"])
def test_every_dialog_opens_and_closes(window: MainWindow, name: str) -> None:
    from PySide6.QtWidgets import QDialog

    trigger(window, name)
    dialog = next(dialog for dialog in window.findChildren(QDialog) if dialog.isVisible())
    dialog.close()


def test_help_is_shown_in_the_window_and_left_again(window: MainWindow, qtbot: QtBot) -> None:
    from app.desktop.window.help import HelpPage

    title, _ = window.help_pages[0]
    trigger(window, title)
    page = window.findChild(HelpPage)
    assert page is not None
    assert page.isVisible()
    assert len(page.text.toPlainText()) > 200
    assert not window.pages.is_front("Chat")
    page.closed.emit()
    assert window.pages.is_front("Chat")


def test_everything_can_be_jumped_to(window: MainWindow, chats: Chats) -> None:
    chat_id = begin(chats, "Far away")
    places = {place.name: place for place in window.targets()}
    assert {"Far away", "R1-Distill-Qwen-7B", "New Chat", "Dark"} <= set(places)
    assert "Stop" not in places
    places["Far away"].go()
    assert window.chat_page.shown.id == chat_id
    places["R1-Distill-Qwen-7B"].go()
    assert window.chat_page.shown.choice.model == "r1-distill-qwen-7b"


def test_recently_deleted_chats_come_back_by_the_menu(window: MainWindow, chats: Chats) -> None:
    from PySide6.QtWidgets import QMenu

    window.chat_actions.delete(begin(chats, "Thrown away"))
    trigger(window, "Recently Deleted…")
    menu = next(menu for menu in window.findChildren(QMenu) if menu.isVisible())
    menu.actions()[0].trigger()
    menu.close()
    assert titles(window) == ["Thrown away"]


def test_the_sidebar_brings_the_chat_to_the_front(window: MainWindow, chats: Chats, qtbot: QtBot) -> None:
    chat_id = begin(chats, "Far away", "A question about pumps")
    window.browser.refresh()
    sidebar = window.sidebar
    for bring in (
        sidebar.new_chat_pressed.emit,
        lambda: sidebar.chats.chat_chosen.emit(chat_id),
        lambda: sidebar.chats.hit_chosen.emit(chat_id, 1),
        lambda: trigger(window, "New Chat"),
    ):
        window.pages.show_page("Models")
        bring()
        assert window.pages.is_front("Chat")
    assert window.chat_page.shown.id is None


def test_a_notice_that_says_nothing_is_not_shown(window: MainWindow) -> None:
    window.notices.show_error("Something is wrong.")
    window.notices.show_error(" ", "")
    assert window.notices.isHidden()
