"""Opens the window on a long chat, streams a recorded reply into it, and answers with the times between ticks.

All of the product's path is in it but the engine process: the events come from another thread, joined as the worker
joins them, pass the signals, go into the store and onto the screen.
"""

import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtWidgets import QApplication
from tokenizers import Tokenizer

from app.desktop import theme
from app.desktop.services.chat_store import ChatStore
from app.desktop.services.engine_signals import EngineSignals
from app.desktop.services.preferences import Preferences
from app.desktop.services.services import Services
from app.desktop.window.main_window import MainWindow
from models import events, paths, requests, settings
from models.engine.wire import Request
from models.engine.worker import joined
from models.library import starter
from models.store import database
from models.store.chats import Chats
from models.store.writer import Writer
from tests.app.desktop import fake_engine
from tests.app.desktop.staged_queue import StagedQueue, no_delete
from tests.benchmarks import children, texts

TICK_MS = 5
RATE = 200  # tokens/s
CHAT_TOKENS = 32_000
THINKING_TOKENS = 300
ANSWER_TOKENS = 2000
BEFORE_S = 0.5  # from the request to the first token
STARTED_MS = 2500  # until what is imported after the first paint is there
CALM_MS = 4000  # after opening, until what is built later is built
REST_MS = 2000
AFTER_MS = 500
REPLY_NUMBER = 900  # of the texts; the chat before has lower ones


class Recording:
    """A reply as pieces of text, one a token of the starter's tokenizer."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        thoughts = "".join(texts.thoughts(REPLY_NUMBER + n) for n in range(4))
        answer = "\n".join(texts.answer(REPLY_NUMBER + n) for n in range(3))
        self.thinking = pieces(tokenizer, thoughts)[:THINKING_TOKENS]
        self.answer = pieces(tokenizer, answer)[:ANSWER_TOKENS]

    def events(self) -> Iterator[events.Event]:
        """The events of the reply, each when its time has come."""
        begun = time.monotonic()
        yield events.Budget(tokens=2048, used=0)
        for n, text in enumerate(self.thinking, 1):
            _wait_until(begun + n / RATE)
            yield events.Token(channel="thinking", text=text, n=n)
        yield events.ThinkingClosed(tokens=len(self.thinking), seconds=len(self.thinking) / RATE, how="model")
        for n, text in enumerate(self.answer, 1):
            _wait_until(begun + (len(self.thinking) + n) / RATE)
            yield events.Token(channel="answer", text=text, n=n)
        yield events.Done(result=fake_engine.reply("".join(self.answer), "".join(self.thinking)))


class ReplayingEngine(fake_engine.FakeEngine):
    """Answers every chat with the recording, from a thread as the client's reader is one."""

    def __init__(self, recording: Recording) -> None:
        super().__init__(EngineSignals())
        self._recording = recording

    def start(self, request: Request) -> int:
        """Send a request and return its job id at once."""
        call_id = super().start(request)
        if isinstance(request, requests.ChatRequest):
            threading.Thread(target=self._replay, args=(call_id,), daemon=True).start()
        return call_id

    def _replay(self, call_id: int) -> None:
        time.sleep(BEFORE_S)
        for event in joined(self._recording.events()):
            self.signals.send(call_id, event)


