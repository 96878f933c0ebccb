from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.desktop.window.jump import JumpDialog, Target, matching, score
from app.desktop.window.main_window import MainWindow


def target(name: str) -> Target:
    return Target(name, "Chat", "chat", lambda: None)


def test_the_start_beats_a_word_beats_the_inside_beats_scattered_letters() -> None:
    found = matching([target(name) for name in ("Nebraska map", "Bread", "Old bread", "Embrace", "Zoo")], "br")
    assert [place.name for place in found] == ["Bread", "Old bread", "Nebraska map", "Embrace"]
    assert score("xyz", "Bread") is None


def test_everything_is_offered_before_one_types() -> None:
    assert len(matching([target("One"), target("Two")], "")) == 2


def test_keys_alone_reach_a_place(window: MainWindow, qtbot: QtBot) -> None:
    gone: list[str] = []
    targets = [Target(name, "Chat", "chat", lambda name=name: gone.append(name)) for name in ("Alpha", "Alps", "Beta")]
    dialog = JumpDialog(targets, window)
    dialog.open()
    qtbot.keyClicks(dialog.field, "al")
    qtbot.keyClick(dialog.field, Qt.Key.Key_Down)
    qtbot.keyClick(dialog.field, Qt.Key.Key_Return)
    assert gone == ["Alps"]
