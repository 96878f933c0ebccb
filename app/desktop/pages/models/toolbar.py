"""The bar above the page: Discover · On this Mac · Activity, the search of the Hub, and Import."""

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QButtonGroup, QFrame, QMenu, QWidget

from app.desktop.widgets.buttons import MenuButton
from app.desktop.widgets.layouts import in_row
from app.desktop.widgets.menus import add_choice, fleeting_menu
from app.desktop.widgets.named import named
from app.desktop.widgets.segments import SectionButton
from app.desktop.widgets.toolbar import SearchField, Toolbar

NARROW_PX = 700
SECTIONS = {"discover": "Discover", "library": "On this Mac", "activity": "Activity"}


class ModelsToolbar(Toolbar):
    """Which section is shown, what is looked for, and the way to files of one's own.

    Signals:
        section_chosen: discover, library or activity.
        query_changed: what is in the field, stripped.
        search_requested: the same, when Return is pressed.
        import_file_requested, import_folder_requested: ask for one and import it.
        precision_switched: whether GGUF files are to be imported with their precision kept.
    """

    section_chosen = Signal(str)
    query_changed = Signal(str)
    search_requested = Signal(str)
    import_file_requested = Signal()
    import_folder_requested = Signal()
    precision_switched = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Models", parent)
        self._group = QButtonGroup(self)
        self.keep_precision = False
        self.sections: dict[str, SectionButton] = {}
        self.search = SearchField("Search models", "Search Hugging Face or paste a repo id")
        self.search.setMinimumWidth(60)
        self.search.setMaximumWidth(270)
        self.search.textChanged.connect(lambda text: self.query_changed.emit(text.strip()))
        self.search.returnPressed.connect(lambda: self.search_requested.emit(self.search.text().strip()))
        self.import_button = MenuButton("Import…", "Import")
        self.import_button.setToolTip("Bring a GGUF file or a model folder of this machine into the library")
        self.import_button.clicked.connect(self._show_import_menu)
        self.row = self.fill(self._title, self._segments(), 1, (self.search, 1000), self.import_button)
        self.show_section("discover")

    def show_section(self, section: str) -> None:
        self.sections[section].setChecked(True)

    def show_counts(self, models: int, jobs: int) -> None:
        """Say how many models there are and how many jobs are under way."""
        for section, count in (("library", models), ("activity", jobs)):
            self.sections[section].set_caption(f"{SECTIONS[section]} · {count}" if count else SECTIONS[section])

    def import_menu(self) -> QMenu:
        menu = fleeting_menu(self)
        menu.addAction("GGUF File…").triggered.connect(self.import_file_requested)
        menu.addAction("Model Folder…").triggered.connect(self.import_folder_requested)
        menu.addSeparator()
        keep = self.keep_precision
        switch = add_choice(menu, "Keep Precision of GGUF Files", keep, lambda: self.precision_switched.emit(not keep))
        switch.setToolTip("Take blocks such as Q4_K in 16 bits, instead of quantizing them to what MLX can hold")
        menu.setToolTipsVisible(True)
        return menu

    def minimumSizeHint(self) -> QSize:
        title = 0 if self._title.isHidden() else self._title.sizeHint().width() + self.row.spacing()
        return super().minimumSizeHint() - QSize(title, 0)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The title goes first when it gets narrow; the sidebar says the same."""
        super().resizeEvent(event)
        self._title.setVisible(self.width() >= NARROW_PX)

    def _segments(self) -> QFrame:
        frame = named(QFrame(), "segments", "Section")
        frame.setFixedHeight(26)
        row = in_row(frame)
        for number, (section, title) in enumerate(SECTIONS.items()):
            button = SectionButton(title, number == len(SECTIONS) - 1)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.clicked.connect(lambda _=False, chosen=section: self.section_chosen.emit(chosen))
            self._group.addButton(button)
            self.sections[section] = button
            row.addWidget(button)
        return frame

    def _show_import_menu(self) -> None:
        self.import_menu().popup(self.import_button.below())
