"""The table of distilled reasoning models, filtered as one types."""

from collections.abc import Callable

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QWidget

from app.desktop import fonts
from app.desktop.pages.models import offers
from app.desktop.pages.models.get_row import PAD, GetRow, OfferRow, columns
from app.desktop.pages.models.places import THIS_MACHINE
from app.desktop.theme import colours, theme
from app.desktop.widgets.cards import label
from app.desktop.widgets.drawing import RIGHT, draw_line, draw_text
from app.desktop.widgets.layouts import in_column
from app.desktop.widgets.named import named
from models import quantities
from models.library import catalog, fit
from models.library.catalog import Offer
from models.machine.hardware import Machine

HEADER_PX = 33


class _Header(QWidget):
    """Column titles above the rows."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedHeight(HEADER_PX)
        self.memory = ""
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(440, HEADER_PX)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        c, place, height = colours(), columns(self.width()), HEADER_PX + 4
        bold, plain = fonts.text(11, fonts.BOLD), fonts.text(11)
        right = place.score_right
        wide = place.bar_width > 0
        draw_text(painter, QRectF(PAD, 0, right - PAD - 70, height), "Distilled reasoning models", bold, c.muted)
        if wide:
            written = draw_text(painter, QRectF(right - 120, 0, 120, height), "published", plain, c.muted, RIGHT)
            right -= written + 4
        draw_text(painter, QRectF(right - 90, 0, 90, height), offers.SHOWN_BENCHMARK, bold, c.muted, RIGHT)
        memory = self.memory if wide else "Memory"
        draw_text(painter, QRectF(place.bar_left, 0, place.note_right - place.bar_left, height), memory, bold, c.muted)
        draw_line(painter, PAD - 10, self.width() - PAD + 10, self.height())


class OfferTable(QFrame):
    """All offers of the catalog; its accessible name is "Distilled reasoning models".

    Signals:
        chosen: the repository of a row that was clicked.
        chat_requested: the name of a model.
    """

    chosen = Signal(str)
    chat_requested = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, "card", "Distilled reasoning models")
        self.rows: list[OfferRow] = []
        self.hits = 0
        self._header = _Header()
        self._nothing = label("Nothing in the catalog has these words. Return searches Hugging Face.", "hint")
        self._nothing.setContentsMargins(PAD, 12, PAD, 14)
        self._nothing.hide()
        self._column = in_column(self, self._header, self._nothing, margins=(0, 1, 0, 1))
        self._column.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.hide()

    def show_offers(
        self, found: list[Offer], tags: dict[str, str], machine: Machine, connect: Callable[[OfferRow], None]
    ) -> None:
        """Make the rows. connect: lets a new row get."""
        self._header.memory = f"Memory on {THIS_MACHINE} ({quantities.memory(machine.memory_bytes)})"
        room = fit.room_bytes(machine)
        for offer in found:
            row = OfferRow(offer, tags.get(offer.entry.family, ""), room)
            row.chosen.connect(lambda repo=offer.entry.repo: self.chosen.emit(repo))
            row.chat_requested.connect(self.chat_requested)
            connect(row)
            self.rows.append(row)
            self._column.addWidget(row)
        self.filter("")
        self.show()

    def filter(self, query: str) -> None:
        """Show only the rows that have every word of a query; `hits` says how many those are."""
        hits = {entry.repo for entry in catalog.search(query)}
        shown: list[GetRow] = []
        for row in self.rows:
            hit = not query or row.offer.entry.repo in hits
            row.setVisible(hit)
            shown += [row] if hit else []
            row.last = False
        if shown:
            shown[-1].last = True
            shown[-1].update()
        self._nothing.setVisible(not shown)
        self.hits = len(shown)
