"""The button that names the model in use, and its menu of the library's models.

While a model loads the button says so and shows how far it is; it can be opened all the same.
"""

from PySide6.QtCore import QRectF, Signal
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QMenu, QWidget

from app.desktop.theme import colours
from app.desktop.widgets.drawing import draw_round
from app.desktop.widgets.menus import add_choice
from app.desktop.widgets.picker_button import PickerButton
from models.events import Model


def bits_said(model: Model) -> str:
    """The weights' precision as the picker shows it."""
    return f"{round(model.bits, 1):g}-bit" if model.bits else ""


class ModelPicker(PickerButton):
    """Name in bold, precision beside it, a bar along the bottom while it loads.

    Signals:
        model_chosen: the name of a model of the library.
    """

    model_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Model", parent)
        self._models: list[Model] = []
        self._current = ""
        self._precision = ""
        self._loading: float | None = None
        self._stage = ""

    def set_models(self, models: list[Model]) -> None:
        self._models = models

    def set_current(self, name: str, title: str, precision: str) -> None:
        """Name the model in use. title: the name that is shown."""
        self._current, self._precision = name, precision
        self.show_texts(title, self._said())

    def set_loading(self, fraction: float | None, stage: str = "") -> None:
        """Show how far loading is, 0 to 1; None when nothing is loading."""
        self._loading = fraction
        self._stage = stage
        self.show_texts(self.title, self._said())

    def paint(self, painter: QPainter) -> None:
        super().paint(painter)
        if self._loading is not None:
            self._paint_bar(painter, self._loading)

    def fill(self, menu: QMenu) -> None:
        for model in self._models:
            self._add(menu, model)

    def _paint_bar(self, painter: QPainter, fraction: float) -> None:
        track = QRectF(6, self.height() - 4, self.width() - 12, 2)
        draw_round(painter, track, 1, colours().accent_tint)
        track.setWidth(track.width() * min(max(fraction, 0.02), 1.0))
        draw_round(painter, track, 1, colours().accent)

    def _said(self) -> str:
        if self._loading is not None:
            return self._stage or "loading"
        return self._precision

    def _add(self, menu: QMenu, model: Model) -> None:
        size = f"{model.size_bytes / 1e9:.1f} GB" if model.size_bytes >= 1e9 else f"{model.size_bytes / 1e6:.0f} MB"
        text, chosen = f"{model.title}   {bits_said(model)} · {size}", model.name == self._current
        action = add_choice(menu, text, chosen, lambda: self.model_chosen.emit(model.name))
        if model.state == "broken":
            action.setEnabled(False)
            action.setText(f"{model.title}   {model.problem}")
