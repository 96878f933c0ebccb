"""Changes a set on another thread: leaves traces out, takes them back, edits one. In the order they were asked for."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from PySide6.QtCore import QObject, Signal

from app.desktop.services.background import Background
from models.errors import StillroomError, from_os_error
from models.traces import store

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Texts:
    """A trace's texts as they were edited."""

    problem: str
    thinking: str
    answer: str


@dataclass(frozen=True)
class Exclusion:
    """Traces of a set that are left out, or taken back."""

    name: str
    keys: frozenset[str]
    out: bool

    @property
    def opposite(self) -> "Exclusion":
        return Exclusion(self.name, self.keys, not self.out)


@dataclass
class _Work:
    do: Callable[[], None]
    failed: Callable[[StillroomError], None] = field(repr=False)


class SetWriter(QObject):
    """Does one change after the other.

    Signals:
        chosen: a Exclusion that is on the disk now.
        not_chosen: a Exclusion, and the StillroomError why it is not.
        edited: the name of a set, the key that a trace had, and the Trace as it is now.
        not_edited: the name of a set, the key of a trace, and the StillroomError.
    """

    chosen = Signal(object)
    not_chosen = Signal(object, object)
    edited = Signal(str, str, object)
    not_edited = Signal(str, str, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._queue: list[_Work] = []
        self._background = Background(self._work, self)

    def choose(self, choice: Exclusion) -> None:
        """Leave traces out, or take them back."""
        self._add(lambda: self._write(choice), lambda error: self.not_chosen.emit(choice, error))

    def edit(self, name: str, key: str, texts: Texts) -> None:
        def write() -> None:
            trace = store.edit(name, key, problem=texts.problem, thinking=texts.thinking, answer=texts.answer)
            self.edited.emit(name, key, trace)

        self._add(write, lambda error: self.not_edited.emit(name, key, error))

    def close(self) -> None:
        """Finish what was asked for: it is a click's worth of work and the user's own."""
        self._background.close()
        self._work()

    def _write(self, choice: Exclusion) -> None:
        change: Callable[[str, Iterable[str]], None] = store.exclude if choice.out else store.include
        change(choice.name, choice.keys)
        self.chosen.emit(choice)

    def _add(self, do: Callable[[], None], failed: Callable[[StillroomError], None]) -> None:
        self._queue.append(_Work(do, failed))
        self._background.start()

    def _work(self) -> None:
        while self._queue:
            work = self._queue.pop(0)
            try:
                work.do()
            except (StillroomError, OSError) as error:
                log.warning("traces not changed: %s", error)
                if isinstance(error, OSError):
                    error = from_os_error(error, "writing traces", writing=True)
                work.failed(error)
