"""On this Mac: the list of the library, what can be done with the chosen model, what is to be deleted, and the space."""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QPoint, QProcess, QSize, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QResizeEvent
from PySide6.QtWidgets import QFileDialog, QFrame, QMenu, QScrollArea, QSizePolicy, QWidget

from app.desktop.pages.models.discover import COLUMN_PX, GAP_PX, MARGIN_PX
from app.desktop.pages.models.downloads import Downloads
from app.desktop.pages.models.hidden_models import HiddenModels, said
from app.desktop.pages.models.library_list import ORDERS, LibraryModel, LibraryView, Order, SortHeader
from app.desktop.pages.models.model_panel import SHOW, ModelPanel, source_of
from app.desktop.pages.models.toolbar import SECTIONS
from app.desktop.pages.models.variants import recipe_menu
from app.desktop.services.deletions import Deletions
from app.desktop.services.job_queue import JobQueue
from app.desktop.services.preferences import Preferences
from app.desktop.widgets import job_words
from app.desktop.widgets.cards import label
from app.desktop.widgets.layouts import in_column, in_row
from app.desktop.widgets.menus import fleeting_menu
from app.desktop.widgets.named import named
from app.desktop.widgets.notices import NoticeBar
from app.desktop.widgets.plain import Label
from app.desktop.widgets.scrolling import set_plain
from models import paths, quantities
from models.errors import StillroomError
from models.events import Model
from models.jobs import chains
from models.jobs.kinds.export_adapter import ExportAdapter
from models.jobs.kinds.fuse import Fuse
from models.jobs.kinds.measure_card import MeasureCard
from models.jobs.kinds.quantize import Quantize
from models.jobs.queue import Job

EMPTY = "Nothing is here yet. Discover offers what fits; a GGUF file or a model folder can be dropped here."


