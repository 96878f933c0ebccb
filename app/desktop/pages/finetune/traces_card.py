"""The set of traces: how it is divided, how long its thinking is, and what was left out."""

import math
from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QColor, QPaintEvent
from PySide6.QtWidgets import QWidget

from app.desktop import fonts
from app.desktop.pages.finetune import words
from app.desktop.pages.finetune.facts import SetFacts
from app.desktop.services.run_curves import RunCurves
from app.desktop.theme import colours, theme
from app.desktop.widgets.cards import Card, label, say
from app.desktop.widgets.drawing import CENTRE, LEFT, RIGHT, draw_text, smooth_painter
from models.finetune.runs import Run
from models.trace_report import TraceSet

BARS, LEAST = 20, 16
BARS_PX, WORDS_PX = 86, 20


def bars(values: Sequence[int], count: int = BARS) -> tuple[list[int], int, int]:
    """Values in bins of equal ratio, and the ends of the whole: powers of two, the lower at least LEAST."""
    if not values:
        return [0] * count, LEAST, LEAST
    low = max(LEAST, 2 ** math.floor(math.log2(max(1, min(values)))))
    high = max(2 * low, 2 ** math.ceil(math.log2(max(values))))
    heights = [0] * count
    for value in values:
        place = math.log2(max(value, low) / low) / math.log2(high / low) * count
        heights[min(int(place), count - 1)] += 1
    return heights, low, high


def tokens(value: int) -> str:
    """A round number of tokens: 512, 8k."""
    return f"{value // 1024}k" if value >= 1024 and value % 1024 == 0 else f"{value:,}"


class LengthChart(QWidget):
    """Bars of how long the thinking of the traces is; its accessible description says so in numbers."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Thinking tokens a trace")
        self.setFixedHeight(BARS_PX + WORDS_PX)
        self._heights: list[int] = []
        self._low = self._high = LEAST
        self._what = "thinking tokens a trace"
        theme.changed.connect(self.update)

    def show_lengths(self, values: Sequence[int], what: str) -> None:
        """Show some lengths. what: tokens of what."""
        self._heights, self._low, self._high = bars(values)
        self._what = what
        middle = sorted(values)[len(values) // 2] if values else 0
        self.setAccessibleDescription(f"{what}: median {middle:,}, longest {max(values, default=0):,}")
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(240, BARS_PX + WORDS_PX)

    def paintEvent(self, event: QPaintEvent) -> None:
        c, small = colours(), fonts.text(11)
        painter = smooth_painter(self)
        painter.setPen(QColor(0, 0, 0, 0))
        painter.setBrush(QColor(c.edge))
        most, room = max(self._heights, default=0), self.width() / BARS
        for place, count in enumerate(self._heights):
            height = max(1.5, BARS_PX * count / most) if count else 0.0
            if height:
                painter.drawRoundedRect(
                    QRectF(place * room, BARS_PX - height, room - 3, height), min(2, height / 2), min(2, height / 2)
                )
        below = QRectF(0, BARS_PX + 3, self.width(), WORDS_PX - 3)
        draw_text(painter, below, tokens(self._low), small, c.muted, LEFT)
        draw_text(painter, below, self._what, small, c.muted, CENTRE)
        draw_text(painter, below, tokens(self._high), small, c.muted, RIGHT)


class TracesCard(Card):
    """Title, division, bars, and what was left out."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Traces", parent)
        self.division = label()
        self.chart = LengthChart()
        self.left_out = label(kind="warning")
        self.body.addWidget(self.division)
        self.body.addSpacing(4)
        self.body.addWidget(self.chart)
        self.body.addWidget(self.left_out)
        self.chart.hide()
        self.left_out.hide()

    def show_set(self, found: TraceSet | None, look: SetFacts | None) -> None:
        """Show a set before a run. look: its lengths, None while they are read."""
        self.title.setText(f"Traces: {found.name}" if found else "Traces")
        if found is None:
            self._show("Choose a set of traces to see what is in it.", "", None)
            return
        parts = [f"{found.traces - found.excluded:,} traces"]
        parts += [f"{found.problems:,} problems"] if found.problems else []
        parts += [f"{found.thinking:,} with thinking"] if found.thinking < found.traces else []
        self._show(" · ".join(parts), words.left_out_of_set(found, look.report if look else None), look)

    def show_run(
        self, run: Run | None, record: RunCurves, traces: str, found: TraceSet | None, look: SetFacts | None
    ) -> None:
        """Show what a run learns from. traces: the set's name, empty when it is not known."""
        self.title.setText(f"Traces: {traces}" if traces else "Traces")
        prepared = record.prepared
        if prepared is not None:
            out = prepared.too_long + prepared.empty + prepared.malformed + prepared.refused
            division = words.split(prepared.rows + prepared.valid_rows + out, prepared.rows, prepared.valid_rows)
        elif run is not None:
            division = words.split(run.examples + run.valid_examples, run.examples, run.valid_examples)
        else:
            division = "Being divided by problem"
        said = [words.left_out_of_run(prepared, run) if prepared and run else ""]
        said += [words.left_out_of_set(found, look.report if look else None)] if found else []
        self._show(division, "\n".join(filter(None, said)), look)

    def _show(self, division: str, left_out: str, look: SetFacts | None) -> None:
        self.division.setText(division)
        say(self.left_out, left_out)
        rows = look.lengths.rows if look else []
        thinking = [length.thinking for length in rows if length.thinking]
        self.chart.setVisible(bool(rows))
        if thinking:
            self.chart.show_lengths(thinking, "thinking tokens a trace")
        elif rows:
            self.chart.show_lengths([length.learned for length in rows], "answer tokens a trace")
