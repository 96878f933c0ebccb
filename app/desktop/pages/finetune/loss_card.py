"""Loss of training and validation as it falls, with what is left of the run; below it learning rate or speed."""

from dataclasses import dataclass

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.desktop import fonts
from app.desktop.pages.finetune import words
from app.desktop.services.run_curves import RunCurves
from app.desktop.theme import colours, theme
from app.desktop.widgets.cards import PAD_PX, Card, label
from app.desktop.widgets.curve_chart import CurveChart, Line
from app.desktop.widgets.drawing import draw_text, smooth_painter
from app.desktop.widgets.layouts import in_row
from app.desktop.widgets.segments import Segments

LOSS_PX, SMALL_PX = 232, 104
TRAINING, VALIDATION = "training", "validation"
BESIDE = "beside: "  # before the names of the other run's curves
SMALL = {"rate": "Learning rate", "speed": "Tokens/s"}
COLUMNS = {"rate": 1, "speed": 2}
SAID = {"rate": words.rate, "speed": words.tokens_a_second}
UNITS = {"rate": "", "speed": " tok/s"}


@dataclass(frozen=True)
class Key:
    """A curve in the legend."""

    text: str
    ink: str
    faint: bool = False


class Legend(QWidget):
    """Dots with names and last values."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.keys: list[Key] = []
        theme.changed.connect(self.update)

    def show_keys(self, keys: list[Key]) -> None:
        if keys != self.keys:
            self.keys = keys
            self.updateGeometry()
            self.update()

    def sizeHint(self) -> QSize:
        metrics = QFontMetricsF(fonts.text(11))
        return QSize(round(sum(metrics.horizontalAdvance(key.text) + 27 for key in self.keys)), 18)

    def minimumSizeHint(self) -> QSize:
        return QSize(40, 18)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = smooth_painter(self)
        left, font = 4.0, fonts.text(11)
        for key in self.keys:
            ink = QColor(getattr(colours(), key.ink))
            ink.setAlphaF(0.55 if key.faint else 1.0)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(ink)
            painter.drawEllipse(QRectF(left, self.height() / 2 - 4, 8, 8))
            area = QRectF(left + 12, 0, max(0.0, self.width() - left - 12), self.height())
            left += draw_text(painter, area, key.text, font, ink.name(QColor.NameFormat.HexArgb)) + 27


class LossCard(Card):
    """The charts of a run, and of another one beside it, fainter."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Loss", parent)
        self._record = RunCurves()
        self._beside: tuple[str, RunCurves] | None = None
        self._best_words = ""
        self.legend = Legend()
        self.progress = label(wraps=False)
        self._progress_below = label(wraps=False)
        self.chart = CurveChart(
            "Loss chart",
            [
                Line(BESIDE + TRAINING, "accent", faint=True),
                Line(BESIDE + VALIDATION, "thinking", dots=True, faint=True),
                Line(TRAINING, "accent"),
                Line(VALIDATION, "thinking", dots=True),
            ],
            words.axis,
            LOSS_PX,
        )
        self.small = Segments("Second chart", SMALL)
        self.small.show_chosen("rate")
        self.small_value = label(wraps=False)
        self.small_charts: dict[str, CurveChart] = {}  # made when first shown: each takes some milliseconds
        self._lay_out()
        self.small.chosen.connect(lambda _key: self._show_small())

    def show_record(self, record: RunCurves, progress: str, over: bool) -> None:
        """Draw a run as it is now. progress: how far it is, in words; over: nothing more comes."""
        self._record = record
        self._best_words = "best, saved" if over else "best so far, saved"
        for where in (self.progress, self._progress_below):
            where.setText(progress)
        self._draw()

    def show_beside(self, name: str, record: RunCurves | None) -> None:
        """Draw another run's curves too, fainter; None for no other."""
        self._beside = (name, record) if record is not None else None
        self._draw()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The progress goes below the legend where it is narrow."""
        super().resizeEvent(event)
        self._place_progress()

    def _place_progress(self) -> None:
        parts = (self.title, self.legend, self.progress)
        narrow = sum(part.sizeHint().width() + self.head.spacing() for part in parts) + 2 * PAD_PX > self.width()
        self.progress.setVisible(not narrow)
        self._progress_below.setVisible(narrow)

    def _draw(self) -> None:
        record = self._record
        curves = {TRAINING: (record.training, 0), VALIDATION: (record.validation, 0)}
        keys = [
            Key(f"{TRAINING} {words.number(record.training.last())}", "accent"),
            Key(f"{VALIDATION} {words.number(record.validation.last())}", "thinking"),
        ]
        steps = record.steps
        if self._beside is not None:
            name, other = self._beside
            curves |= {BESIDE + TRAINING: (other.training, 0), BESIDE + VALIDATION: (other.validation, 0)}
            last = (words.number(curve.last()) for curve in (other.training, other.validation))
            keys.append(Key(f"{name} {' / '.join(last)}", "accent", True))
            steps = max(steps, other.step)
        self.legend.show_keys(keys)
        self._place_progress()
        best = record.best_step
        self.chart.show_curves(curves, steps, None if best is None else (best, self._best_words))
        self._show_small()

    def _show_small(self) -> None:
        chosen = self.small.current
        if chosen not in self.small_charts:
            title = SMALL[chosen]
            self.small_charts[chosen] = CurveChart(f"{title} chart", [Line(title, "muted")], SAID[chosen], SMALL_PX)
            self.body.addWidget(self.small_charts[chosen])
        for key, chart in self.small_charts.items():
            chart.setVisible(key == chosen)
        column = COLUMNS[chosen]
        self.small_charts[chosen].show_curves({SMALL[chosen]: (self._record.training, column)}, self._record.steps)
        last = self._record.training.last(column)
        self.small_value.setText("" if last is None else f"{SAID[chosen](last)}{UNITS[chosen]}")

    def _lay_out(self) -> None:
        self.head.addWidget(self.legend)
        self.head.addStretch(1)
        self.head.addWidget(self.progress)
        self.body.addWidget(self._progress_below)
        self.body.addWidget(self.chart)
        line = in_row(None, self.small, 1, self.small_value)
        self.body.addSpacing(4)
        self.body.addLayout(line)
        self._progress_below.hide()
        self._show_small()
