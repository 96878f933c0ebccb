"""The line under a reply: copy, regenerate, versions, rating, use as trace, who wrote it and what it took."""

from PySide6.QtCore import QPoint, Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QMenu, QWidget

from app.desktop import fonts
from app.desktop.pages.chat.message_actions import MessageActions
from app.desktop.palette import Colours
from app.desktop.widgets.plain import Label, tip
from app.desktop.widgets.small_parts import TextButton
from models.store.rows import Figures

HEIGHT = 22


def figures_text(figures: Figures | None) -> str:
    """First token, speed and length, or nothing."""
    return " · ".join(_figures(figures))


def _figures(figures: Figures | None) -> list[str]:
    if figures is None or not figures.answer_tokens + figures.thinking_tokens:
        return []
    tokens = figures.answer_tokens + figures.thinking_tokens
    parts = [f"first token {figures.ttft_s:.2f} s"] if figures.ttft_s else []
    parts += [f"{figures.tokens_per_s:.1f} tok/s"] if figures.tokens_per_s else []
    return [*parts, f"{tokens:,} token{'s' if tokens != 1 else ''}"]


class Footer(QWidget):
    """Buttons and figures.

    Signals:
        copy_clicked: the button.
    """

    copy_clicked = Signal()

    def __init__(
        self, colours: Colours, actions: MessageActions, message_id: int, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.message_actions = actions
        self._id = message_id
        self._copy = TextButton("Copy", "Copy reply", colours, self)
        self._again = TextButton("Regenerate", "Regenerate", colours, self)
        self._menu_button = TextButton("▾", "Regenerate with", colours, self)
        self._older = TextButton("‹", "Older version", colours, self)
        self._newer = TextButton("›", "Newer version", colours, self)
        self._compare = TextButton("Compare", "Compare versions", colours, self)
        self._good = TextButton("Good", "Good reply", colours, self)
        self._bad = TextButton("Bad", "Bad reply", colours, self)
        self._trace = TextButton("Use as trace", "Use as trace", colours, self)
        self._version, self._said = Label(parent=self), Label(parent=self)
        self._writer, self._figures = "", _figures(None)
        for label in (self._version, self._said):
            label.setFont(fonts.text(11))
        self._buttons = [
            self._copy, self._again, self._menu_button, self._older, self._newer, self._compare, self._good, self._bad,
            self._trace,
        ]  # fmt: skip
        self._menu: QMenu | None = None
        self._connect()
        self.set_colours(colours)
        self.set_versions(1, 1)
        self.set_trace_offered(False)

    @property
    def menu(self) -> QMenu:
        if self._menu is None:
            self._menu = QMenu(self)
            self._menu.aboutToShow.connect(
                lambda: self.message_actions.regenerate_menu_asked.emit(self._id, self._menu)
            )
        return self._menu

    def set_suffix(self, suffix: str) -> None:
        """Tell the names of the buttons from those of the last reply's; Use as trace has its own."""
        for button in self._buttons[:-1]:
            button.set_suffix(suffix)

    def set_trace_suffix(self, suffix: str) -> None:
        """Tell Use as trace from that of the last reply that can be used."""
        self._trace.set_suffix(suffix)

    def set_menu_offered(self, offered: bool) -> None:
        """Show the arrow that opens the menu of Regenerate."""
        self._menu_button.setVisible(offered)
        self._place()

    def set_versions(self, version: int, versions: int) -> None:
        """Say which version of how many is shown, if there are several."""
        several = versions > 1
        self._version.setText(f"{version} / {versions}")
        self._version.adjustSize()
        for part in (self._older, self._version, self._newer, self._compare):
            part.setVisible(several)
        self._older.setEnabled(version > 1)
        self._newer.setEnabled(version < versions)
        self._place()

    def set_rating(self, rating: int) -> None:
        self._good.setChecked(rating > 0)
        self._bad.setChecked(rating < 0)

    def set_figures(self, figures: Figures | None) -> None:
        self._figures = _figures(figures)
        self._place()

    def set_writer(self, writer: str) -> None:
        """Say which model wrote it, when that is not plain."""
        self._writer = writer
        self._place()

    def set_trace_offered(self, offered: bool) -> None:
        """Whether it can be used as a trace."""
        self._trace.setVisible(offered)
        self._place()

    def set_colours(self, colours: Colours) -> None:
        palette = QPalette()
        palette.setColor(QPalette.ColorRole.WindowText, colours.muted)
        self._version.setPalette(palette)
        self._said.setPalette(palette)
        for button in self._buttons:
            button.set_colours(colours)

    def fit(self, width: int) -> int:
        self.resize(width, HEIGHT)
        self._place()
        return HEIGHT

    def say_copied(self, copied: bool = True) -> None:
        """Confirm that the reply was copied."""
        self._copy.set_caption("Copied" if copied else "Copy")
        self._place()

    def _place(self) -> None:
        left = -7  # the text of the first button stands at the margin
        rows = (
            (self._copy, 0), (self._again, 0), (self._menu_button, -13), (self._older, 0), (self._version, -3),
            (self._newer, -3), (self._compare, 0), (self._good, 0), (self._bad, 0), (self._trace, 0),
        )  # fmt: skip
        for part, shift in rows:
            if not part.isHidden():
                part.move(left + shift, (HEIGHT - part.height()) // 2)
                left += part.width() + shift
        self._say(self.width() - left)

    def _say(self, room: int) -> None:
        """Who wrote it and what it took, as much of that as there is room for; who wrote it is the last to go."""
        said = [text for text in (self._writer, *self._figures) if text]
        while said and self._said.fontMetrics().horizontalAdvance(" · ".join(said)) > room:
            del said[1 if self._writer and len(said) > 1 else 0]
        self._said.setText(" · ".join(said))
        self._said.setToolTip(tip(" · ".join(text for text in (self._writer, *self._figures) if text)))
        self._said.adjustSize()
        self._said.move(self.width() - self._said.width(), (HEIGHT - self._said.height()) // 2)
        self._said.setVisible(bool(said))

    def _connect(self) -> None:
        self._copy.clicked.connect(self.copy_clicked)
        self._again.clicked.connect(lambda: self.message_actions.regenerate.emit(self._id))
        self._menu_button.clicked.connect(self._open_menu)
        self._older.clicked.connect(lambda: self.message_actions.version_asked.emit(self._id, -1))
        self._newer.clicked.connect(lambda: self.message_actions.version_asked.emit(self._id, 1))
        self._compare.clicked.connect(lambda: self.message_actions.compare.emit(self._id))
        self._trace.clicked.connect(lambda: self.message_actions.use_as_trace.emit(self._id, self._below(self._trace)))
        for button, value in ((self._good, 1), (self._bad, -1)):
            button.setCheckable(True)
            button.clicked.connect(lambda checked, value=value: self._rate(value if checked else 0))

    def _rate(self, rating: int) -> None:
        self.set_rating(rating)
        self.message_actions.rated.emit(self._id, rating)

    def _open_menu(self) -> None:
        self.menu.popup(self._below(self._menu_button))

    def _below(self, button: TextButton) -> QPoint:
        return button.mapToGlobal(QPoint(0, button.height() + 2))
