"""Areas that scroll up and down: without a frame, and a column of some width in the middle of what they show."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QScrollArea, QWidget

from app.desktop.widgets.layouts import in_row
from app.desktop.widgets.named import named

BAR_PX = 11


def set_plain(area: QScrollArea, kind: str = "", name: str = "") -> None:
    """No frame and no bar below; what is in it is as wide as the area. kind, name: as of `named`."""
    named(area, kind, name)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidgetResizable(True)


def show_in_middle(area: QScrollArea, holder: QWidget, side_px: int, above_px: int) -> None:
    """Put a column into the middle of an area. side_px and above_px: the least that is free around it."""
    content = named(QWidget(), "page")
    row = in_row(content, 1, (holder, 1000), 1, margins=(side_px, above_px, side_px, above_px))
    area.setWidget(content)
    # the scroll bar stands in the margin
    area.verticalScrollBar().rangeChanged.connect(
        lambda _least, most: row.setContentsMargins(side_px, above_px, side_px - (BAR_PX if most else 0), above_px)
    )
