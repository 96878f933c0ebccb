"""What quantization cost: the quant cards of one model's variants side by side, and in words where a recipe hurts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QBoxLayout,
    QFrame,
    QSizePolicy,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from app.desktop import fonts
from app.desktop.pages.models.get_state import variant
from app.desktop.pages.models.places import THIS_MACHINE
from app.desktop.theme import colours, theme
from app.desktop.widgets.cards import label, say
from app.desktop.widgets.column_header import ColumnHeader, PlainTable
from app.desktop.widgets.drawing import LEFT, RIGHT, draw_line, draw_text
from app.desktop.widgets.layouts import in_column
from app.desktop.widgets.named import named
from app.desktop.widgets.plain import Label
from models import quantities
from models.events import Model

Index = QModelIndex | QPersistentModelIndex

COLUMNS = ("Variant", "Size", "KL to original", "same top token", "tok/s", "peak memory")
ROW_PX, HEADER_PX = 33, 32
SIDE_PX, NARROW_PX = 280, 820
IN_USE = Qt.ItemDataRole.UserRole + 1
EXPLAINED = (
    f"Measured on {THIS_MACHINE} against the 16-bit original: "
    "how often the next word differs, and what it costs in memory."
)


@dataclass(frozen=True)
class Variant:
    """A row. cells: as COLUMNS; in_use: it is the one that chats are answered with."""

    name: str
    cells: tuple[str, ...]
    in_use: bool = False
    warning: str = ""
    on_problems: str = ""  # what it costs on problems, where that was evaluated


def related(model: Model, models: Sequence[Model]) -> list[Model]:
    """The variants of a model on this disk, smallest first, its original last."""
    origin = model.repo or (model.name if model.kind == "original" else "")
    if model.kind == "adapter" or not origin:
        return [model] if model.card else []
    same = [other for other in models if origin in (other.repo, other.name) and other.kind != "adapter"]
    return sorted(same, key=lambda other: (other.kind == "original", other.size_bytes))


def variants(models: Sequence[Model], in_use: str) -> list[Variant]:
    """The rows for some variants of one model."""
    return [_row(model, model.name == in_use) for model in models if model.card or model.kind == "original"]


def _row(model: Model, in_use: bool) -> Variant:
    card, title = model.card, variant(model) or model.title
    if card is None:
        return Variant(model.name, (f"{title}, the original", quantities.size(model.size_bytes), *"————"), in_use)
    cells = (
        f"{title}, the original" if model.kind == "original" else title,
        quantities.size(card.size_bytes),
        "—" if card.kl is None else f"{card.kl:.3f}",
        "—" if card.same_top is None else f"{100 * card.same_top:.1f} %",
        f"{card.tokens_per_s:.0f}" if card.tokens_per_s >= 10 else f"{card.tokens_per_s:.1f}",
        quantities.size(card.peak_bytes),
    )
    solved = f"{title} {card.on_problems.words()}." if card.on_problems else ""
    return Variant(model.name, cells, in_use, card.warning, solved)


class VariantModel(QAbstractTableModel):
    """The rows and their columns."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows: list[Variant] = []

    def set_rows(self, rows: list[Variant]) -> None:
        if rows != self.rows:
            self.beginResetModel()
            self.rows = rows
            self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  the default is Qt's own
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  the default is Qt's own
        return 0 if parent.isValid() else len(COLUMNS)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Give a cell's text; whether its row is the one in use under IN_USE."""
        if not index.isValid():
            return None
        row = self.rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return row.cells[index.column()]
        if role == IN_USE:
            return row.in_use
        if role == Qt.ItemDataRole.AccessibleDescriptionRole:
            return row.warning or ("in use" if row.in_use else None)
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal and section < len(COLUMNS):
            return COLUMNS[section]
        return None


