"""Accuracy against thinking: the chart, what it comes to in sentences, and the budgets that are enough."""

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Signal
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QWidget

from app.desktop.pages.evaluate import words
from app.desktop.pages.evaluate.chart import AccuracyChart, Line, Mark
from app.desktop.pages.evaluate.enough_rows import EnoughRows
from app.desktop.widgets.cards import Card, label, say
from app.desktop.widgets.segments import Segments
from models.evaluate.board import Board
from models.evaluate.scores import how_asked
from models.events import Model

AXES = {"allowed": "Allowed", "used": "Used"}


class ChartCard(Card):
    """The chart with its switch, comparisons, and a line for each model with "Use this budget".

    Signals:
        axis_chosen: "allowed" or "used".
    """

    axis_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Accuracy against thinking", parent)
        self.about = label(kind="small")
        self.axis = Segments("Thinking tokens shown", AXES)
        self.axis.show_chosen("allowed")
        self.chart = AccuracyChart()
        self.verdicts = label(kind="plain")
        self.enough = EnoughRows()
        self._lines: list[Line] = []
        self.head.addStretch(1)
        self.head.addWidget(self.axis)
        for part in (self.about, self.chart, self.verdicts, self.enough):
            self.body.addWidget(part)
        self.body.setStretchFactor(self.chart, 1)
        self.axis.chosen.connect(self._switch)

    def show_board(
        self, board: Board, titles: Sequence[str], models: Sequence[Model], defaults: Mapping[str, int | None]
    ) -> None:
        """Show what was measured. titles: of the curves; defaults: budgets that new chats begin with, by model."""
        short = words.short_names(titles)
        self._lines = [
            Line(
                _name(title, votes, len(short) > 1),
                ink,
                votes > 1,
                tuple(_marks(board, ink, votes)),
            )
            for ink, title in enumerate(short)
            for votes in board.series[ink].votes
        ]
        self._draw()
        same = "the same problems" if len(titles) > 1 else "the same model"
        votes = " · dashed: majority of votes" if any(line.dashed for line in self._lines) else ""
        self.about.setText(f"{same}, a longer budget · bands: 95 % interval{votes}")
        say(self.verdicts, "\n".join(_verdicts(board, models)))
        self.enough.show_series(board.series, short, defaults)

    def show_axis(self, axis: str) -> None:
        """Choose what the points stand at, without telling."""
        self.axis.show_chosen(axis if axis in AXES else "allowed")
        self._draw()

    def image(self) -> QImage:
        """The chart as a picture."""
        return self.chart.image()

    def _switch(self, axis: str) -> None:
        self._draw()
        self.axis_chosen.emit(axis)

    def _draw(self) -> None:
        self.chart.show_lines(self._lines, self.axis.current == "used")


def _name(title: str, votes: int, several: bool) -> str:
    if votes == 1:
        return title
    return f"{title}, {votes} votes" if several else f"{votes} votes"


def _marks(board: Board, number: int, votes: int) -> list[Mark]:
    """The points of a curve."""
    marks = []
    for point in board.series[number].points_of(votes):
        used = board.used(number, point.think) * votes
        low, high = point.interval
        marks.append(Mark(point.think, used, point.accuracy, low, high, words.point_said(point, used)))
    return marks


def _verdicts(board: Board, models: Sequence[Model]) -> list[str]:
    """What the comparison at the longest budget says, of each number of votes."""
    who = " against ".join(words.who(one, models) for one in board.compared)
    longest = [pair for pair in board.comparisons if pair.think == board.comparisons[-1].think]
    said = ((how_asked(pair.think, pair.votes), pair.verdict) for pair in longest)
    return [f"{who}, {asked}: {verdict[:1].lower()}{verdict[1:]}" for asked, verdict in said]
