"""Brings the chat that is shown into the transcript: its rows when it is opened, and a reply under way as it comes."""

from PySide6.QtCore import QObject, QTimer, Signal

from app.desktop.chat.session import Replies, UnderWay
from app.desktop.chat.transcript import ReplyView, Shown, Transcript
from models import events
from models.engine import messages
from models.store.chats import Chats, StoredMessage

# How often the count of a reply that thinks is brought up to date.
STATUS_MS = 100
STAGES = {"prefill": "Reading the conversation", "load": "Loading the model", "import": "Preparing the starter model"}


class Presenter(QObject):
    """Shows one chat at a time.

    Signals:
        filled: there are messages now where there were none, or the other way round.
    """

    filled = Signal()

    def __init__(self, transcript: Transcript, chats: Chats, replies: Replies, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._transcript = transcript
        self._chats = chats
        self._replies = replies
        self._chat_id: int | None = None
        self._rows: list[StoredMessage] = []
        self._view: ReplyView | None = None
        self._places: dict[int, int] = {}
        self._clock = QTimer(self, interval=STATUS_MS)
        self._clock.timeout.connect(self._show_status)
        replies.began.connect(self._began)
        replies.progressed.connect(self._went_on)
        replies.ended.connect(self._ended)

    def show(self, chat_id: int | None, keep_place: bool = False) -> None:
        """Show a chat from its rows, and the reply under way in it if there is one."""
        place = self.place() if keep_place else self._places.get(chat_id or 0)
        self._clock.stop()
        self._view = None
        self._chat_id = chat_id
        self._rows = self._chats.branch(chat_id) if chat_id is not None else []
        under_way = self._replies.of_chat(chat_id)
        finished = [row for row in self._rows if under_way is None or row.id != under_way.message_id]
        self._transcript.set_messages([_shown(row) for row in finished])
        if under_way is not None:
            self._follow(under_way)
        elif place is not None:
            QTimer.singleShot(0, self, lambda: self.go_to_place(place))
        self.filled.emit()

    def is_empty(self) -> bool:
        """Whether there is nothing to show."""
        return not self._rows

    def last_reply(self) -> int | None:
        """The id of the last reply of the branch."""
        return next((row.id for row in reversed(self._rows) if row.role == "assistant"), None)

    def context(self) -> tuple[int, int]:
        """Tokens in the context and how many it holds, as the last finished reply said; zeros while none has."""
        for row in reversed(self._rows):
            if row.figures is not None and row.figures.context_limit:
                return row.figures.context_tokens, row.figures.context_limit
        return 0, 0

    def place(self) -> int:
        """Where the transcript is scrolled to."""
        return self._transcript.verticalScrollBar().value()

    def go_to_place(self, place: int) -> None:
        """Scroll to where it was."""
        self._transcript.verticalScrollBar().setValue(place)

    def scroll_to(self, message_id: int) -> None:
        """Bring a message into view."""
        self._transcript.scroll_to(message_id)

    def remember_place(self) -> None:
        """Keep the place of the chat that is shown for when it is opened again."""
        if self._chat_id is not None:
            self._places[self._chat_id] = self.place()

    def _began(self, reply: UnderWay) -> None:
        if reply.chat_id == self._chat_id:
            self.show(reply.chat_id)

    def _follow(self, reply: UnderWay) -> None:
        """Show what a reply under way has said so far; what comes is added."""
        view = self._view = self._transcript.add_reply(reply.message_id)
        if reply.thinking:
            view.append_thinking(reply.thinking)
        if reply.closed is not None:
            self._close_thinking(reply)
        if reply.answer:
            view.append_answer(reply.answer)
        if reply.phase == "waiting":
            view.set_waiting(_waiting_for(reply), reply.fraction)
        elif reply.phase == "thinking":
            self._show_status()
            self._clock.start()

    def _went_on(self, reply: UnderWay, event: messages.AnyEvent) -> None:
        view = self._view
        if view is None or reply.chat_id != self._chat_id:
            return
        match event:
            case events.Token(channel="thinking"):
                view.append_thinking(event.text)
                if not self._clock.isActive():
                    self._show_status()
                    self._clock.start()
            case events.Token():
                view.append_answer(event.text)
            case events.ThinkingClosed():
                self._close_thinking(reply)
            case events.Budget():
                self._show_status()
            case events.Progress():
                view.set_waiting(_waiting_for(reply), reply.fraction)

    def _ended(self, reply: UnderWay, row: StoredMessage) -> None:
        if reply.chat_id != self._chat_id:
            return
        self._clock.stop()
        view, self._view = self._view, None
        self._rows = [row if old.id == row.id else old for old in self._rows]
        if view is None:
            return
        view.finish(_shown(row))
        if row.state in ("failed", "interrupted"):
            view.fail(row.error, "")

    def _close_thinking(self, reply: UnderWay) -> None:
        self._clock.stop()
        if self._view is not None and reply.closed is not None:
            closed = reply.closed
            self._view.close_thinking(closed.tokens, reply.budget, closed.seconds, closed.how)

    def _show_status(self) -> None:
        reply = self._replies.of_chat(self._chat_id)
        if self._view is not None and reply is not None and reply.phase == "thinking":
            self._view.set_thinking_status(reply.thinking_tokens, reply.budget, reply.thinking_seconds())


def _waiting_for(reply: UnderWay) -> str:
    return STAGES.get(reply.waiting_for, "Waiting for the model")


def _shown(row: StoredMessage) -> Shown:
    return row  # type: ignore[return-value]