class LibrarySection(QWidget):
    """Shows what is on this disk and passes on what is done with it.

    Signals:
        chat_requested: the name of a model.
        adapter_chat_requested: the name of a base model and of its adapter.
        evaluate_requested: the name of a model, and of an adapter on it or "".
        selection_changed: another model is chosen, or none.
    """

    chat_requested = Signal(str)
    adapter_chat_requested = Signal(str, str)
    evaluate_requested = Signal(str, str)
    selection_changed = Signal()

    def __init__(
        self,
        jobs: JobQueue,
        removals: Deletions,
        getting: Downloads,
        notices: NoticeBar,
        preferences: Preferences,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._jobs = jobs
        self._removals = removals
        self._getting = getting
        self._notices = notices
        self._preferences = preferences
        self._all: list[Model] = []
        self._busy: set[str] = set()
        self._in_use = ""
        self._free_bytes = 0
        self.model = LibraryModel(self)
        self.view = LibraryView()
        self.view.setModel(self.model)
        self.header = SortHeader()
        self.panel = ModelPanel()
        self._panel_area = _PanelArea()
        self.hidden = HiddenModels()
        self._empty = label(EMPTY, "hint")
        self._foot = named(Label(), "small", f"Space {SECTIONS['library']}")
        self._lay_out()
        self._connect()
        order = preferences.window.models_order
        self._sort(order if order in ORDERS else "name")

    def show_models(self, models: list[Model], free_bytes: int, in_use: str) -> None:
        self._all, self._free_bytes, self._in_use = models, free_bytes, in_use
        self.refresh()

    def show_jobs(self, jobs: Sequence[Job]) -> None:
        busy = {job.subject for job in jobs if not job_words.is_over(job)}
        if busy != self._busy:
            self._busy = busy
            self._show_panel()

    @property
    def shown(self) -> list[Model]:
        """What is on this disk and not hidden."""
        hidden = self._removals.pending()
        return [model for model in self._all if model.name not in hidden]

    @property
    def totals(self) -> str:
        """How many models there are, what they take and what is free."""
        return self._foot.text()

    @property
    def sentence(self) -> str:
        """What stands in place of the list."""
        return "" if self._empty.isHidden() else self._empty.text()

    def refresh(self) -> None:
        """Show the list as it is now; the choice stays where it was."""
        chosen, row = self.view.current(), self.view.currentIndex().row()
        shown = self.shown
        self.model.set_models(shown)
        if chosen is not None:
            self.view.choose(chosen.name)
            if self.view.current() is None and shown:
                self.view.setCurrentIndex(self.model.index(min(row, len(shown) - 1)))
        hidden = self._removals.pending()
        self.hidden.show_models(model for model in self._all if model.name in hidden)
        self._empty.setVisible(not shown)
        self.view.setVisible(bool(shown))
        self.header.setVisible(bool(shown))
        self._foot.setText(self._totals(shown))
        self._show_panel()

    def described(self, name: str) -> Model | None:
        """A model by its name."""
        return next((model for model in self._all if model.name == name), None)

    def chat(self, name: str) -> None:
        """Chat with a model, or with an adapter on its base."""
        model = self.described(name)
        if model is None or model.state == "broken":
            return
        if model.kind == "adapter":
            self.adapter_chat_requested.emit(model.base, model.name)
        else:
            self.chat_requested.emit(name)

    def delete(self, name: str) -> None:
        """Hide a model and say when its files go; the starter comes with the app and stays."""
        model = self.described(name)
        if model is None or name == "starter":
            return
        self._removals.remove(name)
        self._notices.show_info(f"{said(model)}.", "Undo", partial(self.undo, name))

    def undo(self, name: str) -> None:
        self._removals.undo(name)
        self._notices.dismiss()
        self.view.choose(name)

    def tell_freed(self, name: str, n_bytes: int) -> None:
        """Say what a deletion gave back."""
        self._notices.show_info(f"{name} is deleted: {quantities.size(n_bytes)} freed.")

    def tell_kept(self, name: str, error: StillroomError) -> None:
        """Say why something is still there."""
        self._notices.show_error(f"{name} could not be deleted. {error.text}", error.hint)

    def _show_panel(self) -> None:
        model = self.view.current()
        busy = model is not None and bool({model.name, model.repo} & self._busy)
        self.panel.show_model(model, self.shown, self._in_use, busy)
        self._fit_panel()

    def _fit_panel(self) -> None:
        """Give the panel what it needs, yet never more than the list: in a low window it scrolls."""
        self._panel_area.setVisible(self.panel.model is not None)
        self.panel.fit(self._panel_area.width())
        wrapped = self.panel.heightForWidth(self._panel_area.width())
        needed = wrapped if wrapped > 0 else self.panel.sizeHint().height()
        height = min(needed, max(self.height() // 2, 120))
        if height != self._panel_area.wanted_px:
            self._panel_area.wanted_px = height
            self._panel_area.updateGeometry()
            # the list is another height once this is laid out; what is chosen stays in sight
            QTimer.singleShot(0, self, lambda: self.view.scrollTo(self.view.currentIndex()))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        QTimer.singleShot(0, self, self._fit_panel)  # once the widths are known

    def _sort(self, order: Order) -> None:
        chosen = self.view.current()
        self.header.show_order(order)
        self.model.set_order(order)
        with self._preferences.remember() as window:
            window.models_order = order
        if chosen is not None:
            self.view.choose(chosen.name)

    def _measure(self, name: str) -> None:
        model = self.described(name)
        if model is not None:
            self._notices.attempt(lambda: self._jobs.add(MeasureCard(model=name), title=model.title))

    def _quantize(self, name: str, recipe: str) -> None:
        model = self.described(name)
        if model is None:
            return
        source = source_of(model, self._all)
        if source is not None:
            title = source.title.split("/")[-1]
            self._notices.attempt(lambda: self._jobs.add(Quantize(model=source.name, recipe=recipe), title=title))
        else:
            drop, revision = self._getting.drops_original, model.revision or "main"
            title = model.repo.split("/")[-1]
            self._notices.attempt(lambda: self._jobs.add(*chains.get(model.repo, revision, recipe, drop), title=title))

    def _evaluate(self, name: str) -> None:
        model = self.described(name)
        if model is not None:
            self.evaluate_requested.emit(*((model.base, name) if model.kind == "adapter" else (name, "")))

    def _repair(self, name: str) -> None:
        model = self.described(name)
        if model is not None:
            self._notices.attempt(lambda: self._jobs.add(*chains.repair(model), title=model.title))

    def _fuse(self, name: str) -> None:
        model = self.described(name)
        if model is not None:
            self._notices.attempt(lambda: self._jobs.add(Fuse(model=model.base, adapter=name)))

    def _export(self, name: str) -> None:
        model = self.described(name)
        if model is None:
            return
        dialog = QFileDialog(
            self, f"Export {model.title}", str(Path.home() / f"{Path(name).name}.gguf"), "GGUF (*.gguf)"
        )
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("gguf")
        dialog.fileSelected.connect(lambda path: self._write_gguf(model, paths.with_ending(path, ".gguf")))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _write_gguf(self, adapter: Model, file: Path) -> None:
        fuse = Fuse(model=adapter.base, adapter=adapter.name, gguf=str(file))
        self._notices.attempt(lambda: self._jobs.add(fuse))

    def _share(self, name: str) -> None:
        dialog = QFileDialog(self, f"Export {name} for PEFT: a new folder", str(Path.home() / Path(name).name))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.fileSelected.connect(
            lambda path: self._notices.attempt(lambda: self._jobs.add(ExportAdapter(name=name, path=path)))
        )
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _reveal(self, name: str) -> None:
        model = self.described(name)
        if model is None:
            return
        if sys.platform == "darwin":
            QProcess.startDetached("open", ["-R", model.path])
        else:
            QDesktopServices.openUrl(QUrl.fromLocalFile(model.path))

    def quantize_menu(self, name: str) -> QMenu:
        """The recipes for a model."""
        model = self.described(name)
        keep, drop = self._getting.keep_drop, self._getting.drops_original
        again = model is not None and source_of(model, self._all) is None
        params = model.params if model else 0
        return recipe_menu(self, partial(self._quantize, name), drop, keep, params, originals=again, itself=False)

    def model_menu(self, name: str) -> QMenu:
        """What can be done with a model, for a right click."""
        menu = fleeting_menu(self)
        for key, text in (
            ("Chat", "Chat"), ("Repair", "Repair"), ("Quantize", "Quantize…"), ("Measure", "Measure Quant Card"),
            ("Evaluate", "Evaluate…"),
            ("Fuse", "Fuse into a Model"), ("Export", "Export GGUF…"), ("Share", "Export PEFT…"),
            ("Show", SHOW), ("Delete", "Delete"),
        ):  # fmt: skip
            button = self.panel.buttons[key]
            if button.isHidden():
                continue
            action = menu.addAction(text)
            action.setEnabled(button.isEnabled())
            action.triggered.connect(button.click)
        return menu

    def _show_menu(self, name: str, at: QPoint) -> None:
        self.view.choose(name)
        self.model_menu(name).popup(at)

    def _totals(self, models: Sequence[Model]) -> str:
        count = f"{len(models)} model{'' if len(models) == 1 else 's'}"
        total = quantities.size(sum(model.size_bytes for model in models))
        free = f" · {quantities.size(self._free_bytes)} free" if self._free_bytes else ""
        return f"{count} · {total}{free}"

    def _choice_moved(self) -> None:
        self._show_panel()
        self.selection_changed.emit()

    def _connect(self) -> None:
        self.view.selectionModel().currentChanged.connect(lambda _new, _old: self._choice_moved())
        self.view.opened.connect(self.chat)
        self.view.delete_pressed.connect(self.delete)
        self.view.menu_asked.connect(self._show_menu)
        self.header.order_chosen.connect(self._sort)
        self.panel.chat.connect(self.chat)
        self.panel.delete.connect(self.delete)
        self.panel.measure.connect(self._measure)
        self.panel.evaluate.connect(self._evaluate)
        self.panel.reveal.connect(self._reveal)
        self.panel.fuse.connect(self._fuse)
        self.panel.export.connect(self._export)
        self.panel.share.connect(self._share)
        self.panel.repair.connect(self._repair)
        menu_below = self.panel.buttons["Quantize"]
        self.panel.quantize_asked.connect(
            lambda name: self.quantize_menu(name).popup(menu_below.mapToGlobal(QPoint(0, menu_below.height() + 4)))
        )
        self.hidden.undo.connect(self.undo)
        self.hidden.free_now.connect(self._removals.free_now)

    def _lay_out(self) -> None:
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._empty.setMargin(40)
        card = named(QFrame(), "card")
        in_column(card, self.header, (self.view, 1), (self._empty, 1), margins=(1, 1, 1, 1))
        holder = QWidget()
        holder.setMaximumWidth(COLUMN_PX)
        self._panel_area.setWidget(self.panel)
        in_column(holder, (card, 1), self._panel_area, self.hidden, self._foot, spacing=GAP_PX)
        in_row(self, 1, (holder, 1000), 1, margins=(MARGIN_PX, 16, MARGIN_PX, 12))


class _PanelArea(QScrollArea):
    """Holds the panel; as tall as is wanted where there is room."""

    def __init__(self) -> None:
        super().__init__()
        self.wanted_px = 0
        set_plain(self, "see_through")
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Maximum)

    def sizeHint(self) -> QSize:
        return QSize(400, self.wanted_px)

    def minimumSizeHint(self) -> QSize:
        return QSize(100, min(self.wanted_px, 60))
