import pytest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.desktop.pages.chat.chat_settings import ChatSettings
from app.desktop.pages.chat.preset_menu import PresetDialog, PresetMenu
from models.errors import BadInput
from models.presets import BUILT_IN
from models.settings import Preset


@pytest.fixture
def dialog(qtbot: QtBot) -> PresetDialog:
    dialog = PresetDialog(None, {"Maths"})
    qtbot.addWidget(dialog)
    return dialog


def test_what_is_written_becomes_a_preset(dialog: PresetDialog) -> None:
    dialog.name.setText("  Poems ")
    dialog.system.setPlainText("Answer in verse.")
    dialog.temperature.setText("0,9")
    dialog.think.setText("2,048")
    assert dialog.preset() == Preset(name="Poems", system="Answer in verse.", temperature=0.9, think=2048)


@pytest.mark.parametrize(
    ("field", "text", "sentence"),
    [
        ("name", "", "needs a name"),
        ("name", "Maths", "already"),
        ("temperature", "hot", "Temperature is a number from 0 to 5"),
        ("top_p", "2", "Top p is a number"),
        ("think", "much", "whole number"),
    ],
)
def test_what_is_wrong_is_said_and_the_dialog_stays(dialog: PresetDialog, field: str, text: str, sentence: str) -> None:
    dialog.name.setText("Poems")
    getattr(dialog, field).setText(text)
    with pytest.raises(BadInput, match=sentence):
        dialog.preset()
    dialog.accept_if_right()
    assert sentence in dialog.fault.text()
    assert dialog.result() == 0


def test_the_menu_offers_edit_and_delete_for_ones_own_only(qtbot: QtBot) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    own = [Preset(name="Poems")]
    names = [action.text() for action in PresetMenu("Poems", own, parent).actions()]
    assert names[:5] == ["None", "Maths", "Code review", "In short", "Poems"]
    assert names[-2:] == ["Edit “Poems”…", "Delete “Poems”"]
    assert PresetMenu("Maths", own, parent).actions()[-1].text() == "New preset…"


def test_deleting_the_preset_in_force_leaves_none(qtbot: QtBot) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    menu = PresetMenu("Poems", [Preset(name="Poems")], parent)
    with qtbot.waitSignals([menu.own_changed, menu.chosen]):
        menu.actions()[-1].trigger()


def test_a_presets_budget_counts_only_if_it_names_one() -> None:
    choice = ChatSettings(model="starter", budget=512)
    assert choice.with_preset(BUILT_IN[0]).budget == 512
    assert choice.with_preset(Preset(name="Deep", think="unlimited")).budget is None
    assert choice.with_preset(BUILT_IN[0]).with_preset(None) == choice
