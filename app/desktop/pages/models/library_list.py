"""The list of what is on this disk: models, originals and adapters, with where they came from; sorted as one likes."""

from datetime import datetime
from typing import Any, Literal

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QPoint, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QListView, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from app.desktop import fonts
from app.desktop.pages.models.get_state import variant
from app.desktop.theme import colours, theme
from app.desktop.widgets import job_words
from app.desktop.widgets.buttons import RowButton
from app.desktop.widgets.drawing import (
    LEFT,
    RIGHT,
    draw_line,
    draw_pill,
    draw_round,
    draw_text,
    frame_of,
    smooth_painter,
)
from app.desktop.widgets.plain import tip
from models import quantities
from models.events import Model

Index = QModelIndex | QPersistentModelIndex
Order = Literal["name", "size", "last_use"]

ROW_PX, HEADER_PX, PAD = 47, 33, 18
MODEL = Qt.ItemDataRole.UserRole + 1
KINDS = {"model": "", "original": "original", "adapter": "adapter"}
ORDERS: dict[Order, str] = {"name": "Name", "size": "Size", "last_use": "Last use"}


def sort(models: list[Model], order: Order) -> list[Model]:
    """By name, or the largest or the last used first."""
    by_name = sorted(models, key=lambda model: (model.title.lower(), model.size_bytes))
    if order == "size":
        return sorted(by_name, key=lambda model: -model.size_bytes)
    return sorted(by_name, key=lambda model: model.last_used, reverse=True) if order == "last_use" else by_name


def provenance(model: Model) -> str:
    """Where a model came from: repository, commit, recipe, what was quantized on the way, date."""
    origin = model.repo or (f"for {model.base}" if model.base else model.source.rsplit("/", 1)[-1])
    parts = [
        origin,
        model.revision[:7],
        variant(model) if model.recipe else "",
        model.requantized_words,
        _day(model.created),
    ]
    return " · ".join(part for part in parts if part)


def last_use(model: Model) -> str:
    """When it was used last."""
    return job_words.moment(model.last_used) or "never used"


class LibraryModel(QAbstractListModel):
    """A row for each model, adapter and original."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.models: list[Model] = []
        self._order: Order = "name"

    def set_models(self, models: list[Model]) -> None:
        """Show these; what only changed is told as changed, so that the list keeps its place."""
        models = sort(models, self._order)
        if [model.name for model in models] == [model.name for model in self.models]:
            changed = [n for n, (old, new) in enumerate(zip(self.models, models, strict=True)) if old != new]
            self.models = models
            for n in changed:
                self.dataChanged.emit(self.index(n), self.index(n))
            return
        self.beginResetModel()
        self.models = models
        self.endResetModel()

    def set_order(self, order: Order) -> None:
        self._order = order
        self.set_models(self.models)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  the default is Qt's own
        return 0 if parent.isValid() else len(self.models)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Give the title, or what else is known in words; the record under MODEL."""
        if not index.isValid():
            return None
        model = self.models[index.row()]
        if role == MODEL:
            return model
        if role == Qt.ItemDataRole.DisplayRole:
            return model.title
        if role == Qt.ItemDataRole.ToolTipRole:
            return tip(f"{model.title}: {model.problem or provenance(model)}")
        if role == Qt.ItemDataRole.AccessibleDescriptionRole:
            parts = [KINDS[model.kind], variant(model), quantities.size(model.size_bytes), last_use(model)]
            return "; ".join(part for part in [*parts, model.problem or provenance(model)] if part)
        return None

    def row_of(self, name: str) -> QModelIndex:
        """Where a model stands; an invalid index when it is not in the list."""
        rows = (n for n, model in enumerate(self.models) if model.name == name)
        row = next(rows, None)
        return QModelIndex() if row is None else self.index(row)


class _Columns:
    """Where the columns stand in a width."""

    def __init__(self, width: float) -> None:
        self.use_right = width - PAD
        self.use_left = self.use_right - (124 if width >= 600 else 104)
        self.size_right = self.use_left - 8
        self.size_left = self.size_right - 72
        self.variant_right = self.size_left - 20
        self.variant_left = self.variant_right - (130 if width >= 700 else 0)
        self.title_right = self.variant_left - 16


