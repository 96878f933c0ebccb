"""Files that are dragged over a page: says over the page that they will be imported, and tells which were dropped."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QEvent, QObject, Qt, QUrl, Signal
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent
from PySide6.QtWidgets import QFrame, QWidget

from app.desktop.widgets.plain import Label

INSET_PX = 12


class FileDrop(Label):
    """Lies over an area of a page while something that can be imported is dragged over the page.

    area: a child of the page; importable: the paths of what can be imported among what is dragged.

    Signals:
        dropped: the paths (list of str) to be imported.
    """

    dropped = Signal(list)

    def __init__(self, page: QWidget, area: QWidget, importable: Callable[[Sequence[QUrl]], list[str]]) -> None:
        super().__init__("Drop to import", page)
        self._area = area
        self._importable = importable
        self.setObjectName("drop_hint")
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.hide()
        page.setAcceptDrops(True)
        page.installEventFilter(self)

    def cover(self) -> None:
        """Say over the whole area that what is dragged will be imported."""
        self.setGeometry(self._area.geometry().adjusted(INSET_PX, INSET_PX, -INSET_PX, -INSET_PX))
        self.show()
        self.raise_()

    def eventFilter(self, page: QObject, event: QEvent) -> bool:
        """Take what can be imported; all else is the page's."""
        if isinstance(event, QDragEnterEvent) and self._importable(event.mimeData().urls()):
            event.acceptProposedAction()
            self.cover()
        elif isinstance(event, QDragLeaveEvent):
            self.hide()
        elif isinstance(event, QDropEvent) and event.type() == QEvent.Type.Drop:
            self.hide()
            event.acceptProposedAction()
            self.dropped.emit(self._importable(event.mimeData().urls()))
        else:
            return False
        return True
