"""The bar above the page: which set is shown, how much of it is kept, the search, and the ways in and out."""

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QSize, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QMenu, QWidget

from app.desktop.pages.traces import words
from app.desktop.widgets.buttons import MenuButton, RowButton
from app.desktop.widgets.cards import label
from app.desktop.widgets.menus import add_choice, fleeting_menu
from app.desktop.widgets.toolbar import HEIGHT_PX, SearchField, Toolbar
from models import names
from models.trace_report import Added, TraceSet
from models.traces import export

NO_TITLE_PX, NO_PILL_PX, TIGHT_PX = 760, 980, 660
SEARCH_MS = 150  # of rest between two letters
LONGEST_NAME = 26  # characters


class TracesToolbar(Toolbar):
    """Title, set, pill, search, Import, Export, and the way on.

    Signals:
        set_chosen: the name of a set.
        new_set_requested, delete_requested: from the menu of sets.
        query_changed: what is in the field, stripped, a moment after the last key.
        import_requested: choose files and import them.
        export_requested: a shape of models.traces.export.
        finetune_requested: train on the set.
    """

    set_chosen = Signal(str)
    new_set_requested = Signal()
    delete_requested = Signal()
    query_changed = Signal(str)
    import_requested = Signal()
    export_requested = Signal(str)
    finetune_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Traces", parent)
        self._sets: Sequence[TraceSet] = ()
        self._current = ""
        self.picker = MenuButton("No set ▾", "Trace set")
        self.picker.clicked.connect(lambda: self.set_menu().popup(self.picker.below()))
        self.pill = label("", "count_pill", wraps=False)
        self.pill.setFixedHeight(23)
        self.search = self._search_field()
        self.import_button = RowButton("Import…", "Import traces")
        self.import_button.setToolTip("Read JSONL, JSON, CSV or Parquet files into a set")
        self.import_button.clicked.connect(self.import_requested)
        self.export_button = MenuButton("Export…", "Export traces")
        self.export_button.setToolTip("Write this set to a file in a shape that other tools read")
        self.export_button.clicked.connect(lambda: self.export_menu().popup(self.export_button.below()))
        self.finetune_button = RowButton("Fine-tune on these", "Fine-tune on these")
        self.finetune_button.strong = True
        self.finetune_button.clicked.connect(self.finetune_requested)
        self._lay_out()

    def show_sets(self, sets: Sequence[TraceSet], current: TraceSet | None) -> None:
        """Show which sets there are and which is shown."""
        self._sets, self._current = sets, current.name if current else ""
        name = self._current or "No set"
        short = name if len(name) <= LONGEST_NAME else f"{name[:14]}…{name[-10:]}"
        self.picker.set_caption(f"{short} ▾")
        self.picker.setAccessibleDescription(name)
        self.picker.setEnabled(bool(sets))
        self.export_button.setEnabled(current is not None)
        self.finetune_button.strong = can = current is not None and words.kept(current) > 0
        self.finetune_button.setEnabled(can)
        self.search.setEnabled(current is not None)
        self.finetune_button.update()

    def show_counts(self, record: TraceSet | None, report: Added | None) -> None:
        """Say how many traces are kept and how many rows are left out."""
        self.pill.setText(words.pill(record, report) if record else "")
        self._fit()

    def set_menu(self) -> QMenu:
        """All sets, a new one, and deleting this one."""
        menu = fleeting_menu(self)
        for found in self._sets:
            text = f"{names.plain(found.name).replace('&', '&&')}\t{words.counted(words.kept(found), 'trace')}"
            add_choice(menu, text, found.name == self._current, partial(self._choose, found.name))
        menu.addSeparator()
        menu.addAction("New Set…").triggered.connect(self.new_set_requested)
        delete = menu.addAction("Delete Set")
        delete.setEnabled(bool(self._current))
        delete.triggered.connect(self.delete_requested)
        return menu

    def export_menu(self) -> QMenu:
        """The shapes that a set can be written in."""
        menu = fleeting_menu(self)
        for shape in export.SHAPES:
            menu.addAction(words.SHAPES[shape]).triggered.connect(partial(self._export, shape))
        return menu

    def minimumSizeHint(self) -> QSize:
        return QSize(420, HEIGHT_PX)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Pill and title go first when it gets narrow; the sidebar and the panel say the same."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        width = self.width()
        self._title.setVisible(width >= NO_TITLE_PX)
        self.pill.setVisible(width >= NO_PILL_PX and bool(self.pill.text()))
        self.finetune_button.set_caption("Fine-tune on these" if width >= TIGHT_PX else "Fine-tune")
        self._row.setSpacing(12 if width >= TIGHT_PX else 7)

    def _choose(self, name: str) -> None:
        if name != self._current:
            self.set_chosen.emit(name)

    def _export(self, shape: str, _checked: bool = False) -> None:
        self.export_requested.emit(shape)

    def _tell_query(self) -> None:
        self.query_changed.emit(self.search.text().strip())

    def _search_field(self) -> SearchField:
        field = SearchField("Search traces", "Search traces")
        field.setMinimumWidth(60)
        field.setMaximumWidth(200)
        self._rest = QTimer(self, singleShot=True, interval=SEARCH_MS)
        self._rest.timeout.connect(self._tell_query)
        field.textChanged.connect(lambda text: self._rest.start(SEARCH_MS if text else 0))
        return field

    def _lay_out(self) -> None:
        self._row = self.fill(
            self._title,
            self.picker,
            self.pill,
            1,
            (self.search, 1000),
            self.import_button,
            self.export_button,
            self.finetune_button,
        )
