"""The transcript: all messages of a chat in one column, of which only those near the view are built.

Messages far from the view are numbers: a height that is guessed from their text until they are first shown. When a
message above what one looks at takes another height, the view moves along, so that nothing jumps.
"""

import time
from dataclasses import dataclass
from functools import partial
from typing import Literal

import msgspec
from PySide6.QtCore import QPoint, QRectF, QSize, Qt, QThreadPool, QTimer
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QPaintEvent, QPalette, QResizeEvent
from PySide6.QtWidgets import QAbstractButton, QFrame, QScrollArea, QWidget

from app.desktop import fonts
from app.desktop.pages.chat.message_actions import MessageActions
from app.desktop.pages.chat.reply_view import ReplyView
from app.desktop.pages.chat.user_view import UserView
from app.desktop.palette import Colours
from app.desktop.text import code, mathematics
from app.desktop.text.document import EAGER_MS
from app.desktop.theme import theme
from app.desktop.widgets.small_parts import draw_card
from models.store.rows import Figures, State

__all__ = ["ReplyView", "Shown", "Transcript", "UserView"]

COLUMN_PX = 884
SIDE_PX = 24
TOP_PX = 26
BOTTOM_PX = 24
GAP_PX = 20
NEAR_END_PX = 40
BUILD_MS = 10.0
SEEN_EAGER_MS = 50.0  # for what one waits to see when a chat is opened
AT_END = -1
PLACE = 1_000_000

ENDS: dict[State, str] = {"interrupted": "This reply was interrupted.", "failed": "This reply failed."}


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A message as the transcript shows it."""

    id: int
    role: Literal["user", "assistant"]
    content: str
    thinking: str = ""
    state: State = "done"
    figures: Figures | None = None
    version_index: int = 1  # from 1
    version_count: int = 1
    rating: int = 0
    error: str = ""  # what went wrong, if something did
    writer: str = ""  # which model wrote it, when that is not plain
    is_trace: bool = False  # it can be used as one


@dataclass(eq=False)
class _Item:
    """A message of the column; view is None until it comes near the view."""

    shown: Shown
    view: UserView | ReplyView | None = None
    height: int = 0
    top: int = 0
    number: int = 0  # among the replies, from 1


class JumpButton(QAbstractButton):
    """Goes back to the end of the chat."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.colours = theme.colours
        self.setText("Jump to latest ↓")
        self.setAccessibleName("Jump to latest")
        self.setFont(fonts.text(12))
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.resize(self.sizeHint())
        self.hide()

    def sizeHint(self) -> QSize:
        return QSize(self.fontMetrics().horizontalAdvance(self.text()) + 30, 28)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        c = self.colours
        edge = c.accent if self.hasFocus() else c.edge
        draw_card(painter, QRectF(self.rect()), c.sunken if self.underMouse() else c.raised, edge, 13.5)
        painter.setPen(QColor(c.text))
        painter.setFont(self.font())
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self.text())


