"""What a page shows, named in its toolbar in a rounded frame: it opens the menu of what else there is."""

from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QFontMetrics, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.desktop import fonts
from app.desktop.theme import colours, theme
from app.desktop.widgets.buttons import MenuButton
from app.desktop.widgets.drawing import CENTRE, draw_round, draw_text, frame_of, smooth_painter

HEIGHT_PX = 24


class MenuPill(MenuButton):
    """It is cut where there is no room."""

    def __init__(self, text: str, name: str, parent: QWidget | None = None) -> None:
        super().__init__(text, name, parent)
        self.setFont(fonts.text(12))
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    def show_text(self, text: str) -> None:
        self.set_caption(text)
        self.setAccessibleDescription(text)

    def sizeHint(self) -> QSize:
        return QSize(QFontMetrics(self.font()).horizontalAdvance(self.text()) + 42, HEIGHT_PX)

    def minimumSizeHint(self) -> QSize:
        return QSize(70, HEIGHT_PX)

    def paintEvent(self, event: QPaintEvent) -> None:
        c = colours()
        painter = smooth_painter(self)
        ground = c.selected if self.isDown() or self.underMouse() else c.sidebar
        draw_round(painter, frame_of(self), 11.5, ground, c.accent if self.hasFocus() else c.edge)
        draw_text(painter, QRectF(12, 0, self.width() - 36, self.height()), self.text(), self.font(), c.text)
        draw_text(painter, QRectF(self.width() - 24, 0, 14, self.height()), "▾", fonts.text(10), c.muted, CENTRE)
