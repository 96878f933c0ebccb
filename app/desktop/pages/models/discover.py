"""Discover: jobs under way, the catalog, what the Hub's search found, and what quantization cost here."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal, SignalInstance
from PySide6.QtWidgets import QFrame, QScrollArea, QWidget

from app.desktop.pages.models import offers
from app.desktop.pages.models.downloads import Downloads, repo_of
from app.desktop.pages.models.get_row import GetRow, HubRow, OfferRow
from app.desktop.pages.models.get_state import state_of
from app.desktop.pages.models.hub_results import HubResults, pasted_repo
from app.desktop.pages.models.offer_table import OfferTable
from app.desktop.pages.models.places import THIS_MACHINE
from app.desktop.pages.models.quant_cards import QuantCards
from app.desktop.services.engine_signals import EngineLike
from app.desktop.services.job_queue import JobQueue
from app.desktop.widgets import job_words
from app.desktop.widgets.buttons import RowButton
from app.desktop.widgets.cards import label
from app.desktop.widgets.job_card import JobStack
from app.desktop.widgets.layouts import in_column, in_row, take_out
from app.desktop.widgets.named import named
from app.desktop.widgets.scrolling import set_plain, show_in_middle
from models.events import Model
from models.jobs.queue import Job
from models.library import fit
from models.library.catalog import Offer
from models.machine.hardware import Machine

MARGIN_PX, GAP_PX, COLUMN_PX = 22, 14, 1180


class Discover(QScrollArea):
    """One column of cards.

    Signals:
        chat_requested: the name of a model.
    """

    chat_requested = Signal(str)

    def __init__(
        self,
        jobs: JobQueue,
        getting: Downloads,
        engine: EngineLike,
        arrived: SignalInstance,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._jobs: list[Job] = []
        self._models: list[Model] = []
        self._in_use = ""
        self._chosen = ""
        self._getting = getting
        self._offers: list[Offer] = []
        self.stack = JobStack(jobs)
        self.table = OfferTable()
        self.results = HubResults(engine, arrived)
        self.cards = QuantCards()
        self.pasted: HubRow | None = None
        self._pasted_card = named(QFrame(), "card")
        self._query = ""
        self._reading = label("Reading the catalog …", "hint", wraps=False)
        self._lay_out()
        self.stack.chat_requested.connect(self.chat_requested)
        self.table.chat_requested.connect(self.chat_requested)
        self.table.chosen.connect(self._choose)
        self.results.row_added.connect(self._connect_row)

    def show_offers(self, found: list[Offer], tags: dict[str, str], machine: Machine) -> None:
        """Show the catalog for a machine."""
        self._reading.hide()
        self._offers = found
        self._getting.room_bytes = fit.room_bytes(machine)
        self._getting.known = {offer.entry.repo.lower(): offer for offer in found}
        self.table.show_offers(found, tags, machine, self._getting.connect_offer)
        self.look_for(self._query)  # what was typed before the catalog was read
        self._refresh()

    def show_models(self, models: list[Model], in_use: str) -> None:
        self._models, self._in_use = models, in_use
        self._refresh()

    def show_jobs(self, jobs: Sequence[Job]) -> None:
        self._jobs = list(jobs)
        self.stack.show_jobs([job for job in jobs if not job_words.is_over(job)])
        self._refresh_states()

    def look_for(self, query: str) -> None:
        """Filter the catalog, and offer a repository that is named."""
        self._query = query
        repo = pasted_repo(query)
        known = {offer.entry.repo.lower() for offer in self._offers}
        self.table.filter(repo if repo.lower() in known else query)
        self._offer_pasted("" if repo.lower() in known else repo)
        # below a repository that is offered, "nothing found" would say the opposite
        self.table.setVisible(bool(self.table.rows) and (self.table.hits > 0 or self.pasted is None))
        if not query:
            self.results.clear()

    def search(self, query: str) -> None:
        """Ask the Hub, unless a repository is named."""
        if not pasted_repo(query):
            self.results.search(query)
        elif self.pasted is not None:
            self.pasted.get.main.setFocus()

    def row(self, title: str) -> GetRow | None:
        return next((row for row in self._rows() if row.title == title), None)

    def _choose(self, repo: str) -> None:
        if any(model.repo == repo and model.card for model in self._models):
            self._chosen = repo
            self._show_cards()

    def _refresh(self) -> None:
        self._refresh_states()
        self._show_cards()
        best = offers.best_that_fits(self._offers)
        fresh = not any(m.kind != "adapter" and m.name != "starter" and m.state == "ready" for m in self._models)
        wanted = fresh and bool(self._models) and best is not None and not self._jobs
        self._first.setVisible(wanted)
        if wanted and best is not None:
            score = offers.score(best)
            value = f": {score.benchmark} {score.value:g}, {best.sentence}" if score else ""
            self._first_text.setText(f"{best.entry.title} is the best distilled model that fits {THIS_MACHINE}{value}.")

    def _refresh_states(self) -> None:
        for row in self._rows():
            built_in = row.offer.entry.built_in if isinstance(row, OfferRow) else ""
            row.set_state(state_of(repo_of(row), self._jobs, self._models, built_in))
        if any(not job_words.is_over(job) for job in self._jobs):
            self._first.hide()

    def _rows(self) -> list[GetRow]:
        return [*self.table.rows, *self.results.rows, *([self.pasted] if self.pasted else [])]

    def _show_cards(self) -> None:
        measured = [model for model in self._models if model.card]
        named = [model for model in measured if model.repo and model.repo == self._chosen]
        latest = max(named or measured, key=lambda model: model.card.measured if model.card else "", default=None)
        self.cards.show_model(latest, self._models, self._in_use)

    def _get_best(self) -> None:
        best = offers.best_that_fits(self._offers)
        row = self.row(best.entry.title) if best is not None else None
        if row is not None:
            row.get_pressed.emit()

    def _offer_pasted(self, repo: str) -> None:
        if self.pasted is not None and self.pasted.repo == repo:
            return
        if self.pasted is not None:
            take_out(self._pasted_row, self.pasted)
            self.pasted = None
        self._pasted_card.setVisible(bool(repo))
        if repo:
            self.pasted = HubRow(repo, "a repository of Hugging Face; what it holds is checked before it is downloaded")
            self.pasted.last = True
            self._pasted_row.addWidget(self.pasted)
            self.pasted.show()
            self._connect_row(self.pasted)

    def _connect_row(self, row: HubRow) -> None:
        self._getting.connect_repo(row)
        row.chat_requested.connect(self.chat_requested)
        row.set_state(state_of(row.repo, self._jobs, self._models))

    def _lay_out(self) -> None:
        self._first = named(QFrame(), "offer")
        self._first_text = label("", "")
        button = RowButton("Get it", "Get the offered model")
        button.strong = True
        button.clicked.connect(self._get_best)
        in_row(self._first, (self._first_text, 1), button, margins=(16, 11, 16, 11), spacing=16)
        self._first.hide()
        self._pasted_row = in_column(self._pasted_card)
        self._pasted_card.hide()
        parts = (self.stack, self._first, self._pasted_card, self._reading, self.table, self.results, self.cards)
        fill_column(self, parts)


def fill_column(area: QScrollArea, parts: Sequence[QWidget]) -> None:
    """Put widgets below each other into a scroll area, as wide as there is room up to COLUMN_PX."""
    holder = QWidget()
    holder.setMaximumWidth(COLUMN_PX)
    in_column(holder, *parts, 1, spacing=GAP_PX)
    show_in_middle(area, holder, MARGIN_PX, 16)
    set_plain(area)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
