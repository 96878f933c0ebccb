"""The notice bar: one sentence at the top of the page, what can be done about it, and a way to dismiss it.

A notice never takes the focus. Errors stay until they are dismissed or replaced; good news goes by itself.
"""

from collections.abc import Callable
from typing import Literal

from PySide6.QtCore import QSize, QTimer
from PySide6.QtWidgets import QFrame, QPushButton, QToolButton, QWidget

from app.desktop import icons
from app.desktop.theme import colours, restyle, theme
from app.desktop.widgets.layouts import in_row
from app.desktop.widgets.named import named
from app.desktop.widgets.plain import Label
from app.desktop.widgets.readable import ReadableText
from models.errors import StillroomError

Tone = Literal["info", "bad"]
INFO_MS = 8000


class NoticeBar(QFrame):
    """A bar that is hidden while there is nothing to say. Its accessible name is "Notice", its text readable."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, "notice", "Notices")
        self._tone: Tone = "info"
        self.setProperty("tone", self._tone)
        self._do: Callable[[], None] | None = None
        self._timer = QTimer(self, singleShot=True, interval=INFO_MS)
        self._timer.timeout.connect(self.dismiss)
        self._built = False  # not before there is something to say: the window's start need not wait for it
        self.hide()

    @property
    def text(self) -> str:
        """What the bar says now, empty while it is hidden."""
        return "" if self.isHidden() else self._text.toPlainText()

    def show_info(self, text: str, action: str = "", do: Callable[[], None] | None = None) -> None:
        """Say what was done, with one action beside it; goes by itself."""
        self._show("info", text, action, do)
        self._timer.start()

    def show_error(self, text: str, hint: str = "", action: str = "", do: Callable[[], None] | None = None) -> None:
        """Say what went wrong and what can be done; stays."""
        self._timer.stop()
        self._show("bad", f"{text} {hint}".strip(), action, do)

    def attempt(self, act: Callable[..., object], *arguments: object) -> bool:
        """Do something, and say why where that fails. Gives whether it went well."""
        try:
            act(*arguments)
        except StillroomError as error:
            self.show_error(error.text, error.hint)
            return False
        return True

    def dismiss(self) -> None:
        self._timer.stop()
        self._do = None
        self.hide()

    def _build(self) -> None:
        self._built = True
        self._icon = Label()
        self._text = ReadableText("Notice")
        self._action = named(QPushButton(), "quiet")
        self._action.clicked.connect(self._act)
        self._close = named(QToolButton(), name="Dismiss notice", tip="Dismiss")
        self._close.setIconSize(QSize(12, 12))
        self._close.clicked.connect(self.dismiss)
        row = in_row(self, self._icon, self._text, self._action, self._close, margins=(14, 7, 10, 7), spacing=10)
        row.setStretch(1, 1)
        theme.changed.connect(self._recolour)

    def _show(self, tone: Tone, text: str, action: str, do: Callable[[], None] | None) -> None:
        if not text.strip():
            self.dismiss()
            return
        if not self._built:
            self._build()
        self._tone = tone
        self._do = do
        self._text.setPlainText(text)
        self._action.setText(action)
        self._action.setVisible(bool(action))
        self._recolour()
        self.show()
        from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent

        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, text))

    def _act(self) -> None:
        do = self._do
        self.dismiss()
        if do is not None:
            do()

    def _recolour(self) -> None:
        c = colours()
        bad = self._tone == "bad"
        self._icon.setPixmap(icons.pixmap("warning" if bad else "info", c.bad if bad else c.muted))
        self._close.setIcon(icons.icon("close", c.muted, 12))
        if self.property("tone") != self._tone:
            self.setProperty("tone", self._tone)
            restyle(self)
