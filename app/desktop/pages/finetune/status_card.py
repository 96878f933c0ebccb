"""What a run does before its first step, why it stands still, or what has come of it; hidden while it simply trains."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QWidget

from app.desktop.pages.finetune import words
from app.desktop.services.run_curves import RunCurves
from app.desktop.services.run_entries import RunEntry
from app.desktop.theme import restyle
from app.desktop.widgets.buttons import RowButton
from app.desktop.widgets.cards import ShareBar, label, say
from app.desktop.widgets.layouts import in_column, in_row
from models import stages
from models.jobs.kinds.finetune import Finetune


class StatusCard(QFrame):
    """A sentence, a second one fainter, and one thing that can be done.

    Signals:
        retry: let the run go on.
        chat: with the adapter that is ready.
        evaluate: the adapter that is ready, against its base.
    """

    retry = Signal()
    chat = Signal()
    evaluate = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("status")
        self.setAccessibleName("Run status")
        self.setProperty("tone", "plain")
        self.text = label(kind="card_title")
        self.more = label(kind="hint")
        self.bar = ShareBar()
        self.button = RowButton("Chat")
        self.button.strong = True
        self.button.clicked.connect(self._press)
        self.evaluate_button = RowButton("Evaluate…")
        self.evaluate_button.setToolTip("Ask it the problems that the run held out, against its base")
        self.evaluate_button.clicked.connect(self.evaluate)
        texts = in_column(None, self.text, self.more, self.bar, spacing=4)
        in_row(self, (texts, 1), self.evaluate_button, self.button, margins=(16, 12, 16, 12), spacing=16)
        self.hide()

    def show_entry(self, entry: RunEntry, record: RunCurves, stopping: bool) -> None:
        """Say how a run stands. stopping: it was told to stop and keep what it learned."""
        job, tone, action = entry.job, "plain", ""
        share: float | None = None
        at = f" at step {record.step:,}{f' of {record.steps:,}' if record.steps else ''}" if record.step else ""
        text = more = ""
        if stopping:
            text, more = "Stopping after this step", "What it has learned goes into the library."
        elif entry.state in ("waiting", "preparing"):
            text = words.preparing(entry, record)
            if job is not None and job.state == "running":
                more = job.note
                share = job.done / job.total if stages.of(job.stage).base and job.total else None
        elif entry.state == "paused":
            text = Finetune.stopping if job is not None and job.stopping else f"Paused{at}"
            more = "It goes on from there, also after a restart."
        elif entry.state == "failed" and job is not None:
            text, more, tone, action = job.error or "The run failed.", job.hint, "bad", "Try again"
        elif entry.state == "done":
            named = entry.adapter and (entry.run is None or entry.run.published or job is not None)
            text = f"Adapter {entry.adapter} is ready" if named else "All steps are taken"
            more, action = _result(record), "Chat" if named else ""
            tone = "good"
        elif entry.state == "stopped":
            text = f"Stopped{at}"
            more = (
                "It can go on from there; its checkpoints can be chatted with." if at else "It can be taken up again."
            )
        self._show(text, more, tone, action, share, entry)

    def _show(self, text: str, more: str, tone: str, action: str, share: float | None, entry: RunEntry) -> None:
        self.text.setText(text)
        say(self.more, more)
        self.bar.show_share(share)
        self.button.set_caption(action)
        self.button.strong = tone != "bad"
        self.button.setAccessibleName(f"Chat with {entry.adapter}" if action == "Chat" else action)
        self.button.setVisible(bool(action))
        self.evaluate_button.setVisible(action == "Chat")
        self.evaluate_button.setAccessibleName(f"Evaluate {entry.adapter}")
        self.setAccessibleDescription(f"{text} {more}".strip())
        if self.property("tone") != tone:
            self.setProperty("tone", tone)
            restyle(self)
        self.setVisible(bool(text))

    def _press(self) -> None:
        (self.chat if self.button.text() == "Chat" else self.retry).emit()


def _result(record: RunCurves) -> str:
    loss, best = record.validation, record.best_step
    at = loss.at(best) if best is not None else None
    first = float(loss.values()[0]) if loss.count else None
    if at is None or first is None or best is None:
        return ""
    return f"Validation loss {words.number(first)} before, {words.number(at[1])} at step {best:,}, the best."
