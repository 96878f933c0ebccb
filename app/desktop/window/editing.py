"""The Edit menu: acts on whatever text has the focus; Undo takes back the last deletion when no text has anything to undo."""

from collections.abc import Callable

from PySide6.QtGui import QKeySequence, QTextDocument
from PySide6.QtWidgets import QApplication, QLineEdit, QPlainTextEdit, QTextEdit, QWidget

from app.desktop.pages.contract import Command
from app.desktop.window.chat_actions import ChatActions
from app.desktop.window.page_stack import PageStack

TextField = QLineEdit | QPlainTextEdit | QTextEdit
Keys = QKeySequence.StandardKey


class Editing:
    """Undo, redo, cut, copy, paste and select all."""

    def __init__(self, actions: ChatActions, pages: PageStack) -> None:
        self._actions = actions
        self._pages = pages

    def commands(self) -> list[Command]:
        """The Edit menu but for Find."""
        return [
            Command("Edit", "Undo", self.undo, Keys.Undo, self.can_undo, jump=False),
            Command("Edit", "Redo", self.redo, Keys.Redo, jump=False),
            Command("Edit", "Cut", self.cut, Keys.Cut, group=1, jump=False),
            Command("Edit", "Copy", self.copy, Keys.Copy, group=1, jump=False),
            Command("Edit", "Paste", self.paste, Keys.Paste, group=1, jump=False),
            Command("Edit", "Select All", self.select_all, Keys.SelectAll, group=1, jump=False),
        ]

    def undo(self) -> None:
        """Undo what was done on the page in front, else typing, else the last deletion of a chat."""
        field = _field()
        if self._pages.can_undo():
            self._pages.undo()
        elif field is not None and _has_undo(field):
            field.undo()
        else:
            self._actions.undo()

    def can_undo(self) -> bool:
        field = _field()
        return self._pages.can_undo() or self._actions.can_undo or (field is not None and _has_undo(field))

    def redo(self) -> None:
        _do(lambda field: field.redo())

    def cut(self) -> None:
        _do(lambda field: field.cut())

    def copy(self) -> None:
        """Copy what is marked, in a text field or in any widget that can copy."""
        copy = getattr(QApplication.focusWidget(), "copy", None)
        if callable(copy):
            copy()

    def paste(self) -> None:
        _do(lambda field: field.paste())

    def select_all(self) -> None:
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
