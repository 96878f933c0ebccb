"""What the run will take, before it starts: time, memory against what is there, and what is left out."""

from PySide6.QtWidgets import QWidget

from app.desktop.pages.finetune import words
from app.desktop.pages.finetune.facts import SetFacts
from app.desktop.widgets.cards import Card, Rows, ShareBar, label, say
from models import quantities
from models.events import Model
from models.finetune import estimate
from models.finetune.estimate import Memory, Plan
from models.finetune_config import FinetuneConfig
from models.machine.hardware import Machine

INKS = {"fits": "ok", "tight": "warn", "too_big": "bad"}


class Outlook(Card):
    """The estimate. plan, memory: what it says now, None while not known."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Before it starts", parent)
        self.plan: Plan | None = None
        self.memory: Memory | None = None
        self.rows = Rows()
        self.bar = ShareBar()
        self.fit = label()
        self.left_out = label(kind="warning")
        for part in (self.rows, self.bar, self.fit, self.left_out):
            self.body.addWidget(part)
        self.body.insertSpacing(2, 6)

    def show_estimate(
        self, base: Model | None, look: SetFacts | None, config: FinetuneConfig, held_out: float, machine: Machine
    ) -> None:
        """Say what a run would take. look: None while nothing is chosen or it is being read."""
        known = look is not None and look.traces and base is not None
        self.plan = estimate.plan(look.lengths, config, held_out) if look is not None and look.traces else None
        self.memory = None
        if known and look is not None and look.shape is not None and self.plan is not None and self.plan.rows:
            recipe = base.recipe if base is not None and words.is_quantized(base.name, [base]) else ""
            self.memory = estimate.memory(look.shape, recipe, config, self.plan.longest, machine)
        rows = [
            ("Time", self._time(look, config)),
            ("Steps", self._steps(config)),
            ("Memory", f"about {quantities.memory(self.memory.needed_bytes)}" if self.memory else "—"),
        ]
        inks = {"Memory": INKS[self.memory.state]} if self.memory else {}
        self.rows.show_rows(rows, inks)
        self._show_fit(machine)
        self._show_left_out(config)

    def _time(self, look: SetFacts | None, config: FinetuneConfig) -> str:
        if look is None or self.plan is None or not self.plan.tokens:
            return "—"
        speed = look.speeds.get(config.method)
        if speed is None:
            return "not known: the first run on this model measures it"
        seconds = self.plan.tokens / speed.tokens_per_s
        return f"about {duration(seconds)} of training, as quick as run {speed.number}"

    def _steps(self, config: FinetuneConfig) -> str:
        plan = self.plan
        if plan is None or not plan.rows:
            return "—"
        passes = f"{plan.steps * config.batch_rows / plan.rows:.1f}".removesuffix(".0")
        return f"{plan.steps:,}, {passes} pass{'' if passes == '1' else 'es'} over {plan.rows:,} traces"

    def _show_fit(self, machine: Machine) -> None:
        memory = self.memory
        self.fit.setVisible(memory is not None)
        if memory is None:
            self.bar.show_share(None)
            return
        self.bar.show_share(memory.needed_bytes / max(1, memory.room_bytes), INKS[memory.state])
        room = quantities.memory(memory.room_bytes)
        said = {
            "fits": f"Fits: {room} of {quantities.memory(machine.memory_bytes)} may be used.",
            "tight": f"Tight: {room} may be used, and another program may need some.",
            "too_big": f"Does not fit: {room} may be used. Allow shorter traces, or take a smaller base.",
        }[memory.state]
        self.fit.setText(f"{said} Blocks are computed again to save memory." if memory.checkpointing else said)

    def _show_left_out(self, config: FinetuneConfig) -> None:
        plan = self.plan
        parts = []
        if plan is not None and plan.too_long:
            parts.append(f"about {plan.too_long:,} longer than {config.max_tokens:,} tokens")
        if plan is not None and plan.empty:
            parts.append(f"{plan.empty:,} without a problem or an answer")
        say(self.left_out, f"Left out, never cut: {', '.join(parts)}." if parts else "")


def duration(seconds: float) -> str:
    """A time that is only about right: "25 min", "3 h 10 min"."""
    if seconds < 90:
        return quantities.seconds(max(1, round(seconds)))
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, rest = divmod(minutes if minutes < 600 else 60 * round(minutes / 60), 60)
    return f"{hours} h {rest} min" if rest else f"{hours} h"
