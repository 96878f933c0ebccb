"""A run as it has been told so far: curves in growing buffers, answers, checkpoints, notes.

Takes the events of metrics.jsonl and those that arrive live alike. What was told before and is told again, as after a
resume from an earlier checkpoint, takes the place of the old.
"""

from collections.abc import Iterable

import numpy as np

from app.desktop.services.curve import Curve
from models.events import Checkpoint, Done, Event, Failed, Finetuned, Note, Prepared, Sample, Step, Validation


class RunCurves:
    """Everything that is shown of a run. training: loss, learning rate, tokens a second; samples: of each held-out
    prompt, by step; log: sentences."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self.training = Curve(3)
        self.validation = Curve(1)
        self.samples: dict[str, dict[int, Sample]] = {}
        self.best_step: int | None = None
        self.prepared: Prepared | None = None
        self.finetuned: Finetuned | None = None
        self.last: Step | None = None
        self.log: list[str] = []
        for event in events:
            self.take(event)

    def take(self, event: Event | Finetuned) -> None:
        match event:
            case Step():
                self.training.put(event.step, event.loss, event.learning_rate, event.tokens_per_s)
                self.last = event
            case Validation():
                self.validation.put(event.step, event.loss)
            case Sample():
                self.samples.setdefault(event.prompt, {})[event.step] = event
            case Checkpoint():
                self.best_step = event.step if event.best else self.best_step
                self._note(f"Checkpoint of step {event.step:,} saved{', the best so far' if event.best else ''}.")
            case Prepared():
                self._prepare(event)
            case Note():
                self._note(event.text)
            case Failed():
                self._note(f"{event.text} {event.hint}".strip())
            case Done(result=Finetuned() as result):
                self.take(result)
            case Finetuned():
                self.finetuned = event
                self._note(f"Trained for {event.steps:,} steps on {event.tokens:,} tokens.")

    @property
    def step(self) -> int:
        """The last step that was taken."""
        return self.last.step if self.last else 0

    @property
    def steps(self) -> int:
        """Steps in all; 0 while not known."""
        return self.last.steps if self.last else self.prepared.steps if self.prepared else 0

    @property
    def peak_bytes(self) -> int:
        """Memory at its peak, measured; 0 while not known."""
        return max(self.last.peak_bytes if self.last else 0, self.prepared.peak_bytes if self.prepared else 0)

    @property
    def seconds_left(self) -> float | None:
        """Time of the steps to come, as quick as the median of the last ones; None while not known."""
        if self.last is None or self.training.count < 3 or self.step >= self.steps:
            return None
        seconds = self.seconds_a_step
        return None if seconds is None else seconds * (self.steps - self.step)

    @property
    def seconds_a_step(self) -> float | None:
        """Median of the last steps: trained tokens of the run so far, a step, over their rate."""
        rates = self.training.values(2)[-20:]
        rate = float(np.median(rates)) if len(rates) else 0.0
        return self.last.tokens / self.last.step / rate if self.last is not None and rate > 0 else None

    def sampled_steps(self, prompt: str) -> list[int]:
        """Steps at which a prompt was answered, ascending."""
        return sorted(self.samples.get(prompt, ()))

    def _prepare(self, event: Prepared) -> None:
        self.prepared = event
        self.training.forget(event.first_step + 1)
        self.validation.forget(event.first_step + 1)
        self._note(
            f"{event.parameters:,} weights are trained on {event.trained_tokens:,} tokens a pass; the longest batch took"
            f" {event.peak_bytes / 2**30:.1f} GB of {event.ceiling_bytes / 2**30:.1f} GB"
            f"{', blocks computed again to save memory' if event.gradient_checkpointing else ''}."
            f" Rows are {'packed' if event.packed else 'padded'}, {100 * event.useful_share:.0f} % of the tokens are of use."
        )

    def _note(self, text: str) -> None:
        if text and text not in self.log[-3:]:
            self.log.append(text)
