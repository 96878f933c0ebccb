"""What an import is to do: which files, into which set, how long a trace may be, and what to keep apart from."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QWidget

from app.desktop.pages.traces import words
from app.desktop.pages.traces.file_list import FileList
from app.desktop.widgets.buttons import MenuButton, RowButton
from app.desktop.widgets.cards import label, say
from app.desktop.widgets.layouts import Gap, in_column, in_row
from app.desktop.widgets.menus import fleeting_menu
from app.desktop.widgets.named import named
from models.trace_report import Columns, TraceSet

_NOT_IN_NAMES = re.compile(r"[^\w .()+-]+")


@dataclass(frozen=True)
class Request:
    """An import as it was asked for."""

    name: str
    files: tuple[str, ...]
    max_tokens: int | None
    evaluation: tuple[str, ...]
    columns: Mapping[str, Columns]  # by file, where they were chosen by hand


def name_for(path: str) -> str:
    """A name for the set of a file: that of the file, as far as it can be one."""
    return _NOT_IN_NAMES.sub("-", Path(path).stem).strip(" .()+-_")[:60] or "traces"


class ImportForm(QWidget):
    """The fields, and why they can't be so.

    Signals:
        import_requested: a Request.
        cancelled: nothing is imported.
        files_wanted, evaluation_wanted: choose some.
        preview_wanted: the path of a file whose first rows should be read, and the Columns to read them by.
    """

    import_requested = Signal(object)
    cancelled = Signal()
    files_wanted = Signal()
    evaluation_wanted = Signal()
    preview_wanted = Signal(str, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._sets: Sequence[TraceSet] = ()
        self._named = False  # by hand
        self.files = FileList()
        self.add = RowButton("Add files…")
        self.name = named(QLineEdit(), name="Name of the set")
        self.name.setMaxLength(100)
        self.sets = MenuButton("▾", "Sets there are")
        self._into = label("", "small")
        self.longest = named(QLineEdit(), "number", "Longest trace")
        self.longest.setPlaceholderText("no limit")
        self.longest.setFixedWidth(104)
        self._evaluation: list[str] = []
        self.choose = RowButton("Choose files…", "Evaluation sets to keep apart from")
        self.none = RowButton("None", "Keep apart from none")
        self._apart = label("", "small")
        self._fault = label("", "fault")
        self.go = RowButton("Import")
        self.go.strong = True
        self.cancel = RowButton("Cancel", "Cancel the import")
        self._lay_out()
        self._connect()

    @property
    def fault(self) -> str:
        """What is wrong; empty when nothing is."""
        return "" if self._fault.isHidden() else self._fault.text()

    def begin(self, paths: Sequence[str], into: str, longest: int | None) -> None:
        """Ask about some files. into: the set they are offered for, "" for a new one."""
        self.files.clear()
        self._evaluation = []
        self._named = bool(into)
        self.name.setText(into or (name_for(paths[0]) if paths else ""))
        self.longest.setText("" if longest is None else f"{longest:,}")
        self.tell("")
        self.add_files(paths)
        self.set_evaluation([])
        self.name.setFocus()

    def add_files(self, paths: Sequence[str]) -> None:
        for path in paths:
            if self.files.add(path):
                self.preview_wanted.emit(path, Columns())
        if not self._named and self.files.cards and not self.name.text():
            self.name.setText(name_for(self.files.cards[0].path))
        self._say()

    def set_sets(self, sets: Sequence[TraceSet]) -> None:
        self._sets = sets
        self.sets.setVisible(bool(sets))
        self._say()

    def set_evaluation(self, paths: Sequence[str]) -> None:
        self._evaluation = list(paths)
        names = ", ".join(Path(path).name for path in paths)
        said = f"Traces whose problem is in {names} are left out."
        self._apart.setText(said if paths else "Traces whose problem is in one of these files would be left out.")
        self.none.setVisible(bool(paths))

    def tell(self, text: str) -> None:
        say(self._fault, text)

    def request(self) -> Request | None:
        """What is asked for; None, and said, when that is not whole."""
        name, limit = self.name.text().strip(), self._limit()
        if not self.files.paths:
            self.tell("None of these files can be read." if self.files.cards else "Choose a file to import.")
        elif not name:
            self.tell("Give the set a name.")
        elif limit == 0:
            self.tell("The longest trace is a whole number of tokens, or empty for no limit.")
        else:
            self.tell("")
            return Request(name, tuple(self.files.paths), limit, tuple(self._evaluation), self.files.columns)
        return None

    def _limit(self) -> int | None:
        """Tokens; None for no limit, 0 for what is no number."""
        text = self.longest.text().replace(",", "").replace(" ", "")
        if not text:
            return None
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0

    def _ask(self) -> None:
        request = self.request()
        if request is not None:
            self.import_requested.emit(request)

    def _say(self) -> None:
        name = self.name.text().strip()
        found = next((known for known in self._sets if known.name == name), None)
        there = f"They come beside the {words.counted(found.traces, 'trace')} that it has." if found else ""
        self._into.setText(there or ("A new set." if name else ""))
        self.go.setEnabled(bool(self.files.paths) and bool(name))
        self.go.strong = self.go.isEnabled()
        self.go.update()

    def _show_sets(self) -> None:
        menu = fleeting_menu(self)
        for found in self._sets:
            action = menu.addAction(f"{found.name.replace('&', '&&')}\t{words.counted(found.traces, 'trace')}")
            action.triggered.connect(partial(self._take_name, found.name))
        menu.popup(self.sets.below())

    def _take_name(self, name: str, _checked: bool = False) -> None:
        self._named = True
        self.name.setText(name)

    def _name_typed(self) -> None:
        self._named = True

    def _connect(self) -> None:
        self.files.changed.connect(self._say)
        self.files.columns_chosen.connect(self.preview_wanted)
        self.name.textChanged.connect(self._say)
        self.name.textEdited.connect(self._name_typed)
        self.name.returnPressed.connect(self._ask)
        self.longest.returnPressed.connect(self._ask)
        self.longest.textEdited.connect(lambda: self.tell(""))
        self.sets.clicked.connect(self._show_sets)
        self.add.clicked.connect(self.files_wanted)
        self.choose.clicked.connect(self.evaluation_wanted)
        self.none.clicked.connect(lambda: self.set_evaluation([]))
        self.go.clicked.connect(self._ask)
        self.cancel.clicked.connect(self.cancelled)

    def _lay_out(self) -> None:
        buttons = in_row(None, 1, self.cancel, self.go, spacing=8)
        in_column(
            self,
            self.files,
            (self.add, 0, Qt.AlignmentFlag.AlignLeft),
            Gap(10),
            label("Set", "card_title"),
            _line(self.name, self.sets),
            self._into,
            Gap(10),
            label("Longest trace", "card_title"),
            _line(self.longest, label("tokens", "plain", wraps=False), stretch=True),
            label(
                "Longer ones are left out whole, never cut. Estimated at 3.2 characters a token; empty for no limit."
            ),
            Gap(10),
            label("Keep apart from evaluation sets", "card_title"),
            _line(self.choose, self.none, stretch=True),
            self._apart,
            Gap(8),
            self._fault,
            buttons,
            spacing=8,
        )
        self._fault.hide()
        self.none.hide()


def _line(*widgets: QWidget, stretch: bool = False) -> QHBoxLayout:
    return in_row(None, *widgets, *([1] if stretch else []), spacing=8)
