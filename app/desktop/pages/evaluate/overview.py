"""The results of evaluations of the same problems: how it goes, the chart, where it fails, and the table of scores."""

from PySide6.QtWidgets import QWidget

from app.desktop.pages.evaluate.chart_card import ChartCard
from app.desktop.pages.evaluate.fails_card import FailsCard
from app.desktop.pages.evaluate.scores_table import ScoresTable
from app.desktop.pages.evaluate.status_card import StatusCard
from app.desktop.widgets.cards import Card, TwoColumns, label


class Overview(TwoColumns):
    """Cards in two columns, the table below."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, level=True)
        self.status = StatusCard()
        self.chart = ChartCard()
        self.fails = FailsCard()
        self.scores = ScoresTable()
        self.notes = label(kind="small")
        table = Card("Scores")
        table.title.hide()
        table.body.setContentsMargins(8, 0, 8, 4)
        table.body.addWidget(self.scores)
        self.above.addWidget(self.status)
        self.main.addWidget(self.chart)
        self.side.addWidget(self.fails)
        self.below.addWidget(table)
        self.below.addWidget(self.notes)

    def show_columns(self, there: bool) -> None:
        """Show chart and problems, once there is something to show."""
        self.chart.setVisible(there)
        self.fails.setVisible(there)
