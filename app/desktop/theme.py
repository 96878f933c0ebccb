"""Which palette and fonts are in force, and when they change.

Widgets take colours from `colours()` when they paint or through the style sheet of `apply()`; both follow the
system's scheme while the app runs. A widget that keeps a colour listens to `theme.changed`.
"""

import logging
from typing import Literal

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication, QWidget

from app.desktop import fonts
from app.desktop.palette import DARK, LIGHT, Colours
from app.desktop.style import style_sheet

Scheme = Literal["system", "light", "dark"]

log = logging.getLogger(__name__)


class Theme(QObject):
    """The palette in force: the system's scheme, or the one the settings ask for.

    Signals:
        changed: the colours are other ones now; read them with `colours()`.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._scheme: Scheme = "system"
        self._colours = LIGHT
        self._app: QApplication | None = None

    @property
    def colours(self) -> Colours:
        return self._colours

    @property
    def is_dark(self) -> bool:
        return self._colours is DARK

    def apply(self, app: QApplication, scheme: Scheme = "system") -> None:
        """Set font, palette and style sheet of the application and follow the system from here on."""
        if self._app is not app:
            self._app = app
            app.setFont(fonts.text())
            app.styleHints().colorSchemeChanged.connect(self._refresh)
            self._dress()
        self.follow(scheme)

    def follow(self, scheme: Scheme) -> None:
        """Take the system's scheme or override it, at once and everywhere."""
        self._scheme = scheme
        # Native dialogs, menus and title bars follow Qt's own override.
        if isinstance(QGuiApplication.instance(), QGuiApplication):
            wanted = {"light": Qt.ColorScheme.Light, "dark": Qt.ColorScheme.Dark, "system": Qt.ColorScheme.Unknown}
            QGuiApplication.styleHints().setColorScheme(wanted[scheme])
        self._refresh()

    def _refresh(self) -> None:
        colours = DARK if self._wants_dark() else LIGHT
        if colours is not self._colours:
            self._colours = colours
            log.debug("colours: %s (asked for: %s)", "dark" if self.is_dark else "light", self._scheme)
            self._dress()
            self.changed.emit()

    def _wants_dark(self) -> bool:
        if self._scheme == "system":
            return QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark
        return self._scheme == "dark"

    def _dress(self) -> None:
        if self._app is not None:
            self._app.setPalette(_palette(self._colours))
            self._app.setStyleSheet(style_sheet(self._colours, self.is_dark))


theme = Theme()


def colours() -> Colours:
    """The palette in force now."""
    return theme.colours


def apply(app: QApplication, scheme: Scheme = "system") -> None:
    """Dress the application in the scheme and keep it so while the system changes."""
    theme.apply(app, scheme)


def restyle(widget: QWidget) -> None:
    """Apply the style sheet anew after a property that its rules look at has changed."""
    widget.style().unpolish(widget)
    widget.style().polish(widget)


def _palette(c: Colours) -> QPalette:
    palette = QPalette()
    role = QPalette.ColorRole
    for where, value in {
        role.Window: c.window,
        role.Base: c.raised,
        role.AlternateBase: c.sunken,
        role.WindowText: c.text,
        role.Text: c.text,
        role.ButtonText: c.text,
        role.Button: c.sunken,
        role.PlaceholderText: c.faint,
        role.ToolTipBase: c.raised,
        role.ToolTipText: c.text,
        role.Highlight: c.accent_tint,
        role.HighlightedText: c.text,
        role.Accent: c.accent,
        role.Link: c.accent,
        role.LinkVisited: c.accent,
        role.Mid: c.line,
        role.Midlight: c.line,
        role.Light: c.raised,
        role.Dark: c.line,
        role.Shadow: c.line,
    }.items():
        palette.setColor(where, QColor(value))
    for where in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, where, QColor(c.faint))
    return palette
