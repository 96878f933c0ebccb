"""What will be deleted when the app quits: a line each, with Undo and the way to have the space now."""

from collections.abc import Iterable

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from app.desktop.widgets.buttons import RowButton
from app.desktop.widgets.cards import label
from app.desktop.widgets.layouts import in_column, in_row, take_out
from models import quantities
from models.events import Model


class HiddenModels(QWidget):
    """The lines; hidden while there is none.

    Signals:
        undo: the name of a model to keep.
        free_now: the name of a model to delete at once.
    """

    undo = Signal(str)
    free_now = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lines: dict[str, QWidget] = {}
        self._column = in_column(self, margins=(2, 0, 2, 0), spacing=6)
        self.hide()

    def show_models(self, models: Iterable[Model]) -> None:
        """Show what waits to be deleted."""
        wanted = {model.name: model for model in models}
        for name in [name for name in self._lines if name not in wanted]:
            line = self._lines.pop(name)
            take_out(self._column, line)
        for name, model in wanted.items():
            if name not in self._lines:
                self._lines[name] = self._line(model)
                self._column.addWidget(self._lines[name])
        self.setVisible(bool(wanted))

    def _line(self, model: Model) -> QWidget:
        line = QWidget()
        text = label(said(model), "hint")
        undo = RowButton("Undo", f"Keep {model.title}")
        now = RowButton("Free the space now", f"Free the space of {model.title} now")
        undo.clicked.connect(lambda: self.undo.emit(model.name))
        now.clicked.connect(lambda: self.free_now.emit(model.name))
        now.clicked.connect(lambda: undo.setEnabled(False))
        now.clicked.connect(lambda: now.setEnabled(False))
        in_row(line, (text, 1), undo, now, spacing=8)
        return line


def said(model: Model) -> str:
    """What becomes of a model that was deleted."""
    return f"{model.title} will be deleted when Stillroom quits: {quantities.size(model.size_bytes)}"
