"""What can be done with the model that is chosen in the library, and what its quantization cost."""

import sys
from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QWidget

from app.desktop.pages.models.library_list import provenance
from app.desktop.pages.models.quant_cards import QuantCards
from app.desktop.widgets.buttons import MenuButton, RowButton
from app.desktop.widgets.layouts import Gap, in_column, in_row
from app.desktop.widgets.named import named
from app.desktop.widgets.plain import Label, tip
from models import quantities
from models.events import Model

SHOW = "Show in Finder" if sys.platform == "darwin" else "Show in Files"
TIPS = {
    "Measure": "Measure its quant card on this machine",
    "Evaluate": "Ask it problems whose answers are known",
    "Repair": "Download what is missing",
    "Fuse": "Make one model of the adapter and its base",
    "Export": "Write both as a GGUF file, for other programs",
    "Share": "Write the adapter by itself, for transformers and vLLM",
}
TEXTS = {"Export": ("Export GGUF…", "GGUF…"), "Share": ("Export PEFT…", "PEFT…"), "Show": (SHOW, "Show")}
NARROW_PX = 580
BELOW = ("Share", "Show", "Delete")  # in a second line, where there is no room for one
NO_ORIGINAL = "There is no original to quantize from: it was imported quantized."


def source_of(model: Model, models: Sequence[Model]) -> Model | None:
    """What a model could be quantized from on this disk: itself when it is not quantized, else its original."""
    if model.kind == "original" or (model.kind == "model" and model.bits >= 16):
        return model if model.state == "ready" else None
    originals = (m for m in models if m.kind == "original" and m.state == "ready" and model.repo in (m.name, m.repo))
    return next(originals, None) if model.repo else None


class ModelPanel(QFrame):
    """A card below the list.

    Signals:
        chat, measure, evaluate, reveal, delete, repair: the name of the model; fuse, export, share: that of an adapter.
        quantize_asked: the name of the model; its menu opens below `quantize`.
    """

    chat = Signal(str)
    measure = Signal(str)
    evaluate = Signal(str)
    reveal = Signal(str)
    delete = Signal(str)
    repair = Signal(str)
    fuse = Signal(str)
    export = Signal(str)
    share = Signal(str)
    quantize_asked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self.model: Model | None = None
        self._title = named(Label(), "card_title")
        self._about = named(Label(), "small")
        self._problem = named(Label(), "fault")
        for label in (self._title, self._about, self._problem):
            label.setWordWrap(True)
        self.buttons = {
            "Chat": RowButton("Chat"),
            "Repair": RowButton("Repair"),
            "Quantize": MenuButton("Quantize ▾"),
            "Measure": RowButton("Measure"),
            "Evaluate": RowButton("Evaluate…"),
            "Fuse": RowButton("Fuse"),
            **{name: RowButton(long) for name, (long, _) in TEXTS.items()},
            "Delete": RowButton("Delete"),
        }
        self._rows = in_row(None, *self.buttons.values(), 1, spacing=8), in_row(None, 1, spacing=8)
        self.cards = QuantCards(framed=False)
        in_column(
            self,
            self._title,
            self._about,
            self._problem,
            Gap(4),
            *self._rows,
            self.cards,
            margins=(16, 12, 16, 12),
            spacing=4,
        )
        for name, signal in (
            ("Chat", self.chat), ("Repair", self.repair), ("Quantize", self.quantize_asked),
            ("Measure", self.measure), ("Evaluate", self.evaluate), ("Fuse", self.fuse), ("Export", self.export), ("Share", self.share),
            ("Show", self.reveal), ("Delete", self.delete),
        ):  # fmt: skip
            self.buttons[name].clicked.connect(lambda _=False, told=signal: self._tell(told))
        self.hide()

    def show_model(self, model: Model | None, models: Sequence[Model], in_use: str, busy: bool) -> None:
        """Show a model, or nothing. busy: a job about it is under way."""
        self.model = model
        self.setVisible(model is not None)
        if model is None:
            return
        ready = model.state == "ready"
        self._title.setText(model.title)
        facts = [
            provenance(model),
            f"{quantities.count(model.params)} weights" if model.params else "",
            f"{model.context_limit:,} tokens of context" if model.context_limit else "",
            model.licence,
        ]
        self._about.setText(" · ".join(fact for fact in facts if fact))
        self._problem.setText(model.problem)
        self._problem.setVisible(not ready)
        self._name_buttons(model)
        show = {
            "Chat": ready,
            "Repair": model.repairable and not ready,
            "Quantize": ready and model.kind != "adapter",
            "Measure": ready and model.kind != "adapter",
            "Evaluate": ready,
            "Fuse": ready and model.kind == "adapter",
            "Export": ready and model.kind == "adapter",
            "Share": ready and model.kind == "adapter",
            "Delete": model.name != "starter",
        }
        for name, shown in show.items():
            self.buttons[name].setVisible(shown)
        can = bool(source_of(model, models) or model.repo)
        self.buttons["Quantize"].setEnabled(can)
        self.buttons["Quantize"].setToolTip("" if can else tip(NO_ORIGINAL))
        for name in ("Measure", "Repair", "Fuse", "Export", "Share"):
            self.buttons[name].setEnabled(not busy)
            self.buttons[name].setToolTip(tip(TIPS[name]) if not busy else "A job about it is under way: see Activity")
        self.cards.show_model(model, models, in_use)

    def fit(self, width: int) -> None:
        """Say less on the buttons where there is no room for all, and put the last ones below; names and tips stay."""
        narrow = width < NARROW_PX
        for name, (long, short) in TEXTS.items():
            self.buttons[name].setText(short if narrow else long)
        first, second = self._rows
        for place, name in enumerate(BELOW):
            if narrow and first.indexOf(self.buttons[name]) >= 0:
                second.insertWidget(place, self.buttons[name])
            elif not narrow and second.indexOf(self.buttons[name]) >= 0:
                first.insertWidget(first.count() - 1, self.buttons[name])

    def _name_buttons(self, model: Model) -> None:
        named = {
            "Chat": "Chat with {}",
            "Repair": "Repair {}",
            "Quantize": "Quantize {}",
            "Measure": "Measure card of {}",
            "Evaluate": "Evaluate {}",
            "Fuse": "Fuse {}",
            "Export": "Export {}",
            "Share": "Export {} for PEFT",
            "Show": f"{SHOW}: {{}}",
            "Delete": "Delete {}",
        }
        for name, words in named.items():
            self.buttons[name].setAccessibleName(words.format(model.title))

    def _tell(self, signal: object) -> None:
        if self.model is not None:
            signal.emit(self.model.name)  # type: ignore[attr-defined]
