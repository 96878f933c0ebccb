"""Give a widget the names it goes by."""

from typing import TypeVar

from PySide6.QtWidgets import QWidget

from app.desktop.widgets import plain

_Widget = TypeVar("_Widget", bound=QWidget)


def named(widget: _Widget, kind: str = "", name: str = "", tip: str = "") -> _Widget:
    """The widget itself. kind: in the style sheet. name: what a screen reader says. tip: shown under the pointer."""
    if kind:
        widget.setObjectName(kind)
    if name:
        widget.setAccessibleName(name)
    if tip:
        widget.setToolTip(plain.tip(tip))
    return widget
