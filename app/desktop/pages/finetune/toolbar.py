"""The bar above the page: which run is shown, the menu of all runs, and what can be done about this one."""

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QSize, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QMenu, QWidget

from app.desktop.services.run_entries import RunEntry
from app.desktop.services.run_tracker import RunTracker
from app.desktop.widgets.buttons import RowButton
from app.desktop.widgets.menu_pill import MenuPill
from app.desktop.widgets.menus import add_choice, fleeting_menu
from app.desktop.widgets.toolbar import HEIGHT_PX, Toolbar
from models.events import Model

NARROW_PX = 700
SHOWN_RUNS = 25


class FinetuneToolbar(Toolbar):
    """Title, pill, and the buttons that suit the run's state.

    Signals:
        run_chosen: the key of an entry; "" for a new run.
        compare_chosen: the key of an entry to draw beside; "" for none.
        pause, resume, stop_and_keep, cancel, delete_requested: of the run that is shown.
    """

    run_chosen = Signal(str)
    compare_chosen = Signal(str)
    pause = Signal()
    resume = Signal()
    stop_and_keep = Signal()
    cancel = Signal()
    delete_requested = Signal()

    def __init__(self, run: RunTracker, parent: QWidget | None = None) -> None:
        super().__init__("Fine-tune", parent)
        self._run = run
        self._models: Sequence[Model] = ()
        self._beside = ""
        self.pill = MenuPill("New run", "Run")
        self.pill.setToolTip("All runs")
        self.pause_button = RowButton("Pause")
        self.resume_button = RowButton("Resume")
        self.stop_button = RowButton("Stop and keep")
        self.new_button = RowButton("New run")
        self.stop_button.setToolTip("End the run at its next step and take what it has learned into the library")
        self.fill(
            self._title, (self.pill, 1000), 1, self.pause_button, self.resume_button, self.stop_button, self.new_button
        )
        self.pill.clicked.connect(lambda: self.menu().popup(self.pill.below()))
        self.pause_button.clicked.connect(self.pause)
        self.resume_button.clicked.connect(self.resume)
        self.stop_button.clicked.connect(self.stop_and_keep)
        self.new_button.clicked.connect(lambda: self.run_chosen.emit(""))
        self.show_run([], "")

    def show_run(self, models: Sequence[Model], beside: str) -> None:
        """Show the run as it is now. beside: the key of what it is compared with."""
        self._models, self._beside = models, beside
        run, entry = self._run, self._run.entry
        self.pill.show_text(entry.said(models) if entry else "New run")
        buttons = {
            self.pause_button: run.can_pause,
            self.resume_button: run.can_resume,
            self.stop_button: run.can_stop,
            self.new_button: entry is not None and entry.state in ("done", "failed", "stopped"),
        }
        focused = next((button for button in buttons if button.hasFocus()), None)
        for button, wanted in buttons.items():
            button.setVisible(wanted)
        if focused is not None and not buttons[focused]:
            next((button for button, wanted in buttons.items() if wanted), self.pill).setFocus()

    def menu(self) -> QMenu:
        """All runs, a new one, and what can be done with this one."""
        menu = fleeting_menu(self)
        entries, current = self._run.entries, self._run.entry
        add_choice(menu, "New run", current is None, lambda: self.run_chosen.emit(""))
        menu.addSeparator()
        for entry in entries[:SHOWN_RUNS]:
            text = f"{entry.said(self._models)}\t{entry.state}"
            add_choice(menu, text, self._is_current(entry), partial(self.run_chosen.emit, entry.key))
        if len(entries) > SHOWN_RUNS:
            menu.addAction(f"and {len(entries) - SHOWN_RUNS} before these").setEnabled(False)
        if current is not None:
            self._add_compare(menu)
        if self._run.can_cancel:
            menu.addSeparator()
            menu.addAction("Cancel this run").triggered.connect(self.cancel)
        elif self._run.can_delete:
            menu.addSeparator()
            menu.addAction("Delete this run").triggered.connect(self.delete_requested)
        return menu

    def minimumSizeHint(self) -> QSize:
        return QSize(240, HEIGHT_PX)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The title goes first when it gets narrow; the sidebar says the same."""
        super().resizeEvent(event)
        self._title.setVisible(self.width() >= NARROW_PX)

    def _add_compare(self, menu: QMenu) -> None:
        others = [entry for entry in self._run.entries if entry.run is not None and not self._is_current(entry)]
        compare = menu.addMenu("Compare with")
        compare.setEnabled(bool(others))
        add_choice(compare, "Nothing", not self._beside, lambda: self.compare_chosen.emit(""))
        for entry in others[:SHOWN_RUNS]:
            text = entry.said(self._models)
            add_choice(compare, text, entry.key == self._beside, partial(self.compare_chosen.emit, entry.key))

    def _is_current(self, entry: RunEntry) -> bool:
        current = self._run.entry
        return current is not None and entry.key == current.key
