"""Every command of the window: its menu, its name, its key. The menu bar, the keys and the jump list are made of these.

Qt writes Ctrl for a Mac's Cmd and Meta for its Ctrl; `keys` follow that.
"""

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar, QWidget

Keys = str | QKeySequence.StandardKey
MENUS = ("Stillroom", "File", "Edit", "View", "Model", "Window", "Help")


@dataclass(frozen=True)
class Command:
    """One entry of a menu. available: asked whenever a menu opens or the state changes; checked: for what is on or off.

    role: where macOS puts it in its own menu; group: entries of one number stand between two separators.
    """

    menu: str
    name: str
    do: Callable[[], None]
    keys: Keys = ""
    available: Callable[[], bool] | None = None
    checked: Callable[[], bool] | None = None
    role: QAction.MenuRole = QAction.MenuRole.NoRole
    group: int = 0
    jump: bool = True


class Menus:
    """The menu bar, built once; `refresh` brings what is available and checked up to date."""

    def __init__(self, bar: QMenuBar, commands: list[Command], owner: QWidget) -> None:
        self.commands = commands
        self._owner = owner
        self._actions: list[tuple[Command, QAction]] = []
        self.menus: dict[str, QMenu] = {}
        for name in MENUS:
            self.menus[name] = bar.addMenu(name)
            self.menus[name].aboutToShow.connect(self.refresh)
            self._fill(self.menus[name], [command for command in commands if command.menu == name])
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
