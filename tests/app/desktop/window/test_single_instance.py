from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.desktop.window.single_instance import SingleInstance


def test_a_second_start_brings_the_first_to_the_front(qapp: QApplication, qtbot: QtBot) -> None:
    first, second = SingleInstance(), SingleInstance()
    assert first.claim()
    first.listen()
    assert not second.claim()
    with qtbot.waitSignal(first.asked_to_show):
        assert second.show_other()
    first.release()
    assert second.claim()
    second.release()


def test_another_home_is_another_instance(qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = SingleInstance()
    assert first.claim()
    monkeypatch.setenv("STILLROOM_HOME", str(tmp_path / "other"))
    second = SingleInstance()
    assert second.claim()
    first.release()
    second.release()


def test_nobody_answers_when_nobody_is_there(qapp: QApplication) -> None:
    assert not SingleInstance().show_other(within_ms=10)
