"""The Hub's token is given once, kept out of sight, and can be forgotten."""

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit
from pytestqt.qtbot import QtBot

from app.desktop.widgets.token_field import TokenField
from models.hub import credentials


@pytest.fixture(autouse=True)
def no_other_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))


def test_a_token_is_kept_and_never_shown_again(qtbot: QtBot) -> None:
    field = TokenField()
    qtbot.addWidget(field)
    assert "most models need none" in field.state.text()
    assert field.edit.echoMode() == QLineEdit.EchoMode.Password
    qtbot.keyClicks(field.edit, "hf_" + "a" * 30)
    qtbot.mouseClick(field.keep, Qt.MouseButton.LeftButton)
    assert credentials.token() == "hf_" + "a" * 30
    assert field.edit.text() == ""
    assert "kept" in field.state.text()
    qtbot.mouseClick(field.forget, Qt.MouseButton.LeftButton)
    assert credentials.token() is None
    assert not field.forget.isVisibleTo(field)


def test_what_is_no_token_is_refused_with_its_reason(qtbot: QtBot) -> None:
    field = TokenField()
    qtbot.addWidget(field)
    with qtbot.waitSignal(field.problem) as told:
        qtbot.keyClick(field.edit, Qt.Key.Key_Return)
    assert "no access token" in told.args[0]


def test_one_of_the_environment_is_said_and_not_to_be_forgotten(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_" + "b" * 30)
    field = TokenField()
    qtbot.addWidget(field)
    assert "HF_TOKEN" in field.state.text()
    assert not field.forget.isVisibleTo(field)
