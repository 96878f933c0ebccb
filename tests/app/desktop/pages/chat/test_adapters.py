"""Adapters in chat: picked, kept, gone, compared."""

from collections.abc import Callable

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QComboBox, QMenu, QWidget
from pytestqt.qtbot import QtBot

from app.desktop.pages.chat.compare import CompareDialog
from app.desktop.pages.chat.page import ChatPage
from app.desktop.pages.chat.reply_view import ReplyView
from app.desktop.services.services import Services
from app.desktop.window.main_window import MainWindow
from models import events, paths, requests
from models.store.chats import Chats
from tests.app.desktop.fake_engine import DISTILLED, STARTER, FakeEngine, loaded

ADDS = msgspec.structs.replace(STARTER, name="adds", title="Adds numbers", kind="adapter", base="starter", params=0)
PROVES = msgspec.structs.replace(ADDS, name="proves", title="proves")
OF_ANOTHER = msgspec.structs.replace(ADDS, name="other", title="other", base=DISTILLED.name)
ORIGINAL = msgspec.structs.replace(STARTER, name="hub/original", title="original", kind="original")
LIBRARY = [STARTER, DISTILLED, ORIGINAL, ADDS, PROVES, OF_ANOTHER]


@pytest.fixture
def services(services: Services) -> Services:
    for adapter in (ADDS, PROVES, OF_ANOTHER):
        (paths.adapters_folder() / adapter.name).mkdir()
    return msgspec.structs.replace(services, list_models=lambda: list(LIBRARY))


def texts(menu: QMenu) -> list[str]:
    return [action.text() for action in menu.actions() if not action.isSeparator()]


def opened(qtbot: QtBot, window: MainWindow, name: str) -> QMenu:
    """Click what has this name and return the menu that opens."""
    button = next(w for w in window.findChildren(QWidget) if w.accessibleName() == name and w.isVisible())
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: isinstance(QApplication.activePopupWidget(), QMenu))
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    return menu


def choose(qtbot: QtBot, window: MainWindow, name: str, text: str) -> None:
    menu = opened(qtbot, window, name)
    next(action for action in menu.actions() if action.text() == text).trigger()
    menu.close()


def loads(engine: FakeEngine) -> list[tuple[str, str | None]]:
    return [(r.model, r.adapter) for r in engine.requests.values() if isinstance(r, requests.Load)]


def view(page: ChatPage) -> ReplyView:
    found = page.transcript().view_of(page.shown.last_reply() or 0)
    assert isinstance(found, ReplyView)
    return found


def footer(page: ChatPage) -> str:
    return view(page).footer._said.text()


def again(page: ChatPage, window: MainWindow, text: str) -> None:
    menu = QMenu(window)
    page.transcript().message_actions.regenerate_menu_asked.emit(page.shown.last_reply(), menu)
    next(action for action in menu.actions() if action.text() == text).trigger()


def test_an_adapter_is_picked_without_another_model(
    window: MainWindow, page: ChatPage, engine: FakeEngine, chats: Chats, qtbot: QtBot
) -> None:
    assert page.toolbar.adapter.isVisible()
    assert page.toolbar.adapter.accessibleDescription() == "No adapter"
    menu = opened(qtbot, window, "Adapter")
    assert texts(menu) == ["No adapter", "Adds numbers", "proves"]
    assert [action.isChecked() for action in menu.actions() if not action.isSeparator()] == [True, False, False]
    menu.close()
    choose(qtbot, window, "Adapter", "Adds numbers")
    assert page.toolbar.adapter.accessibleDescription() == "Adds numbers"
    assert loads(engine) == [("starter", None), ("starter", "adds")]
    page.send("1 + 1?")
    assert engine.last_chat()[1].adapter == "adds"
    assert chats.get(page.shown.id or 0).adapter == "adds"
    choose(qtbot, window, "Adapter", "No adapter")
    engine.answer("2.")
    page.send("2 + 2?")
    assert engine.last_chat()[1].adapter is None
    assert chats.get(page.shown.id or 0).adapter == ""


