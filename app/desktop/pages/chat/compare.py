"""Two versions of a reply side by side. Imported when it is first opened."""

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPalette, QResizeEvent
from PySide6.QtWidgets import QComboBox, QDialog, QFrame, QScrollArea, QWidget

from app.desktop.pages.chat.footer import figures_text
from app.desktop.pages.chat.message_actions import MessageActions
from app.desktop.pages.chat.reply_view import ReplyView
from app.desktop.text import links
from app.desktop.theme import colours, theme
from app.desktop.widgets.cards import label
from app.desktop.widgets.layouts import in_column, in_row
from app.desktop.widgets.named import named
from models.store.rows import Figures, StoredMessage

SIZE = (1100, 720)
MARGIN_PX = 14


class ComparedReply(QScrollArea):
    """One version: what was thought, folded, and what was answered."""

    def __init__(self, row: StoredMessage, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._inside = QWidget()
        self._inside.setAutoFillBackground(True)
        actions = MessageActions(self)
        actions.link_clicked.connect(lambda url: links.ask_to_open(url, self))
        self.view = ReplyView(colours(), actions, row.id, parent=self._inside)
        if row.thinking:
            self.view.append_thinking(row.thinking)
            given = row.figures or Figures()
            self.view.close_thinking(given.thinking_tokens, given.thinking_s, given.closed_by, given.budget)
        self.view.set_text(row.content)
        self.view.text_view.text_document.want_formulas()
        self.view.text_view.setAccessibleName(f"{name} text")
        self.view.grown.connect(self._fit)
        self.setWidget(self._inside)
        theme.changed.connect(self._recolour)
        self._recolour()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        width = self.viewport().width()
        self.view.move(MARGIN_PX, MARGIN_PX)
        height = self.view.fit(max(width - 2 * MARGIN_PX, 100))
        self._inside.resize(width, height + 2 * MARGIN_PX)

    def _recolour(self) -> None:
        palette = QPalette()
        palette.setColor(QPalette.ColorRole.Window, QColor(colours().window))
        self._inside.setPalette(palette)
        self.viewport().setPalette(palette)
        self.view.set_colours(colours())
        self._fit()


class VersionColumn(QWidget):
    """A version that can be chosen, and what it took. writer: says what wrote a reply, by model and adapter."""

    def __init__(self, name: str, versions: list[StoredMessage], at: int, writer: Callable[[str, str], str]) -> None:
        super().__init__()
        self._name = name
        self._versions = versions
        self._reply: ComparedReply | None = None
        self.choice = named(QComboBox(), name=f"{name} version")
        self.choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.choice.addItems([f"{row.version} / {row.versions} · {writer(row.model, row.adapter)}" for row in versions])
        self.choice.setCurrentIndex(at)
        self._figures = label("", "hint", wraps=False)
        self._column = in_column(self, self.choice, self._figures, spacing=8)
        self.choice.currentIndexChanged.connect(self._show)
        self._show(at)

    @property
    def text(self) -> str:
        """What is answered in it."""
        return self._reply.view.text() if self._reply else ""

    def _show(self, at: int) -> None:
        if self._reply is not None:
            self._reply.hide()
            self._reply.deleteLater()
        row = self._versions[at]
        self._figures.setText(figures_text(row.figures) or row.error or "This reply is not whole.")
        self._reply = ComparedReply(row, f"{self._name} reply")
        self._column.addWidget(self._reply, 1)


class CompareDialog(QDialog):
    """A column for each of two versions: the one that is shown and the one before it, to begin with."""

    def __init__(
        self,
        versions: list[StoredMessage],
        shown: int,
        writer: Callable[[str, str], str],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Compare versions")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(*SIZE)
        at = next(index for index, row in enumerate(versions) if row.id == shown)
        left = max(at - 1, 0)
        right = min(left + 1, len(versions) - 1)
        self.columns = (VersionColumn("Left", versions, left, writer), VersionColumn("Right", versions, right, writer))
        in_row(self, *((column, 1) for column in self.columns), margins=(16, 16, 16, 16), spacing=16)
