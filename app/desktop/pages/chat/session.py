"""Replies under way: what is asked of the engine, what comes back, and how it gets into the store. No widgets.

A user's message and the empty reply are rows before the engine hears of them; the text that comes is written every
half second and at the end, so a kill loses at most that. A reply goes on while another chat is shown. Whatever ends
it — the model, the user, an error, the death of the worker — what had been written stays.
"""

import contextlib
import logging
import time
from dataclasses import dataclass, field
from typing import Literal

import msgspec
from PySide6.QtCore import QObject, QTimer, Signal

from app.desktop.services.engine_signals import EngineLike, EngineSignals
from models import events, requests
from models.chat_request import conversation
from models.errors import StillroomError
from models.store.chats import Chats, State, StoredMessage

log = logging.getLogger(__name__)

STORE_MS = 500
INTERRUPTED = "The engine stopped before the reply was finished."


@dataclass
class UnderWay:
    """A reply that is being written.

    thoughts: texts so far and whether the budget put them there; budget: in force now, None for no limit;
    closing: it has been told to answer.
    """

    call_id: int
    chat_id: int
    message_id: int
    model: str
    budget: int | None
    adapter: str = ""
    phase: Literal["waiting", "thinking", "answering"] = "waiting"
    thoughts: list[tuple[str, bool]] = field(default_factory=list)
    answer: str = ""
    closing: bool = False
    thinking_tokens: int = 0
    closed: events.ThinkingClosed | None = None
    waiting_for: str = ""
    fraction: float | None = None
    first_token_at: float | None = None
    stopping: bool = False
    _stored_thinking: int = 0
    _stored_answer: int = 0

    @property
    def thinking(self) -> str:
        """All thoughts so far."""
        return "".join(text for text, _ in self.thoughts)

    def think(self, text: str, forced: bool) -> None:
        """Take more thoughts."""
        if self.thoughts and self.thoughts[-1][1] == forced:
            text = self.thoughts.pop()[0] + text  # few long texts instead of thousands of tokens
        self.thoughts.append((text, forced))

    def thinking_seconds(self) -> float:
        """Seconds since the first token came."""
        return time.monotonic() - self.first_token_at if self.first_token_at else 0.0

    def unstored(self) -> tuple[str, str]:
        """What is not in the store yet, thinking and answer."""
        return self.thinking[self._stored_thinking :], self.answer[self._stored_answer :]

    def mark_stored(self) -> None:
        """Call all of it stored."""
        self._stored_thinking, self._stored_answer = len(self.thinking), len(self.answer)


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

    def __init__(self, chats: Chats, engine: EngineLike, signals: EngineSignals, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._chats = chats
        self._engine = engine
        self._by_call: dict[int, UnderWay] = {}
        self._told = False
        signals.arrived.connect(self._take)
        self._timer = QTimer(self, interval=STORE_MS)
        self._timer.timeout.connect(self._store_all)

    def of_chat(self, chat_id: int | None) -> UnderWay | None:
        """The reply under way in a chat."""
        return next((reply for reply in self._by_call.values() if reply.chat_id == chat_id), None)

    def busy_chats(self) -> set[int]:
        """Chats in which a reply is under way."""
        return {reply.chat_id for reply in self._by_call.values()}

    def answer(self, asked_id: int, model: str, budget: int | None, adapter: str = "") -> UnderWay:
        """Have a user's message answered, again if it was before. Raises a StillroomError when the store can't take it."""
        chat = self._chats.get(self._chats.message(asked_id).chat_id)
        row = self._chats.begin_reply(asked_id, model, adapter)
        turns = [turn for turn in self._chats.branch(chat.id) if turn.id != row.id]
        request = requests.ChatRequest(
            model=model,
            messages=conversation(chat.system, turns),
            think=budget,
            sampling=chat.sampling,
            another=row.versions > 1,
            adapter=adapter or None,
        )
        call_id = self._engine.start(request)
        reply = UnderWay(call_id, chat.id, row.id, model, budget, adapter)
        self._by_call[call_id] = reply
        self._timer.start()
        self.began.emit(reply)
        return reply

    def stop(self, chat_id: int | None) -> None:
        """Stop the reply of a chat; what was written stays."""
        reply = self.of_chat(chat_id)
        if reply is not None and not reply.stopping:
            reply.stopping = True
            self._engine.cancel(reply.call_id)

    def steer(self, chat_id: int | None, action: requests.Action) -> None:
        """Have the reply of a chat answer now, or think longer."""
        reply = self.of_chat(chat_id)
        if reply is not None and reply.phase != "answering":
            reply.closing = reply.closing or action == "answer_now"
            self._engine.steer(reply.call_id, action)

    def close(self) -> None:
        """Write what is unwritten and mark every reply under way as stopped: the window closes."""
        self._timer.stop()
        for reply in list(self._by_call.values()):
            with contextlib.suppress(StillroomError):
                self._store(reply)
                self._chats.finish(reply.message_id, "stopped")
        self._by_call.clear()

    def _take(self, call_id: int, event: events.Event) -> None:
        reply = self._by_call.get(call_id)
        if reply is None:
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
        del self._by_call[reply.call_id]
        if not self._by_call:
            self._timer.stop()
        try:
            if whole is None:
                self._store(reply)
            row = self._chats.finish(reply.message_id, state, whole, error)
        except StillroomError as trouble:
            log.error("reply %d could not be stored: %s", reply.message_id, trouble)
            self.not_stored.emit(trouble)
            row = _unstored_row(reply, state, whole, error)
        self.ended.emit(reply, row)

    def _store_all(self) -> None:
        for reply in self._by_call.values():
            try:
                self._store(reply)
            except StillroomError as trouble:
                # Told once: it would come twice a second until there is space again.
                if not self._told:
                    self._told = True
                    self.not_stored.emit(trouble)
                return
        self._told = False

    def _store(self, reply: UnderWay) -> None:
        thinking, answer = reply.unstored()
        if thinking or answer:
            self._chats.append(reply.message_id, thinking=thinking, content=answer)
            reply.mark_stored()


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
