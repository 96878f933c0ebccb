"""A run as it trains, or as it ended: its curves, answers, recipe, traces, checkpoints and log.

Events come as they please; what is drawn is drawn at most ten times a second.
"""

from collections.abc import Sequence

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QWidget

from app.desktop.pages.finetune import words
from app.desktop.pages.finetune.before_after import BeforeAfter
from app.desktop.pages.finetune.checkpoints_card import CheckpointsCard
from app.desktop.pages.finetune.facts import SetFacts
from app.desktop.pages.finetune.log_fold import LogFold
from app.desktop.pages.finetune.loss_card import LossCard
from app.desktop.pages.finetune.status_card import StatusCard
from app.desktop.pages.finetune.traces_card import TracesCard
from app.desktop.services.run_curves import RunCurves
from app.desktop.services.run_tracker import RunTracker
from app.desktop.widgets.cards import Card, Rows, TwoColumns
from models.events import Event, Failed, Finetuned, Model, Note, Prepared, Progress, Sample
from models.finetune.runs import Saved
from models.machine.hardware import Machine
from models.trace_report import TraceSet

DRAW_MS = 100


class RunView(TwoColumns):
    """Shows one entry of the menu of runs.

    Signals:
        retry: let the run go on.
        chat: with the adapter that is ready.
        chat_checkpoint: a checkpoint's folder.
        evaluate: the adapter that is ready.
    """

    retry = Signal()
    chat = Signal()
    chat_checkpoint = Signal(str)
    evaluate = Signal()

    def __init__(self, run: RunTracker, machine: Machine, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._run = run
        self._machine = machine
        self._models: list[Model] = []
        self._set: TraceSet | None = None
        self._look: SetFacts | None = None
        self.draws = 0
        self.status = StatusCard()
        self.loss = LossCard()
        self.before_after = BeforeAfter()
        self.recipe = Rows()
        self.traces_card = TracesCard()
        self.checkpoints = CheckpointsCard()
        self.log = LogFold()
        self._timer = QTimer(self, singleShot=True, interval=DRAW_MS)
        self._timer.timeout.connect(self._draw_curves)
        recipe = Card("Recipe")
        recipe.body.addWidget(self.recipe)
        main: tuple[QWidget, ...] = (self.status, self.loss, self.before_after)
        for part in main:
            self.main.addWidget(part)
        for card in (recipe, self.traces_card, self.checkpoints):
            self.side.addWidget(card)
        self.main.addStretch(1)
        self.side.addStretch(1)
        self.below.addWidget(self.log)
        self.status.retry.connect(self.retry)
        self.status.chat.connect(self.chat)
        self.status.evaluate.connect(self.evaluate)
        self.checkpoints.chat.connect(self.chat_checkpoint)

    def show_run(self) -> None:
        """Show another run, or the same with what is known of it now."""
        self._timer.stop()
        self.show_status()
        self._draw_curves()
        self.before_after.show_record(self._run.curves)
        self._draw_recipe()
        self._draw_traces()

    def show_models(self, models: Sequence[Model]) -> None:
        """Take the library, which says whether the base is quantized."""
        self._models = list(models)
        self._draw_recipe()

    def show_traces(self, found: TraceSet | None, look: SetFacts | None) -> None:
        """Take the set that the run learns from, and its lengths."""
        self._set, self._look = found, look
        self._draw_traces()

    def show_saved(self, saved: Sequence[Saved]) -> None:
        """Take the checkpoints on the disk."""
        self.checkpoints.show_saved(saved)

    def show_job(self, state_changed: bool) -> None:
        """Show the same run with its job as it is now."""
        if state_changed:
            self.show_run()
        else:
            self.show_status()
            self._draw_soon()

    def show_status(self) -> None:
        """Say how the run stands."""
        entry = self._run.entry
        if entry is not None:
            self.status.show_entry(entry, self._run.curves, self._run.is_stopping)

    def show_event(self, event: Event) -> None:
        """Show what an event brought, its curves soon."""
        if isinstance(event, Prepared):
            self._draw_traces()
        if isinstance(event, Sample):
            self.before_after.show_record(self._run.curves)
        if isinstance(event, Prepared | Note | Failed | Finetuned):
            self.show_status()
        if not isinstance(event, Progress):
            self._draw_soon()

    def show_beside(self, name: str, record: RunCurves | None) -> None:
        """Draw another run's curves too; None for no other."""
        self.loss.show_beside(name, record)

    def close_view(self) -> None:
        self._timer.stop()

    def _draw_soon(self) -> None:
        if not self._timer.isActive():
            self._timer.start()

    def _draw_curves(self) -> None:
        entry, curves = self._run.entry, self._run.curves
        if entry is None:
            return
        self.draws += 1
        over = entry.state in ("done", "stopped", "failed")
        self.loss.show_record(curves, words.progress(entry, curves), over)
        self.log.show_lines(curves.log)
        self._draw_recipe()

    def _draw_recipe(self) -> None:
        entry = self._run.entry
        memory = ("Memory", words.memory(self._run.curves.peak_bytes, self._machine))
        if entry is None or entry.config is None:
            self.recipe.show_rows([memory])
            return
        base = entry.run.base if entry.run else ""
        self.recipe.show_rows([*words.recipe(entry.config, words.is_quantized(base, self._models)), memory])

    def _draw_traces(self) -> None:
        entry = self._run.entry
        if entry is not None:
            self.traces_card.show_run(entry.run, self._run.curves, entry.traces, self._set, self._look)
