"""The button that names the model in use, and its menu of the library's models.

While a model loads the button says so and shows how far it is; it can be opened all the same.
"""

from PySide6.QtCore import QPoint, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QAction, QColor, QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QMenu, QWidget

from app.desktop import fonts
from app.desktop.theme import colours
from models.events import Model

PAD, GAP, ARROW = 11, 6, 14


def bits_said(model: Model) -> str:
    """The weights' precision as the picker shows it."""
    return f"{round(model.bits, 1):g}-bit" if model.bits else ""


class ModelPicker(QAbstractButton):
    """Name in bold, precision beside it, a bar along the bottom while it loads.

    Signals:
        model_chosen: the name of a model of the library.
        opened: the menu is about to show; whoever has newer models calls set_models now.
    """

    model_chosen = Signal(str)
    opened = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setAccessibleName("Model")
        self._models: list[Model] = []
        self._current = ""
        self.title = ""
        self._precision = ""
        self._loading: float | None = None
        self._stage = ""
        self.clicked.connect(self._open)

    def set_models(self, models: list[Model]) -> None:
        """Say what the menu offers."""
        self._models = models

    def set_current(self, name: str, title: str, precision: str) -> None:
        """Name the model in use. title: the name that is shown."""
        self._current, self.title, self._precision = name, title, precision
        self._changed()

    def set_loading(self, fraction: float | None, stage: str = "") -> None:
        """Show how far loading is, 0 to 1; None when nothing is loading."""
        self._loading = fraction
        self._stage = stage
        self._changed()

    def sizeHint(self) -> QSize:
        """As wide as the two texts and the arrow."""
        width = self._bold().horizontalAdvance(self.title)
        if self._detail():
            width += GAP + QFontMetrics(fonts.text()).horizontalAdvance(self._detail())
        return QSize(PAD + width + GAP + ARROW + PAD - 4, 27)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the frame, the two texts, the arrow and the bar."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        c = colours()
        painter.setPen(QColor(c.accent if self.hasFocus() else c.edge))
        painter.setBrush(QColor(c.selected if self.isDown() else c.sunken if self.underMouse() else c.raised))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
        x = PAD
        middle = Qt.AlignmentFlag.AlignVCenter
        for text, font, colour in (
            (self.title, fonts.text(weight=fonts.BOLD), c.text),
            (self._detail(), fonts.text(), c.muted),
        ):
            painter.setFont(font)
            painter.setPen(QColor(colour))
            painter.drawText(QRectF(x, 0, self.width(), self.height()), middle, text)
            x += painter.fontMetrics().horizontalAdvance(text) + GAP
        painter.setPen(QColor(c.text))
        painter.setFont(fonts.text(11))
        painter.drawText(QRectF(0, 0, self.width() - PAD + 1, self.height()), middle | Qt.AlignmentFlag.AlignRight, "▾")
        if self._loading is not None:
            self._paint_bar(painter, self._loading)

    def _paint_bar(self, painter: QPainter, fraction: float) -> None:
        track = QRectF(6, self.height() - 4, self.width() - 12, 2)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(colours().accent_tint))
        painter.drawRoundedRect(track, 1, 1)
        painter.setBrush(QColor(colours().accent))
        track.setWidth(track.width() * min(max(fraction, 0.02), 1.0))
        painter.drawRoundedRect(track, 1, 1)

    def _detail(self) -> str:
        if self._loading is not None:
            return self._stage or "loading"
        return self._precision

    def _bold(self) -> QFontMetrics:
        return QFontMetrics(fonts.text(weight=fonts.BOLD))

    def _changed(self) -> None:
        self.setAccessibleDescription(f"{self.title} {self._detail()}".strip())
        self.setText(self.title)
        self.updateGeometry()
        self.update()

    def _open(self) -> None:
        self.opened.emit()
        menu = QMenu(self)
        for model in self._models:
            menu.addAction(self._entry(menu, model))
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(self.mapToGlobal(QPoint(0, self.height() + 4)))

    def _entry(self, menu: QMenu, model: Model) -> QAction:
        size = f"{model.size_bytes / 1e9:.1f} GB" if model.size_bytes >= 1e9 else f"{model.size_bytes / 1e6:.0f} MB"
        action = QAction(f"{model.title}   {bits_said(model)} · {size}", menu)
        action.setCheckable(True)
        action.setChecked(model.name == self._current)
        if model.state == "broken":
            action.setEnabled(False)
            action.setText(f"{model.title}   {model.problem}")
        action.triggered.connect(lambda: self.model_chosen.emit(model.name))
        return action
