"""The form of a new run: base, traces, name, a preset, every number under Advanced, and what it will take."""

from collections.abc import Sequence

import msgspec
from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QSizePolicy, QWidget

from app.desktop.pages.finetune.advanced import Advanced
from app.desktop.pages.finetune.facts import SetFacts
from app.desktop.pages.finetune.outlook import Outlook
from app.desktop.pages.finetune.traces_card import TracesCard
from app.desktop.services import run_entries
from app.desktop.widgets.buttons import RowButton
from app.desktop.widgets.cards import Card, TwoColumns, label, say
from app.desktop.widgets.fold import Fold
from app.desktop.widgets.layouts import in_column, in_row
from app.desktop.widgets.model_picker import bits_said
from app.desktop.widgets.picker import Picker, PickerItem
from app.desktop.widgets.segments import Segments
from models import quantities
from models.errors import BadInput
from models.events import Model
from models.finetune import names, presets
from models.finetune_config import check
from models.jobs.kinds.finetune import Finetune
from models.machine.hardware import Machine
from models.trace_report import TraceSet
from models.traces.split import HELD_OUT

WAIT_MS = 120  # while one types
LEARNED = {
    "last": "It learns the thinking and the answer of each trace, not the prompt or the earlier turns of a conversation.",
    "every": "It learns the thinking and the answer of every reply of a conversation, not the prompts.",
}