class Transcript(QScrollArea):
    """Shows the messages of a chat. message_actions: tells what is asked for in them."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Transcript")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.message_actions = MessageActions(self)
        self.message_actions.thinking_opened.connect(self._thinking_toggled)
        self._colours = theme.colours
        self._items: list[_Item] = []
        self._content = QWidget()
        self._content.setAutoFillBackground(True)
        self._content.setAttribute(Qt.WidgetAttribute.WA_StaticContents)
        self.setWidget(self._content)
        self._follow = True
        self._placing = False
        self._thinking_open = False
        self._menu_offered = False
        self._last_trace: int | None = None
        self._prepared = False
        self._jump = JumpButton(self)
        self._jump.clicked.connect(self.scroll_to_end)
        self._build_timer = QTimer(self, singleShot=True, interval=0)
        self._build_timer.timeout.connect(self._build_near)
        self.verticalScrollBar().valueChanged.connect(self._scrolled)
        self.verticalScrollBar().setSingleStep(24)
        self._dress()

    # Messages

    def clear(self) -> None:
        for item in self._items:
            if item.view is not None:
                item.view.hide()
                item.view.deleteLater()
        self._items = []
        self._follow = True
        self._place_from(0)

    def set_messages(self, messages: list[Shown]) -> None:
        """Show a chat, at its end. What is not near the view is built when it comes near."""
        self.setUpdatesEnabled(False)
        self.clear()
        replies = 0
        for shown in messages:
            replies += shown.role == "assistant"
            item = _Item(shown, number=replies)
            item.height = _guess_height(shown, self._column())
            self._items.append(item)
        self._place_from(0)
        self._build_in_view()
        self.setUpdatesEnabled(True)
        self._prepare()

    def add_user(self, message_id: int, text: str) -> UserView:
        """Add a message of the user and go to it."""
        self._follow = True
        item = self._add(Shown(id=message_id, role="user", content=text))
        assert isinstance(item.view, UserView)
        return item.view

    def add_reply(self, message_id: int) -> ReplyView:
        """Add a reply that is about to come."""
        item = self._add(Shown(id=message_id, role="assistant", content="", state="streaming"))
        assert isinstance(item.view, ReplyView)
        self._prepare()
        return item.view

    def view_of(self, message_id: int) -> UserView | ReplyView | None:
        """The widget of a message, built if need be; None when there is no such message."""
        for item in self._items:
            if item.shown.id == message_id:
                self._build(item)
                return item.view
        return None

    def set_last_trace(self, message_id: int | None) -> None:
        """Say which is the last reply that can be used as a trace."""
        self._last_trace = message_id
        for item in self._items:
            if isinstance(item.view, ReplyView):
                item.view.set_trace_number(self._trace_number(item))

    def ids(self) -> list[int]:
        return [item.shown.id for item in self._items]

    def set_colours(self, colours: Colours) -> None:
        if colours == self._colours:
            return
        self._colours = colours
        self._dress()
        for item in self._items:
            if item.view is not None:
                item.view.set_colours(colours)
        self._place_from(0)

    def set_thinking_open(self, is_open: bool) -> None:
        """Whether replies that come show what is thought from the start."""
        self._thinking_open = is_open

    def set_regenerate_menu_offered(self, offered: bool) -> None:
        """Whether replies have an arrow that opens a menu; connect `message_actions.regenerate_menu_asked` to fill it."""
        self._menu_offered = offered

    # Scrolling

    def place(self) -> int:
        """Where the view stands, to come back to with `set_place`."""
        if self._follow or not self._items:
            return AT_END
        value = self.verticalScrollBar().value()
        index = self._index_at(value)
        return index * PLACE + min(max(value - self._items[index].top, 0), PLACE - 1)

    def set_place(self, place: int) -> None:
        index, offset = divmod(place, PLACE)
        if place < 0 or index >= len(self._items):
            self.scroll_to_end()
            return
        self._show_from(index, offset)

    def scroll_to(self, message_id: int) -> None:
        """Bring the beginning of a message into view."""
        for index, item in enumerate(self._items):
            if item.shown.id == message_id:
                self._show_from(index, -GAP_PX)

    def scroll_to_end(self) -> None:
        """Go to the end and follow what is written there."""
        self._follow = True
        self._go_to_end()
        self._build_in_view()

    @property
    def follows(self) -> bool:
        """Whether the view keeps to the end while a reply grows."""
        return self._follow

    # Column

    def _add(self, shown: Shown) -> _Item:
        last = self._last_reply()
        item = _Item(shown, number=(last.number if last else 0) + (shown.role == "assistant"))
        self._items.append(item)
        if shown.role == "assistant" and last is not None and isinstance(last.view, ReplyView):
            last.view.set_number(last.number)
        self._build(item)
        return item

    def _last_reply(self) -> _Item | None:
        return next((item for item in reversed(self._items) if item.shown.role == "assistant"), None)

    def _trace_number(self, item: _Item) -> int | None:
        return None if item.shown.id == self._last_trace else item.number

    def _column(self) -> int:
        return max(min(COLUMN_PX, self.viewport().width() - 2 * SIDE_PX), 200)

    def _build(self, item: _Item, eager_ms: float = EAGER_MS) -> None:
        """Make the widget of a message and give it its place. eager_ms: how long its formulas may take at once."""
        if item.view is not None:
            return
        item.view = self._user_view(item.shown) if item.shown.role == "user" else self._reply_view(item, eager_ms)
        item.view.grown.connect(partial(self._item_grown, item))
        self._item_grown(item)
        item.view.show()

    def _user_view(self, shown: Shown) -> UserView:
        view = UserView(self._colours, shown.content, self.message_actions, shown.id, self._content)
        view.set_versions(shown.version_index, shown.version_count)
        return view

    def _reply_view(self, item: _Item, eager_ms: float) -> ReplyView:
        shown = item.shown
        view = ReplyView(self._colours, self.message_actions, shown.id, self._thinking_open, self._content)
        view.set_number(None if item is self._last_reply() else item.number)
        view.set_trace_number(self._trace_number(item))
        view.footer.set_menu_offered(self._menu_offered)
        if shown.state != "streaming":
            _fill(view, shown, eager_ms)
            view.text_view.text_document.want_formulas()
        view.dragged.connect(lambda at: self._keep_in_view(view.mapTo(self._content, at)))
        return view

    def _thinking_toggled(self, is_open: bool) -> None:
        self._thinking_open = is_open
        self._follow = False  # the line that was clicked stays where it is

    def _item_grown(self, item: _Item) -> None:
        if item.view is None or (item not in self._items[-2:] and item not in self._items):
            return
        before = item.height
        item.height = item.view.fit(self._column())
        above = item.top + before <= self.verticalScrollBar().value() and not self._follow
        self._place_from(self._items.index(item))
        if above and item.height != before:
            self._move_to(self.verticalScrollBar().value() + item.height - before)

    def _place_from(self, index: int) -> None:
        """Put messages one below the other, from one on, and keep to the end when that is followed."""
        left = (self.viewport().width() - self._column()) // 2
        top = self._items[index - 1].top + self._items[index - 1].height + GAP_PX if index else TOP_PX
        for item in self._items[index:]:
            item.top = top
            if item.view is not None and item.view.pos() != QPoint(left, top):
                item.view.move(left, top)
            top += item.height + GAP_PX
        height = max(top - GAP_PX + BOTTOM_PX if self._items else 0, self.viewport().height())
        self._placing = True
        if self._content.size() != QSize(self.viewport().width(), height):
            self._content.resize(self.viewport().width(), height)
        self._placing = False
        if self._follow:
            self._go_to_end()
        self._show_jump()

    def _go_to_end(self) -> None:
        self._move_to(self.verticalScrollBar().maximum())

    def _move_to(self, value: int) -> None:
        self._placing = True
        self.verticalScrollBar().setValue(value)
        self._placing = False
        self._show_jump()

    def _index_at(self, y: int) -> int:
        for index, item in enumerate(self._items):
            if item.top + item.height >= y:
                return index
        return len(self._items) - 1

    def _show_from(self, index: int, offset: int) -> None:
        self._follow = False
        for item in self._items[index : index + 1]:
            self._build(item)
        self._move_to(self._items[index].top + offset)
        self._build_in_view()
        self._move_to(self._items[index].top + offset)

    # Building what comes near

    def _build_in_view(self) -> None:
        """Build what one sees now, the rest of what is near in the following turns."""
        for _ in range(200):
            item = self._missing(0)
            if item is None:
                break
            self._build(item, SEEN_EAGER_MS)
        self._build_timer.start()

    def _missing(self, margin: int) -> _Item | None:
        """The lowest message within the view, widened by a margin, that is not built."""
        top = self.verticalScrollBar().value() - margin
        bottom = self.verticalScrollBar().value() + self.viewport().height() + margin
        near = [item for item in self._items if item.top + item.height >= top and item.top <= bottom]
        return next((item for item in reversed(near) if item.view is None), None)

    def _build_near(self) -> None:
        deadline = time.perf_counter() + BUILD_MS / 1000
        while item := self._missing(self.viewport().height()):
            self._build(item)
            if time.perf_counter() > deadline:
                self._build_timer.start()
                return

    def _prepare(self) -> None:
        """Have what draws formulas and code loaded by another thread, once what one sees is built: it would be slowed."""
        if not self._prepared:
            self._prepared = True
            QTimer.singleShot(0, self, _load_in_threads)

    # Events

    def _scrolled(self, value: int) -> None:
        if not self._placing:
            self._follow = value >= self.verticalScrollBar().maximum() - NEAR_END_PX
        if self._items:
            self._build_timer.start()
        self._show_jump()

    def _show_jump(self) -> None:
        bar = self.verticalScrollBar()
        self._jump.setVisible(not self._follow and bar.maximum() - bar.value() > 2 * NEAR_END_PX)
        self._jump.move((self.viewport().width() - self._jump.width()) // 2, self.height() - self._jump.height() - 12)

    def _keep_in_view(self, at: QPoint) -> None:
        """Scroll while a selection is dragged beyond the edge."""
        self.ensureVisible(at.x(), at.y(), 0, 12)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        place = self.place()
        column = self._column()
        for item in self._items:
            if item.view is None:
                item.height = _guess_height(item.shown, column)
            elif item.view.width() != column:
                item.height = item.view.fit(column)
        self._place_from(0)
        if place != AT_END:
            index, offset = divmod(place, PLACE)
            self._move_to(self._items[index].top + offset)
        self._build_in_view()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Home and End go to the beginning and the end."""
        if event.key() == Qt.Key.Key_End:
            self.scroll_to_end()
        elif event.key() == Qt.Key.Key_Home:
            self.verticalScrollBar().setValue(0)
        else:
            super().keyPressEvent(event)

    def _dress(self) -> None:
        palette = QPalette()
        palette.setColor(QPalette.ColorRole.Window, QColor(self._colours.window))
        self._content.setPalette(palette)
        self.viewport().setPalette(palette)
        self._jump.colours = self._colours
        self._jump.update()


def _load_in_threads() -> None:
    for load in (mathematics.warm_up, code.warm_up):
        QThreadPool.globalInstance().start(load)


def _fill(view: ReplyView, shown: Shown, eager_ms: float) -> None:
    """Show a reply that is whole, or as whole as it will be."""
    figures = shown.figures
    if shown.thinking:
        view.append_thinking(shown.thinking)
        given = figures or Figures()
        view.close_thinking(given.thinking_tokens, given.thinking_s, given.closed_by, given.budget)
    view.set_text(shown.content, eager_ms)
    view.set_versions(shown.version_index, shown.version_count)
    view.footer.set_rating(shown.rating)
    view.footer.set_writer(shown.writer)
    view.footer.set_trace_offered(shown.is_trace)
    view.finish(figures)
    if shown.error or shown.state in ENDS:
        view.fail(shown.error or ENDS[shown.state])


def _guess_height(shown: Shown, column: int) -> int:
    """About how tall a message is that has not been built."""
    per_line = max(column // 7, 20)
    text = shown.content[:20_000]
    lines = text.count("\n") + len(text) // per_line + 1
    if shown.role == "user":
        return min(20 * lines + 20, 330)
    return 20 * lines + 34 + (51 if shown.thinking else 0)