class _Rows(QStyledItemDelegate):
    """Paints a row as Discover paints its rows."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(300, ROW_PX)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        model = index.data(MODEL)
        view = self.parent()
        assert isinstance(view, LibraryView)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = QRectF(option.rect)
        if view.selectionModel().isSelected(index):
            chosen = area.adjusted(6, 2, 0, -3)
            chosen.setRight(min(view.width() - 6, area.right()))
            draw_round(painter, chosen, 6, colours().accent_tint if view.hasFocus() else colours().selected)
        painter.translate(area.topLeft())
        # the scroll bar stands in the margin, so that rows are in line with the header
        self._paint(painter, view.width(), model)
        if index.row() < index.model().rowCount() - 1:
            draw_line(painter, PAD - 10, min(view.width() - PAD + 10, area.width()), ROW_PX)
        painter.restore()

    def _paint(self, painter: QPainter, width: float, model: Model) -> None:
        c, place = colours(), _Columns(width)
        bold, small, plain = fonts.text(weight=fonts.BOLD), fonts.text(11), fonts.text()
        tag = "broken" if model.state == "broken" else KINDS[model.kind]
        room = place.title_right - PAD
        wide = draw_text(painter, QRectF(PAD, 5, room - (86 if tag else 0), 22), model.title, bold, c.text)
        if tag:
            ink = c.bad if model.state == "broken" else c.muted
            draw_pill(painter, PAD + wide + 8, 15.5, tag, small, ink, room - wide - 8)
        has_column = place.variant_left < place.variant_right
        told = provenance(model) if has_column else " · ".join(filter(None, (variant(model), provenance(model))))
        second, ink = (model.problem, c.bad) if model.state == "broken" else (told, c.muted)
        draw_text(painter, QRectF(PAD, 25, room, 16), second, small, ink)
        if has_column:
            area = QRectF(place.variant_left, 0, place.variant_right - place.variant_left, ROW_PX)
            draw_text(painter, area, variant(model), plain, c.text, LEFT)
        size = QRectF(place.size_left, 0, place.size_right - place.size_left, ROW_PX)
        draw_text(painter, size, quantities.size(model.size_bytes), plain, c.text, RIGHT)
        use = QRectF(place.use_left, 0, place.use_right - place.use_left, ROW_PX)
        draw_text(painter, use, last_use(model), small, c.muted, RIGHT)


class LibraryView(QListView):
    """The list; its accessible name is "Models on this disk".

    Signals:
        opened: the name of a model to chat with: Return or a double click.
        delete_pressed: the name of a model.
        menu_asked: the name of a model and where to show its menu.
    """

    opened = Signal(str)
    delete_pressed = Signal(str)
    menu_asked = Signal(str, QPoint)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("plain_list")
        self.setAccessibleName("Models on this disk")
        self.setUniformItemSizes(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.setItemDelegate(_Rows(self))
        self.setMinimumHeight(ROW_PX)
        self.doubleClicked.connect(lambda index: self._tell(self.opened, index))
        self.customContextMenuRequested.connect(self._ask_for_menu)
        theme.changed.connect(self.viewport().update)

    def current(self) -> Model | None:
        index = self.currentIndex()
        found = index.data(MODEL) if index.isValid() else None
        return found if isinstance(found, Model) else None

    def choose(self, name: str) -> None:
        """Choose a model, if it is in the list."""
        model = self.model()
        if isinstance(model, LibraryModel) and (index := model.row_of(name)).isValid():
            self.setCurrentIndex(index)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._tell(self.opened, self.currentIndex())
        elif event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self._tell(self.delete_pressed, self.currentIndex())
        elif event.key() == Qt.Key.Key_Menu:
            self._ask_for_menu(self.visualRect(self.currentIndex()).center())
        else:
            super().keyPressEvent(event)

    def _tell(self, signal: Any, index: Index) -> None:
        model = index.data(MODEL) if index.isValid() else None
        if model is not None:
            signal.emit(model.name)

    def _ask_for_menu(self, at: QPoint) -> None:
        model = self.indexAt(at).data(MODEL)
        if model is not None:
            self.menu_asked.emit(model.name, self.viewport().mapToGlobal(at))


class SortHeader(QWidget):
    """Column titles that sort when they are pressed.

    Signals:
        order_chosen: name, size or last_use.
    """

    order_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedHeight(HEADER_PX)
        self.buttons: dict[Order, _SortButton] = {}
        for order, title in ORDERS.items():
            button = self.buttons[order] = _SortButton(title, f"Sort by {title.lower()}", self)
            button.clicked.connect(lambda _=False, chosen=order: self.order_chosen.emit(chosen))
        theme.changed.connect(self.update)
        self.show_order("name")

    def show_order(self, order: Order) -> None:
        for own, button in self.buttons.items():
            button.setCheckable(True)
            button.setChecked(own == order)
            button.set_caption(f"{ORDERS[own]} {'▴' if own == 'name' else '▾'}" if own == order else ORDERS[own])
        self._place()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        place = _Columns(self.width())
        if place.variant_left < place.variant_right:
            area = QRectF(place.variant_left, 0, place.variant_right - place.variant_left, HEADER_PX)
            draw_text(painter, area, "Variant", fonts.text(11, fonts.BOLD), colours().muted)
        draw_line(painter, PAD - 10, self.width() - PAD + 10, HEADER_PX)

    def _place(self) -> None:
        place = _Columns(self.width())
        for order, left, right in (
            ("name", PAD - 7, None), ("size", None, place.size_right + 7), ("last_use", None, place.use_right + 7)
        ):  # fmt: skip
            button = self.buttons[order]  # type: ignore[index]
            width = button.sizeHint().width()
            button.setGeometry(int(left if left is not None else (right or 0) - width), 5, width, 23)


class _SortButton(RowButton):
    """A column title that can be pressed."""

    def __init__(self, text: str, name: str, parent: QWidget) -> None:
        super().__init__(text, name, parent)
        self.setFont(fonts.text(11, fonts.BOLD))

    def sizeHint(self) -> QSize:
        return QSize(self.fontMetrics().horizontalAdvance(self.text()) + 15, 23)

    def paintEvent(self, event: QPaintEvent) -> None:
        c = colours()
        painter = smooth_painter(self)
        if self.underMouse() or self.hasFocus():
            draw_round(painter, frame_of(self), 5, c.sunken, c.accent if self.hasFocus() else None)
        ink = c.text if self.isChecked() else c.muted
        draw_text(painter, QRectF(self.rect()).adjusted(7, 0, -7, 0), self.text(), self.font(), ink)


def _day(iso: str) -> str:
    try:
        then = datetime.fromisoformat(iso)
    except ValueError:
        return ""
    return f"{then.day} {then:%b %Y}"
