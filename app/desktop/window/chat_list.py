"""The list of chats in the sidebar: grouped by day, or the hits of a search; renamed in place.

Headings are rows of the same model that can't be chosen, so the list scrolls and is read out as one.
"""

import datetime
from itertools import groupby
from typing import Any

import msgspec
from PySide6.QtCore import (
    QAbstractItemModel,
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QKeyEvent, QPainter
from PySide6.QtWidgets import QLineEdit, QListView, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from app.desktop import fonts
from app.desktop.theme import colours, theme
from app.desktop.widgets.drawing import draw_round
from app.desktop.widgets.named import named
from app.desktop.widgets.plain import escaped, tip
from models import names
from models.store.rows import UNTITLED

Index = QModelIndex | QPersistentModelIndex

ROW_PX, HIT_PX, FIRST_HEADING_PX, HEADING_PX = 28, 46, 26, 33
ENTRY = Qt.ItemDataRole.UserRole + 1


class ChatItem(msgspec.Struct, frozen=True):
    """A chat of the list. when: seconds since 1970; snippet and spans: where a search found something in it."""

    id: int
    title: str
    when: float
    snippet: str = ""
    spans: list[tuple[int, int]] = []
    message_id: int | None = None
    busy: bool = False

    @property
    def shown(self) -> str:
        """The title, or what stands for one."""
        return names.plain(self.title) or UNTITLED


def day_group(when: float, now: datetime.datetime) -> str:
    """Name the group a moment belongs to, in local time."""
    days = (now.date() - datetime.datetime.fromtimestamp(when).date()).days
    if days <= 0:
        return "Today"
    if days == 1:
        return "Yesterday"
    if days < 7:
        return "This week"
    return "This month" if days < 31 else "Earlier"


class ChatListModel(QAbstractListModel):
    """Rows are headings (str) and chats (Entry).

    Signals:
        renamed: a chat's id and the title that was typed.
    """

    renamed = Signal(int, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: list[str | ChatItem] = []

    def set_entries(self, entries: list[ChatItem], grouped: bool = True) -> None:
        """Show chats, newest first; grouped by day or, for hits, as they come."""
        rows: list[str | ChatItem] = list(entries)
        if grouped:
            now = datetime.datetime.now()
            rows = []
            for name, group in groupby(entries, lambda entry: day_group(entry.when, now)):
                rows += [name, *group]
        # A reset would close an editor that is open, so rows that only changed are told as changed.
        if [_key(row) for row in rows] == [_key(row) for row in self._rows]:
            changed = [n for n, (old, new) in enumerate(zip(self._rows, rows, strict=True)) if old != new]
            self._rows = rows
            for n in changed:
                self.dataChanged.emit(self.index(n), self.index(n))
            return
        self.beginResetModel()
        self._rows = rows
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  the default is Qt's own
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Give the title or heading; the whole entry under ENTRY."""
        if not index.isValid():
            return None
        row = self._rows[index.row()]
        if role == ENTRY:
            return row if isinstance(row, ChatItem) else None
        if isinstance(row, str):
            return row if role == Qt.ItemDataRole.DisplayRole else None
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return row.shown
        if role == Qt.ItemDataRole.ToolTipRole:
            return tip(row.shown)
        if role == Qt.ItemDataRole.AccessibleDescriptionRole:
            return row.snippet or None
        return None

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        entry = index.data(ENTRY) if index.isValid() else None
        title = " ".join(str(value).split())
        if role != Qt.ItemDataRole.EditRole or entry is None or not title:
            return False
        if title != entry.shown:
            self.renamed.emit(entry.id, title)
        return True

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Chats can be chosen and renamed, headings neither."""
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        if isinstance(self._rows[index.row()], str):
            return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemNeverHasChildren
        flag = Qt.ItemFlag
        return flag.ItemIsEnabled | flag.ItemIsSelectable | flag.ItemIsEditable | flag.ItemNeverHasChildren

    def row_of(self, chat_id: int) -> QModelIndex:
        """Where a chat stands; an invalid index when it is not in the list."""
        for number, row in enumerate(self._rows):
            if isinstance(row, ChatItem) and row.id == chat_id:
                return self.index(number)
        return QModelIndex()

    def entries(self) -> list[ChatItem]:
        return [row for row in self._rows if isinstance(row, ChatItem)]


class ChatDelegate(QStyledItemDelegate):
    """Paints headings, titles and hits as the sidebar shows them."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        entry = index.data(ENTRY)
        if entry is None:
            return QSize(0, HEADING_PX if index.row() else FIRST_HEADING_PX)
        return QSize(0, HIT_PX if entry.snippet else ROW_PX)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = QRectF(option.rect)
        entry = index.data(ENTRY)
        if entry is None:
            self._paint_heading(painter, area, str(index.data()))
        else:
            view = self.parent()
            chosen = isinstance(view, ChatListView) and view.selectionModel().isSelected(index)
            hovered = isinstance(view, ChatListView) and view.hovered_row == index.row()
            self._paint_entry(painter, area, entry, chosen, hovered)
        painter.restore()

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: Index) -> QWidget:
        return named(QLineEdit(parent), "rename", "Chat title")

    def updateEditorGeometry(self, editor: QWidget, option: QStyleOptionViewItem, index: Index) -> None:
        editor.setGeometry(option.rect.adjusted(2, 2, -2, -2))

    def setModelData(self, editor: QWidget, model: QAbstractItemModel, index: Index) -> None:
        if isinstance(editor, QLineEdit):
            model.setData(index, editor.text(), Qt.ItemDataRole.EditRole)

    def _paint_heading(self, painter: QPainter, area: QRectF, text: str) -> None:
        painter.setFont(fonts.text(11, fonts.BOLD))
        painter.setPen(QColor(colours().muted))
        painter.drawText(area.adjusted(9, 0, -9, -4), Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom, text)

    def _paint_entry(self, painter: QPainter, area: QRectF, entry: ChatItem, chosen: bool, hovered: bool) -> None:
        c = colours()
        if chosen or hovered:
            fill = QColor(c.selected)
            fill.setAlphaF(1.0 if chosen else 0.45)
            draw_round(painter, area, 6, fill)
        painter.setFont(fonts.text())
        painter.setPen(QColor(c.text))
        line = QRectF(area.left() + 9, area.top(), area.width() - (30 if entry.busy else 18), ROW_PX)
        title = painter.fontMetrics().elidedText(entry.shown, Qt.TextElideMode.ElideRight, int(line.width()))
        painter.drawText(line, Qt.AlignmentFlag.AlignVCenter, title)
        if entry.busy:
            painter.setBrush(QColor(c.thinking))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.drawEllipse(QRectF(area.right() - 15, area.top() + ROW_PX / 2 - 3, 6, 6))
        if entry.snippet:
            self._paint_snippet(painter, area, entry)

    def _paint_snippet(self, painter: QPainter, area: QRectF, entry: ChatItem) -> None:
        from PySide6.QtGui import QTextDocument

        document = QTextDocument()
        document.setDocumentMargin(0)
        document.setDefaultFont(fonts.text(11))
        c = colours()
        document.setHtml(f'<div style="color:{c.muted}; white-space:pre">{highlighted(entry, c.accent)}</div>')
        painter.translate(area.left() + 9, area.top() + ROW_PX - 4)
        document.drawContents(painter, QRectF(0, 0, area.width() - 18, 16))


def highlighted(entry: ChatItem, colour: str) -> str:
    """The snippet as HTML with its hits in a colour, begun near the first so that it is seen in a narrow list."""
    start = max(0, entry.spans[0][0] - 12) if entry.spans else 0
    parts = ["…"] if start else []
    at = start
    for begin, end in entry.spans:
        parts.append(escaped(entry.snippet[at:begin]))
        parts.append(f'<b style="color:{colour}">{escaped(entry.snippet[begin:end])}</b>')
        at = end
    return "".join([*parts, escaped(entry.snippet[at:])])


class ChatListView(QListView):
    """The list itself; its accessible name is "Chats".

    Signals:
        chat_chosen: the id of a chat, by click or key.
        hit_chosen: the ids of a chat and of the message in which a search found something.
        menu_requested: a chat's id and where to show the menu.
        delete_pressed: the id of the chat to delete.
    """

    chat_chosen = Signal(int)
    hit_chosen = Signal(int, int)
    menu_requested = Signal(int, QPoint)
    delete_pressed = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, "chats", "Chats")
        self.setMouseTracking(True)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setEditTriggers(QListView.EditTrigger.EditKeyPressed)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.setItemDelegate(ChatDelegate(self))
        self.customContextMenuRequested.connect(self._ask_for_menu)
        self.clicked.connect(self._choose)
        self.activated.connect(self._choose)
        self.hovered_row = -1
        self.entered.connect(self._hover)
        self.viewportEntered.connect(lambda: self._hover(QModelIndex()))
        theme.changed.connect(self._repaint)

    def show_chosen(self, chat_id: int | None) -> None:
        """Mark a chat as the one shown, without telling anyone."""
        model = self.model()
        index = model.row_of(chat_id) if isinstance(model, ChatListModel) and chat_id else QModelIndex()
        self.setCurrentIndex(index)
        if not index.isValid():
            self.clearSelection()

    def rename(self, chat_id: int) -> None:
        model = self.model()
        if isinstance(model, ChatListModel) and (index := model.row_of(chat_id)).isValid():
            self.scrollTo(index)
            self.setCurrentIndex(index)
            self.edit(index)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        entry = self.currentIndex().data(ENTRY)
        editing = self.state() == QListView.State.EditingState
        if entry and not editing and event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.delete_pressed.emit(entry.id)
        elif entry and not editing and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._choose(self.currentIndex())
        else:
            super().keyPressEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        self._hover(QModelIndex())
        super().leaveEvent(event)

    def _hover(self, index: QModelIndex) -> None:
        self.hovered_row = index.row()
        self._repaint()

    def _repaint(self) -> None:
        self.viewport().update()

    def _choose(self, index: QModelIndex) -> None:
        entry = index.data(ENTRY)
        if entry is None:
            return
        if entry.message_id is not None:
            self.hit_chosen.emit(entry.id, entry.message_id)
        else:
            self.chat_chosen.emit(entry.id)

    def _ask_for_menu(self, at: QPoint) -> None:
        entry = self.indexAt(at).data(ENTRY)
        if entry is not None:
            self.menu_requested.emit(entry.id, self.viewport().mapToGlobal(at))


def _key(row: str | ChatItem) -> tuple[str, int | None, bool]:
    return (row, None, False) if isinstance(row, str) else (str(row.id), row.message_id, bool(row.snippet))
