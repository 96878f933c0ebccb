"""The sidebar: pages, search, chats by day, memory. It shows and tells; what a click means is decided elsewhere."""

import sys

from PySide6.QtCore import QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QEnterEvent, QKeySequence, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QButtonGroup, QToolButton, QWidget

from app.desktop import fonts, icons
from app.desktop.theme import colours, theme
from app.desktop.widgets.cards import label
from app.desktop.widgets.drawing import draw_round, smooth_painter
from app.desktop.widgets.layouts import Gap, in_column, in_row
from app.desktop.widgets.named import named
from app.desktop.widgets.toolbar import SearchField
from app.desktop.window.chat_list import ChatListModel, ChatListView
from app.desktop.window.memory_meter import MemoryMeter

WIDTH_PX = 232
# A search as one types: after a pause that is shorter than a thought.
SEARCH_MS = 120
SIDEBAR_KEYS = "Meta+Ctrl+S" if sys.platform == "darwin" else "Ctrl+Alt+S"  # Qt's Meta is a Mac's Ctrl


def key_said(keys: str) -> str:
    """A key chord as this system writes it: "Ctrl+1" is ⌘1 on a Mac."""
    return QKeySequence(keys).toString(QKeySequence.SequenceFormat.NativeText)


class PageButton(QAbstractButton):
    """A row of the page list: icon, name, key."""

    def __init__(self, name: str, icon_name: str, keys: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setText(name)
        self.setAccessibleName(name)
        self.setCheckable(True)
        self.setFixedHeight(28)
        self._icon_name = icon_name
        self._keys = key_said(keys)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)

    def sizeHint(self) -> QSize:
        return QSize(WIDTH_PX - 21, 28)

    def enterEvent(self, event: QEnterEvent) -> None:
        self.update()
        super().enterEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        c = colours()
        painter = smooth_painter(self)
        area = QRectF(self.rect())
        if self.isChecked() or self.underMouse() or self.hasFocus():
            draw_round(painter, area, 6, c.accent_tint if self.isChecked() else c.selected)
        chosen = self.isChecked()
        painter.drawPixmap(9, 6, icons.pixmap(self._icon_name, c.accent if chosen else c.muted))
        painter.setFont(fonts.text(weight=fonts.BOLD) if chosen else fonts.text())
        painter.setPen(QColor(c.accent if chosen and not theme.is_dark else c.text))
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(area.adjusted(33, 0, 0, 0), middle, self.text())
        painter.setFont(fonts.text(11))
        painter.setPen(QColor(c.faint))
        painter.drawText(area.adjusted(0, 0, -9, 0), middle | Qt.AlignmentFlag.AlignRight, self._keys)


class Sidebar(QWidget):
    """Everything at the left of the window.

    Signals:
        page_chosen: the name of a page.
        new_chat_pressed: start a chat.
        hide_pressed: fold the sidebar away.
        search_changed: what to look for, empty to show all chats again.
    """

    page_chosen = Signal(str)
    new_chat_pressed = Signal()
    hide_pressed = Signal()
    search_changed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("sidebar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedWidth(WIDTH_PX)
        self._pages = QButtonGroup(self)
        self._icons: list[tuple[QToolButton, str]] = []
        self.search = SearchField("Search chats", f"Search chats {key_said('Ctrl+F')}")
        self._pause = QTimer(self, singleShot=True, interval=SEARCH_MS)
        self._pause.timeout.connect(lambda: self.search_changed.emit(self.search.text().strip()))
        self.search.textChanged.connect(lambda: self._pause.start())
        self.chat_model = ChatListModel(self)
        self.chats = ChatListView()
        self.chats.setModel(self.chat_model)
        self.nothing = label("No chat has these words.", "small", wraps=False)
        self.nothing.setContentsMargins(9, 8, 9, 0)
        self.nothing.hide()
        self.memory = MemoryMeter()
        self._lay_out()
        theme.changed.connect(self._recolour)
        self._recolour()

    def add_page(self, name: str, icon_name: str, keys: str) -> None:
        """Put a page at the end of the list."""
        button = PageButton(name, icon_name, keys)
        button.clicked.connect(lambda: self.page_chosen.emit(name))
        self._pages.addButton(button)
        self._page_rows.addWidget(button)

    def show_page(self, name: str) -> None:
        for button in self._pages.buttons():
            if button.text() == name:
                button.setChecked(True)

    def _lay_out(self) -> None:
        tip = f"Hide the sidebar ({key_said(SIDEBAR_KEYS)})"
        top = in_row(
            None,
            label("Stillroom", "wordmark", wraps=False),
            1,
            self._tool("sidebar", "Hide sidebar", tip, self.hide_pressed),
            self._tool("compose", "New chat", f"New chat ({key_said('Ctrl+N')})", self.new_chat_pressed),
            margins=(9, 0, 1, 0),
            spacing=2,
        )
        self._page_rows = in_column(None)
        in_column(
            self,
            top,
            Gap(7),
            self._page_rows,
            Gap(10),
            self.search,
            Gap(6),
            self.nothing,
            (self.chats, 1),
            self.memory,
            margins=(10, 9, 11, 0),
        )

    def _tool(self, icon_name: str, name: str, tip: str, signal: object) -> QToolButton:
        button = named(QToolButton(), name=name, tip=tip)
        button.setIconSize(QSize(16, 16))
        button.clicked.connect(lambda: signal.emit())  # type: ignore[attr-defined]
        self._icons.append((button, icon_name))
        return button

    def _recolour(self) -> None:
        for button, icon_name in self._icons:
            button.setIcon(icons.icon(icon_name, colours().muted))
