"""The bar above the transcript: which model and adapter answer and how long they may think; a sentence below when there is one."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from app.desktop.pages.chat.adapter_picker import AdapterPicker
from app.desktop.widgets.cards import label, say
from app.desktop.widgets.layouts import in_column
from app.desktop.widgets.model_picker import ModelPicker
from app.desktop.widgets.thinking_control import ThinkingControl
from app.desktop.widgets.toolbar import Toolbar


class ChatToolbar(QWidget):
    """Model and adapter picker at the left, thinking at the right."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.picker = ModelPicker()
        self.adapter = AdapterPicker()
        self.thinking = ThinkingControl()
        self._bar = Toolbar()
        self.row = self._bar.fill(self.picker, self.adapter, 1, self.thinking)
        self._note = ""
        self._problem = ""
        self._sentence = label("", "hint")
        self._sentence.setAlignment(Qt.AlignmentFlag.AlignRight)
        self._sentence.setContentsMargins(18, 6, 18, 0)
        in_column(self, self._bar, self._sentence)
        self.thinking.problem.connect(self._show_problem)
        self._show()

    @property
    def sentence(self) -> str:
        """What stands below the bar."""
        return self._problem or self._note

    def set_note(self, sentence: str) -> None:
        """Say something about the model and thinking, or nothing."""
        self._note = sentence
        self._show()

    def _show_problem(self, sentence: str) -> None:
        self._problem = sentence
        self._show()

    def _show(self) -> None:
        say(self._sentence, self.sentence)
        self._sentence.setAccessibleName(self.sentence)
