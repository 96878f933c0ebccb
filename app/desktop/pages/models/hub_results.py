"""What the Hub's search found, below the catalog; while it is asked, and when that failed, a sentence in its place."""

import re
from collections.abc import Iterable

from PySide6.QtCore import Signal, SignalInstance
from PySide6.QtWidgets import QFrame, QWidget

from app.desktop.pages.models.get_row import PAD, HubRow
from app.desktop.services.engine_signals import EngineLike
from app.desktop.widgets.buttons import RowButton
from app.desktop.widgets.cards import label
from app.desktop.widgets.layouts import in_column, in_row, take_out
from app.desktop.widgets.named import named
from models import events, quantities
from models.jobs.kinds.search import Search

_HOSTS = ("huggingface.co", "www.huggingface.co", "hf.co")
_REPO = re.compile(
    rf"(?:(?:https?://)?(?:{'|'.join(map(re.escape, _HOSTS))})/)?"
    r"([\w-][\w.-]*/[\w-][\w.-]*?)(?:/(?:tree|blob|resolve)/.*)?/?(?:[?#].*)?"
)
_NOT_MODELS = ("datasets", "spaces", "docs", "models", "collections", "papers", "blog", *_HOSTS)


def pasted_repo(text: str) -> str:
    """The repository that a text names: "owner/name" or its address on the Hub; "" when it names none."""
    found = _REPO.fullmatch(text.strip())
    repo = found[1] if found else ""
    return "" if repo.split("/")[0] in _NOT_MODELS or ".." in repo else repo


def described(found: events.HubModel) -> str:
    """What is known about a repository."""
    parts = [
        f"{found.downloads:,} downloads",
        f"{quantities.count(found.params)} weights" if found.params else "",
        found.architecture,
        found.licence,
        "gated: accept its terms on the Hub first" if found.gated else "",
    ]
    return " · ".join(part for part in parts if part)


class HubResults(QFrame):
    """A card of rows, or of a sentence. Hidden until something is looked for.

    Signals:
        row_added: a HubRow, to be connected.
    """

    row_added = Signal(object)

    def __init__(self, engine: EngineLike, arrived: SignalInstance, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, "card", "Found on the Hub")
        self._engine = engine
        self._call: int | None = None
        self.query = ""
        self.rows: list[HubRow] = []
        self._title = label("", "column_title", wraps=False)
        self._title.setContentsMargins(PAD, 11, PAD, 8)
        self._sentence = label("", "")
        self._sentence.setMinimumWidth(120)
        self._again = RowButton("Try again", "Search again")
        self._again.clicked.connect(lambda: self.search(self.query))
        self._stop = RowButton("Stop", "Stop searching")
        self._stop.clicked.connect(self.clear)
        self._message = QWidget()
        in_row(self._message, (self._sentence, 1), self._again, self._stop, margins=(PAD, 8, PAD, 16), spacing=14)
        self._column = in_column(self, self._title, self._message)
        arrived.connect(self._take)
        self.hide()

    @property
    def sentence(self) -> str:
        """What stands in place of rows."""
        return "" if self._message.isHidden() else self._sentence.text()

    def search(self, query: str) -> None:
        """Ask the Hub; what was asked before is dropped."""
        self.clear()
        self.query = query
        if not query:
            return
        self._title.setText(f"On Hugging Face: “{query}”")
        self._call = self._engine.start(Search(query=query))
        self._say("Asking Hugging Face …", stop=True)
        self.show()

    def clear(self) -> None:
        """Show nothing and stop asking."""
        if self._call is not None:
            self._engine.cancel(self._call)
            self._call = None
        self._set_rows([])
        self.hide()

    def _take(self, call_id: int, event: events.Event) -> None:
        if call_id != self._call:
            return
        if isinstance(event, events.Done):
            self._call = None
            found = event.result.models if isinstance(event.result, events.Found) else []
            self._set_rows(found)
            self._say("" if found else "Nothing on Hugging Face has these words.")
        elif isinstance(event, events.Failed):
            self._call = None
            self._say(f"{event.text} {event.hint}".strip(), again=True)

    def _say(self, sentence: str, again: bool = False, stop: bool = False) -> None:
        self._sentence.setText(sentence)
        self._again.setVisible(again)
        self._stop.setVisible(stop)
        self._message.setVisible(bool(sentence))

    def _set_rows(self, found: Iterable[events.HubModel]) -> None:
        for row in self.rows:
            take_out(self._column, row)
        self.rows = []
        for model in found:
            row = HubRow(model.repo, described(model), model.params)
            self.rows.append(row)
            self._column.addWidget(row)
            row.show()
            self.row_added.emit(row)
        if self.rows:
            self.rows[-1].last = True
