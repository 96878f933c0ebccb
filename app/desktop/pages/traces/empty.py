"""What stands on the page while there are no traces: what they are, and the way to some."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.desktop.widgets.buttons import RowButton
from app.desktop.widgets.cards import label

SENTENCE = (
    "A trace is a problem, what a model thought about it, and its answer: a model that is fine-tuned on traces learns to "
    "think that way."
)
WAYS = "Drop JSONL, JSON, CSV or Parquet files here, or keep a good reply in a chat with “Use as trace”."


class Empty(QWidget):
    """One calm sentence and a button.

    Signals:
        import_requested: choose files and import them.
    """

    import_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("No traces")
        sentence, ways = label(SENTENCE, "plain"), label(WAYS, "muted")
        self.button = RowButton("Import…", "Import your first traces")
        self.button.strong = True
        self.button.clicked.connect(self.import_requested)
        column = QVBoxLayout(self)
        column.setContentsMargins(40, 0, 40, 40)
        column.setSpacing(12)
        column.addStretch(1)
        told = QVBoxLayout()
        told.setSpacing(12)
        for line in (sentence, ways):
            line.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            line.setFixedWidth(430)
            told.addWidget(line)
        middle = QHBoxLayout()
        middle.addStretch(1)
        middle.addLayout(told)
        middle.addStretch(1)
        column.addLayout(middle)
        column.addSpacing(6)
        column.addWidget(self.button, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(1)
