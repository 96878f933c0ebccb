"""Who takes part in "Which is best": models and adapters, added from a menu and taken out again one by one."""

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from app.desktop.pages.evaluate import choices
from app.desktop.widgets.buttons import RowButton
from app.desktop.widgets.cards import label
from app.desktop.widgets.layouts import in_column, in_row, take_out
from app.desktop.widgets.picker import Picker, PickerItem
from models.events import Model


class Candidates(QWidget):
    """A line for each, and the menu below them. Keys are those of choices.candidate_items.

    Signals:
        changed: another one takes part, or one does not any more.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._offered: list[PickerItem] = []
        self._rows: list[QWidget] = []
        self.keys: list[str] = []
        self.more = Picker("Candidate added", "Add a model or an adapter")
        self._lines = in_column(None, spacing=4)
        in_column(self, self._lines, self.more, spacing=6)
        self.more.chosen.connect(self._add)

    def show_models(self, models: Sequence[Model]) -> None:
        """Offer what is in the library; who is no longer there takes no part."""
        offered = choices.candidate_items(models)
        if offered == self._offered:
            return  # the line that has the focus keeps it
        self._offered = offered
        there = {item.key for item in self._offered if not item.problem}
        self.keys = [key for key in self.keys if key in there]
        self._show()

    def take(self, key: str) -> None:
        """Let one take part, without telling."""
        if key not in self.keys and any(item.key == key and not item.problem for item in self._offered):
            self.keys.append(key)
            self._show()

    def _add(self, key: str) -> None:
        self.take(key)
        self.changed.emit()

    def _remove(self, key: str, _checked: bool = False) -> None:
        self.keys.remove(key)
        self._show()
        self.more.setFocus()
        self.changed.emit()

    def _show(self) -> None:
        for row in self._rows:
            take_out(self._lines, row)
        by_key = {item.key: item for item in self._offered}
        self._rows = [self._row(by_key[key]) for key in self.keys]
        for row in self._rows:
            self._lines.addWidget(row)
        self.more.current = ""
        self.more.set_choices([item for item in self._offered if item.key not in self.keys])

    def _row(self, item: PickerItem) -> QWidget:
        button = RowButton("Remove", f"Remove {item.title}, {item.detail}" if item.detail else f"Remove {item.title}")
        button.clicked.connect(partial(self._remove, item.key))
        row = QWidget()
        in_row(row, label(item.title, "plain", wraps=False), (label(item.detail, "hint"), 1), button, spacing=10)
        return row
