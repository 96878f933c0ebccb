"""Text on the screen as it is: what comes from outside is never read as HTML, which could load a file or an address.

Qt takes any text with a tag in it for HTML in a label, a tooltip, a message and a text edit. All of the window makes
them here; tests/app/desktop/test_plain.py holds it to that. Menus, buttons, lists and fields know no HTML.
"""

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QWidget

from models import names

if TYPE_CHECKING:  # a window without a message starts without it
    from PySide6.QtWidgets import QMessageBox


class Label(QLabel):
    """A label of plain text."""

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        if text:
            self.setText(text)

    def setText(self, text: str) -> None:
        super().setText(names.plain(text))


def escaped(text: str) -> str:
    """Text as HTML that shows it. html.escape does the same; its module has tables that take 3 ms of the start."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def tip(text: str) -> str:
    """Text for a tooltip, which would read it as HTML."""
    return f"<span>{escaped(names.plain(text))}</span>".replace("\n", "<br>") if text else ""


def message_box(parent: QWidget, text: str, more: str = "") -> "QMessageBox":
    """A message of plain text, without buttons yet. more: what stands below it in smaller letters."""
    from PySide6.QtWidgets import QMessageBox

    box = QMessageBox(parent)
    box.setTextFormat(Qt.TextFormat.PlainText)  # of both texts
    box.setText(names.plain(text))
    box.setInformativeText(names.plain(more))
    return box
