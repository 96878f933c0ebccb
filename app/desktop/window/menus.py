"""The menu bar, made of the commands of the window and its pages; the jump list offers the same."""

from collections.abc import Iterable

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar, QWidget

from app.desktop.pages.contract import Command

MENUS = ("Stillroom", "File", "Edit", "View", "Model", "Window", "Help")


class Menus:
    """Built once; `refresh` brings what is available and checked up to date.

    In a menu commands stand by their groups, those of one group in the order in which they are given.
    """

    def __init__(self, bar: QMenuBar, commands: Iterable[Command], owner: QWidget) -> None:
        self.commands = sorted(commands, key=lambda command: (MENUS.index(command.menu), command.group))
        self._owner = owner
        self._actions: list[tuple[Command, QAction]] = []
        self.menus: dict[str, QMenu] = {}
        for name in MENUS:
            self.menus[name] = bar.addMenu(name)
            self.menus[name].aboutToShow.connect(self.refresh)
            self._fill(self.menus[name], [command for command in self.commands if command.menu == name])
        self.refresh()

    def refresh(self) -> None:
        """Enable and check entries as things stand."""
        for command, action in self._actions:
            if command.available is not None:
                action.setEnabled(command.available())
            if command.checked is not None:
                action.setChecked(command.checked())

    def action(self, name: str) -> QAction:
        """The action of a command. Raises KeyError when there is none of that name."""
        for command, action in self._actions:
            if command.name == name:
                return action
        raise KeyError(name)

    def _fill(self, menu: QMenu, commands: list[Command]) -> None:
        group = commands[0].group if commands else 0
        for command in commands:
            if command.group != group:
                menu.addSeparator()
                group = command.group
            action = QAction(command.name, self._owner)
            action.setMenuRole(command.role)
            action.setShortcut(QKeySequence(command.keys))
            action.setCheckable(command.checked is not None)
            action.triggered.connect(command.do)
            menu.addAction(action)
            self._actions.append((command, action))


def keys_said(command: Command) -> str:
    """A command's key chord as this system writes it."""
    return QKeySequence(command.keys).toString(QKeySequence.SequenceFormat.NativeText)
