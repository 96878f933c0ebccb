"""A button of the toolbar that names what is chosen, with an arrow: it opens a menu of what else there is."""

from PySide6.QtCore import QPoint, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QMenu, QWidget

from app.desktop import fonts
from app.desktop.theme import colours
from app.desktop.widgets.drawing import draw_round, frame_of
from app.desktop.widgets.menus import fleeting_menu

PAD, GAP, ARROW = 11, 6, 14


class PickerButton(QAbstractButton):
    """A title in bold and a muted detail beside it, either of which may be empty.

    Signals:
        opened: the menu is about to show; whoever has newer entries sets them now.
    """

    opened = Signal()

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setAccessibleName(name)
        self.title = ""
        self.detail = ""
        self.clicked.connect(self._open)

    def sizeHint(self) -> QSize:
        widths = [QFontMetrics(font).horizontalAdvance(text) + GAP for text, font, _ in self._texts() if text]
        return QSize(PAD + sum(widths) + ARROW + PAD - 4, 27)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        self.paint(painter)

    def paint(self, painter: QPainter) -> None:
        """Draw all of it; a subclass adds to that."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        c = colours()
        ground = c.selected if self.isDown() else c.sunken if self.underMouse() else c.raised
        draw_round(painter, frame_of(self), 6, ground, c.accent if self.hasFocus() else c.edge)
        x = PAD
        middle = Qt.AlignmentFlag.AlignVCenter
        for text, font, colour in self._texts():
            if text:
                painter.setFont(font)
                painter.setPen(QColor(colour))
                painter.drawText(QRectF(x, 0, self.width(), self.height()), middle, text)
                x += painter.fontMetrics().horizontalAdvance(text) + GAP
        painter.setPen(QColor(c.text))
        painter.setFont(fonts.text(11))
        painter.drawText(QRectF(0, 0, self.width() - PAD + 1, self.height()), middle | Qt.AlignmentFlag.AlignRight, "▾")

    def show_texts(self, title: str, detail: str) -> None:
        self.title, self.detail = title, detail
        said = f"{title} {detail}".strip()
        self.setAccessibleDescription(said)
        self.setText(title or detail)
        self.updateGeometry()
        self.update()

    def fill(self, menu: QMenu) -> None:
        """Put into the menu what there is to choose from."""
        raise NotImplementedError

    def _texts(self) -> tuple[tuple[str, QFont, str], ...]:
        c = colours()
        return (self.title, fonts.text(weight=fonts.BOLD), c.text), (self.detail, fonts.text(), c.muted)

    def _open(self) -> None:
        self.opened.emit()
        menu = fleeting_menu(self)
        self.fill(menu)
        menu.popup(self.mapToGlobal(QPoint(0, self.height() + 4)))
