"""Accuracy against thinking: the chart, what it comes to in sentences, and the budget that is enough."""

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QWidget

from app.desktop.pages.evaluate import words
from app.desktop.pages.evaluate.chart import AccuracyChart, Line, Mark
from app.desktop.widgets.buttons import RowButton
from app.desktop.widgets.cards import Card, label, say
from app.desktop.widgets.layouts import in_column, in_row, take_out
from app.desktop.widgets.segments import Segments
from models import budgets
from models.evaluate import results
from models.evaluate.board import Board, Series
from models.evaluate.records import Paired
from models.evaluate.scores import Point, how_asked, percent
from models.events import Model

AXES = {"allowed": "Allowed", "used": "Used"}


class ChartCard(Card):
    """The chart with its switch, comparisons, and a line for each model with "Use this budget".

    Signals:
        budget_chosen: the name of a model and the budget (int or None) that its new chats shall begin with.
        axis_chosen: "allowed" or "used".
    """

    budget_chosen = Signal(str, object)
    axis_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Accuracy against thinking", parent)
        self.about = label(kind="small")
        self.axis = Segments("Thinking tokens shown", AXES)
        self.axis.show_chosen("allowed")
        self.chart = AccuracyChart()
        self.verdicts = label(kind="plain")
        self._lines: list[Line] = []
        self._enough: list[QWidget] = []
        self._board: Board | None = None
        self._models: Sequence[Model] = ()
        self._defaults: dict[str, int | None] = {}
        self.head.addStretch(1)
        self.head.addWidget(self.axis)
        self._foot = in_column(None, spacing=6)
        for part in (self.about, self.chart, self.verdicts):
            self.body.addWidget(part)
        self.body.setStretchFactor(self.chart, 1)
        self.body.addLayout(self._foot)
        self.axis.chosen.connect(self._switch)

    def show_board(self, board: Board, models: Sequence[Model], defaults: dict[str, int | None]) -> None:
        """Show what was measured. defaults: budgets that new chats with a model begin with, where one was chosen."""
        self._board, self._models, self._defaults = board, models, defaults
        short = words.short_names(self.titles(board, models))
        self._lines = [
            Line(
                _name(title, votes),
                ink,
                votes > 1,
                tuple(_mark(point, board.used(ink, point.think) * votes) for point in series.points_of(votes)),
            )
            for ink, (series, title) in enumerate(zip(board.series, short, strict=True))
            for votes in series.votes
        ]
        self._draw()
        several = len(board.series) > 1
        self.about.setText(
            f"{'the same problems' if several else 'the same model'}, a longer budget · bands: 95 % interval"
            f"{' · dashed: majority of votes' if any(line.dashed for line in self._lines) else ''}"
        )
        longest = [pair for pair in board.comparisons if pair.think == board.comparisons[-1].think]
        names = " against ".join(words.who(one, models) for one in board.compared)
        say(self.verdicts, "\n".join(f"{names}{_asked(pair)}: {_lower(pair.verdict)}" for pair in longest))
        self._show_enough(board, short)

    def show_axis(self, axis: str) -> None:
        """Choose what the points stand at, without telling."""
        self.axis.show_chosen(axis if axis in AXES else "allowed")
        self._draw()

    def image(self) -> QImage:
        """The chart as a picture."""
        return self.chart.image()

    @staticmethod
    def titles(board: Board, models: Sequence[Model]) -> list[str]:
        """What each curve is called."""
        plain = [words.who(series.contender, models) for series in board.series]
        return [
            f"{title} ({plain[: place + 1].count(title)})" if plain[:place].count(title) else title
            for place, title in enumerate(plain)
        ]

    def _switch(self, axis: str) -> None:
        self._draw()
        self.axis_chosen.emit(axis)

    def _draw(self) -> None:
        self.chart.show_lines(self._lines, self.axis.current == "used")

    def _show_enough(self, board: Board, titles: Sequence[str]) -> None:
        for part in self._enough:
            take_out(self._foot, part)
        self._enough = []
        for series, title in zip(board.series, titles, strict=True):
            row = self._enough_row(series, title, len(board.series) > 1)
            if row is not None:
                self._enough.append(row)
                self._foot.addWidget(row)

    def _enough_row(self, series: Series, title: str, several: bool) -> QWidget | None:
        """What budget is enough; None where there is nothing to choose from."""
        plain = series.points_of(1)
        enough = results.enough(plain)
        if enough is None or len(plain) < 2:
            return None
        best = max(plain, key=lambda point: point.accuracy)
        line = label(_enough_said(enough, best, f"{title}: " if several else ""), "hint")
        model = series.contender.model
        is_default = self._defaults.get(model, -1) == enough.think
        button = RowButton(
            "In use" if is_default else "Use this budget",
            f"Use this budget for {title}" if several else "Use this budget",
        )
        button.setEnabled(not is_default)
        button.setToolTip("New chats with this model begin with it, with or without an adapter")
        button.clicked.connect(partial(self._choose, model, enough.think))
        row = QWidget()
        in_row(row, (line, 1), button, spacing=10)
        return row

    def _choose(self, model: str, think: int | None, _checked: bool = False) -> None:
        self.budget_chosen.emit(model, think)


def _enough_said(enough: Point, best: Point, whose: str) -> str:
    """Which budget is enough, and by what."""
    what = "No thinking" if enough.think == 0 else budgets.describe(enough.think).capitalize()
    verb = "is" if enough.think in (0, None) else "are"
    if enough == best:
        return f"{whose}{what} {verb} best, with {percent(best.accuracy)} %; no shorter budget comes near."
    near = f"{percent(enough.accuracy)} % is within the interval of the best, {percent(best.accuracy)} %"
    return f"{whose}{what} {verb} enough: {near}."


def _asked(pair: Paired) -> str:
    return f", {how_asked(pair.think, pair.votes)}"


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


def _name(title: str, votes: int) -> str:
    return f"{title}, {votes} votes" if votes > 1 else title


def _mark(point: Point, used: float) -> Mark:
    low, high = point.interval
    return Mark(point.think, used, point.accuracy, low, high, words.point_said(point, used))
