"""What was left out, by reason: how many rows, the first of their lines, and a way to all of them."""

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Signal
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from app.desktop import fonts
from app.desktop.pages.traces import words
from app.desktop.theme import colours, theme
from app.desktop.widgets.buttons import RowButton
from app.desktop.widgets.drawing import LEFT, RIGHT, draw_line, draw_round, draw_text, frame_of, smooth_painter
from app.desktop.widgets.layouts import in_column, take_out
from app.desktop.widgets.plain import tip
from models.trace_report import REASON_WORDS, REASONS, LeftOut, Reason

HEAD_PX, LINE_PX = 31, 18
LINES = 3  # of a reason that are shown at once


class ReasonRow(RowButton):
    """One reason: pressed, the table shows its rows. Its accessible name is the reason, its description the count."""

    def __init__(self, reason: Reason, count: int, lines: Sequence[LeftOut], parent: QWidget | None = None) -> None:
        super().__init__(REASON_WORDS[reason].cause, parent=parent)
        self.reason = reason
        self.setAccessibleDescription(f"{words.counted(count, 'row')}; {'; '.join(_said(line) for line in lines)}")
        self.setToolTip(tip(words.ADVICE[reason]))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._count, self._lines = count, lines
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(240, HEAD_PX + LINE_PX * len(self._lines) + (7 if self._lines else 0))

    def minimumSizeHint(self) -> QSize:
        return QSize(120, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        c = colours()
        painter = smooth_painter(self)
        if self.underMouse() or self.hasFocus():
            area = frame_of(self).adjusted(0, 0, 0, -1)
            draw_round(painter, area, 6, c.sunken, c.accent if self.hasFocus() else None)
        ink = {"ok": c.ok, "warn": c.warn, "bad": c.bad}[words.tone(self.reason)]
        head = QRectF(8, 0, self.width() - 16, HEAD_PX)
        draw_text(painter, head.adjusted(0, 0, -60, 0), self.text(), fonts.text(), ink, LEFT)
        draw_text(painter, head, f"{self._count:,}", fonts.text(), c.text, RIGHT)
        for place, line in enumerate(self._lines):
            area = QRectF(8, HEAD_PX - 3 + place * LINE_PX, self.width() - 16, LINE_PX)
            draw_text(painter, area, _said(line), fonts.text(11), c.muted, LEFT)
        draw_line(painter, 0, self.width(), self.height())


class Reasons(QWidget):
    """The reasons of a report, those of most rows first.

    Signals:
        chosen: a Reason whose rows should be shown.
    """

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Left out")
        self._column = in_column(self)
        self.rows: list[ReasonRow] = []

    def show_counts(self, counts: dict[Reason, int], left_out: Sequence[LeftOut]) -> None:
        """Show other reasons. left_out: the rows, of which the first of each reason are named."""
        for row in self.rows:
            take_out(self._column, row)
        order = sorted(counts, key=lambda reason: (-counts[reason], REASONS.index(reason)))
        self.rows = [ReasonRow(reason, counts[reason], _first(left_out, reason)) for reason in order]
        for row in self.rows:
            row.clicked.connect(self._press)
            self._column.addWidget(row)
        self.setVisible(bool(self.rows))

    def _press(self) -> None:
        row = self.sender()
        assert isinstance(row, QAbstractButton)
        self.chosen.emit(next(found.reason for found in self.rows if found is row))


def _first(left_out: Sequence[LeftOut], reason: Reason) -> list[LeftOut]:
    found = (left for left in left_out if left.reason == reason)
    return [left for left, _ in zip(found, range(LINES), strict=False)]


def _said(left: LeftOut) -> str:
    return f"line {left.line:,}: {left.text}"
