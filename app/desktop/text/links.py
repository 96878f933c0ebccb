"""Opening an address a model wrote: only after a person has seen all of it and the host it really goes to."""

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QMessageBox, QWidget

from app.desktop.widgets.plain import message_box

SCHEMES = ("http", "https", "mailto")


def ask_to_open(address: str, parent: QWidget) -> QMessageBox | None:
    """Ask whether to open an address in the browser; None, and nothing shown, for any but http, https and mailto."""
    url = QUrl(address, QUrl.ParsingMode.StrictMode)
    if not url.isValid() or url.scheme().lower() not in SCHEMES:
        return None
    box = message_box(parent, f"Open this link? It goes to {destination(url)}.", _broken(full_address(url)))
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    open_button = box.addButton("Open Link", QMessageBox.ButtonRole.AcceptRole)
    box.setDefaultButton(box.addButton(QMessageBox.StandardButton.Cancel))
    open_button.clicked.connect(lambda: QDesktopServices.openUrl(url))
    box.open()
    return box


def destination(url: QUrl) -> str:
    """The host in ASCII, so that look-alike letters show as xn--…; for mail the whole address."""
    if url.scheme().lower() == "mailto":
        return url.path(QUrl.ComponentFormattingOption.FullyEncoded)
    return url.host(QUrl.ComponentFormattingOption.FullyEncoded)


def full_address(url: QUrl) -> str:
    """The whole address with everything odd in it encoded."""
    return str(url.toString(QUrl.ComponentFormattingOption.FullyEncoded))


def _broken(address: str) -> str:
    """Break a long address into lines, for a dialog wraps only at spaces."""
    return "\n".join(address[i : i + 64] for i in range(0, min(len(address), 1280), 64))
