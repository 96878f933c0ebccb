"""A button that names what is chosen and opens a menu of what else there is."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import QPoint, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QKeyEvent, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from app.desktop import fonts
from app.desktop.theme import colours, theme
from app.desktop.widgets.drawing import LEFT, draw_round, draw_text, frame_of, smooth_painter
from app.desktop.widgets.menus import add_choice, fleeting_menu
from models import names

HEIGHT_PX, PAD_PX, GAP_PX, ARROW_PX = 30, 11, 8, 16


@dataclass(frozen=True)
class PickerItem:
    """Something to choose. detail: beside the title, fainter; problem: why it can't be chosen, empty when it can."""

    key: str
    title: str
    detail: str = ""
    problem: str = ""


class Picker(QAbstractButton):
    """The accessible name stays, the description says what is chosen.

    Signals:
        chosen: the key of another choice.
    """

    chosen = Signal(str)

    def __init__(self, name: str, placeholder: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._placeholder = placeholder
        self._choices: list[PickerItem] = []
        self.current = ""
        self.clicked.connect(self.open_menu)
        theme.changed.connect(self.update)
        self._describe()

    @property
    def choice(self) -> PickerItem | None:
        return next((choice for choice in self._choices if choice.key == self.current), None)

    def set_choices(self, choices: Sequence[PickerItem]) -> None:
        """Offer these; what was chosen stays so, if it is still among them."""
        self._choices = list(choices)
        if self.choice is None:
            self.current = ""
        self._describe()

    def choose(self, key: str) -> bool:
        """Choose without telling; False when there is no such choice or it can't be chosen."""
        found = next((choice for choice in self._choices if choice.key == key and not choice.problem), None)
        if found is None:
            return False
        self.current = key
        self._describe()
        return True

    def first(self) -> str:
        """The first key that can be chosen; empty when there is none."""
        return next((choice.key for choice in self._choices if not choice.problem), "")

    def open_menu(self) -> None:
        menu = fleeting_menu(self)
        menu.setToolTipsVisible(True)
        for choice in self._choices:
            beside = choice.problem or choice.detail
            text = names.plain(f"{choice.title}\t{beside}" if beside else choice.title)
            action = add_choice(menu, text, choice.key == self.current, partial(self._take, choice.key))
            action.setEnabled(not choice.problem)
        if not self._choices:
            menu.addAction(self._placeholder).setEnabled(False)
        menu.popup(self.mapToGlobal(QPoint(0, self.height() + 4)))

    def sizeHint(self) -> QSize:
        width = QFontMetrics(fonts.text()).horizontalAdvance(self.text())
        return QSize(max(160, width + 2 * PAD_PX + ARROW_PX), HEIGHT_PX)

    def minimumSizeHint(self) -> QSize:
        return QSize(90, HEIGHT_PX)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Down):
            self.click()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        c, choice = colours(), self.choice
        painter = smooth_painter(self)
        ground = c.selected if self.isDown() else c.sunken if self.underMouse() else c.raised
        draw_round(painter, frame_of(self), 6, ground, c.accent if self.hasFocus() else c.edge)
        room = QRectF(PAD_PX, 0, self.width() - 2 * PAD_PX - ARROW_PX, self.height())
        title = choice.title if choice else self._placeholder
        written = draw_text(painter, room, title, fonts.text(), c.text if choice else c.faint)
        room.setLeft(room.left() + written + GAP_PX)
        if choice and choice.detail and room.width() > 40:
            draw_text(painter, room, choice.detail, fonts.text(), c.muted)
        arrow = QRectF(self.width() - PAD_PX - 10, 0, 12, self.height())
        draw_text(painter, arrow, "▾", fonts.text(11), c.text, LEFT)

    def _take(self, key: str) -> None:
        if key != self.current and self.choose(key):
            self.chosen.emit(key)

    def _describe(self) -> None:
        choice = self.choice
        self.setText(choice.title if choice else self._placeholder)
        self.setAccessibleDescription(f"{choice.title} {choice.detail}".strip() if choice else self._placeholder)
        self.updateGeometry()
        self.update()
