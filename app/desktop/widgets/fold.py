"""A line that folds what is below it away until it is asked for."""

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QToolButton, QWidget

from app.desktop.theme import theme


class Fold(QToolButton):
    """A line that opens and closes what is below it."""

    def __init__(self, text: str, below: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("fold")
        self.setText(text)
        self.setAccessibleName(text)
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setIconSize(QSize(12, 12))
        self._below = below
        below.hide()
        self.toggled.connect(below.setVisible)
        self.toggled.connect(self._point)
        theme.changed.connect(self._point)
        self._point()

    def _point(self, _open: bool = False) -> None:
        self.setArrowType(Qt.ArrowType.DownArrow if self.isChecked() else Qt.ArrowType.RightArrow)
