"""The Edit menu: acts on whatever text has the focus; Undo takes back the last deletion when no text has anything to undo."""

from collections.abc import Callable

from PySide6.QtGui import QTextDocument
from PySide6.QtWidgets import QApplication, QLineEdit, QPlainTextEdit, QTextEdit, QWidget

from app.desktop.window.chat_actions import ChatActions

TextField = QLineEdit | QPlainTextEdit | QTextEdit


class Editing:
    """Undo, redo, cut, copy, paste and select all."""

    def __init__(self, actions: ChatActions) -> None:
        self._actions = actions

    def undo(self) -> None:
        """Undo typing, else the last deletion of a chat."""
        field = _field()
        if field is not None and _has_undo(field):
            field.undo()
        else:
            self._actions.undo()

    def can_undo(self) -> bool:
        """Whether there is anything to take back."""
        field = _field()
        return self._actions.can_undo or (field is not None and _has_undo(field))

    def redo(self) -> None:
        """Redo typing."""
        _do(lambda field: field.redo())

    def cut(self) -> None:
        """Cut what is marked."""
        _do(lambda field: field.cut())

    def copy(self) -> None:
        """Copy what is marked, in a text field or in any widget that can copy."""
        copy = getattr(QApplication.focusWidget(), "copy", None)
        if callable(copy):
            copy()

    def paste(self) -> None:
        """Paste into the text field."""
        _do(lambda field: field.paste())

    def select_all(self) -> None:
        """Mark everything in the field."""
        _do(lambda field: field.selectAll())


def _field() -> TextField | None:
    widget: QWidget | None = QApplication.focusWidget()
    return widget if isinstance(widget, QLineEdit | QPlainTextEdit | QTextEdit) else None


def _do(act: Callable[[TextField], None]) -> None:
    field = _field()
    if field is not None:
        act(field)


def _has_undo(field: TextField) -> bool:
    if field.isReadOnly():
        return False
    document = None if isinstance(field, QLineEdit) else field.document()
    return document.isUndoAvailable() if isinstance(document, QTextDocument) else bool(field.isUndoAvailable())  # type: ignore[union-attr]
