"""Advanced: every number of a run in a field of its own, folded away until it is asked for."""

from typing import Any, cast

import msgspec
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLineEdit, QWidget

from app.desktop.pages.finetune import fields
from app.desktop.theme import restyle
from app.desktop.widgets.cards import label
from app.desktop.widgets.layouts import in_column, in_row
from app.desktop.widgets.plain import tip
from app.desktop.widgets.segments import Segments
from models.errors import BadInput
from models.finetune_config import RATES, FinetuneConfig, Method, Replies

FIELD_PX, NARROW_PX = 104, 520
METHODS = {"lora": "LoRA", "dora": "DoRA", "full": "Full"}
REPLIES = {"last": "The last", "every": "Every one"}
ROWS = {"packed": "Packed", "padded": "Padded"}
CHECKPOINTING = {"auto": "Auto", "on": "On", "off": "Off"}
CHOSEN: dict[str, bool | None] = {"auto": None, "on": True, "off": False}


class NumberField(QLineEdit):
    """One number. What can't be read is marked, and keeps the run from starting.

    Signals:
        typed: another text stands there.
    """

    typed = Signal()

    def __init__(self, field: fields.Field, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("number")
        self.field = field
        self.setAccessibleName(field.title)
        self.setToolTip(tip(field.explained))
        self.setAccessibleDescription(field.explained)
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.setPlaceholderText(field.empty)
        self.setFixedWidth(FIELD_PX)
        self.setProperty("wrong", False)
        self.textEdited.connect(self.typed)

    def show_value(self, value: Any) -> None:
        """Show a value, unless the field says the same already."""
        text = self.field.said(value)
        if text != self.text():
            self.setText(text)
        self.mark(False)

    def read(self) -> Any:
        """What was typed. Raises BadInput, and marks the field then."""
        try:
            value = self.field.read(self.text())
        except BadInput:
            self.mark(True)
            raise
        self.mark(False)
        return value

    def mark(self, wrong: bool) -> None:
        """Show that it can't be read."""
        if self.property("wrong") != wrong:
            self.setProperty("wrong", wrong)
            restyle(self)


class Advanced(QWidget):
    """All fields, in groups, in two columns where there is room.

    Signals:
        changed: a number is another one; read it with values().
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.method = Segments("Method", METHODS)
        self.checkpointing = Segments("Gradient checkpointing", CHECKPOINTING)
        self.checkpointing.setToolTip("Computes blocks again for the backward pass: less memory, a third more time")
        self.rows = Segments("Rows", ROWS)
        self.rows.setToolTip("Packed: end to end, each seeing itself alone, nothing wasted. Padded: to like length")
        self.replies = Segments("Replies learned", REPLIES)
        self.replies.setToolTip("Of a conversation. Every one: each is learned with what came before it as its prompt")
        self.fields = {key: NumberField(field) for key, field in fields.FIELDS.items()}
        self._groups = [self._group(group) for group in fields.GROUPS]
        self._groups[0].layout().insertLayout(1, _line("Method", self.method))  # type: ignore[union-attr]
        self._groups[1].layout().addLayout(_line("Replies learned", self.replies))  # type: ignore[union-attr]
        self._groups[2].layout().addLayout(_line("Rows", self.rows))  # type: ignore[union-attr]
        self._groups[2].layout().addLayout(_line("Checkpointing", self.checkpointing))  # type: ignore[union-attr]
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 4, 0, 0)
        self._grid.setHorizontalSpacing(34)
        self._grid.setVerticalSpacing(18)
        self._columns = 0
        self._method: Method = "lora"  # as it was shown last
        self._arrange(2)
        for field in self.fields.values():
            field.typed.connect(self.changed)
        for part in (self.method, self.rows, self.checkpointing, self.replies):
            part.chosen.connect(self._pressed)
        self.method.chosen.connect(self._take_method)

    def show_values(self, config: FinetuneConfig, held_out: float) -> None:
        for key, field in self.fields.items():
            field.show_value(fields.value_of(config, held_out, key))
        self.method.show_chosen(config.method)
        self._method = config.method
        self.replies.show_chosen(config.replies)
        self.rows.show_chosen("packed" if config.packing else "padded")
        self.checkpointing.show_chosen(
            next(key for key, value in CHOSEN.items() if value is config.gradient_checkpointing)
        )
        self._enable()

    def values(self) -> tuple[FinetuneConfig, float]:
        """The settings as they stand, and the share held out. Raises BadInput for what is no number."""
        read = {key: field.read() for key, field in self.fields.items()}
        held_out = read.pop(fields.HELD_OUT)
        if not 0 <= held_out < 1:
            raise BadInput("Held out is a share from 0 to below 100 %.")
        method: Method = self.method.current  # type: ignore[assignment]
        replies: Replies = self.replies.current  # type: ignore[assignment]
        config = msgspec.structs.replace(
            FinetuneConfig(),
            method=method,
            replies=replies,
            packing=self.rows.current == "packed",
            gradient_checkpointing=CHOSEN[self.checkpointing.current],
            **read,
        )
        return config, held_out

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange(1 if self.width() < NARROW_PX else 2)

    def _take_method(self, chosen: str) -> None:
        before, self._method = self._method, cast(Method, chosen)
        if RATES[before] != RATES[self._method]:
            self.fields["learning_rate"].show_value(None)  # what suits one method is far too much for another

    def _pressed(self) -> None:
        self._enable()
        self.changed.emit()

    def _enable(self) -> None:
        for key in ("rank", "scale", "dropout"):
            self.fields[key].setEnabled(self.method.current != "full")
        method: Method = self.method.current  # type: ignore[assignment]
        rate = self.fields["learning_rate"]
        rate.setPlaceholderText(rate.field.said(RATES[method]))

    def _group(self, group: fields.Group) -> QWidget:
        widget = QWidget()
        column = in_column(widget, label(group.title, "column_title"), spacing=5)
        for field in group.fields:
            column.addLayout(_line(field.title, self.fields[field.key]))
        return widget

    def _arrange(self, columns: int) -> None:
        if columns == self._columns:
            return
        self._columns = columns
        for number, group in enumerate(self._groups):
            self._grid.removeWidget(group)
            self._grid.addWidget(group, number // columns, number % columns, Qt.AlignmentFlag.AlignTop)
        self._grid.setColumnStretch(0, 1)
        self._grid.setColumnStretch(1, 1 if columns == 2 else 0)


def _line(title: str, control: QWidget) -> QHBoxLayout:
    return in_row(None, (label(title, "plain"), 1), control, spacing=8)
