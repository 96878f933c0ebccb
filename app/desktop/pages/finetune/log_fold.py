"""The log of a run at the foot of the page, folded away: what it noted, what it saved, what went wrong."""

from collections.abc import Sequence

from PySide6.QtWidgets import QWidget

from app.desktop.widgets.fold import Fold
from app.desktop.widgets.layouts import in_column
from app.desktop.widgets.readable import ReadableText


class LogFold(QWidget):
    """A line to open, and the sentences below it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.text = ReadableText("Run log")
        self.text.setObjectName("log")
        self.fold = Fold("Log", self.text)
        in_column(self, self.fold, self.text, spacing=4)

    def show_lines(self, lines: Sequence[str]) -> None:
        text = "\n".join(lines) or "Nothing yet."
        if text != self.text.toPlainText():
            self.text.setPlainText(text)
            self.fold.setText(f"Log · {len(lines):,}" if lines else "Log")