def test_a_model_with_an_adapter_is_taken_to_think(window: MainWindow, page: ChatPage, engine: FakeEngine) -> None:
    assert page.shown.choice.budget == 0
    page.shown.choose_adapter("adds")
    assert page.shown.choice.budget == 2048
    assert page.toolbar.sentence == ""
    page.shown.choose_adapter("")
    assert page.shown.choice.budget == 0


def test_the_picker_of_models_offers_originals_and_no_adapters(
    window: MainWindow, page: ChatPage, qtbot: QtBot
) -> None:
    menu = opened(qtbot, window, "Model")
    assert [text.partition("   ")[0] for text in texts(menu)] == [STARTER.title, DISTILLED.title, "original"]
    menu.close()


def test_another_model_has_other_adapters_or_none(
    window: MainWindow, page: ChatPage, engine: FakeEngine, qtbot: QtBot
) -> None:
    engine.answers_loads = False
    page.shown.choose_adapter("adds")
    page.shown.choose_model(DISTILLED.name)
    assert page.shown.choice.adapter == ""
    menu = opened(qtbot, window, "Adapter")
    assert texts(menu) == ["No adapter", "other"]
    menu.close()
    page.shown.choose_model(ORIGINAL.name)
    assert page.toolbar.adapter.isHidden()


