"""Menus that open at a button: gone for good once they are hidden, with entries of which one is checked."""

from collections.abc import Callable

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QWidget


def fleeting_menu(parent: QWidget) -> QMenu:
    """A menu that is deleted when it hides."""
    menu = QMenu(parent)
    menu.aboutToHide.connect(menu.deleteLater)
    return menu


def add_choice(menu: QMenu, text: str, chosen: bool, choose: Callable[[], object]) -> QAction:
    """An entry at the end that can be checked. chosen: whether it is."""
    action = menu.addAction(text)
    action.setCheckable(True)
    action.setChecked(chosen)
    action.triggered.connect(lambda _=False: choose())
    return action
