"""Looks every two seconds at what the engine takes and tells the memory meter."""

from PySide6.QtCore import QObject, QTimer

from app.desktop.pages.chat.page import ChatPage
from app.desktop.pages.chat.session import UnderWay
from app.desktop.services.engine_signals import EngineLike
from app.desktop.window.memory_meter import MemoryMeter
from models.store.rows import StoredMessage

EVERY_MS = 2000


class MemoryWatch(QObject):
    """Keeps the meter true."""

    def __init__(self, meter: MemoryMeter, page: ChatPage, engine: EngineLike) -> None:
        super().__init__(meter)
        self._meter = meter
        self._page = page
        self._engine = engine
        self._tokens_per_s = 0.0
        self._timer = QTimer(self, interval=EVERY_MS)
        self._timer.timeout.connect(self.look)
        page.shown.loading.changed.connect(self.look)
        page.status.listed.connect(lambda *_: self.look())
        page.shown.replies.ended.connect(self._reply_ended)
        self._timer.start()

    def look(self) -> None:
        from models.machine import hardware  # asks the system, which the first paint need not wait for

        self._meter.show_loaded(*self._loaded())
        self._meter.show_memory(self._engine.worker_bytes(), hardware.machine().gpu_limit_bytes)

    def stop(self) -> None:
        self._timer.stop()

    def _loaded(self) -> tuple[str, str]:
        loading = self._page.shown.loading
        title, precision = self._page.status.described(loading.wanted)
        if loading.under_way:
            return f"Loading {title} …", ""
        if loading.loaded is None:
            return "No model loaded", ""
        speed = f"{self._tokens_per_s:.0f} tok/s" if self._tokens_per_s else ""
        return title, "".join(f" · {part}" for part in (precision, speed) if part)

    def _reply_ended(self, _reply: UnderWay, row: StoredMessage) -> None:
        if row.figures is not None:
            self._tokens_per_s = row.figures.tokens_per_s
        self.look()
