"""How an evaluation under way goes, or why it stands still, and what can be done about it; hidden once it is done."""

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QFrame, QWidget

from app.desktop.pages.evaluate import words
from app.desktop.pages.evaluate.listing import Entry
from app.desktop.pages.evaluate.shown import SoFar
from app.desktop.theme import restyle
from app.desktop.widgets import job_words
from app.desktop.widgets.buttons import RowButton
from app.desktop.widgets.cards import ShareBar, label, say
from app.desktop.widgets.layouts import in_column, in_row
from models.events import Model
from models.jobs.kinds.evaluate import Evaluate

NARROW_PX = 560
SHOWN = 4  # accuracies so far


class StatusCard(QFrame):
    """Title, bar, how far it is, how accurate so far, and its buttons.

    Signals:
        pause, resume, cancel: of the evaluation that is shown.
        stop_here: it is known well enough; cancel, and keep what is there.
    """

    pause = Signal()
    resume = Signal()
    cancel = Signal()
    stop_here = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("status")
        self.setAccessibleName("Evaluation status")
        self.setProperty("tone", "plain")
        self.text = label(kind="card_title")
        self.more = label(kind="hint")
        self.so_far = label(kind="plain")
        self.enough = label(kind="hint")
        self.bar = ShareBar()
        self.pause_button = RowButton("Pause", "Pause evaluation")
        self.resume_button = RowButton("Resume", "Resume evaluation")
        self.cancel_button = RowButton("Cancel", "Cancel evaluation")
        self.cancel_button.setToolTip("Stop it for good; the replies that are there stay")
        self.stop_button = RowButton("Stop here")
        self.stop_button.strong = True
        self.resume_button.strong = True
        texts = in_column(None, self.text, self.bar, self.more, self.so_far, self.enough, spacing=5)
        buttons = (self.stop_button, self.pause_button, self.resume_button, self.cancel_button)
        row = in_row(None, *buttons, spacing=8)
        self._box = in_row(self, (texts, 1), row, margins=(16, 12, 16, 12), spacing=16)
        for button, signal in zip(buttons, (self.stop_here, self.pause, self.resume, self.cancel), strict=True):
            button.clicked.connect(signal)
        self.hide()

    def show_entry(self, entry: Entry | None, found: SoFar, enough: float, models: Sequence[Model]) -> None:
        """Say how an evaluation stands. found: accuracies so far; enough: points to which each of them is known, which
        was asked for, or 0."""
        state = entry.state if entry is not None else "done"
        if entry is None or state == "done":
            self.hide()
            return
        job, tone = entry.job, "plain"
        share = _share(entry)
        at = f" at {entry.evaluation.done:,} of {entry.evaluation.total:,} replies" if entry.evaluation else ""
        text, more = words.title(entry, models), ""
        if job is not None and job.stopping:
            more = Evaluate.stopping
        elif state == "waiting":
            text, more = f"{text} waits", "It begins when the job before it is done."
        elif state == "running" and job is not None:
            text = (
                f"{'Finding' if entry.is_race else 'Evaluating'} {text}"
                if job.doing == Evaluate.kind()
                else job_words.pill(job).capitalize()
            )
            more = words.progress(job)
        elif state == "paused":
            text, more = f"Paused{at}", "It goes on from there, also after a restart. No problem is asked twice."
        elif state == "failed" and job is not None:
            text, more, tone = job.error or "The evaluation failed.", job.hint, "bad"
        else:
            text, more = f"Stopped{at}", "What is below rests on these. It can go on from there."
        known = state == "running" and enough > 0
        self.text.setText(text)
        say(self.more, more)
        say(self.so_far, _so_far(entry, found, models) if state in ("running", "paused") and not entry.is_race else "")
        say(self.enough, f"Enough to know: each accuracy is known to ± {enough:g} points." if known else "")
        self.bar.show_share(share, "faint" if state == "paused" else "accent")
        self.stop_button.setVisible(known)
        self.pause_button.setVisible(state in ("running", "waiting"))
        self.resume_button.setVisible(entry.can_go_on)
        self.cancel_button.setVisible(state in ("running", "waiting", "paused", "failed"))
        self.cancel_button.set_caption("Dismiss" if state == "failed" else "Cancel")
        self.setAccessibleDescription(" ".join(part for part in (text, more, self.enough.text()) if part))
        if self.property("tone") != tone:
            self.setProperty("tone", tone)
            restyle(self)
        self.show()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        narrow = self.width() < NARROW_PX
        self._box.setDirection(QBoxLayout.Direction.TopToBottom if narrow else QBoxLayout.Direction.LeftToRight)


def _share(entry: Entry) -> float | None:
    """How much of it is done; None while nothing is."""
    job, kept = entry.job, entry.evaluation
    if job is not None and job.unit == "replies" and job.total:
        return job.done / job.total
    return kept.done / kept.total if kept is not None and kept.done else None


def _so_far(entry: Entry, found: SoFar, models: Sequence[Model]) -> str:
    """The accuracies so far, by budget; a line for each contender."""
    numbers = sorted({number for number, _ in found})
    return "\n".join(_line(entry, number, found, models) for number in numbers)


def _line(entry: Entry, number: int, found: SoFar, models: Sequence[Model]) -> str:
    mine = sorted(
        ((think, value) for (one, think), value in found.items() if one == number),
        key=lambda one: (one[0] is None, one[0] or 0),
    )
    said = [
        f"{words.budget(think)} {100 * accuracy:.0f} % ({100 * low:.0f} to {100 * high:.0f})"
        for think, (accuracy, (low, high)) in mine[-SHOWN:]
    ]
    several = len(entry.contenders) > 1
    return f"{f'{words.who(entry.contenders[number], models)} so' if several else 'So'} far: {' · '.join(said)}"
