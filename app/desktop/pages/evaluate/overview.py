"""The results of evaluations of the same problems: how it goes, the chart, where it fails, and the table of scores."""

from PySide6.QtWidgets import QWidget

from app.desktop.pages.evaluate.chart_card import ChartCard
from app.desktop.pages.evaluate.fails_card import FailsCard
from app.desktop.pages.evaluate.race_card import RaceCard
from app.desktop.pages.evaluate.scores import ScoreTable
from app.desktop.pages.evaluate.scores_table import ScoresTable
from app.desktop.pages.evaluate.status_card import StatusCard
from app.desktop.widgets.cards import Card, TwoColumns, label


class Overview(TwoColumns):
    """Cards in two columns, the table below."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, level=True)
        self.status = StatusCard()
        self.race = RaceCard()
        self.chart = ChartCard()
        self.fails = FailsCard()
        self.scores = ScoresTable()
        self.notes = label(kind="small")
        table = Card("Measured and published")
        table.title.hide()
        table.body.setContentsMargins(8, 0, 8, 4)
        table.body.addWidget(self.scores)
        self._table = table
        self.above.addWidget(self.status)
        self.above.addWidget(self.race)
        self.main.addWidget(self.chart)
        self.side.addWidget(self.fails)
        self.below.addWidget(table)
        self.below.addWidget(self.notes)

    def show_scores(self, table: ScoreTable) -> None:
        """Show the table, once something was measured."""
        self.scores.show_table(table)
        self._table.setVisible(any(row.here for row in table.rows))

    def show_columns(self, there: bool) -> None:
        """Show chart and problems, once there is something to show."""
        self.chart.setVisible(there)
        self.fails.setVisible(there)
        if not there:
            self.race.hide()
