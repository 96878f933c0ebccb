"""What stands on the page while nothing was evaluated: what it is for, and the way to it."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QWidget

from app.desktop.widgets.buttons import RowButton
from app.desktop.widgets.cards import label
from app.desktop.widgets.layouts import Gap, in_column, in_row

SENTENCE = (
    "An evaluation asks a model problems whose answers are known, and says how many it gets right and what thinking "
    "longer is worth: on your own problems, on this computer, with the interval that so few or so many allow."
)
WAYS = "Drop a CSV or JSONL file of problems and answers here, or choose a task that is built in."


class Empty(QWidget):
    """A sentence and a button.

    Signals:
        new_requested: show the form of a new evaluation.
    """

    new_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("No evaluations")
        self.button = RowButton("New evaluation", "Begin your first evaluation")
        self.button.strong = True
        self.button.clicked.connect(self.new_requested)
        told = in_column(None, spacing=12)
        for line in (label(SENTENCE, "plain"), label(WAYS, "muted")):
            line.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            line.setFixedWidth(430)
            told.addWidget(line)
        button = (self.button, 0, Qt.AlignmentFlag.AlignHCenter)
        in_column(self, 1, in_row(None, 1, told, 1), Gap(6), button, 1, margins=(40, 0, 40, 40), spacing=12)
