"""The checkpoints of a run, newest first, each one click from a chat."""

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QWidget

from app.desktop import fonts
from app.desktop.pages.finetune import words
from app.desktop.theme import colours, theme
from app.desktop.widgets.buttons import RowButton
from app.desktop.widgets.cards import Card, label
from app.desktop.widgets.drawing import RIGHT, draw_line, draw_text
from app.desktop.widgets.layouts import take_out
from models.finetune.runs import Saved

ROW_PX = 44


class CheckpointRow(QWidget):
    """Step, validation loss, and Chat.

    Signals:
        chat: the checkpoint's folder.
    """

    chat = Signal(str)

    def __init__(self, saved: Saved, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.saved = saved
        self.setFixedHeight(ROW_PX)
        self.setAccessibleName(f"Checkpoint of step {saved.step:,}")
        loss = words.number(saved.validation_loss)
        self.setAccessibleDescription(f"validation loss {loss}{', the best' if saved.best else ''}")
        self.button = RowButton("Chat", f"Chat with step {saved.step:,}", self)
        self.button.clicked.connect(lambda: self.chat.emit(saved.path))
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(240, ROW_PX)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        size = self.button.sizeHint()
        self.button.setGeometry(self.width() - size.width() - 10, (ROW_PX - size.height()) // 2, *size.toTuple())

    def paintEvent(self, event: QPaintEvent) -> None:
        c = colours()
        painter = QPainter(self)
        left = 10 + draw_text(
            painter, QRectF(10, 0, self.width() / 2, ROW_PX), f"step {self.saved.step:,}", fonts.text(), c.text
        )
        if self.saved.best:
            draw_text(painter, QRectF(left + 5, 1, 60, ROW_PX), "best", fonts.text(11), c.ok)
        right = self.button.x() - 54
        loss = words.number(self.saved.validation_loss)
        draw_text(painter, QRectF(right - 80, 0, 80, ROW_PX), loss, fonts.text(), c.text, RIGHT)
        draw_line(painter, 0, self.width(), ROW_PX)


class CheckpointsCard(Card):
    """All that are on the disk.

    Signals:
        chat: a checkpoint's folder.
    """

    chat = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Checkpoints", parent)
        self.body.setSpacing(0)
        self.rows: list[CheckpointRow] = []
        self.nothing = label("None yet. The best and the newest are kept.", "hint")
        self.body.addSpacing(4)
        self.body.addWidget(self.nothing)

    def show_saved(self, saved: Sequence[Saved]) -> None:
        """Show these; rows that stay keep their focus."""
        if [row.saved for row in self.rows] == list(saved):
            return
        kept = {row.saved: row for row in self.rows}
        self.rows = [kept.pop(one) if one in kept else self._new(one) for one in saved]
        for row in kept.values():
            take_out(self.body, row)
        for place, row in enumerate(self.rows):
            self.body.insertWidget(2 + place, row)
        self.nothing.setVisible(not saved)

    def _new(self, saved: Saved) -> CheckpointRow:
        row = CheckpointRow(saved)
        row.chat.connect(self.chat)
        return row
