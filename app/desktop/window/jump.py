"""Jump anywhere: one field that finds any chat, model or command by the letters of its name."""

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QAbstractListModel, QEvent, QModelIndex, QObject, QPersistentModelIndex, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from app.desktop import fonts, icons
from app.desktop.theme import colours
from app.desktop.widgets.drawing import draw_round
from app.desktop.widgets.layouts import in_column
from app.desktop.widgets.named import named
from models import names

Index = QModelIndex | QPersistentModelIndex
MOST = 60
ROW_PX = 34


@dataclass(frozen=True)
class Target:
    """A place to jump to. kind: what it is, shown at the right; keys: its key chord; icon: a name of resources/icons."""

    name: str
    kind: str
    icon: str
    go: Callable[[], None]
    keys: str = ""


def score(query: str, name: str) -> float | None:
    """How well letters fit a name, less is better: at its start, at a word's start, inside, scattered; None for not at all."""
    query, name = query.casefold().strip(), name.casefold()
    if not query:
        return 0.0
    at = name.find(query)
    if at == 0:
        return 0.0
    if at > 0:
        return 1.0 if not name[at - 1].isalnum() else 2.0
    position = -1
    for letter in query:
        position = name.find(letter, position + 1)
        if position < 0:
            return None
    return 3.0 + position / 1000


def matching(targets: list[Target], query: str) -> list[Target]:
    """The targets that fit, best first, in their own order among equals."""
    scored = [
        (value, number) for number, target in enumerate(targets) if (value := score(query, target.name)) is not None
    ]
    return [targets[number] for _, number in sorted(scored)[:MOST]]


class TargetModel(QAbstractListModel):
    """The targets that fit."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._targets: list[Target] = []

    def set_targets(self, targets: list[Target]) -> None:
        self.beginResetModel()
        self._targets = targets
        self.endResetModel()

    def target(self, index: Index) -> Target | None:
        """What stands in a row."""
        return self._targets[index.row()] if index.isValid() else None

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  the default is Qt's own
        return 0 if parent.isValid() else len(self._targets)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        target = self.target(index)
        if target is None:
            return None
        if role == Qt.ItemDataRole.AccessibleDescriptionRole:
            return f"{target.kind} {target.keys}".strip()
        return target.name if role == Qt.ItemDataRole.DisplayRole else None


class TargetDelegate(QStyledItemDelegate):
    """Icon, name, kind or key."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(0, ROW_PX)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        model = index.model()
        target = model.target(index) if isinstance(model, TargetModel) else None
        if target is None:
            return
        c = colours()
        area = QRectF(option.rect)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if option.state & QStyle.StateFlag.State_Selected:
            draw_round(painter, area.adjusted(6, 1, -6, -1), 6, c.accent_tint)
        top = int(area.top() + (ROW_PX - 16) / 2)
        painter.drawPixmap(int(area.left()) + 16, top, icons.pixmap(target.icon, c.muted))
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setFont(fonts.text())
        painter.setPen(QColor(c.text))
        name = painter.fontMetrics().elidedText(
            names.plain(target.name), Qt.TextElideMode.ElideRight, int(area.width()) - 190
        )
        painter.drawText(area.adjusted(42, 0, -130, 0), middle, name)
        painter.setFont(fonts.text(11))
        painter.setPen(QColor(c.muted))
        painter.drawText(area.adjusted(0, 0, -16, 0), middle | Qt.AlignmentFlag.AlignRight, target.keys or target.kind)
        painter.restore()


class JumpDialog(QDialog):
    """The field and what it finds, over the window."""

    def __init__(self, targets: list[Target], parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup | Qt.WindowType.FramelessWindowHint)
        self.setAttribute(Qt.WidgetAttribute.WA_TranslucentBackground)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setAccessibleName("Jump")
        self._targets = targets
        self.field = named(QLineEdit(), "jump", "Jump to")
        self.field.setPlaceholderText("Jump to a chat, a model or a command")
        self.model = TargetModel(self)
        self.found = named(QListView(), "found", "Found")
        self.found.setModel(self.model)
        self.found.setItemDelegate(TargetDelegate(self.found))
        self.found.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.found.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        card = named(QFrame(), "jump_card")
        in_column(card, self.field, self.found, margins=(4, 4, 4, 8), spacing=6)
        in_column(self, card)
        self.field.textChanged.connect(self._find)
        self.found.clicked.connect(self._go)
        self.field.installEventFilter(self)
        self._find("")
        width = min(560, parent.width() - 40)
        self.resize(width, 400)
        self.move(parent.mapToGlobal(parent.rect().topLeft()).x() + (parent.width() - width) // 2, 0)
        self.move(self.x(), parent.mapToGlobal(parent.rect().topLeft()).y() + min(120, parent.height() // 6))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Move through what was found while the field keeps the cursor."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(Qt.Key(event.key()))
            if step is not None:
                row = (self.found.currentIndex().row() + step) % max(1, self.model.rowCount())
                self.found.setCurrentIndex(self.model.index(row))
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._go(self.found.currentIndex())
                return True
        return super().eventFilter(watched, event)

    def _find(self, query: str) -> None:
        self.model.set_targets(matching(self._targets, query))
        self.found.setCurrentIndex(self.model.index(0))

    def _go(self, index: QModelIndex) -> None:
        target = self.model.target(index)
        if target is not None:
            self.close()
            target.go()
