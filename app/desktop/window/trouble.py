"""The window that is shown instead when the chats can't be opened: what is wrong, and what can be done about it.

Nothing is overwritten: a database of a newer Stillroom can be read, a damaged one is set aside when a backup is put
in its place.
"""

from collections.abc import Callable

from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QPushButton, QWidget

from app.desktop import icons
from app.desktop.theme import colours
from app.desktop.widgets.cards import label
from app.desktop.widgets.layouts import in_column, in_row
from app.desktop.widgets.plain import Label
from app.desktop.widgets.readable import ReadableText
from models import errors, paths
from models.store import database


class TroubleWindow(QWidget):
    """One sentence, a hint, and a button for each way out.

    Signals:
        try_again: the trouble may be over; open the chats again.
        read_only: open the chats without the right to change them.
    """

    try_again = Signal()
    read_only = Signal()

    def __init__(self, error: errors.StillroomError, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("page")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setWindowTitle("Stillroom")
        self.resize(620, 300)
        picture = Label()
        picture.setPixmap(icons.pixmap("warning", colours().bad, 32))
        self.text = ReadableText("Notice")
        self._buttons = in_row(None, 1, spacing=14)
        heading = label("Your chats can't be opened", "heading", wraps=False)
        in_column(self, picture, heading, self.text, 1, self._buttons, margins=(32, 28, 32, 24), spacing=14)
        self.show_error(error)

    def show_error(self, error: errors.StillroomError) -> None:
        """Say what is wrong and offer what fits it."""
        self.text.setPlainText(f"{error.text} {error.hint}\nNothing was changed.".replace(" \n", "\n"))
        while self._buttons.count() > 1:
            item = self._buttons.takeAt(1)
            if item is not None and (widget := item.widget()) is not None:
                widget.deleteLater()
        self._offer("Show the folder", self._show_folder)
        if isinstance(error, errors.Newer):
            self._offer("Open read-only", self.read_only.emit)
        if isinstance(error, errors.Corrupt) and database.newest_good_backup() is not None:
            self._offer("Restore the newest backup", self._restore)
        self._offer("Try again", self.try_again.emit)
        self._offer("Quit", self.close)

    def _offer(self, name: str, do: Callable[[], object]) -> None:
        button = QPushButton(name)
        button.setAccessibleName(name)
        button.clicked.connect(lambda: do())
        self._buttons.addWidget(button)

    def _show_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(paths.home())))

    def _restore(self) -> None:
        backup = database.newest_good_backup()
        try:
            if backup is not None:
                database.restore_backup(backup)
        except errors.StillroomError as error:
            self.show_error(error)
            return
        self.try_again.emit()