class _Cells(QStyledItemDelegate):
    """Paints a cell; a hairline below each row."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(60, ROW_PX)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        painter.save()
        area = QRectF(option.rect)
        bold = index.column() == 0 and bool(index.data(IN_USE))
        font = fonts.text(weight=fonts.BOLD) if bold else fonts.text()
        align = RIGHT if index.column() else LEFT
        draw_text(
            painter,
            area.adjusted(2 if index.column() else 10, 0, -10, 0),
            str(index.data()),
            font,
            colours().text,
            align,
        )
        if index.row() < index.model().rowCount() - 1:
            draw_line(painter, area.left(), area.right() + 1, area.bottom())
        painter.restore()


def _inset(column: int) -> tuple[int, int]:
    return 2 if column else 10, 10


class VariantTable(PlainTable):
    """The table, as tall as its rows."""

    def __init__(self, parent: QWidget | None = None) -> None:
        numbers = range(1, len(COLUMNS))
        super().__init__("Quantizations", ColumnHeader(COLUMNS, HEADER_PX, numbers, _inset), ROW_PX, parent)
        self.setItemDelegate(_Cells(self))
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def fit(self) -> None:
        """Take the height of the rows."""
        model = self.model()
        rows = model.rowCount() if model is not None else 0
        self.setFixedHeight(HEADER_PX + ROW_PX * rows)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Share the width out; the peak goes first where it is narrow."""
        super().resizeEvent(event)
        narrow = self.viewport().width() < 540
        self.setColumnHidden(5, narrow)
        shares = (26, 15, 18, 20, 10, 17) if not narrow else (31, 17, 21, 24, 12, 0)
        total, width = sum(shares), self.viewport().width()
        for column, share in enumerate(shares):
            self.setColumnWidth(column, width * share // total)


class QuantCards(QFrame):
    """Explanation at the left, table at the right; one above the other where it is narrow."""

    def __init__(self, parent: QWidget | None = None, framed: bool = True) -> None:
        super().__init__(parent)
        if framed:
            self.setObjectName("card")
        self._title = label("", "card_title")
        self._explained = named(Label(EXPLAINED), "small")
        self._explained.setWordWrap(True)
        self._warnings = label("", "warning")
        self._on_problems = named(Label(""), "small")
        self._on_problems.setWordWrap(True)
        self.model = VariantModel(self)
        self.table = VariantTable()
        self.table.setModel(self.model)
        texts = in_column(None, self._title, self._explained, self._warnings, self._on_problems, 1, spacing=4)
        self._side = QWidget()
        self._side.setLayout(texts)
        texts.setContentsMargins(0, 0, 0, 0)
        self._row = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._row.setContentsMargins(*(16, 12, 16, 12) if framed else (0, 6, 0, 0))
        self._row.setSpacing(24)
        self._row.addWidget(self._side, 0, Qt.AlignmentFlag.AlignTop)
        self._row.addWidget(self.table, 1, Qt.AlignmentFlag.AlignTop)
        theme.changed.connect(self.table.viewport().update)
        self.hide()

    @property
    def title(self) -> str:
        return self._title.text()

    @property
    def warning(self) -> str:
        """What is said of variants that hurt; empty when none does."""
        return "" if self._warnings.isHidden() else self._warnings.text()

    @property
    def on_problems(self) -> str:
        """What is said of variants that were evaluated against the original; empty when none was."""
        return "" if self._on_problems.isHidden() else self._on_problems.text()

    def show_model(self, model: Model | None, models: Sequence[Model], in_use: str) -> None:
        """Show what the variants of a model cost; nothing is shown where nothing was measured."""
        family = related(model, models) if model is not None else []
        rows = variants(family, in_use)
        measured = any(other.card for other in family)
        if model is not None and measured:
            self._title.setText(f"Quantization of {_common_title(model, family)}")
            self.model.set_rows(rows)
            self.table.fit()
            say(self._warnings, "\n".join(f"{row.cells[0]}: {row.warning}" for row in rows if row.warning))
            say(self._on_problems, "\n".join(row.on_problems for row in rows if row.on_problems))
        self.setVisible(measured)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        narrow = self.width() < NARROW_PX
        direction = QBoxLayout.Direction.TopToBottom if narrow else QBoxLayout.Direction.LeftToRight
        if narrow:
            self._side.setMinimumWidth(0)
            self._side.setMaximumWidth(16_777_215)
        else:
            self._side.setFixedWidth(SIDE_PX)
        self._row.setDirection(direction)
        self._row.setSpacing(6 if narrow else 24)
        self._row.setAlignment(self._side, Qt.AlignmentFlag(0) if narrow else Qt.AlignmentFlag.AlignTop)


def _common_title(model: Model, family: Sequence[Model]) -> str:
    """The title without what may tell the variants apart."""
    ours = [other.title for other in family if other.kind == "model"]
    title = min(ours or [model.title], key=len).rsplit("/", 1)[-1]
    recipes = sorted({variant(other) for other in family}, key=len, reverse=True)
    return next((title.removesuffix(f" {recipe}") for recipe in recipes if title.endswith(f" {recipe}")), title)
