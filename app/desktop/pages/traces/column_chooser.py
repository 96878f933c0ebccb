"""Which columns of a file are taken for problem, thinking and answer: what was chosen, and a menu to choose otherwise."""

from collections.abc import Sequence

import msgspec
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QMenu, QWidget

from app.desktop.widgets.buttons import MenuButton
from app.desktop.widgets.cards import label
from app.desktop.widgets.layouts import in_column, in_row
from app.desktop.widgets.menus import add_choice, fleeting_menu
from models import names
from models.trace_report import IN_ANSWER, Columns

LONGEST = 16  # characters of a column's name on a button
_INSIDE = "inside the answer"


class ColumnChooser(QWidget):
    """A button for each part.

    Signals:
        chosen: the Columns as they are wanted now; a part that the content decides is empty.
    """

    chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.wanted = Columns()  # by hand
        self._names: Sequence[str] = ()
        self._taken = Columns()
        self.buttons = {part: MenuButton("", f"Column of the {part}") for part in Columns.__struct_fields__}
        for part, button in self.buttons.items():
            button.clicked.connect(lambda _=False, part=part: self._menu(part).popup(self.buttons[part].below()))
        start = Qt.AlignmentFlag.AlignLeft
        fields = [
            in_column(None, label(part.capitalize(), "small", wraps=False), (button, 0, start), spacing=3)
            for part, button in self.buttons.items()
        ]
        in_row(self, *fields, 1, margins=(0, 4, 0, 2), spacing=14)

    def show_columns(self, columns: Sequence[str], taken: Columns) -> None:
        """Show what is taken of a file's columns; hides when there are none to choose of."""
        self._names, self._taken = columns, taken
        for part, button in self.buttons.items():
            button.set_caption(f"{_shown(getattr(taken, part) or 'none')} ▾")
        self.setVisible(bool(columns))

    def _menu(self, part: str) -> QMenu:
        menu = fleeting_menu(self)
        by_hand = getattr(self.wanted, part)
        add_choice(menu, "By its content", not by_hand, lambda: self._choose(part, ""))
        if part == "thinking":
            add_choice(menu, _INSIDE.capitalize(), by_hand == IN_ANSWER, lambda: self._choose(part, IN_ANSWER))
        menu.addSeparator()
        for name in self._names:
            text = names.plain(name)[:60].replace("&", "&&")
            add_choice(menu, text, by_hand == name, lambda name=name: self._choose(part, name))  # type: ignore[misc]
        return menu

    def _choose(self, part: str, name: str) -> None:
        self.wanted = msgspec.structs.replace(self.wanted, **{part: name})
        self.chosen.emit(self.wanted)


def _shown(name: str) -> str:
    if name == IN_ANSWER:
        return _INSIDE
    name = names.plain(name)
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
