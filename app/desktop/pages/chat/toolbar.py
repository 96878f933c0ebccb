"""The bar above the transcript: which model and adapter answer and how long they may think; a sentence below when there is one."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from app.desktop.pages.chat.adapter_picker import AdapterPicker
from app.desktop.widgets.model_picker import ModelPicker
from app.desktop.widgets.thinking_control import ThinkingControl

HEIGHT_PX = 52


class ChatToolbar(QWidget):
    """Model and adapter picker at the left, thinking at the right."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.picker = ModelPicker()
        self.adapter = AdapterPicker()
        self.thinking = ThinkingControl()
        self._bar = QWidget()
        self._bar.setObjectName("toolbar")
        self._bar.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._bar.setFixedHeight(HEIGHT_PX)
        self.row = QHBoxLayout(self._bar)
        self.row.setContentsMargins(18, 0, 18, 0)
        self.row.setSpacing(12)
        self.row.addWidget(self.picker)
        self.row.addWidget(self.adapter)
        self.row.addStretch(1)
        self.row.addWidget(self.thinking)
        self._note = ""
        self._problem = ""
        self._sentence = QLabel()
        self._sentence.setObjectName("hint")
        self._sentence.setTextFormat(Qt.TextFormat.PlainText)
        self._sentence.setAlignment(Qt.AlignmentFlag.AlignRight)
        self._sentence.setWordWrap(True)
        self._sentence.setContentsMargins(18, 6, 18, 0)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._bar)
        column.addWidget(self._sentence)
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
        self._sentence.setText(self.sentence)
        self._sentence.setAccessibleName(self.sentence)
        self._sentence.setVisible(bool(self.sentence))
