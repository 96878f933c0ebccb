"""Which is best: who leads and who is out while it runs, then the verdict, and "Use this one" for whoever may win."""

from collections.abc import Callable, Sequence
from functools import partial

import msgspec
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QLabel, QWidget

from app.desktop.pages.evaluate import words
from app.desktop.widgets.buttons import RowButton
from app.desktop.widgets.cards import Card, label
from app.desktop.widgets.layouts import take_out
from models import quantities
from models.evaluate.records import Contender, EvaluationCard, Race, Standing
from models.events import Model

TITLES = ("Candidate", "right", "between", "problems", "a problem", "memory", "to the best", "")
GOES_FIRST, GOES_THEN = (3, 5), (2, 6)  # columns, where it gets narrow
NARROW_PX, NARROWEST_PX = 820, 600
IN_USE = "In use"
Use = tuple[Contender, int | None]  # and its budget


class Line(msgspec.Struct, frozen=True):
    """A candidate as it is shown."""

    title: str
    cells: tuple[str, ...]
    out: bool
    use: Use | None  # None where it can't be used, or it is not decided
    in_use: bool


class RaceCard(Card):
    """A sentence and the standings, the best one first; hidden where no race is among what is shown.

    Signals:
        use_asked: a candidate for new chats: its contender, budget (int or None) and number of votes.
    """

    use_asked = Signal(object, object, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Which is best", parent)
        self.sentence = label(kind="plain")
        self.table: QWidget = QWidget()
        self.lines: list[Line] = []
        self._cells: list[tuple[int, QWidget]] = []  # with their columns
        self.body.addWidget(self.sentence)
        self.body.addWidget(self.table)
        self.hide()

    def show_race(
        self,
        card: EvaluationCard | None,
        race: Race | None,
        decided: bool,
        models: Sequence[Model],
        is_used: Callable[[Use], bool],
    ) -> None:
        """Show how a race stands. decided: it has ended; is_used: whether new chats begin with a candidate."""
        self.setVisible(race is not None)
        if card is None or race is None:
            return
        standings = words.named_standings(card, race.standings, models)
        self.sentence.setText(words.verdict(standings) if decided else words.so_far(standings))
        there = {model.name for model in models if model.state == "ready"}
        lines = []
        for one in standings:
            use = card.contenders[one.contender], one.think
            usable = decided and not one.dropped and {use[0].model, use[0].adapter or use[0].model} <= there
            title = f"{one.title} · out" if one.dropped else one.title
            lines.append(Line(title, _cells(one), one.dropped, use if usable else None, usable and is_used(use)))
        if lines != self.lines:
            self.lines = lines
            self._fill([one.votes for one in standings])

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._show_columns()

    def _fill(self, votes: Sequence[int]) -> None:
        take_out(self.body, self.table)
        self.table = QWidget()
        grid = QGridLayout(self.table)
        grid.setContentsMargins(0, 6, 0, 0)
        grid.setHorizontalSpacing(18)
        grid.setVerticalSpacing(6)
        grid.setColumnStretch(0, 1)
        self._cells = []
        rows = [TITLES, *((line.title, *line.cells) for line in self.lines)]
        kinds = ["column_title", *("hint" if line.out else "plain" for line in self.lines)]
        kinds[1] = "card_title"
        for row, (texts, kind) in enumerate(zip(rows, kinds, strict=True)):
            for column, text in enumerate(texts):
                cell = _cell(text, column, kind)
                grid.addWidget(cell, row, column)
                self._cells.append((column, cell))
        for row, line in enumerate(self.lines, 1):
            if line.use is not None:
                grid.addWidget(self._button(line, votes[row - 1], row == 1), row, len(TITLES) - 1)
        self.body.addWidget(self.table)
        self._show_columns()

    def _button(self, line: Line, votes: int, is_best: bool) -> RowButton:
        button = RowButton(IN_USE if line.in_use else "Use this one", f"Use {line.title}")
        button.strong = is_best and not line.in_use
        button.setEnabled(not line.in_use)
        button.setToolTip("New chats begin with this model, adapter and budget")
        assert line.use is not None, "there is no button otherwise"
        button.clicked.connect(partial(self._ask, *line.use, votes))
        return button

    def _ask(self, contender: Contender, think: int | None, votes: int, _checked: bool = False) -> None:
        self.use_asked.emit(contender, think, votes)

    def _show_columns(self) -> None:
        width = self.width()
        hidden = {
            *(GOES_FIRST if width < NARROW_PX else ()),
            *(GOES_THEN if width < NARROWEST_PX else ()),
        }
        for column, cell in self._cells:
            cell.setVisible(column not in hidden)


def _cell(text: str, column: int, kind: str) -> QLabel:
    cell = label(text, kind, wraps=column == 0)
    if column:
        cell.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    return cell


def _cells(one: Standing) -> tuple[str, ...]:
    low, high = one.interval
    behind = "" if one.difference is None else f"{100 * one.difference:+.1f} points".replace("-", "−")
    return (
        f"{100 * one.accuracy:.1f} %",
        f"{100 * low:.0f} and {100 * high:.0f}",
        f"{one.n:,}",
        quantities.seconds(one.seconds) if one.seconds else "—",
        quantities.memory(one.peak_bytes) if one.peak_bytes else "—",
        behind,
    )
