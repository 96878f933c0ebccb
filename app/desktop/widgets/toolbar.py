"""What the bars above the pages share: their ground, their height and title, and the field that searches."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QWidget

from app.desktop.widgets.cards import label
from app.desktop.widgets.layouts import Item, in_row
from app.desktop.widgets.named import named

HEIGHT_PX = 52


class Toolbar(QWidget):
    """A bar with the title of its page, which lays it out with the rest."""

    def __init__(self, title: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("toolbar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedHeight(HEIGHT_PX)
        self._title = label(title, "page_title", wraps=False)

    def fill(self, *items: Item) -> QHBoxLayout:
        """Lay out what stands in the bar."""
        return in_row(self, *items, margins=(18, 0, 18, 0), spacing=12)


class SearchField(QLineEdit):
    """A field to search with; Escape empties it."""

    def __init__(self, name: str, placeholder: str) -> None:
        super().__init__()
        named(self, "search", name)
        self.setPlaceholderText(placeholder)
        self.setClearButtonEnabled(True)

    def start(self) -> None:
        """Take the cursor, over what was typed before."""
        self.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.selectAll()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.text():
            self.clear()
        else:
            super().keyPressEvent(event)
