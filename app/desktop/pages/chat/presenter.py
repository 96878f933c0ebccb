"""Brings the chat that is shown into the transcript: its rows when it is opened, and a reply under way as it comes."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from app.desktop.pages.chat.session import Replies, UnderWay
from models import events, stages
from models.store.chats import Chats
from models.store.rows import StoredMessage

if TYPE_CHECKING:
    from app.desktop.pages.chat.thinking_panel import State
    from app.desktop.pages.chat.transcript import ReplyView, Shown, Transcript

# A place of a transcript: its end.
AT_END = -1
DAMAGED_REPLY = "A part of this reply is damaged on this disk and can't be read."
# How often the count of a reply that thinks is brought up to date.
STATUS_MS = 100


class Presenter(QObject):
    """Shows one chat at a time.

    transcript: gives the transcript, which is made the first time; writer: says in words what wrote a reply, by the names
    of model and adapter.

    Signals:
        filled: other messages are shown, perhaps none, or one is whole now.
    """

    filled = Signal()

    def __init__(
        self,
        transcript: "Callable[[], Transcript]",
        chats: Chats,
        replies: Replies,
        writer: Callable[[str, str], str],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._transcript = transcript
        self._chats = chats
        self._replies = replies
        self._writer = writer
        self._chat_id: int | None = None
        self._rows: list[StoredMessage] = []
        self._view: ReplyView | None = None
        self._places: dict[int, int] = {}
        self._clock = QTimer(self, interval=STATUS_MS)
        self._clock.timeout.connect(self._show_status)
        replies.began.connect(self._began)
        replies.progressed.connect(self._went_on)
        replies.ended.connect(self._ended)

    def show(self, chat_id: int | None) -> None:
        """Show a chat where one left it; None for one that is not begun."""
        self._read(chat_id)
        self._fill()
        self.go_to_place(self._places.get(chat_id or 0, AT_END))

    def expect(self, chat_id: int | None) -> None:
        """Show what comes of a chat that has just begun."""
        self._chat_id = chat_id

    def show_again(self) -> None:
        """Show what has changed in the chat, another version say, at the same place."""
        place = self.place()
        self._read(self._chat_id)
        self._fill()
        self.go_to_place(place)

    def is_empty(self) -> bool:
        return not self._rows

    def context(self) -> tuple[int, int]:
        """Tokens in the context and how many it holds, as the last finished reply said; zeros while none has."""
        for row in reversed(self._rows):
            if row.figures is not None and row.figures.context_limit:
                return row.figures.context_tokens, row.figures.context_limit
        return 0, 0

    def place(self) -> int:
        return AT_END if self.is_empty() else self._transcript().place()

    def go_to_place(self, place: int) -> None:
        """Go back to where it stood."""
        if self.is_empty():
            return
        self._transcript().set_place(place)

    def scroll_to(self, message_id: int) -> None:
        self._transcript().scroll_to(message_id)

    def remember_place(self) -> None:
        """Keep the place of the chat that is shown for when it is opened again."""
        if self._chat_id is not None:
            self._places[self._chat_id] = self.place()

    def _read(self, chat_id: int | None) -> None:
        self._clock.stop()
        self._view = None
        self._chat_id = chat_id
        self._rows = self._chats.branch(chat_id) if chat_id is not None else []

    def _fill(self) -> None:
        under_way = self._replies.of_chat(self._chat_id)
        finished = [row for row in self._rows if under_way is None or row.id != under_way.message_id]
        if self._rows:
            self._transcript().set_messages([self._shown(row) for row in finished])
            self._name_last_trace()
        if under_way is not None:
            self._follow(under_way)
        self.filled.emit()

    def _began(self, reply: UnderWay) -> None:
        if reply.chat_id != self._chat_id:
            return
        shown = self._transcript().ids() if self._rows else []
        self._read(reply.chat_id)
        ids = [row.id for row in self._rows]
        if not shown or ids[: len(shown)] != shown or ids[-1] != reply.message_id:
            self._fill()
        else:
            for row in self._rows[len(shown) : -1]:
                self._transcript().add_user(row.id, row.content)
            self._follow(reply)
            self.filled.emit()
        self._transcript().scroll_to_end()

    def _follow(self, reply: UnderWay) -> None:
        """Show what a reply under way has said so far; what comes is added."""
        view = self._view = self._transcript().add_reply(reply.message_id)
        for text, forced in reply.thoughts:
            view.append_thinking(text, forced)
        if reply.closed is not None:
            self._close_thinking(reply)
        if reply.answer:
            view.append_answer(reply.answer)
        if reply.phase == "waiting":
            view.set_waiting(_waiting_for(reply), reply.fraction)
        elif reply.phase == "thinking":
            self._think()

    def _went_on(self, reply: UnderWay, event: events.Event) -> None:
        view = self._view
        if view is None or reply.chat_id != self._chat_id:
            return
        match event:
            case events.Token(channel="thinking"):
                view.append_thinking(event.text, event.forced)
                self._think()
            case events.Token():
                view.append_answer(event.text)
            case events.ThinkingClosed():
                self._close_thinking(reply)
            case events.Budget():
                self._show_status()
            case events.Progress() if reply.phase == "waiting":
                view.set_waiting(_waiting_for(reply), reply.fraction)

    def _ended(self, reply: UnderWay, row: StoredMessage) -> None:
        if reply.chat_id != self._chat_id:
            return
        self._clock.stop()
        view, self._view = self._view, None
        self._rows = [row if old.id == row.id else old for old in self._rows]
        if view is None:
            return
        if view.text() != row.content:
            view.set_text(row.content)
        view.set_versions(row.version, row.versions)
        view.footer.set_writer(self._written_by(row))
        view.footer.set_trace_offered(is_trace(row))
        self._name_last_trace()
        view.finish(row.figures)
        if row.error:
            view.fail(row.error)
        self.filled.emit()

    def _name_last_trace(self) -> None:
        self._transcript().set_last_trace(next((row.id for row in reversed(self._rows) if is_trace(row)), None))

    def _think(self) -> None:
        if not self._clock.isActive():
            self._show_status()
            self._clock.start()

    def _close_thinking(self, reply: UnderWay) -> None:
        self._clock.stop()
        if self._view is not None and reply.closed is not None:
            closed = reply.closed
            self._view.close_thinking(closed.tokens, closed.seconds, closed.how, reply.budget)

    def _show_status(self) -> None:
        reply = self._replies.of_chat(self._chat_id)
        if self._view is not None and reply is not None and reply.phase == "thinking":
            state: State = "closing" if reply.closing else "thinking"
            self._view.set_thinking_status(reply.thinking_tokens, reply.budget, reply.thinking_seconds(), state)

    def _shown(self, row: StoredMessage) -> "Shown":
        from app.desktop.pages.chat.transcript import Shown

        return Shown(
            id=row.id,
            role=row.role,
            content=row.content,
            thinking=row.thinking,
            # Only the reply under way is streaming; a row that says so otherwise was left behind by a kill.
            state="interrupted" if row.state == "streaming" else row.state,
            figures=row.figures,
            version_index=row.version,
            version_count=row.versions,
            rating=row.rating,
            error=row.error or (DAMAGED_REPLY if row.damaged else ""),
            writer=self._written_by(row),
            is_trace=is_trace(row),
        )

    def _written_by(self, row: StoredMessage) -> str:
        """What wrote a reply, where another version or an adapter makes that a question."""
        unclear = row.role == "assistant" and (row.versions > 1 or row.adapter)
        return self._writer(row.model, row.adapter) if unclear else ""


def is_trace(row: StoredMessage) -> bool:
    """Whether a reply has what a trace needs: it is whole, and it thought."""
    return row.role == "assistant" and row.state == "done" and bool(row.thinking and row.content)


def _waiting_for(reply: UnderWay) -> str:
    return f"{stages.of(reply.waiting_for).reply or 'Waiting for the model'} …"
