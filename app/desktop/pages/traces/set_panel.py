"""The panel at the right while nothing is chosen: what the set holds, how long its traces are, and what was left out."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QWidget

from app.desktop.pages.traces import words
from app.desktop.pages.traces.cards import MARGIN_PX, scrolled
from app.desktop.pages.traces.chart import LengthChart
from app.desktop.pages.traces.reasons import Reasons
from app.desktop.widgets.cards import label, say
from app.desktop.widgets.layouts import in_column
from models.trace_report import Added, Histogram, TraceSet


class SetPanel(QWidget):
    """A set in short.

    Signals:
        reason_chosen: a Reason whose rows should be shown.
    """

    reason_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title = label("", "panel_title")
        self._contents = label("", "small")
        self._checked = label("", "small")
        self.chart = LengthChart()
        self._lengths = label("", "small")
        self._left_out = label("", "card_title")
        self._which = label("", "small")
        self.reasons = Reasons()
        self.reasons.chosen.connect(self.reason_chosen)
        self._notes = label("", "warning")
        self._sources = label("", "small")
        self._sources.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        parts: list[QWidget] = [
            self._contents, self._checked, self.chart, self._lengths, self._left_out, self._which, self.reasons,
            self._notes, self._sources,
        ]  # fmt: skip
        self._title.setContentsMargins(MARGIN_PX, 0, MARGIN_PX, 0)
        in_column(self, self._title, (scrolled([*parts, 1], "About the set"), 1), margins=(0, 18, 0, 0), spacing=10)
        self.show_lengths(None)

    def show_set(self, record: TraceSet, report: Added | None) -> None:
        """Show a set; its lengths follow by show_lengths."""
        self._title.setText(record.name)
        say(self._contents, words.contents(record))
        say(self._checked, words.checked(record))
        counts = report.counts if report else {}
        self.reasons.show_counts(counts, report.left_out if report else ())
        out = sum(counts.values())
        say(self._left_out, f"Left out · {out:,}" if out else "")
        say(self._which, f"Of {words.counted(report.rows, 'row')} that were added last." if out and report else "")
        say(self._notes, "\n".join(words.notes(report)) if report else "")
        say(self._sources, "\n".join(filter(None, (words.sources(record), words.size(record.size_bytes)))))

    def show_lengths(self, histogram: Histogram | None) -> None:
        """Show how long the traces are; None while that is not known."""
        there = histogram is not None and histogram.total > 0
        self.chart.setVisible(there)
        self._lengths.setVisible(there)
        if histogram is not None and there:
            self.chart.show_histogram(histogram)
            self._lengths.setText(
                f"Tokens of thinking and answer: median {histogram.median:,}, longest {histogram.longest:,}, "
                f"{histogram.total:,} in all. Where the teacher did not count, 3.2 characters are taken for a token."
            )

    @property
    def text(self) -> str:
        """Everything it says, for tests."""
        parts = (self._title, self._contents, self._checked, self._lengths, self._left_out, self._notes, self._sources)
        return "\n".join(part.text() for part in parts if not part.isHidden())
