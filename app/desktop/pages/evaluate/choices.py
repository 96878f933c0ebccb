"""What the form offers: models, adapters, whom to compare with, tasks; and numbers typed by hand."""

import re
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit, QWidget

from app.desktop.theme import restyle
from app.desktop.widgets.model_picker import bits_said
from app.desktop.widgets.picker import PickerItem
from app.desktop.widgets.plain import tip
from models import budgets, quantities
from models.errors import BadInput
from models.evaluate import ladders, tasks
from models.events import Model
from models.trace_report import TraceSet

FILE, BASE = "file", "base"
FIELD_PX = 92
_WRITTEN = re.compile(r"\d{1,3}(?:,\d{3})+|[^\s,;]+(?:\s+limit)?")


class NumberField(QLineEdit):
    """A number from least to most, or nothing where it has a placeholder. What can't be read is marked."""

    def __init__(
        self, name: str, explained: str, least: float, most: float, empty: str = "", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("number")
        self.setAccessibleName(name)
        self.setAccessibleDescription(explained)
        self.setToolTip(tip(explained))
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.setPlaceholderText(empty)
        self.setFixedWidth(FIELD_PX)
        self.setProperty("wrong", False)
        self._name, self._least, self._most, self._empty = name, least, most, empty

    def whole(self) -> int | None:
        """The whole number; None for an empty field that may be so. Raises BadInput, and marks the field then."""
        value = self.number()
        if value is not None and value != int(value):
            self._mark(True)
            raise BadInput(f"{self._name}: a whole number is needed.")
        return None if value is None else int(value)

    def number(self) -> float | None:
        """The number; as whole."""
        text = self.text().strip().replace(",", "").replace("\u202f", "")
        if not text and self._empty:
            self._mark(False)
            return None
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        wrong = not self._least <= value <= self._most
        self._mark(wrong)
        if wrong:
            raise BadInput(f"{self._name}: from {self._least:,.10g} to {self._most:,.10g}.")
        return value

    def _mark(self, wrong: bool) -> None:
        if self.property("wrong") != wrong:
            self.setProperty("wrong", wrong)
            restyle(self)


def read_budgets(text: str) -> list[int | None]:
    """Budgets as they were typed: "256, 1,024", "no limit". Raises BadInput."""
    found: list[int | None] = []
    for written in _WRITTEN.findall(text):
        word = written.replace(",", "").lower()
        found.append(None if word in ("no limit", "∞") else budgets.parse_budget(word))
    return found


def model_items(models: Sequence[Model]) -> list[PickerItem]:
    """The models, without adapters."""
    return [_model_item(model.name, model) for model in models if model.kind != "adapter"]


def adapter_items(models: Sequence[Model], base: str) -> list[PickerItem]:
    """The adapters of a model, after "None"."""
    mine = [model for model in models if model.kind == "adapter" and model.base == base and model.state == "ready"]
    return [PickerItem("", "None"), *(PickerItem(model.name, model.title) for model in mine)]


def against_items(models: Sequence[Model], model: str, adapter: str) -> list[PickerItem]:
    """Whom a model can be compared with: nobody, itself without its adapter, any other, with an adapter or without.

    The key is the model's name and, after a line break, the adapter's.
    """
    others = [one for one in models if one.kind != "adapter" and one.name != model]
    adapters = [
        one
        for one in models
        if one.kind == "adapter" and one.state == "ready" and (one.base, one.name) != (model, adapter)
    ]
    return [
        PickerItem("", "Nothing"),
        *([PickerItem(f"{model}\n", "The model alone", "without its adapter")] if adapter else []),
        *(_model_item(f"{one.name}\n", one) for one in others),
        *(PickerItem(f"{one.base}\n{one.name}", one.title, f"adapter of {one.base}") for one in adapters),
    ]


def candidate_items(models: Sequence[Model]) -> list[PickerItem]:
    """Models and adapters; keys as those of against_items."""
    return [
        *(_model_item(f"{one.name}\n", one) for one in models if one.kind != "adapter"),
        *(
            PickerItem(f"{one.base}\n{one.name}", one.title, f"adapter of {one.base}")
            for one in models
            if one.kind == "adapter" and one.state == "ready"
        ),
    ]


def task_items(sets: Sequence[TraceSet], here: frozenset[str], named: Sequence[str]) -> list[PickerItem]:
    """Files and runs that were named, ladders, tasks that are built in, sets of traces, and a way to another file."""
    return [
        *(_named_item(name) for name in named),
        *(PickerItem(one.name, one.title, "made here, levels 1 to 10") for one in ladders.LADDERS.values()),
        *(PickerItem(one.name, one.title, "" if one.name in here else "downloaded first") for one in tasks.built_in()),
        *(PickerItem(f"{tasks.TRACES}{one.name}", one.name, "set of traces") for one in sets),
        PickerItem(FILE, "A file…"),
    ]


def _named_item(name: str) -> PickerItem:
    if name.startswith(tasks.RUN):
        return PickerItem(name, f"Held out of {name.removeprefix(tasks.RUN)}", "what it never learned from")
    return PickerItem(name, Path(name).name, "your file")


def _model_item(key: str, model: Model) -> PickerItem:
    detail = " · ".join(part for part in (bits_said(model), quantities.size(model.size_bytes)) if part)
    return PickerItem(key, model.title, detail, model.problem if model.state == "broken" else "")
