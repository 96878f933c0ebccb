"""The files of an import, one below the other: what each was recognised as, and how its first rows would fare."""

import os
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QWidget

from app.desktop.pages.traces import words
from app.desktop.pages.traces.column_chooser import ColumnChooser
from app.desktop.pages.traces.reader import Previewed
from app.desktop.widgets.buttons import RowButton
from app.desktop.widgets.cards import label, say
from app.desktop.widgets.layouts import in_column, take_out
from models import quantities
from models.trace_report import Columns

NAMED = 3  # rows left out that are named


class FileCard(QFrame):
    """One file.

    Signals:
        removed: do not import it.
        columns_chosen: read its first rows again, with the columns that are wanted now.
    """

    removed = Signal()
    columns_chosen = Signal()

    def __init__(self, path: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self.path = path
        name = Path(path).name
        self.setAccessibleName(name)
        title = label(name, "card_title")
        self._size = label(_size(path), "small", wraps=False)
        self.remove = RowButton("Remove", f"Remove {name}")
        self.remove.clicked.connect(self.removed)
        self.said = label("Reading its first rows…", "small")
        self.left_out = label("", "warning")
        self.left_out.hide()
        self.columns = ColumnChooser()
        self.columns.hide()
        self.columns.chosen.connect(self.columns_chosen)
        self.usable: bool | None = None  # None while it is read
        grid = QGridLayout(self)
        grid.setContentsMargins(16, 11, 12, 12)
        grid.setHorizontalSpacing(10)
        grid.setVerticalSpacing(3)
        grid.addWidget(title, 0, 0)
        grid.addWidget(self._size, 0, 1)
        grid.addWidget(self.remove, 0, 2)
        grid.addWidget(self.said, 1, 0, 1, 3)
        grid.addWidget(self.columns, 2, 0, 1, 3)
        grid.addWidget(self.left_out, 3, 0, 1, 3)
        grid.setColumnStretch(0, 1)

    def show_preview(self, found: Previewed) -> None:
        """Say what it was recognised as, or why it can't be read."""
        preview = found.preview
        self.usable = preview is not None
        if preview is None:
            self._say(self.said, found.error, "fault_small")
            return
        self.columns.show_columns(preview.columns, preview.chosen)
        self._say(self.said, words.recognised(preview.shape, len(preview.traces), len(preview.left_out)), "small")
        lines = [f"Line {left.line:,}: {left.text}" for left in preview.left_out[:NAMED]]
        more = len(preview.left_out) - NAMED
        say(self.left_out, "\n".join([*lines, *([f"and {more} more"] if more > 0 else [])]))

    def _say(self, line: QLabel, text: str, kind: str) -> None:
        line.setText(text)
        if line.objectName() != kind:
            line.setObjectName(kind)
            line.style().unpolish(line)
            line.style().polish(line)


class FileList(QWidget):
    """The files.

    Signals:
        changed: there are others, or more is known of one.
        columns_chosen: the path of a file, other Columns of which are wanted, and these.
    """

    changed = Signal()
    columns_chosen = Signal(str, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.cards: list[FileCard] = []
        self._column = in_column(self, spacing=8)

    @property
    def paths(self) -> list[str]:
        """The files that are not known to be unreadable."""
        return [card.path for card in self.cards if card.usable is not False]

    @property
    def columns(self) -> dict[str, Columns]:
        """The columns that were chosen by hand, by file."""
        cards = (card for card in self.cards if card.usable is not False)
        return {card.path: card.columns.wanted for card in cards if card.columns.wanted != Columns()}

    def add(self, path: str) -> bool:
        """Add a file; False when it is there already."""
        if any(card.path == path for card in self.cards):
            return False
        card = FileCard(path)
        card.removed.connect(lambda: self._remove(card))
        card.columns_chosen.connect(lambda: self.columns_chosen.emit(path, card.columns.wanted))
        self.cards.append(card)
        self._column.addWidget(card)
        self.changed.emit()
        return True

    def clear(self) -> None:
        for card in list(self.cards):
            self._take_off(card)

    def show_preview(self, found: Previewed) -> None:
        """Pass on what is known of a file."""
        for card in self.cards:
            if card.path == found.path:
                card.show_preview(found)
                self.changed.emit()

    def _remove(self, card: FileCard) -> None:
        self._take_off(card)
        self.changed.emit()

    def _take_off(self, card: FileCard) -> None:
        self.cards.remove(card)
        take_out(self._column, card)


def _size(path: str) -> str:
    try:
        return quantities.size(os.stat(path).st_size)
    except OSError:
        return ""
