"""What stands on the page while there are no traces: what they are, and the way to some."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QWidget

from app.desktop.widgets.buttons import RowButton
from app.desktop.widgets.cards import label
from app.desktop.widgets.layouts import Gap, in_column, in_row

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
        told = in_column(None, spacing=12)
        for line in (sentence, ways):
            line.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            line.setFixedWidth(430)
            told.addWidget(line)
        middle = in_row(None, 1, told, 1)
        in_column(
            self,
            1,
            middle,
            Gap(6),
            (self.button, 0, Qt.AlignmentFlag.AlignHCenter),
            1,
            margins=(40, 0, 40, 40),
            spacing=12,
        )
