"""The model in memory: which one is loaded or on its way, how far it is, and what it said about itself. No widgets."""

from PySide6.QtCore import QObject, Signal

from app.desktop.services.engine_signals import EngineLike, EngineSignals
from models import events, requests


class Loading(QObject):
    """Brings models into memory, one after the other.

    Signals:
        changed: something in `loaded`, `wanted`, `adapter`, `fraction` or `stage` is another one now.
        arrived: a model is ready (events.Loaded).
        failed: a model could not be loaded (events.Failed).
    """

    changed = Signal()
    arrived = Signal(object)
    failed = Signal(object)

    def __init__(self, engine: EngineLike, signals: EngineSignals, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._engine = engine
        self._call_id: int | None = None
        self.loaded: events.Loaded | None = None
        self.wanted = ""
        self.adapter = ""
        self.fraction: float | None = None
        self.stage = ""
        self.note = ""  # what it said meanwhile: of an adapter that is another model's
        signals.arrived.connect(self._take)

    @property
    def under_way(self) -> bool:
        return self._call_id is not None

    def ensure(self, model: str, adapter: str = "") -> None:
        """Begin to load a model with an adapter unless it is loaded or on its way; empty for none."""
        if (model, adapter) == (self.wanted, self.adapter) and (self.under_way or self.loaded is not None):
            return
        if self._call_id is not None:
            self._engine.cancel(self._call_id)
        self.wanted, self.adapter = model, adapter
        self.fraction, self.stage, self.note = 0.0, "", ""
        self.loaded = None
        self._call_id = self._engine.start(requests.Load(model=model, adapter=adapter or None))
        self.changed.emit()

    def lost(self) -> None:
        """The engine died and nothing is in memory any more."""
        self._call_id = None
        self.loaded = None
        self.wanted = self.adapter = self.note = ""
        self.changed.emit()

    def _take(self, call_id: int, event: events.Event) -> None:
        if call_id != self._call_id:
            return
        match event:
            case events.Progress():
                self.fraction = event.done / event.total if event.total else self.fraction
                self.stage = event.stage
            case events.Note(text=text):
                self.note = text
            case events.Done(result=result):
                self._call_id = None
                self.loaded = result if isinstance(result, events.Loaded) else None
                self.fraction = None
                if self.loaded is not None:
                    self.arrived.emit(self.loaded)
            case events.Failed():
                self.lost()
                self.fraction = None
                if event.kind != "cancelled":
                    self.failed.emit(event)
        self.changed.emit()
