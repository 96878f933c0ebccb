"""Where it fails: problem by problem, whose answers are beside each other, and which problems are shown."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from app.desktop.pages.evaluate import words
from app.desktop.pages.evaluate.fails_table import Column, FailRow, FailsModel, FailsTable
from app.desktop.widgets.cards import Card, label
from app.desktop.widgets.layouts import in_row
from app.desktop.widgets.picker import Picker, PickerItem
from models import budgets
from models.evaluate.board import Board

LONGEST, MOST_COLUMNS, MOST_BUDGETS = "longest", 3, 4
ALL, CUT, WRONG, ONLY = "all", "cut", "wrong", "only-"


class FailsCard(Card):
    """The table under two pickers.

    Signals:
        opened: the place of a row that is to be read, and of the column; -1 for none.
    """

    opened = Signal(int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Where it fails", parent)
        self.about = label("click a row to read the trace", "small", wraps=False)
        self.beside = Picker("Answers beside each other", "")
        self.filter = Picker("Problems shown", "")
        self.model = FailsModel()
        self.table = FailsTable(self.model)
        self.nothing = label("No problem is like that.", "hint")
        self._board: Board | None = None
        self._titles: Sequence[str] = ()
        self._rows: list[FailRow] = []
        self.head.addStretch(1)
        self.head.addWidget(self.about)
        self.body.addLayout(in_row(None, (self.beside, 1), (self.filter, 1), spacing=8))
        self.body.addWidget(self.table, 1)
        self.body.addWidget(self.nothing)
        self.filter.choose(ALL)
        self.beside.chosen.connect(lambda _key: self._fill())
        self.filter.chosen.connect(lambda _key: self._show())
        self.table.opened.connect(self.opened)

    @property
    def rows(self) -> Sequence[FailRow]:
        """Those that are shown."""
        return self.model.rows

    @property
    def columns(self) -> Sequence[Column]:
        return self.model.columns

    def show_board(self, board: Board, titles: Sequence[str]) -> None:
        """Show what came of each problem; choices stay where they can. titles: of the curves."""
        self._board, self._titles = board, titles
        self.beside.set_choices(_besides(board, titles))
        if not self.beside.current:
            self.beside.choose(self.beside.first())
        self._fill()

    def _fill(self) -> None:
        board = self._board
        if board is None:
            return
        columns = _columns(board, self._titles, self.beside.current)
        self._rows = [
            FailRow(
                problem.id,
                words.line_of(problem.problem),
                tuple(board.attempt(column.key, problem.id) for column in columns),
            )
            for problem in board.task.problems
        ]
        self._rows = [row for row in self._rows if any(row.attempts)] or self._rows
        self.filter.set_choices(self._filters(columns))
        if not self.filter.current:
            self.filter.choose(ALL)
        self._show(columns)

    def _show(self, columns: Sequence[Column] | None = None) -> None:
        suits = _suits(self.filter.current)
        rows = [row for row in self._rows if suits(row)]
        columns = self.model.columns if columns is None else columns
        if (list(columns), rows) != (list(self.model.columns), list(self.model.rows)):
            chosen, scrolled = self.table.currentIndex().row(), self.table.verticalScrollBar().value()
            self.model.show_rows(columns, rows)
            if 0 <= chosen < len(rows):
                self.table.setCurrentIndex(self.model.index(chosen, 0))
            self.table.verticalScrollBar().setValue(scrolled)
        self.nothing.setVisible(not rows)

    def _filters(self, columns: Sequence[Column]) -> list[PickerItem]:
        def item(key: str, title: str) -> PickerItem:
            count = sum(map(_suits(key), self._rows))
            return PickerItem(key, title, f"{count:,}")

        only = [item(f"{ONLY}{place}", f"Only {column.title} right") for place, column in enumerate(columns)]
        return [
            item(ALL, "All problems"),
            *(only if len(columns) > 1 else []),
            item(WRONG, "All wrong" if len(columns) > 1 else "Wrong"),
            item(CUT, "Cut"),
        ]


def _suits(key: str) -> Callable[[FailRow], bool]:
    """Whether a row suits a filter."""

    def only(row: FailRow) -> bool:
        place = int(key.removeprefix(ONLY))
        if place >= len(row.attempts):
            return False
        shares = [attempt.share if attempt else 0.0 for attempt in row.attempts]
        return all(shares[place] > share for other, share in enumerate(shares) if other != place)

    if key.startswith(ONLY):
        return only
    if key == CUT:
        return lambda row: any(attempt is not None and attempt.cut for attempt in row.attempts)
    if key == WRONG:
        return lambda row: any(row.attempts) and all(attempt is None or not attempt.share for attempt in row.attempts)
    return lambda row: True


def _besides(board: Board, titles: Sequence[str]) -> list[PickerItem]:
    """What can stand beside each other: all curves at a budget, or all budgets of one."""
    found = board.budgets()
    at = [PickerItem(LONGEST, "Longest budget")] if len(found) > 1 else []
    at += [
        PickerItem(f"at-{place}", "Without thinking" if think == 0 else budgets.describe(think).capitalize())
        for place, think in enumerate(found)
    ]
    own = [
        PickerItem(f"of-{place}", "Its budgets" if len(titles) == 1 else f"Budgets of {title}")
        for place, title in enumerate(titles)
    ]
    if len(found) < 2:
        return at
    return [*own, *at] if len(titles) == 1 else [*at, *own]


def _columns(board: Board, titles: Sequence[str], beside: str) -> list[Column]:
    how, _, place = beside.partition("-")
    found = board.budgets()
    if not found:
        return []
    if how == "of":
        number = int(place)
        keys = [key for key in board.attempts if key[0] == number and key[2] == 1]
        keys.sort(key=lambda key: (key[1] is None, key[1] or 0))
        return [
            Column(key, words.budget(key[1]), f"{titles[number]}, {words.budget(key[1])}")
            for key in keys[-MOST_BUDGETS:]
        ]
    keys = []
    for number in range(len(board.series)):
        mine = [key for key in board.attempts if key[0] == number]
        wanted = found[int(place)] if how == "at" and int(place) < len(found) else _longest(mine)
        keys += sorted((key for key in mine if key[1] == wanted), key=lambda key: key[2])
    if len(keys) > MOST_COLUMNS:
        keys = [key for key in keys if key[2] == 1]
    keys = keys[:MOST_COLUMNS]
    short = words.short_names([titles[key[0]] for key in keys if key[2] == 1])
    if len(keys) == 1:
        return [Column(keys[0], "result", f"{titles[keys[0][0]]}, {words.budget(keys[0][1])}")]
    by_curve = dict(zip([key[0] for key in keys if key[2] == 1], short, strict=True))
    return [_column(key, by_curve.get(key[0], titles[key[0]]), titles[key[0]]) for key in keys]


def _longest(keys: Sequence[tuple[int, int | None, int]]) -> int | None:
    budgets_ = sorted((key[1] for key in keys), key=lambda think: (think is None, think or 0))
    return budgets_[-1] if budgets_ else None


def _column(key: tuple[int, int | None, int], short: str, title: str) -> Column:
    votes = f" ×{key[2]}" if key[2] > 1 else ""
    said = f"{title}, {words.budget(key[1])}" + (f", majority of {key[2]}" if key[2] > 1 else "")
    return Column(key, f"{short}{votes}", said)
