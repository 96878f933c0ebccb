"""The access token for gated and private repositories: given here once, kept in the system's keychain, never shown again."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLineEdit, QPushButton, QWidget

from app.desktop.widgets.layouts import in_column, in_row
from app.desktop.widgets.named import named
from app.desktop.widgets.plain import Label
from models.errors import StillroomError
from models.hub import credentials

KEPT = {
    "environment": "One from HF_TOKEN is used.",
    "keychain": "One is kept in the keychain.",
    "file": "One is kept in Stillroom’s folder, for your account alone.",
    "hf": "The one of hf auth login is used.",
}


class TokenField(QWidget):
    """A field that takes a token, a line that says where one is kept, and a button that forgets it.

    Signals:
        problem: a sentence on what is wrong, or nothing.
    """

    problem = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.edit = named(QLineEdit(), name="Hugging Face token")
        self.edit.setEchoMode(QLineEdit.EchoMode.Password)
        self.edit.setPlaceholderText("Only for gated and private models")
        self.edit.returnPressed.connect(self._save)
        self.keep = named(QPushButton("Keep"), name="Keep token")
        self.keep.setAutoDefault(False)
        self.keep.clicked.connect(self._save)
        self.forget = named(QPushButton("Forget"), name="Forget token")
        self.forget.setAutoDefault(False)
        self.forget.clicked.connect(self._forget)
        self.state = named(Label(), "small")
        self.state.setWordWrap(True)
        row = in_row(None, self.edit, self.keep, self.forget, spacing=8)
        in_column(self, row, self.state, spacing=4)
        self._show()

    def _save(self) -> None:
        try:
            credentials.save(self.edit.text())
        except StillroomError as error:
            self.problem.emit(f"{error.text} {error.hint}".strip())
            return
        self.edit.clear()
        self._show()

    def _forget(self) -> None:
        credentials.forget()
        self._show()

    def _show(self) -> None:
        source = credentials.source()
        self.problem.emit("")
        self.state.setText(KEPT.get(source, "") if source else "None is kept; most models need none.")
        self.forget.setVisible(source in ("keychain", "file"))