class Ticker(QObject):
    """Notes the time of every tick, under the name of what goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.gaps_ms: dict[str, list[float]] = {}
        self.phase = "start"
        self._last = time.perf_counter()
        self._timer = QTimer(self, interval=TICK_MS, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)
        self._timer.start()

    def _tick(self) -> None:
        now = time.perf_counter()
        self.gaps_ms.setdefault(self.phase, []).append((now - self._last) * 1000)
        self._last = now


class Session(QObject):
    """Opens the chat, waits until it is calm, sends a message, and answers when the reply has come to its end."""

    def __init__(self, window: MainWindow, chat_id: int, chat_tokens: int, recording: Recording) -> None:
        super().__init__()
        self._window = window
        self._chat_id = chat_id
        self._chat_tokens = chat_tokens
        self._tokens = len(recording.thinking) + len(recording.answer)
        self._first_at = 0.0
        self._ended_at = 0.0
        # After the window's own slots, which were connected before.
        window.services.signals.arrived.connect(self._arrived)
        self.ticker = Ticker()
        window.chat_page.start_engine()
        QTimer.singleShot(STARTED_MS, self, self._open)

    def _open(self) -> None:
        self.ticker.phase = "open"
        self._window.jump_to_chat(self._chat_id)
        QTimer.singleShot(CALM_MS, self, self._rest)

    def _rest(self) -> None:
        self.ticker.phase = "rest"
        QTimer.singleShot(REST_MS, self, self._send)

    def _send(self) -> None:
        self.ticker.phase = "send"
        self._window.chat_page.send(texts.question(REPLY_NUMBER))

    def _arrived(self, _job_id: int, event: object) -> None:
        if self._first_at and isinstance(event, events.Done):
            self._ended_at = time.monotonic()
            QTimer.singleShot(AFTER_MS, self, self._answer)
        elif not self._first_at and isinstance(event, events.Token):
            self._first_at = time.monotonic()
            self.ticker.phase = "stream"

    def _answer(self) -> None:
        gaps = {f"{phase}_ms": gaps for phase, gaps in self.ticker.gaps_ms.items()}
        rate = self._tokens / (self._ended_at - self._first_at)
        children.answer({"chat_tokens": self._chat_tokens, "reply_tokens": self._tokens, "tokens_per_s": rate, **gaps})
        QApplication.closeAllWindows()


def pieces(tokenizer: Tokenizer, text: str) -> list[str]:
    """The text cut where its tokens begin."""
    starts = [start for start, _ in tokenizer.encode(text, add_special_tokens=False).offsets]
    return [text[start:end] for start, end in zip(starts, [*starts[1:], len(text)], strict=True)]


def fill(chats: Chats, tokenizer: Tokenizer) -> tuple[int, int]:
    """Make a chat of CHAT_TOKENS; returns its id and how many tokens it has."""
    chat = chats.create(model="starter", think_budget=2048)
    tokens = number = 0
    while tokens < CHAT_TOKENS:
        number += 1
        asked, thought, answered = texts.question(number), texts.thoughts(number), texts.answer(number)
        row = chats.begin_reply(chats.add_user_message(chat.id, asked).id, "starter")
        chats.finish(row.id, "done", fake_engine.reply(answered, thought))
        tokens += len(tokenizer.encode(asked + thought + answered).ids)
    chats.rename(chat.id, "The pump of all weeks")
    return chat.id, tokens


def main() -> int:
    """Run it."""
    tokenizer = Tokenizer.from_file(str(starter.folder() / "tokenizer.json"))
    os.environ["STILLROOM_HOME"] = str(Path(os.environ[children.ANSWER]).parent / "home")  # chats of its own
    app = QApplication([sys.argv[0], "-style", "fusion"])
    theme.apply(app, "light")
    connection = database.open_database(paths.database_file())
    chats = Chats(connection)
    chat_id, tokens = fill(chats, tokenizer)
    recording = Recording(tokenizer)
    engine = ReplayingEngine(recording)
    preferences = Preferences(settings.load()[0])
    writer = Writer(database.open_database)
    services = Services(
        ChatStore(chats, writer),
        engine,
        engine.signals,
        preferences,
        StagedQueue(engine),
        lambda: [fake_engine.STARTER],
        no_delete,
    )
    window = MainWindow(services)
    window.show()
    session = Session(window, chat_id, tokens, recording)
    status = app.exec()
    session.ticker.deleteLater()
    writer.close()
    connection.close()
    return status


def _wait_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))


if __name__ == "__main__":
    sys.exit(main())
