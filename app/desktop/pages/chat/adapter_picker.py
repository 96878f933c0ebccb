"""The button that names the adapter the model wears, and its menu of those that belong to the model."""

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QWidget

from app.desktop.widgets.menus import add_choice
from app.desktop.widgets.picker_button import PickerButton
from models.events import Model

NONE = "No adapter"


def adapter_title(adapters: list[Model], name: str) -> str:
    """What an adapter is called: its title in the library; a checkpoint, named by its folder, by the last part of that."""
    return next((adapter.title for adapter in adapters if adapter.name == name), Path(name).name)


class AdapterPicker(PickerButton):
    """Hidden while the model has no adapter.

    Signals:
        adapter_chosen: the name of an adapter of the library or the folder of a checkpoint, empty for none.
    """

    adapter_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Adapter", parent)
        self._adapters: list[Model] = []
        self._current = ""
        self.set_adapters([], "")

    def set_adapters(self, adapters: list[Model], current: str) -> None:
        """Say what there is to choose from, and what is chosen; empty for none."""
        self._adapters, self._current = adapters, current
        title = adapter_title(adapters, current)
        self.show_texts(title, "" if title else NONE)
        self.setVisible(bool(adapters or current))

    def fill(self, menu: QMenu) -> None:
        """No adapter, each that there is, and the checkpoint that is worn."""
        self._add(menu, "", NONE)
        menu.addSeparator()
        for adapter in self._adapters:
            action = self._add(menu, adapter.name, adapter.title)
            if adapter.state == "broken":
                action.setEnabled(False)
                action.setText(f"{adapter.title}   {adapter.problem}")
        if self._current and all(adapter.name != self._current for adapter in self._adapters):
            self._add(menu, self._current, adapter_title([], self._current))

    def _add(self, menu: QMenu, name: str, title: str) -> QAction:
        return add_choice(menu, title, name == self._current, lambda: self.adapter_chosen.emit(name))
