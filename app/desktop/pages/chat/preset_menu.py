"""The menu of presets and the dialog that edits one. Imported when the menu is first opened."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLineEdit,
    QMenu,
    QVBoxLayout,
    QWidget,
)

from app.desktop.widgets import thinking_control
from app.desktop.widgets.menus import add_choice
from app.desktop.widgets.named import named
from app.desktop.widgets.plain import Label, tip
from app.desktop.widgets.plain_field import PlainField
from models.errors import BadInput
from models.presets import BUILT_IN
from models.settings import Preset, budget_of, tokens_of


class PresetMenu(QMenu):
    """The presets to choose from, and what can be done with one's own.

    Signals:
        chosen: a Preset, or None for none.
        own_changed: the user's presets are these now (list of Preset).
    """

    chosen = Signal(object)
    own_changed = Signal(list)

    def __init__(self, current: str, own: list[Preset], parent: QWidget) -> None:
        super().__init__(parent)
        self._own = own
        self._current = current
        self._add("None", None)
        for preset in (*BUILT_IN, *own):
            self._add(preset.name, preset)
        self.addSeparator()
        self.addAction("New preset…").triggered.connect(lambda: self._edit(None))
        mine = next((preset for preset in own if preset.name == current), None)
        if mine is not None:
            self.addAction(f"Edit “{mine.name}”…").triggered.connect(lambda: self._edit(mine))
            self.addAction(f"Delete “{mine.name}”").triggered.connect(lambda: self._delete(mine))

    def _add(self, name: str, preset: Preset | None) -> None:
        chosen = self._current == (preset.name if preset else "")
        add_choice(self, name, chosen, lambda: self.chosen.emit(preset)).setToolTip(
            tip(preset.system) if preset else ""
        )

    def _edit(self, old: Preset | None) -> None:
        taken = {preset.name for preset in (*BUILT_IN, *self._own) if preset is not old}
        dialog = PresetDialog(old, taken, self.parentWidget())
        dialog.accepted.connect(lambda: self._keep(old, dialog.preset()))
        dialog.open()

    def _keep(self, old: Preset | None, new: Preset) -> None:
        kept = [preset for preset in self._own if preset is not old]
        self.own_changed.emit([*kept, new])
        self.chosen.emit(new)

    def _delete(self, preset: Preset) -> None:
        self.own_changed.emit([other for other in self._own if other is not preset])
        self.chosen.emit(None)


class PresetDialog(QDialog):
    """Writes one preset; says what is wrong under the fields instead of refusing to close without a word."""

    def __init__(self, preset: Preset | None, taken: set[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Preset")
        self.setMinimumWidth(460)
        self._taken = taken
        old = preset or Preset(name="New preset")
        self.name = self._field("Preset name", old.name if preset else "")
        self.system = named(PlainField(), name="System prompt")
        self.system.setPlainText(old.system)
        self.system.setTabChangesFocus(True)
        self.temperature = self._field("Temperature", _number(old.temperature), "as the model's family advises")
        self.top_p = self._field("Top p", _number(old.top_p), "as the model's family advises")
        budget = "" if old.think is None else thinking_control.said(budget_of(old.think))
        self.think = self._field("Thinking budget", budget, "as it is in the chat")
        self.fault = named(Label(), "fault")
        self.fault.setWordWrap(True)
        form = QFormLayout()
        for label, field in (
            ("Name", self.name),
            ("System prompt", self.system),
            ("Temperature", self.temperature),
            ("Top p", self.top_p),
            ("Thinking", self.think),
        ):
            form.addRow(label, field)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel)
        buttons.accepted.connect(self.accept_if_right)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.addLayout(form)
        column.addWidget(self.fault)
        column.addWidget(buttons)

    def preset(self) -> Preset:
        """What is written. Raises BadInput when it is no preset."""
        name = " ".join(self.name.text().split())
        if not name or name == "None":
            raise BadInput("A preset needs a name.")
        if name in self._taken:
            raise BadInput(f"There is a preset called “{name}” already.")
        think = self.think.text().strip()
        return Preset(
            name=name[:200],
            system=self.system.toPlainText().strip(),
            temperature=_parsed(self.temperature.text(), "Temperature", 0.0, 5.0),
            top_p=_parsed(self.top_p.text(), "Top p", 0.01, 1.0),
            think=tokens_of(thinking_control.parsed(think)) if think else None,
        )

    def accept_if_right(self) -> None:
        """Close with what is written, or say what is wrong with it."""
        try:
            self.preset()
        except BadInput as error:
            self.fault.setText(error.text)
            return
        self.accept()

    def _field(self, name: str, text: str, placeholder: str = "") -> QLineEdit:
        field = named(QLineEdit(text), name=name)
        field.setPlaceholderText(placeholder)
        return field


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _parsed(text: str, what: str, least: float, most: float) -> float | None:
    if not text.strip():
        return None
    try:
        value = float(text.strip().replace(",", "."))
    except ValueError:
        value = -1.0
    if not least <= value <= most:
        raise BadInput(f"{what} is a number from {least:g} to {most:g}, or empty for what the model's family advises.")
    return value
