"""What an empty chat shows: the model that will answer, what it is good for, and three questions to begin with."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QProgressBar, QPushButton, QWidget

from app.desktop.widgets.cards import label, say
from app.desktop.widgets.layouts import Gap, in_column, in_row
from app.desktop.widgets.named import named
from app.desktop.widgets.plain import Label

EXAMPLES = (
    "What is the capital of France?",
    "Explain why the sky is blue in three sentences.",
    "Write a Python function that reverses a string.",
)


class Welcome(QWidget):
    """The page of a chat that is not begun.

    Signals:
        example_chosen: the text of an example question.
    """

    example_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._heading = label("What shall we think about?", "heading", wraps=False)
        self._about = named(Label(), "muted")
        self._progress_text = named(Label(), "small")
        self._progress = named(QProgressBar(), "loading", "Loading progress")
        self._progress.setTextVisible(False)
        self._progress.setFixedSize(240, 4)
        examples = in_row(None, *((self._example(text), 1) for text in EXAMPLES), spacing=12)
        centre = Qt.AlignmentFlag.AlignHCenter
        in_column(
            self,
            3,
            (self._heading, 0, centre),
            (self._about, 0, centre),
            (self._progress_text, 0, centre),
            (self._progress, 0, centre),
            Gap(20),
            examples,
            4,
            spacing=8,
        )
        self.show_loading(None, "")

    def show_model(self, title: str, about: str) -> None:
        """Name the model and say in a few words what it is."""
        self._about.setText(f"{title}: {about}" if about else title)

    def show_loading(self, fraction: float | None, sentence: str) -> None:
        """Say what is being prepared and how far it is; None and empty when nothing is."""
        say(self._progress_text, sentence)
        self._progress.setVisible(bool(sentence))
        self._progress.setRange(0, 100)
        self._progress.setValue(round(100 * (fraction or 0)))

    def _example(self, text: str) -> QPushButton:
        # A push button does not wrap: the text is a label of its own inside it.
        button = named(QPushButton(), "example", text)
        label = Label(text)
        label.setWordWrap(True)
        label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        in_row(button, label, margins=(14, 10, 14, 10))
        button.clicked.connect(lambda: self.example_chosen.emit(text))
        return button
