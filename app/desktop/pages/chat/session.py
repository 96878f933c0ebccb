"""Replies under way: what is asked of the engine, what comes back, and how it gets into the store. No widgets.

A user's message and the empty reply are rows before the engine hears of them; the text that comes is written every
half second and at the end, by the store's own thread, so a kill loses at most that and nothing waits for the disk. A reply goes on while another chat is shown. Whatever ends
it — the model, the user, an error, the death of the worker — what had been written stays.
"""

import logging
import time
from collections.abc import Callable
from typing import Literal, NamedTuple

import msgspec
from PySide6.QtCore import QObject, QTimer, Signal

from app.desktop.services.chat_store import ChatStore, nothing
from app.desktop.services.engine_signals import EngineLike, EngineSignals
from models import events, requests
from models.chat_request import conversation
from models.errors import StillroomError
from models.store.chats import Chats
from models.store.rows import Chat, State, StoredMessage

log = logging.getLogger(__name__)

STORE_MS = 500
INTERRUPTED = "The engine stopped before the reply was finished."


class UnderWay(msgspec.Struct, eq=False):
    """A reply that is being written."""

    call_id: int
    chat_id: int
    message_id: int
    model: str
    budget: int | None  # in force now; None for no limit
    adapter: str = ""
    phase: Literal["waiting", "thinking", "answering", "ending"] = "waiting"  # ending: whole, and not in the store yet
    thoughts: list[tuple[str, bool]] = []  # texts so far, and whether the budget put them there
    answer: str = ""
    closing: bool = False  # it has been told to answer
    thinking_tokens: int = 0
    closed: events.ThinkingClosed | None = None
    waiting_for: str = ""  # the stage before the first token
    fraction: float | None = None  # of that stage
    first_token_at: float | None = None
    stopping: bool = False  # it has been told to stop
    _stored: tuple[int, int] = (0, 0)  # characters of thinking and answer that are in the store
    _on_the_way: tuple[int, int] = (0, 0)  # how many there will be when what is being written is
    _storing: bool = False  # something is being written

    @property
    def thinking(self) -> str:
        return "".join(text for text, _ in self.thoughts)

    def think(self, text: str, forced: bool) -> None:
        if self.thoughts and self.thoughts[-1][1] == forced:
            text = self.thoughts.pop()[0] + text  # few long texts instead of thousands of tokens
        self.thoughts.append((text, forced))

    def thinking_seconds(self) -> float:
        """Seconds since the first token came."""
        return time.monotonic() - self.first_token_at if self.first_token_at else 0.0

    def take_unstored(self) -> tuple[str, str]:
        """What has to be written now, thinking and answer: nothing while the last of it is on the way; see `stored`."""
        if self._storing or self.phase == "ending":
            return "", ""
        thinking, answer = self.thinking, self.answer
        written_thinking, written_answer = self._stored
        self._on_the_way = len(thinking), len(answer)
        self._storing = self._on_the_way != self._stored
        return thinking[written_thinking:], answer[written_answer:]

    def stored(self, whole: bool) -> None:
        """What was taken last is in the store, or could not be written and has to be taken again."""
        self._storing = False
        if whole:
            self._stored = self._on_the_way


class Begun(NamedTuple):
    """Rows of a reply that is about to be asked for."""

    chat: Chat
    reply: StoredMessage  # empty
    turns: list[StoredMessage]  # what it answers, first to last