class SetupForm(TwoColumns):
    """Everything a run needs to be told.

    Signals:
        start_requested: what to train (Finetune), and what the run is called.
        looked_for: base (events.Model or None) and set ("" for none) are others now: their lengths are wanted.
        chosen: the name of a base and of a preset, to be remembered.
    """

    start_requested = Signal(object, str)
    looked_for = Signal(str, object)
    chosen = Signal(str, str)

    def __init__(self, machine: Machine, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._machine = machine
        self._models: list[Model] = []
        self._sets: list[TraceSet] = []
        self._coming: list[str] = []  # adapters that runs are making
        self._look: SetFacts | None = None
        self._read = False
        self._named = False  # the name was typed by hand
        self._config, self._held_out = presets.preset(presets.DEFAULT).config, HELD_OUT
        self._wrong = ""  # what stands in a field and can't be used
        self.base = Picker("Base model", "No model is there yet")
        self.traces = Picker("Trace set", "No traces are there yet")
        self.name = QLineEdit()
        self.name.setAccessibleName("Adapter name")
        self.name.setPlaceholderText("What it is called in chat")
        self.presets = Segments("Preset", {preset.id: preset.title for preset in presets.PRESETS})
        self.sentence = label(kind="hint")
        self.learned = label(kind="hint")
        self.advanced = Advanced()
        self.fold = Fold("Advanced", self.advanced)
        self.outlook = Outlook()
        self.card = TracesCard()
        self.start = RowButton("Start fine-tuning")
        self.start.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.start.setFixedHeight(34)
        self.missing = label(kind="hint")
        self._timer = QTimer(self, singleShot=True, interval=WAIT_MS)
        self._lay_out()
        self._connect()
        self._show_settings()
        self._refresh()

    def show_listing(self, models: Sequence[Model], sets: Sequence[TraceSet]) -> None:
        """Take what is on this disk."""
        self._read = True
        self._models, self._sets = list(models), list(sets)
        before = (self.base.current, self.traces.current)
        bases = [model for model in models if model.kind != "adapter"]
        self.base.set_choices([_base_choice(model) for model in bases])
        self.traces.set_choices([_set_choice(found) for found in sets])
        for picker in (self.base, self.traces):
            if not picker.current:
                picker.choose(picker.first())
        if not self._named:
            self._suggest()
        if before != (self.base.current, self.traces.current) or self._look is None:
            self._look_again()
        self._refresh()

    def show_coming(self, adapters: Sequence[str]) -> None:
        """Take the names of adapters that runs are making."""
        if self._coming != list(adapters):
            self._coming = list(adapters)
            if not self._named:
                self._suggest()
            self._refresh()

    def show_look(self, look: SetFacts) -> None:
        """Take the lengths of a set, unless another was chosen meanwhile."""
        if (look.traces, look.base) == (self.traces.current, self.base.current):
            self._look = look
            self._refresh()

    def choose_base(self, name: str) -> None:
        """Choose a base model, if it is there."""
        if name != self.base.current and self.base.choose(name):
            self._look_again()

    def choose_traces(self, name: str) -> None:
        """Choose a set of traces, if it is there."""
        if name != self.traces.current and self.traces.choose(name):
            self._take_traces()

    def choose_preset(self, name: str) -> None:
        """Put a preset's numbers in force; the seed and the share held out stay."""
        if name in self.presets.parts:
            self._config = msgspec.structs.replace(presets.preset(name).config, seed=self._config.seed)
            self._wrong = ""
            self._show_settings()
            self._refresh()

    def look_again(self) -> None:
        """Ask for lengths and speeds anew: a run has ended."""
        self._look_again()

    @property
    def problem(self) -> str:
        """Why it can't start, as a sentence; empty when it can."""
        if not self._read:
            return "Reading models and traces …"
        if self._base() is None:
            return "A base model is needed: get one on the Models page."
        if not self.traces.current:
            return "Traces are needed: import some on the Traces page."
        taken = [model.name for model in self._models if model.kind == "adapter"]
        return names.problem(self.name.text().strip(), taken, self._coming) or self._wrong or self._nothing_to_learn()

    def _nothing_to_learn(self) -> str:
        plan = self.outlook.plan
        if plan is None or plan.rows:
            return ""
        return f"No trace of {self.traces.current} is short enough: allow longer ones under Advanced."

    # what is done

    def _start(self) -> None:
        base = self._base()
        if self.problem or base is None:
            return
        request = Finetune(
            model=base.name,
            traces=self.traces.current,
            name=self.name.text().strip(),
            config=self._config,
            held_out=self._held_out,
        )
        title = run_entries.titled(run_entries.base_title(base.name, self._models), self.traces.current)
        self.start_requested.emit(request, title)
        self._named = False

    def _take_base(self, name: str) -> None:
        self.chosen.emit(name, self.presets.current)
        self._look_again()

    def _take_traces(self, _name: str = "") -> None:
        if not self._named:
            self._suggest()
        self._look_again()

    def _take_name(self, text: str) -> None:
        self._named = bool(text.strip())
        self._refresh()

    def _take_preset(self, name: str) -> None:
        self.choose_preset(name)
        self.chosen.emit(self.base.current, name)

    def _take_numbers(self) -> None:
        try:
            self._config, self._held_out = self.advanced.values()
            check(self._config)
            self._wrong = ""
        except BadInput as error:
            self._wrong = error.text
        self._show_preset()
        self._refresh()

    def _suggest(self) -> None:
        taken = [model.name for model in self._models if model.kind == "adapter"]
        self.name.setText(names.suggest(self.traces.current, [*taken, *self._coming]))

    def _look_again(self) -> None:
        self._look = None
        self.looked_for.emit(self.traces.current, self._base())
        self._refresh()

    # what is shown

    def _refresh(self) -> None:
        self.outlook.show_estimate(self._base(), self._look, self._config, self._held_out, self._machine)
        found = next((found for found in self._sets if found.name == self.traces.current), None)
        self.card.show_set(found, self._look)
        problem = self.problem
        self.start.setEnabled(not problem)
        self.start.setAccessibleDescription(problem)
        say(self.missing, problem)
        self.start.strong = not problem
        self.start.update()

    def _show_settings(self) -> None:
        self.advanced.show_values(self._config, self._held_out)
        self._show_preset()

    def _show_preset(self) -> None:
        preset = None if self._wrong else presets.preset_of(self._config)
        self.presets.show_chosen(preset.id if preset else "")
        self.sentence.setText(preset.sentence if preset else "Numbers of your own.")
        self.learned.setText(LEARNED[self._config.replies])

    def _base(self) -> Model | None:
        return next((model for model in self._models if model.name == self.base.current), None)

    def _connect(self) -> None:
        self.base.chosen.connect(self._take_base)
        self.traces.chosen.connect(self._take_traces)
        self.name.textEdited.connect(self._take_name)
        self.presets.chosen.connect(self._take_preset)
        self.advanced.changed.connect(self._timer.start)
        self._timer.timeout.connect(self._take_numbers)
        self.start.clicked.connect(self._press)

    def _press(self) -> None:
        if self._timer.isActive():  # what was just typed counts
            self._timer.stop()
            self._take_numbers()
        self._start()

    def _lay_out(self) -> None:
        form = Card("New run")
        form.body.setSpacing(10)
        for title, control in (("Base model", self.base), ("Traces", self.traces), ("Adapter name", self.name)):
            form.body.addLayout(_line(title, control))
        form.body.addLayout(_line("Preset", self.presets, stretch=False))
        form.body.addLayout(_line("", self.sentence))
        form.body.addLayout(_line("", self.learned))
        more = Card("Advanced")
        more.title.hide()
        more.head.addWidget(self.fold)
        more.head.addStretch(1)
        more.body.addWidget(self.advanced)
        more.body.setContentsMargins(16, 8, 16, 10)
        self.main.addWidget(form)
        self.main.addWidget(more)
        self.main.addStretch(1)
        start = in_column(None, self.start, self.missing, spacing=7)
        self.side.addWidget(self.outlook)
        self.side.addLayout(start)
        self.side.addWidget(self.card)
        self.side.addStretch(1)


def _base_choice(model: Model) -> PickerItem:
    detail = " · ".join(part for part in (bits_said(model), quantities.size(model.size_bytes)) if part)
    return PickerItem(model.name, model.title, detail, model.problem if model.state == "broken" else "")


def _set_choice(found: TraceSet) -> PickerItem:
    left = found.traces - found.excluded
    return PickerItem(found.name, found.name, f"{left:,} traces", "" if left else "no traces")


def _line(title: str, control: QWidget, stretch: bool = True) -> QHBoxLayout:
    name = label(title, "plain", wraps=False)
    name.setFixedWidth(104)
    return in_row(None, name, *([(control, 1)] if stretch else [control, 1]), spacing=12)
