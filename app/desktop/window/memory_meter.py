"""The foot of the sidebar: how much memory the model takes of what this machine can give it, and what is loaded."""

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QProgressBar, QWidget

from app.desktop.theme import colours
from app.desktop.widgets.drawing import draw_bar, smooth_painter
from app.desktop.widgets.layouts import in_column, in_row
from app.desktop.widgets.plain import Label, tip
from models import quantities


class MemoryBar(QProgressBar):
    """A 6 px bar; its value is the share in percent."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Memory")
        self.setRange(0, 100)
        self.setTextVisible(False)
        self.setFixedHeight(6)
        self.setValue(0)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw track and fill; the fill warns when little is left."""
        ink = colours().bad if self.value() > 90 else colours().accent
        draw_bar(smooth_painter(self), QRectF(self.rect()), self.value() / 100, ink)


class MemoryMeter(QWidget):
    """Label, bar, and one line on what is loaded."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.bar = MemoryBar()
        self._loaded_text = ""
        self._amount = Label()
        self._loaded = Label("No model loaded")
        title = Label("Memory")
        for label in (title, self._amount, self._loaded):
            label.setObjectName("small")
        line = in_row(None, title, 1, self._amount)
        in_column(self, line, self.bar, self._loaded, margins=(8, 8, 8, 18), spacing=6)

    def show_memory(self, used_bytes: int, limit_bytes: int) -> None:
        """Say how many bytes the engine takes of the most it may take."""
        self.bar.setValue(min(100, round(100 * used_bytes / limit_bytes)) if limit_bytes else 0)
        used = quantities.memory(used_bytes).removesuffix(" GB")
        amount = f"{used} of {quantities.memory(limit_bytes)}"
        self._amount.setText(amount)
        self.bar.setAccessibleDescription(f"{amount}; {self._loaded_text}")

    def show_loaded(self, title: str, rest: str = "") -> None:
        """Say what is loaded, or that nothing is, and how quick it is; a long title is cut, the rest never."""
        self._loaded_text = f"{title}{rest}"
        self._loaded.setToolTip(tip(self._loaded_text))
        metrics = self._loaded.fontMetrics()
        room = self.bar.width() - metrics.horizontalAdvance(rest)
        self._loaded.setText(metrics.elidedText(title, Qt.TextElideMode.ElideRight, room) + rest)
