from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.desktop.palette import DARK, LIGHT
from app.desktop.theme import colours, theme


def test_switching_the_scheme_changes_colours_palette_and_style_at_once(qapp: QApplication, qtbot: QtBot) -> None:
    theme.apply(qapp, "light")
    assert colours() is LIGHT
    with qtbot.waitSignal(theme.changed):
        theme.follow("dark")
    assert colours() is DARK
    assert qapp.palette().window().color().name() == DARK.window
    assert DARK.sidebar in qapp.styleSheet()
    theme.follow("light")
    assert LIGHT.sidebar in qapp.styleSheet()


def test_following_the_same_scheme_again_tells_nobody(qapp: QApplication, qtbot: QtBot) -> None:
    theme.apply(qapp, "light")
    with qtbot.assertNotEmitted(theme.changed):
        theme.follow("light")