def test_a_quantized_copy_has_the_adapters_of_its_original(
    window: MainWindow, page: ChatPage, engine: FakeEngine, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.answers_loads = False
    small = msgspec.structs.replace(STARTER, name="small", title="Small", recipe="4bit", original="starter")
    fused = msgspec.structs.replace(STARTER, name="fused", title="Fused", original="starter")
    monkeypatch.setattr(page.status, "_list_models", lambda: [*LIBRARY, small, fused])
    with qtbot.waitSignal(page.status.listed):
        page.status.refresh()
    page.shown.choose_model("small")
    menu = opened(qtbot, window, "Adapter")
    assert texts(menu) == ["No adapter", "Adds numbers", "proves"]
    menu.close()
    page.shown.choose_model("fused")
    assert page.toolbar.adapter.isHidden()


def test_an_adapter_of_another_base_is_said_below_the_bar(
    window: MainWindow, page: ChatPage, engine: FakeEngine
) -> None:
    engine.answers_loads = False
    page.shown.choose_adapter("adds")
    call_id = max(engine.requests)
    said = "adds was trained on one, which is not starter as it is here."
    engine.play(call_id, events.Note(text=said), events.Done(result=loaded("starter")))
    assert page.toolbar.sentence == said
    page.shown.choose_adapter("")
    assert page.toolbar.sentence != said


def test_the_adapter_is_kept_per_chat(
    window: MainWindow, page: ChatPage, engine: FakeEngine, chats: Chats, qtbot: QtBot
) -> None:
    page.chat_with("starter", "adds")
    page.send("1 + 1?")
    engine.answer("2.")
    first = page.shown.id or 0
    window.new_chat()
    assert page.shown.choice.adapter == ""
    window.browser.open(first)
    assert page.shown.choice.adapter == "adds"
    assert loads(engine)[-1] == ("starter", "adds")


def test_an_adapter_that_is_gone_is_said_and_the_base_answers(
    window: MainWindow, page: ChatPage, engine: FakeEngine, chats: Chats
) -> None:
    lost = chats.create("starter", think_budget=0, adapter="gone").id
    page.shown.open(lost)
    sentence = "The adapter gone is no longer on this disk: SmolLM2 135M Instruct answers without it."
    assert page.notices.text == sentence
    assert page.toolbar.adapter.accessibleDescription() == "No adapter"
    page.send("1 + 1?")
    assert engine.last_chat()[1].adapter is None
    assert ("starter", "gone") not in loads(engine)
    page.notices.dismiss()
    page.status.show(page.shown.choice)
    page.shown.choose_budget(512)
    assert page.notices.text == ""  # it was read
    window.new_chat()
    page.shown.open(lost)
    assert page.notices.text == sentence
    page.shown.choose_adapter("")
    assert page.notices.text == ""


def test_the_sentence_about_a_lost_adapter_does_not_stay_for_another_chat(
    window: MainWindow, page: ChatPage, chats: Chats
) -> None:
    lost, whole = (chats.create("starter", think_budget=0, adapter=name).id for name in ("gone", "adds"))
    page.shown.open(lost)
    assert page.notices.text
    page.shown.open(whole)
    assert page.notices.text == ""
    page.notices.show_error("Something else.")
    page.shown.open(lost)
    page.notices.show_error("Something else.")
    page.shown.open(whole)
    assert page.notices.text == "Something else."


def test_an_adapter_deleted_while_its_chat_is_shown_is_said(
    window: MainWindow, page: ChatPage, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.chat_with("starter", "adds")
    assert page.notices.text == ""
    window.pages.show_page("Models")
    (paths.adapters_folder() / "adds").rmdir()
    monkeypatch.setattr(page.status, "_list_models", lambda: [model for model in LIBRARY if model is not ADDS])
    window.pages.show_page("Chat")
    qtbot.waitUntil(lambda: "adds is no longer on this disk" in page.notices.text)


def test_a_checkpoint_is_named_by_its_folder(
    window: MainWindow, page: ChatPage, engine: FakeEngine, chats: Chats, qtbot: QtBot
) -> None:
    folder = paths.home() / "runs" / "sums" / "checkpoints" / "step-150"
    folder.mkdir(parents=True)
    page.chat_with(DISTILLED.name, str(folder))
    assert page.toolbar.adapter.accessibleDescription() == "step-150"
    assert loads(engine)[-1] == (DISTILLED.name, str(folder))
    menu = opened(qtbot, window, "Adapter")
    assert texts(menu) == ["No adapter", "other", "step-150"]
    assert [action.isChecked() for action in menu.actions() if not action.isSeparator()] == [False, False, True]
    menu.close()
    page.send("1 + 1?")
    engine.answer("2.")
    assert engine.last_chat()[1].adapter == str(folder)
    assert footer(page).startswith("R1-Distill-Qwen-7B + step-150")
    shown = page.shown.id or 0
    folder.rmdir()
    window.new_chat()
    page.shown.open(shown)
    assert page.notices.text == (
        "The adapter step-150 is no longer on this disk: R1-Distill-Qwen-7B answers without it."
    )


def test_the_menu_of_regenerate_offers_what_differs(
    window: MainWindow, page: ChatPage, engine: FakeEngine, qtbot: QtBot
) -> None:
    page.chat_with("starter", "adds")
    page.send("1 + 1?")
    engine.answer("2.")
    menu = QMenu(window)
    page.transcript().message_actions.regenerate_menu_asked.emit(page.shown.last_reply(), menu)
    assert texts(menu)[5:] == ["Without adapter", "With adapter proves", "With R1-Distill-Qwen-7B", "With original"]


def test_versions_say_what_wrote_them(
    window: MainWindow, page: ChatPage, engine: FakeEngine, chats: Chats, qtbot: QtBot
) -> None:
    page.send("1 + 1?")
    engine.answer("Two.")
    assert STARTER.title not in footer(page)
    again(page, window, "With adapter Adds numbers")
    assert engine.last_chat()[1].adapter == "adds"
    engine.answer("2.")
    assert footer(page).startswith("SmolLM2 135M Instruct + Adds numbers · ")
    assert page.shown.choice.adapter == ""
    page.shown.step_last_version(-1)
    assert view(page).text() == "Two."
    assert footer(page).startswith("SmolLM2 135M Instruct · ")


def test_versions_stand_side_by_side(window: MainWindow, page: ChatPage, engine: FakeEngine, qtbot: QtBot) -> None:
    page.send("1 + 1?")
    engine.answer("Two.")
    again(page, window, "With adapter Adds numbers")
    engine.answer("2.", thinking="One and one.")
    again(page, window, "With adapter proves")
    engine.answer("It is 2.")
    button = next(w for w in window.findChildren(QWidget) if w.accessibleName() == "Compare versions" and w.isVisible())
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    dialog = page.findChild(CompareDialog)
    assert dialog.isVisible()
    assert [column.text for column in dialog.columns] == ["2.", "It is 2."]
    left, right = (
        next(w for w in dialog.findChildren(QComboBox) if w.accessibleName() == name)
        for name in ("Left version", "Right version")
    )
    assert left.currentText() == "2 / 3 · SmolLM2 135M Instruct + Adds numbers"
    assert right.currentText() == "3 / 3 · SmolLM2 135M Instruct + proves"
    left.setCurrentIndex(0)
    assert [column.text for column in dialog.columns] == ["Two.", "It is 2."]
    dialog.close()


def test_a_single_reply_has_nothing_to_compare(window: MainWindow, page: ChatPage, engine: FakeEngine) -> None:
    page.send("1 + 1?")
    engine.answer("Two.")
    names = [w.accessibleName() for w in window.findChildren(QWidget) if w.isVisible()]
    assert "Compare versions" not in names


def test_an_adapter_that_came_while_another_page_was_in_front_is_offered(
    window: MainWindow, page: ChatPage, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = msgspec.structs.replace(ADDS, name="new", title="new")
    window.pages.show_page("Models")
    monkeypatch.setattr(page.status, "_list_models", lambda: [*LIBRARY, new])
    window.pages.show_page("Chat")
    qtbot.waitUntil(lambda: new in page.status.adapters)
    assert "new" in [adapter.title for adapter in page.toolbar.adapter._adapters]


def test_a_failed_load_of_an_adapter_is_told(
    window: MainWindow, page: ChatPage, engine: FakeEngine, qtbot: QtBot, named_load: Callable[[], int]
) -> None:
    engine.answers_loads = False
    page.shown.choose_adapter("adds")
    failed = events.Failed(kind="bad_input", text="The adapter adds does not fit this model.", hint="")
    engine.play(named_load(), failed)
    assert "does not fit" in window.notices.text


@pytest.fixture
def named_load(engine: FakeEngine) -> Callable[[], int]:
    return lambda: max(job for job, request in engine.requests.items() if isinstance(request, requests.Load))


def test_new_chats_begin_with_the_default_adapter_and_one_not_begun_follows(
    window: MainWindow, page: ChatPage, engine: FakeEngine, services: Services
) -> None:
    preferences = services.preferences
    preferences.take(preferences.current.with_first("starter", "adds", 64, calm=False))
    assert (page.shown.choice.adapter, page.shown.choice.budget) == ("adds", 64)
    assert loads(engine)[-1] == ("starter", "adds")
    page.send("1 + 1?")
    assert engine.last_chat()[1].adapter == "adds"
    engine.answer("2.")
    preferences.take(preferences.current.with_first("starter", "proves", 64, calm=False))
    assert page.shown.choice.adapter == "adds"  # it was begun
    page.shown.new()
    assert page.shown.choice.adapter == "proves"


def test_what_was_chosen_for_a_chat_not_begun_stays(window: MainWindow, page: ChatPage, services: Services) -> None:
    page.shown.choose_budget(128)
    preferences = services.preferences
    preferences.take(preferences.current.with_first("starter", "adds", 64, calm=False))
    assert (page.shown.choice.adapter, page.shown.choice.budget) == ("", 128)


def test_a_default_adapter_goes_with_another_model_or_when_it_is_deleted(
    window: MainWindow, page: ChatPage, engine: FakeEngine, services: Services
) -> None:
    engine.answers_loads = False
    preferences = services.preferences
    preferences.take(preferences.current.with_first("starter", "adds", 64, calm=False))
    (paths.adapters_folder() / "adds").rmdir()
    page.shown.new()
    assert page.shown.choice.adapter == ""
    page.shown.choose_model(DISTILLED.name)
    assert (preferences.current.default_model, preferences.current.default_adapter) == (DISTILLED.name, "")
