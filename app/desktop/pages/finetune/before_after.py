"""Before and after: a held-out prompt as the model answered it before any training, and at a checkpoint."""

from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QFrame, QWidget

from app.desktop.pages.finetune import words
from app.desktop.services.run_curves import RunCurves
from app.desktop.widgets.cards import Card, label
from app.desktop.widgets.layouts import in_column, in_row
from app.desktop.widgets.picker import Picker, PickerItem
from app.desktop.widgets.plain import tip
from app.desktop.widgets.readable import ReadableText
from models.events import Sample

NARROW_PX, PROMPT_CHARS = 520, 60
NEWEST = "newest"
NOTHING = "No answers yet: held-out prompts are answered before the first step and at each checkpoint."


class Answer(QFrame):
    """One answer: at which step, what it thought, what it said."""

    def __init__(self, name: str, tone: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("answer")
        self.setProperty("tone", tone)
        self.when = label(kind="small" if tone == "plain" else "violet")
        self.thinking = ReadableText(f"{name}: thinking")
        self.thinking.setObjectName("thought")
        self.answer = ReadableText(f"{name}: answer")
        in_column(self, self.when, self.thinking, self.answer, 1, margins=(12, 9, 12, 11), spacing=5)

    def show_sample(self, sample: Sample | None) -> None:
        """Show an answer; None while there is none."""
        self.when.setText(f"step {sample.step:,} · {words.sampled(sample)}" if sample else "not yet")
        self.thinking.setPlainText(sample.thinking.strip() if sample else "")
        self.thinking.setVisible(bool(sample and sample.thinking.strip()))
        self.answer.setPlainText(sample.answer.strip() or "(no answer within its tokens)" if sample else "")


class BeforeAfter(Card):
    """Two answers beside each other, and which prompt and checkpoint they are of."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Before and after", parent)
        self._record = RunCurves()
        self._steps: list[int] = []
        self.explained = label("the same held-out prompt at each checkpoint", wraps=False)
        self.prompt = Picker("Prompt", "No prompts yet")
        self.checkpoint = Picker("Answered at", "No checkpoint yet")
        self.checkpoint.setMaximumWidth(170)
        self.before = Answer("Before", "plain")
        self.after = Answer("After", "thinking")
        self.nothing = label(NOTHING, "hint")
        self._choosers = QWidget()
        in_row(self._choosers, (self.prompt, 1), (self.checkpoint, 1), margins=(0, 2, 0, 2), spacing=10)
        self._sides = QWidget()
        self._row = QBoxLayout(QBoxLayout.Direction.LeftToRight, self._sides)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(14)
        self._row.addWidget(self.before, 1)
        self._row.addWidget(self.after, 1)
        self.head.addWidget(self.explained)
        self.head.addStretch(1)
        for part in (self._choosers, self._sides, self.nothing):
            self.body.addWidget(part)
        self.checkpoint.choose(NEWEST)
        self.prompt.chosen.connect(lambda _key: self._show())
        self.checkpoint.chosen.connect(lambda _key: self._show())

    def show_record(self, record: RunCurves) -> None:
        """Show a run's answers; the choice of prompt and checkpoint stays where it can."""
        self._record = record
        self._show()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        narrow = self.width() < NARROW_PX
        self._row.setDirection(QBoxLayout.Direction.TopToBottom if narrow else QBoxLayout.Direction.LeftToRight)
        self.explained.setVisible(not narrow)

    def _show(self) -> None:
        prompts = list(self._record.samples)
        self.prompt.set_choices([PickerItem(prompt, _short(prompt)) for prompt in prompts])
        if not self.prompt.current and prompts:
            self.prompt.choose(prompts[0])
        self.prompt.setToolTip(tip(self.prompt.current))
        steps = [step for step in self._record.sampled_steps(self.prompt.current) if step > 0]
        newest = PickerItem(NEWEST, "Newest", f"step {steps[-1]:,}" if steps else "")
        self.checkpoint.set_choices([newest, *(PickerItem(str(step), f"Step {step:,}") for step in reversed(steps))])
        if not self.checkpoint.current:
            self.checkpoint.choose(NEWEST)
        answers = self._record.samples.get(self.prompt.current, {})
        wanted = steps[-1] if self.checkpoint.current == NEWEST and steps else None
        if self.checkpoint.current not in (NEWEST, ""):
            wanted = int(self.checkpoint.current)
        self.before.show_sample(answers.get(0))
        self.after.show_sample(answers.get(wanted) if wanted is not None else None)
        for part in (self._choosers, self._sides):
            part.setVisible(bool(prompts))
        self.nothing.setVisible(not prompts)


def _short(prompt: str) -> str:
    line = " ".join(prompt.split())
    return line if len(line) <= PROMPT_CHARS else f"{line[:PROMPT_CHARS]}…"
