"""The bar above the page: which problems are shown, the menu of all evaluations, the ways out, and a new one."""

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QRectF, QSize, Signal
from PySide6.QtGui import QFontMetrics, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QMenu, QSizePolicy, QWidget

from app.desktop import fonts
from app.desktop.pages.evaluate import words
from app.desktop.pages.evaluate.shown import ShownGroup
from app.desktop.theme import colours, theme
from app.desktop.widgets.buttons import MenuButton, RowButton
from app.desktop.widgets.drawing import CENTRE, draw_round, draw_text, frame_of, smooth_painter
from app.desktop.widgets.menus import add_choice, fleeting_menu
from app.desktop.widgets.toolbar import HEIGHT_PX, Toolbar
from models import names
from models.events import Model

NARROW_PX, PILL_PX, SHOWN_GROUPS = 700, 24, 25
FORMATS = {
    ".csv": "CSV: a row a reply…",
    ".json": "JSON: everything…",
    ".md": "Markdown: the table…",
    ".png": "PNG: the chart…",
}
NEW = "New evaluation"


class GroupPill(MenuButton):
    """The problems that are shown, in a rounded frame; it is cut where there is no room."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(NEW, "Evaluation", parent)
        self.setFont(fonts.text(12))
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.setToolTip("All evaluations")
        theme.changed.connect(self.update)

    def show_text(self, text: str) -> None:
        self.set_caption(text)
        self.setAccessibleDescription(text)

    def sizeHint(self) -> QSize:
        return QSize(QFontMetrics(self.font()).horizontalAdvance(self.text()) + 42, PILL_PX)

    def minimumSizeHint(self) -> QSize:
        return QSize(70, PILL_PX)

    def paintEvent(self, event: QPaintEvent) -> None:
        c = colours()
        painter = smooth_painter(self)
        ground = c.selected if self.isDown() or self.underMouse() else c.sidebar
        draw_round(painter, frame_of(self), 11.5, ground, c.accent if self.hasFocus() else c.edge)
        draw_text(painter, QRectF(12, 0, self.width() - 36, self.height()), self.text(), self.font(), c.text)
        draw_text(painter, QRectF(self.width() - 24, 0, 14, self.height()), "▾", fonts.text(10), c.muted, CENTRE)


class EvaluateToolbar(Toolbar):
    """Title, pill, Export, and the way to a new evaluation.

    Signals:
        group_chosen: the key of a group; "" for a new evaluation.
        export_requested: the ending of a file.
        delete_requested: the evaluations that are shown.
    """

    group_chosen = Signal(str)
    export_requested = Signal(str)
    delete_requested = Signal()

    def __init__(self, shown: ShownGroup, parent: QWidget | None = None) -> None:
        super().__init__("Evaluate", parent)
        self._shown = shown
        self._models: Sequence[Model] = ()
        self.pill = GroupPill()
        self.export_button = MenuButton("Export…", "Export evaluation")
        self.export_button.setToolTip("Write replies, scores or the chart to a file")
        self.new_button = RowButton(NEW)
        self.new_button.strong = True
        self.fill(self._title, (self.pill, 1000), 1, self.export_button, self.new_button)
        self.pill.clicked.connect(lambda: self.menu().popup(self.pill.below()))
        self.export_button.clicked.connect(lambda: self.export_menu().popup(self.export_button.below()))
        self.new_button.clicked.connect(lambda: self.group_chosen.emit(""))
        self.show_group([])

    def show_group(self, models: Sequence[Model]) -> None:
        """Show which evaluations are shown and what can be done with them."""
        self._models = models
        group = self._shown.group
        self.pill.show_text(words.pill(group) if group else NEW)
        self.pill.setVisible(bool(self._shown.groups))
        self.export_button.setVisible(bool(group and group.evaluations))
        self.new_button.setVisible(group is not None)

    def menu(self) -> QMenu:
        """All evaluations, by their problems, and a new one."""
        menu = fleeting_menu(self)
        add_choice(menu, NEW, not self._shown.key, partial(self.group_chosen.emit, ""))
        menu.addSeparator()
        for group in self._shown.groups[:SHOWN_GROUPS]:
            text = f"{words.pill(group)}\t{words.beside(group, self._models)}"
            choose = partial(self.group_chosen.emit, group.key)
            add_choice(menu, names.plain(text.replace("&", "&&")), group.key == self._shown.key, choose)
        if len(self._shown.groups) > SHOWN_GROUPS:
            menu.addAction(f"and {len(self._shown.groups) - SHOWN_GROUPS} before these").setEnabled(False)
        if self._shown.can_delete:
            menu.addSeparator()
            menu.addAction("Delete These Results").triggered.connect(self.delete_requested)
        return menu

    def export_menu(self) -> QMenu:
        """What can be written."""
        menu = fleeting_menu(self)
        for ending, text in FORMATS.items():
            menu.addAction(text).triggered.connect(partial(self._export, ending))
        return menu

    def minimumSizeHint(self) -> QSize:
        return QSize(300, HEIGHT_PX)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The title goes first when it gets narrow; the sidebar says the same."""
        super().resizeEvent(event)
        self._title.setVisible(self.width() >= NARROW_PX)
        self.new_button.set_caption(NEW if self.width() >= 480 else "New")

    def _export(self, ending: str, _checked: bool = False) -> None:
        self.export_requested.emit(ending)
