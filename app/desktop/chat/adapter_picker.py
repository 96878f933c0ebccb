"""The button that names the adapter the model wears, and its menu of those that belong to the model."""

from PySide6.QtCore import Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QWidget

from app.desktop.chat.picker_button import PickerButton
from models.events import Model

NONE = "No adapter"


class AdapterPicker(PickerButton):
    """Hidden while the model has no adapter.

    Signals:
        adapter_chosen: the name of an adapter of the library, empty for none.
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
        title = next((adapter.title for adapter in adapters if adapter.name == current), current)
        self.show_texts(title, "" if title else NONE)
        self.setVisible(bool(adapters or current))

    def fill(self, menu: QMenu) -> None:
        """No adapter, and each that there is."""
        menu.addAction(self._entry(menu, "", NONE))
        menu.addSeparator()
        for adapter in self._adapters:
            action = self._entry(menu, adapter.name, adapter.title)
            if adapter.state == "broken":
                action.setEnabled(False)
                action.setText(f"{adapter.title}   {adapter.problem}")
            menu.addAction(action)

    def _entry(self, menu: QMenu, name: str, title: str) -> QAction:
        action = QAction(title, menu)
        action.setCheckable(True)
        action.setChecked(name == self._current)
        action.triggered.connect(lambda: self.adapter_chosen.emit(name))
        return action