class Replies(QObject):
    """All replies under way, one a chat.

    Signals:
        began: an UnderWay whose rows are in the store.
        progressed: an UnderWay and the event it has already taken in.
        ended: an UnderWay and its StoredMessage as it now is in the store.
        not_stored: a StillroomError; text that could not be written is kept here and tried again.
    """

    began = Signal(object)
    progressed = Signal(object, object)
    ended = Signal(object, object)
    not_stored = Signal(object)

    def __init__(
        self, store: ChatStore, engine: EngineLike, signals: EngineSignals, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._chat_store = store
        self._engine = engine
        self._by_call: dict[int, UnderWay] = {}
        self._told = False
        signals.arrived.connect(self._take)
        self._timer = QTimer(self, interval=STORE_MS)
        self._timer.timeout.connect(self._store_all)

    def of_chat(self, chat_id: int | None) -> UnderWay | None:
        return next((reply for reply in self._by_call.values() if reply.chat_id == chat_id), None)

    def busy_chats(self) -> set[int]:
        """Chats in which a reply is under way."""
        return {reply.chat_id for reply in self._by_call.values()}

    def answer(
        self,
        asked: Callable[[Chats], int],
        model: str,
        budget: int | None,
        adapter: str,
        stored: Callable[[Begun], object],
        failed: Callable[[StillroomError], object],
        *,
        calm: bool = False,
    ) -> None:
        """Have a user's message answered, again if it was before.

        asked: gives its id, and may write it before; runs on the store's thread. stored: told when the message and the row
        of the reply are kept, before the engine hears of them; failed: told when they can't be kept, and neither is then.
        """

        def begin(chats: Chats) -> Begun:
            reply = chats.begin_reply(asked(chats), model, adapter)
            turns = [turn for turn in chats.branch(reply.chat_id) if turn.id != reply.id]
            return Begun(chats.get(reply.chat_id), reply, turns)

        def start(begun: Begun) -> None:
            stored(begun)
            try:
                self._start(begun, budget, calm)
            except StillroomError as error:
                failed(error)

        self._chat_store.write(lambda chats: chats.whole(lambda: begin(chats)), start, failed)

    def stop(self, chat_id: int | None) -> None:
        """Stop the reply of a chat; what was written stays."""
        reply = self.of_chat(chat_id)
        if reply is not None and not reply.stopping:
            reply.stopping = True
            self._engine.cancel(reply.call_id)

    def steer(self, chat_id: int | None, action: requests.Action) -> None:
        """Have the reply of a chat answer now, or think longer."""
        reply = self.of_chat(chat_id)
        if reply is not None and reply.phase in ("waiting", "thinking"):
            reply.closing = reply.closing or action == "answer_now"
            self._engine.steer(reply.call_id, action)

    def close(self) -> None:
        """Write what is unwritten and mark every reply under way as stopped: the window closes."""
        self._chat_store.settle()  # what was sent a moment ago is under way then
        self._timer.stop()
        for reply in list(self._by_call.values()):
            self._finish(reply, "stopped", None, "", nothing, lambda error: log.error("reply not stored: %s", error))
        self._by_call.clear()
        self._chat_store.settle()

    def _start(self, begun: Begun, budget: int | None, calm: bool) -> None:
        chat, row = begun.chat, begun.reply
        request = requests.ChatRequest(
            model=row.model,
            messages=conversation(chat.system, begun.turns),
            think=budget,
            sampling=chat.sampling,
            calm=calm,
            another=row.versions > 1,
            adapter=row.adapter or None,
        )
        call_id = self._engine.start(request)
        reply = UnderWay(call_id, chat.id, row.id, row.model, budget, row.adapter)
        self._by_call[call_id] = reply
        self._timer.start()
        self.began.emit(reply)

    def _take(self, call_id: int, event: events.Event) -> None:
        reply = self._by_call.get(call_id)
        if reply is None or reply.phase == "ending":
            return
        match event:
            case events.Done(result=result):
                whole = result if isinstance(result, events.Reply) else None
                stopped = whole is not None and whole.finish == "cancelled"
                if whole is not None and whole.closed_by is None and whole.thinking:
                    whole = msgspec.structs.replace(whole, thinking_s=reply.thinking_seconds())  # it never closed
                self._end(reply, "stopped" if stopped else "done", whole)
            case events.Failed():
                self._fail(reply, event)
            case _:
                _take_in(reply, event)
                self.progressed.emit(reply, event)

    def _fail(self, reply: UnderWay, failed: events.Failed) -> None:
        if failed.kind == "cancelled":
            self._end(reply, "stopped", None)
            return
        state: State = "interrupted" if failed.kind == "worker_died" else "failed"
        self._end(reply, state, None, f"{failed.text} {failed.hint}".strip())

    def _end(self, reply: UnderWay, state: State, whole: events.Reply | None, error: str = "") -> None:
        reply.phase, reply.stopping = "ending", True

        def tell(row: StoredMessage) -> None:
            self._by_call.pop(reply.call_id, None)
            if not self._by_call:
                self._timer.stop()
            self.ended.emit(reply, row)

        def tell_unstored(trouble: StillroomError) -> None:
            log.error("reply %d could not be stored: %s", reply.message_id, trouble)
            self.not_stored.emit(trouble)
            tell(_unstored_row(reply, state, whole, error))

        self._finish(reply, state, whole, error, tell, tell_unstored)

    def _finish(
        self,
        reply: UnderWay,
        state: State,
        whole: events.Reply | None,
        error: str,
        then: Callable[[StoredMessage], object],
        failed: Callable[[StillroomError], object],
    ) -> None:
        thinking, content = reply.thinking, reply.answer
        self._chat_store.write(
            lambda chats: chats.finish(reply.message_id, state, whole, error, thinking=thinking, content=content),
            then,
            failed,
        )

    def _store_all(self) -> None:
        for reply in list(self._by_call.values()):
            self._store(reply)

    def _store(self, reply: UnderWay) -> None:
        thinking, answer = reply.take_unstored()
        if not thinking and not answer:
            return

        def stored(_result: None) -> None:
            reply.stored(True)
            self._told = False

        def failed(trouble: StillroomError) -> None:
            reply.stored(False)
            # Told once: it would come twice a second until there is space again.
            if not self._told and reply.phase != "ending":
                self._told = True
                self.not_stored.emit(trouble)

        self._chat_store.write(
            lambda chats: chats.append(reply.message_id, thinking=thinking, content=answer), stored, failed
        )


def _take_in(reply: UnderWay, event: events.Event) -> None:
    match event:
        case events.Token():
            reply.first_token_at = reply.first_token_at or time.monotonic()
            reply.waiting_for, reply.fraction = "", None
            if event.channel == "thinking":
                reply.phase = "thinking"
                reply.think(event.text, event.forced)
                reply.thinking_tokens = event.n
            else:
                reply.phase = "answering"
                reply.answer += event.text
        case events.Budget():
            reply.budget = event.tokens
            if reply.phase == "waiting" and event.tokens != 0:
                reply.phase = "thinking"
        case events.ThinkingClosed():
            reply.closed = event
            reply.phase = "answering"
        case events.Progress():
            reply.waiting_for = event.stage
            reply.fraction = event.done / event.total if event.total else None


def _unstored_row(reply: UnderWay, state: State, whole: events.Reply | None, error: str) -> StoredMessage:
    """The reply as it would have been stored, so that it can at least be shown and copied."""
    return StoredMessage(
        id=reply.message_id,
        chat_id=reply.chat_id,
        parent_id=None,
        role="assistant",
        content=whole.answer if whole else reply.answer,
        thinking=whole.thinking if whole else reply.thinking,
        state=state,
        error=error,
        model=reply.model,
        adapter=reply.adapter,
        figures=None,
        rating=0,
        created=time.time(),
    )
