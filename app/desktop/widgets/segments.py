"""A row of buttons of which one is on, or none: a QButtonGroup would then keep the Tab key from all of them."""

from collections.abc import Mapping

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFontMetrics, QKeyEvent
from PySide6.QtWidgets import QFrame, QPushButton, QSizePolicy, QWidget

from app.desktop import fonts
from app.desktop.widgets.layouts import in_row
from app.desktop.widgets.named import named

HEIGHT_PX = 27


class SectionButton(QPushButton):
    """A segment; Return presses it as Space does. is_last: nothing is drawn after it."""

    def __init__(self, title: str, is_last: bool) -> None:
        super().__init__()
        named(self, "section", title)
        self.set_caption(title)
        self.setCheckable(True)
        self.setProperty("last", is_last)

    def set_caption(self, text: str) -> None:
        """Change the text and keep room for it in bold, in which it is when it is chosen."""
        self.setText(text)
        self.setMinimumWidth(QFontMetrics(fonts.text(weight=fonts.BOLD)).horizontalAdvance(text) + 26)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
        else:
            super().keyPressEvent(event)


class Segments(QFrame):
    """The control has an accessible name, its parts are named after their titles.

    Signals:
        chosen: the key of a part that was pressed.
    """

    chosen = Signal(str)

    def __init__(self, name: str, titles: Mapping[str, str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, "segments", name)
        self.setFixedHeight(HEIGHT_PX)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.parts: dict[str, SectionButton] = {}
        row = in_row(self)
        for number, (key, title) in enumerate(titles.items()):
            part = self.parts[key] = SectionButton(title, number == len(titles) - 1)
            part.clicked.connect(lambda _=False, chosen=key: self._press(chosen))
            row.addWidget(part)

    @property
    def current(self) -> str:
        """The key of the part that is on; empty when none is."""
        return next((key for key, part in self.parts.items() if part.isChecked()), "")

    def show_chosen(self, key: str) -> None:
        """Turn a part on without telling; none for a key that is no part's."""
        for other, part in self.parts.items():
            part.setChecked(other == key)

    def _press(self, key: str) -> None:
        self.show_chosen(key)
        self.chosen.emit(key)
