"""Which budget is enough, a line for each model, with the button that makes it the one of new chats."""

from collections.abc import Mapping, Sequence
from functools import partial

import msgspec
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from app.desktop.widgets.buttons import RowButton
from app.desktop.widgets.cards import label
from app.desktop.widgets.layouts import in_column, in_row, take_out
from models import budgets
from models.evaluate import results
from models.evaluate.board import Series
from models.evaluate.scores import Point, percent

IN_USE = "In use"


class Enough(msgspec.Struct, frozen=True):
    """A line: what is said, of which model, and the budget."""

    title: str  # of the model, where there are several
    said: str
    model: str
    think: int | None
    in_use: bool


class EnoughRows(QWidget):
    """The lines; hidden while there is none.

    Signals:
        budget_chosen: the name of a model and the budget (int or None) that its new chats shall begin with.
    """

    budget_chosen = Signal(str, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lines: list[Enough] = []
        self._rows: list[QWidget] = []
        self._column = in_column(self, spacing=6)
        self.hide()

    def show_series(self, series: Sequence[Series], titles: Sequence[str], defaults: Mapping[str, int | None]) -> None:
        """Show the lines of curves; those that say the same keep their focus. defaults: budgets of new chats, by model."""
        several = len(series) > 1
        found = [_line(one, title if several else "", defaults) for one, title in zip(series, titles, strict=True)]
        lines = [line for line in found if line is not None]
        if lines == self._lines:
            return
        self._lines = lines
        for row in self._rows:
            take_out(self._column, row)
        self._rows = [self._row(line) for line in lines]
        for row in self._rows:
            self._column.addWidget(row)
        self.setVisible(bool(lines))

    def _row(self, line: Enough) -> QWidget:
        name = f"Use this budget for {line.title}" if line.title else "Use this budget"
        button = RowButton(IN_USE if line.in_use else "Use this budget", name)
        button.setEnabled(not line.in_use)
        button.setToolTip("New chats with this model begin with it, with or without an adapter")
        button.clicked.connect(partial(self._choose, line.model, line.think))
        row = QWidget()
        in_row(row, (label(line.said, "hint"), 1), button, spacing=10)
        return row

    def _choose(self, model: str, think: int | None, _checked: bool = False) -> None:
        self.budget_chosen.emit(model, think)


def _line(series: Series, title: str, defaults: Mapping[str, int | None]) -> Enough | None:
    """None where there are no budgets to choose from."""
    plain = series.points_of(1)
    enough = results.enough(plain)
    if enough is None or len(plain) < 2:
        return None
    model = series.contender.model
    best = max(plain, key=lambda point: point.accuracy)
    said = f"{title}: {_said(enough, best)}" if title else _said(enough, best)
    return Enough(title, said, model, enough.think, model in defaults and defaults[model] == enough.think)


def _said(enough: Point, best: Point) -> str:
    """Which budget is enough, and by what."""
    what = "No thinking" if enough.think == 0 else budgets.describe(enough.think).capitalize()
    verb = "is" if enough.think in (0, None) else "are"
    if enough == best:
        return f"{what} {verb} best, with {percent(best.accuracy)} %."
    near = f"{percent(enough.accuracy)} % is within the interval of the best, {percent(best.accuracy)} %"
    return f"{what} {verb} enough: {near}."
