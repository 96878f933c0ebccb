"""Pages are made when they are first shown, their commands stand in the menus before, and what they ask for is done."""

import subprocess
import sys

import msgspec
import pytest
from pytestqt.qtbot import QtBot

from app.desktop.pages.finetune.page import FinetunePage
from app.desktop.pages.models.page import ModelsPage
from app.desktop.window.main_window import MainWindow
from app.desktop.window.page_stack import PAGES
from models import events
from models.jobs.kinds.fuse import Fuse
from tests.app.desktop.fake_engine import STARTER, FakeEngine

UNSHOWN = """
import sys
from PySide6.QtWidgets import QApplication
app = QApplication([])
from app.desktop.window.main_window import MainWindow
print([name for name in sys.modules if name.startswith("app.desktop.pages.") and name.endswith(".page")])
"""


def trigger(window: MainWindow, name: str) -> None:
    window.menus.refresh()
    assert window.menus.action(name).isEnabled(), name
    window.menus.action(name).trigger()


def test_no_page_but_the_chat_is_imported_with_the_window() -> None:
    told = subprocess.run([sys.executable, "-c", UNSHOWN], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "['app.desktop.pages.chat.page']"


@pytest.mark.parametrize("kind", PAGES, ids=lambda kind: kind.title)
def test_every_page_has_a_button_a_key_and_its_commands(window: MainWindow, kind: object) -> None:
    title, number = kind.title, PAGES.index(kind) + 1  # type: ignore[attr-defined]
    action = window.menus.action(title)
    assert action.shortcut().toString() == f"Ctrl+{number}"
    for command in kind.commands:  # type: ignore[attr-defined]
        assert window.menus.action(command.name)
    trigger(window, title)
    assert window.pages.is_front(title)
    assert window.menus.action(title).isChecked()


def test_a_command_makes_its_page_and_brings_it_to_the_front(window: MainWindow) -> None:
    assert window.findChild(ModelsPage) is None
    assert not window.menus.action("Delete Model").isEnabled()
    trigger(window, "Get a Model…")
    assert window.pages.is_front("Models")
    assert window.findChild(ModelsPage).section == "discover"
    trigger(window, "New Fine-Tuning")
    assert window.pages.is_front("Fine-tune")


def test_a_command_of_the_chat_leaves_the_page_in_front(window: MainWindow) -> None:
    window.pages.show_page("Models")
    trigger(window, "Use This Budget for New Chats")
    assert window.pages.is_front("Models")


def test_find_searches_the_page_in_front_or_the_chats(window: MainWindow) -> None:
    models = window.pages.show_page("Models")
    trigger(window, "Find")
    assert models.toolbar.search.hasFocus()  # type: ignore[attr-defined]
    window.pages.show_page("Fine-tune")
    trigger(window, "Find")
    assert window.sidebar.search.hasFocus()


def test_undo_is_that_of_the_page_in_front(window: MainWindow) -> None:
    models = window.pages.show_page("Models")
    assert isinstance(models, ModelsPage)
    models.removals.remove("r1-distill-qwen-7b")
    window.pages.show_page("Chat")
    assert not window.pages.can_undo()
    window.pages.show_page("Models")
    trigger(window, "Undo")
    assert models.removals.pending() == set()


def test_a_page_asks_for_another_one_and_for_a_chat(window: MainWindow, qtbot: QtBot) -> None:
    traces = window.pages.show_page("Traces")
    traces.page_requested.emit("Fine-tune", "sums")
    finetune = window.pages.front
    assert isinstance(finetune, FinetunePage)
    assert finetune._wanted_traces == "sums"
    finetune.chat_requested.emit("starter", "adder")
    assert window.pages.is_front("Chat")
    assert (window.chat_page.shown.choice.model, window.chat_page.shown.choice.adapter) == ("starter", "adder")


@pytest.mark.parametrize(("front", "said"), [("Chat", True), ("Traces", True), ("Models", False)])
def test_a_fused_model_is_announced_on_other_pages(
    window: MainWindow, engine: FakeEngine, qtbot: QtBot, front: str, said: bool
) -> None:
    page = window.pages.show_page(front)
    job = window.services.jobs.add(Fuse(model="starter", adapter="adder"))
    fused = msgspec.structs.replace(STARTER, name="starter-adder")
    with qtbot.waitSignal(window.services.jobs.changed, check_params_cb=lambda job: job.state == "done"):
        engine.play(len(engine.requests), events.Done(result=fused))
    assert window.services.jobs.steps(job)
    assert page.notices.text == ("starter + adder is ready." if said else "")
