"""How long the traces are: a bar for each bin of the histogram, its upper bound below."""

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPaintEvent
from PySide6.QtWidgets import QWidget

from app.desktop import fonts
from app.desktop.theme import colours, theme
from app.desktop.widgets.drawing import CENTRE, draw_text, smooth_painter
from models.trace_report import Histogram

BARS_PX, COUNT_PX, BOUND_PX = 84, 15, 17


def bins(histogram: Histogram) -> list[tuple[str, int]]:
    """The bins from the first to the last that holds something, each with what is below it in words."""
    filled = [place for place, count in enumerate(histogram.counts) if count]
    if not filled:
        return []
    bounds = [*(_short(edge) for edge in histogram.edges), "more"]
    return [(bounds[place], histogram.counts[place]) for place in range(filled[0], filled[-1] + 1)]


class LengthChart(QWidget):
    """Bars; the accessible description says them in numbers."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Tokens a trace")
        self.setFixedHeight(COUNT_PX + BARS_PX + BOUND_PX)
        self._bins: list[tuple[str, int]] = []
        theme.changed.connect(self.update)

    def show_histogram(self, histogram: Histogram) -> None:
        self._bins = bins(histogram)
        said = "; ".join(f"{'more' if bound == 'more' else f'below {bound}'}: {count:,}" for bound, count in self._bins)
        self.setAccessibleDescription(said)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(240, self.height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """The bars, how many traces each stands for, and below how many tokens those are."""
        if not self._bins:
            return
        c, small = colours(), fonts.text(10)
        painter = smooth_painter(self)
        most = max(count for _, count in self._bins)
        room = min(self.width() / len(self._bins), 58.0)
        floor = COUNT_PX + BARS_PX
        for place, (bound, count) in enumerate(self._bins):
            left = place * room
            height = max(2.0, BARS_PX * count / most) if count else 0.0
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(c.thinking))
            painter.setOpacity(0.55)
            painter.drawRoundedRect(
                QRectF(left, floor - height, room - 4, height), min(3, height / 2), min(3, height / 2)
            )
            painter.setOpacity(1)
            if count:
                above = QRectF(left - 2, floor - height - COUNT_PX, room, COUNT_PX)
                draw_text(painter, above, f"{count:,}", small, c.muted, CENTRE)
            draw_text(painter, QRectF(left - 2, floor + 2, room, BOUND_PX), f"< {bound}" if bound != "more" else "more",
                      small, c.muted, CENTRE)  # fmt: skip


def _short(edge: int) -> str:
    return f"{edge // 1024}k" if edge >= 1024 and edge % 1024 == 0 else f"{edge:,}"
