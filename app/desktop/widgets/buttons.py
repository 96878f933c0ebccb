"""Buttons that paint themselves: rows come by the dozen, and a style sheet for each of their buttons would be slow.

Return presses them as Space does.
"""

import math
from typing import Literal

from PySide6.QtCore import QPoint, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QWidget

from app.desktop import fonts
from app.desktop.theme import colours
from app.desktop.widgets.drawing import smooth_painter
from app.desktop.widgets.layouts import in_row

HEIGHT_PX = 27
RADIUS = 6.0
Side = Literal["whole", "left", "right"]


class RowButton(QAbstractButton):
    """An outlined button. name: for assistive technology; side: which half it is of a pair that touches; faint: for
    what can be done though it is not advised."""

    def __init__(self, text: str, name: str = "", parent: QWidget | None = None, side: Side = "whole") -> None:
        super().__init__(parent)
        self.setText(text)
        self.setAccessibleName(name or text)
        self.setFont(fonts.text())
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self._side = side
        self._faint = False
        self.strong = False

    def set_faint(self, faint: bool) -> None:
        if faint != self._faint:
            self._faint = faint
            self.update()

    def set_caption(self, text: str) -> None:
        """Change the text and take the size it needs."""
        if text != self.text():
            self.setText(text)
            self.updateGeometry()

    def sizeHint(self) -> QSize:
        """As large as the text and a margin around it."""
        padding = {"whole": 24, "left": 15, "right": 14}[self._side]
        return QSize(math.ceil(self.fontMetrics().horizontalAdvance(self.text())) + padding, HEIGHT_PX)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.isEnabled():
            self.click()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        c = colours()
        painter = smooth_painter(self)
        hot = self.underMouse() and self.isEnabled()
        ground = c.selected if self.isDown() else c.sunken if hot else c.raised
        edge = c.accent if self.hasFocus() else c.line if not self.isEnabled() else c.edge
        painter.setBrush(QColor(c.accent if self.strong else ground))
        painter.setPen(QPen(QColor(edge if not self.strong or self.hasFocus() else c.accent), 1))
        painter.drawPath(self._outline())
        ink = c.faint if not self.isEnabled() else c.muted if self._faint else c.window if self.strong else c.text
        painter.setPen(QColor(ink))
        painter.setFont(self.font())
        # of a pair that touches the texts stand near each other, as one
        shift = {"whole": 0.0, "left": 3.5, "right": -3.0}[self._side]
        painter.drawText(QRectF(self.rect()).translated(shift, 0), Qt.AlignmentFlag.AlignCenter, self.text())

    def _outline(self) -> QPainterPath:
        """The frame; a half goes on past its inner end, where it is cut off."""
        area = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        if self._side == "left":
            area.adjust(0, 0, 10, 0)
        elif self._side == "right":
            area.adjust(-10, 0, 0, 0)
        path = QPainterPath()
        path.addRoundedRect(area, RADIUS, RADIUS)
        return path


class MenuButton(RowButton):
    """A button that opens a menu: also by the Down key."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Down and self.isEnabled():
            self.click()
        else:
            super().keyPressEvent(event)

    def below(self) -> QPoint:
        return self.mapToGlobal(QPoint(0, self.height() + 4))


class GetButton(QWidget):
    """ "Get" with an arrow beside it: the first takes what is recommended, the other offers the variants.

    Signals:
        pressed: take what is recommended.
        menu_asked: where a menu of the variants should open.
    """

    pressed = Signal()
    menu_asked = Signal(QPoint)

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.main = RowButton("Get", f"Get {title}", side="left")
        self.arrow = MenuButton("▾", f"Variants of {title}", side="right")
        self.arrow.setToolTip("Other variants")
        in_row(self, self.main, self.arrow)
        self.main.clicked.connect(self.pressed)
        self.arrow.clicked.connect(lambda: self.menu_asked.emit(self.arrow.below()))

    def show_action(self, caption: str, name: str, faint: bool = False) -> None:
        """Say what pressing it does."""
        self.main.set_caption(caption)
        self.main.setAccessibleName(name)
        for button in (self.main, self.arrow):
            button.set_faint(faint)
