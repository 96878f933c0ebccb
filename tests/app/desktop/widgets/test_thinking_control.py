import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from app.desktop.widgets.thinking_control import ThinkingControl, parsed, said
from models.errors import BadInput


@pytest.fixture
def control(qtbot: QtBot) -> ThinkingControl:
    control = ThinkingControl()
    qtbot.addWidget(control)
    control.show()
    return control


def segment(control: ThinkingControl, name: str) -> QPushButton:
    return next(button for button in control.findChildren(QPushButton) if button.accessibleName() == name)


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("2,048 tokens", 2048),
        (" 512 ", 512),
        ("1 token", 1),
        ("off", 0),
        ("No limit", None),
        ("∞", None),
        ("8 192", 8192),
    ],
)
def test_what_people_write_is_understood(text: str, budget: int | None) -> None:
    assert parsed(text) == budget


@pytest.mark.parametrize("text", ["", "-5", "many", "2e3", "²", "9" * 40])
def test_what_is_no_number_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(BadInput, match="whole number"):
        parsed(text)


@pytest.mark.parametrize("budget", [0, 1, 512, 10_000, None])
def test_what_is_said_reads_back(budget: int | None) -> None:
    assert parsed(said(budget)) == budget


@pytest.mark.parametrize(
    ("name", "budget"), [("Off", 0), ("Short", 512), ("Medium", 2048), ("Long", 8192), ("No limit", None)]
)
def test_a_segment_sets_the_number(control: ThinkingControl, qtbot: QtBot, name: str, budget: int | None) -> None:
    control.set_budget(77)
    with qtbot.waitSignal(control.budget_changed) as told:
        qtbot.mouseClick(segment(control, name), Qt.MouseButton.LeftButton)
    assert told.args == [budget]
    assert segment(control, name).isChecked()
    assert control.field.text() == said(budget)


def test_an_exact_number_unchecks_the_segments(control: ThinkingControl, qtbot: QtBot) -> None:
    control.field.selectAll()
    qtbot.keyClicks(control.field, "300")
    with qtbot.waitSignal(control.budget_changed) as told:
        qtbot.keyClick(control.field, Qt.Key.Key_Return)
    assert told.args == [300]
    assert control.budget == 300
    assert not any(segment(control, name).isChecked() for name in ("Off", "Short", "Medium", "Long", "No limit"))


def test_a_number_set_without_the_keyboard_counts_after_a_moment(control: ThinkingControl, qtbot: QtBot) -> None:
    with qtbot.waitSignal(control.budget_changed) as told:
        control.field.setText("640")
    assert told.args == [640]


def test_what_is_being_typed_survives_being_shown_the_budget_in_force(control: ThinkingControl, qtbot: QtBot) -> None:
    control.field.setText("640")
    control.set_budget(2048)
    assert control.field.text() == "640"
    control.set_budget(512)
    assert control.field.text() == "512 tokens"


def test_a_wrong_number_is_told_and_changes_nothing(control: ThinkingControl, qtbot: QtBot) -> None:
    control.field.setText("lots")
    with qtbot.waitSignal(control.problem) as told, qtbot.assertNotEmitted(control.budget_changed):
        control.commit()
    assert "whole number" in told.args[0]
    assert control.budget == 2048
