"""Rows and columns: a layout, what lies in it, its margins and its spacing in one call."""

from collections.abc import Callable, Iterable
from typing import TypeVar

import msgspec
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QLayout, QVBoxLayout, QWidget


class Gap(msgspec.Struct, frozen=True):
    """An empty place of a fixed size."""

    px: int


# A widget or a layout, alone or with its stretch and alignment; a number is an empty place that stretches.
Item = QWidget | QLayout | int | Gap | tuple[QWidget | QLayout, int] | tuple[QWidget, int, Qt.AlignmentFlag]
_Box = TypeVar("_Box", bound=QBoxLayout)


def in_row(
    parent: QWidget | None, *items: Item, margins: tuple[int, int, int, int] = (0, 0, 0, 0), spacing: int = 0
) -> QHBoxLayout:
    """Side by side. parent: None for a layout within another. margins: left, top, right, bottom."""
    return _filled(QHBoxLayout(), parent, items, margins, spacing)


def in_column(
    parent: QWidget | None, *items: Item, margins: tuple[int, int, int, int] = (0, 0, 0, 0), spacing: int = 0
) -> QVBoxLayout:
    """One below the other; else as in_row."""
    return _filled(QVBoxLayout(), parent, items, margins, spacing)


def take_out(layout: QLayout, widget: QWidget) -> None:
    """Take a widget out of a layout, and delete it."""
    layout.removeWidget(widget)
    widget.hide()
    widget.deleteLater()


def _filled(
    box: _Box, parent: QWidget | None, items: Iterable[Item], margins: tuple[int, int, int, int], spacing: int
) -> _Box:
    if parent is not None:
        parent.setLayout(box)
    box.setContentsMargins(*margins)
    box.setSpacing(spacing)
    for item in items:
        if isinstance(item, int):
            box.addStretch(item)
        elif isinstance(item, Gap):
            box.addSpacing(item.px)
        else:
            part, *how = item if isinstance(item, tuple) else (item,)
            add: Callable[..., None] = box.addLayout if isinstance(part, QLayout) else box.addWidget
            add(part, *how)
    return box
