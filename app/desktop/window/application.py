"""Starts the window: one a home, on the chats of this home, and ends with it.

The thread that will write opens the chats while this one imports the window, so that the first paint shows them and
waits for nothing. What is not needed to show the window comes after that: the engine process, the daily backup, the
purge of what was deleted long ago, and the reading of a large database for damage.
"""

import importlib
import logging
import os
import sqlite3
import sys
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QApplication, QWidget

from app.desktop import theme
from app.desktop.services.background import Background
from app.desktop.services.chat_store import ChatStore, nothing
from app.desktop.services.engine_signals import EngineSignals
from app.desktop.services.job_queue import JobQueue
from app.desktop.services.preferences import Preferences
from app.desktop.services.services import Services
from app.desktop.window.first_paint import FirstPaint
from app.desktop.window.garbage import GarbageCollector
from app.desktop.window.single_instance import SingleInstance
from models import paths, settings
from models.engine.client import Engine
from models.errors import Corrupt, StillroomError, bug
from models.events import Model
from models.jobs.written_rows import WrittenRows
from models.quantities import one_line
from models.store import database
from models.store.chats import Chats
from models.store.writer import Writer

if TYPE_CHECKING:
    from app.desktop.window.main_window import MainWindow
    from app.desktop.window.trouble import TroubleWindow

log = logging.getLogger(__name__)

# Reading this much for damage takes a few milliseconds; more is read after the window is shown.
CHECK_AT_START_BYTES = 8 * 2**20
LOG_BYTES = 2**20
LATER_MS = 2000


def run() -> int:
    """Open the window and stay until it is closed. Returns the exit status."""
    # As an argument and not by setStyle(), whose return value makes PySide build all of QStyle: 10 ms of the start.
    app = QApplication([sys.argv[0], "-style", "fusion"])
    app.setApplicationName("Stillroom")
    app.setApplicationDisplayName("Stillroom")
    instance = SingleInstance()
    if not instance.claim():
        heard = instance.show_other()
        state = "Stillroom is open already" if heard else "Another Stillroom is using this home and does not answer"
        sys.stderr.write(f"{state}{'; its window is in front now' if heard else ''}.\n")
        return 0 if heard else 1
    _log_to_file()
    garbage = GarbageCollector()
    start = Start(app, instance)
    start.usable.connect(instance.listen)
    start.open()
    sys.excepthook = start.tell_fault
    try:
        return app.exec()
    finally:
        sys.excepthook = sys.__excepthook__
        start.close()
        garbage.close()
        instance.release()


class Start(QObject):
    """Opens the chats and the window on them, or the window that says why it can't.

    Signals:
        usable: a window, either of them, is painted; told once.
    """

    usable = Signal()

    def __init__(self, app: QApplication, instance: SingleInstance) -> None:
        super().__init__()
        current, self._sentence = settings.load()
        self.preferences = Preferences(current, self, kept=not paths.is_readonly())
        theme.apply(app, current.theme)
        self.window: MainWindow | None = None
        self._trouble: TroubleWindow | None = None
        self._connection: sqlite3.Connection | None = None
        self._writer: Writer | None = None
        self._upkeep: DatabaseUpkeep | None = None
        self._is_usable = False
        instance.asked_to_show.connect(self._come_to_front)

    def open(self, readonly: bool = False) -> None:
        """Open the chats; those of a home that can't be written are opened to be read."""
        readonly = readonly or paths.is_readonly()
        try:
            file = paths.database_file()
            small = not file.exists() or file.stat().st_size < CHECK_AT_START_BYTES
            self._writer = Writer(partial(_open_database, file, readonly, check=small))
            opening = self._writer.submit(lambda _connection: None)
            importlib.import_module("app.desktop.window.main_window")  # takes a while, in which the chats are opened
            opening.result()
            self._connection = database.connect(file, readonly=readonly)
            store = ChatStore(Chats(self._connection), self._writer, self)
            first_paint = self._show_window(store, WrittenRows(self._writer), readonly)
        except ImportError:  # a library that Qt needs: without it no window can say so
            raise
        except Exception as error:
            log.error("chats not opened", exc_info=error)
            self.window = None
            self.close()
            self._show_trouble(error if isinstance(error, StillroomError) else _unexpected(error))
            return
        if self._trouble is not None:
            self._trouble.deleteLater()
            self._trouble.hide()
            self._trouble = None
        self._upkeep = DatabaseUpkeep(file, check=not small, backup=not readonly)
        self._upkeep.damaged.connect(self._tell_damage)
        first_paint.done.connect(self._upkeep.start)

    def close(self) -> None:
        """Write what is not written yet and close the chats."""
        if self._upkeep is not None:
            self._upkeep.close()
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def tell_fault(self, _kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
        """Say what no one else has caught, where Python would print it and the click would do nothing."""
        told = error if isinstance(error, StillroomError) else bug(error, f"The details are in {_log_file()}.")
        log.error("not caught: %s", told)
        if self.window is not None:
            self.window.notices.show_error(told.text, told.hint)
        elif self._trouble is not None:
            self._trouble.show_error(told)

    def _show_window(self, store: ChatStore, rows: WrittenRows, readonly: bool) -> FirstPaint:
        from app.desktop.window.main_window import MainWindow

        signals = EngineSignals(self)
        engine = Engine(on_event=signals.send)
        services = Services(
            store=store,
            engine=engine,
            signals=signals,
            preferences=self.preferences,
            jobs=JobQueue(engine, signals, rows, self),
            list_models=_list_models,
            delete=_delete,
            readonly=readonly,
        )
        self.window = MainWindow(services)
        first_paint = self._watched(self.window)
        self.window.closed.connect(first_paint.stop)
        self.window.show()
        if self._sentence:
            self.window.notices.show_error(self._sentence)
        if readonly:
            why = f" {paths.home()} can't be written to." if paths.is_readonly() else ""
            self.window.notices.show_error(f"The chats are open read-only; nothing new can be written.{why}")
            return first_paint
        # The engine process starts while the person looks around.
        first_paint.done.connect(self.window.chat_page.start_engine)
        later = QTimer(self.window, singleShot=True, interval=LATER_MS)
        later.timeout.connect(lambda: store.write(Chats.purge, nothing, _not_purged))
        later.timeout.connect(services.jobs.go_on)
        self.window.closed.connect(later.stop)
        first_paint.done.connect(later.start)
        return first_paint

    def _watched(self, window: QWidget) -> FirstPaint:
        first_paint = FirstPaint(window)
        first_paint.done.connect(self._tell_usable)
        return first_paint

    def _tell_usable(self) -> None:
        if not self._is_usable:
            self._is_usable = True
            self.usable.emit()

    def _show_trouble(self, error: StillroomError) -> None:
        from app.desktop.window.trouble import TroubleWindow

        if self._trouble is None:
            self._trouble = TroubleWindow(error)
            self._trouble.try_again.connect(self.open)
            self._trouble.read_only.connect(lambda: self.open(readonly=True))
            self._watched(self._trouble)
            self._trouble.show()
        else:
            self._trouble.show_error(error)

    def _tell_damage(self, sentence: str) -> None:
        if self.window is not None:
            self.window.notices.show_error(sentence)

    def _come_to_front(self) -> None:
        if self.window is not None:
            self.window.come_to_front()
        elif self._trouble is not None:
            self._trouble.raise_()
            self._trouble.activateWindow()


class DatabaseUpkeep(QObject):
    """Looks after the database file on another thread, once a start.

    Signals:
        damaged: a sentence on what is wrong with it.
    """

    damaged = Signal(str)

    def __init__(self, file: Path, check: bool, backup: bool) -> None:
        super().__init__()
        self._file = file
        self._check = check
        self._backup = backup
        self._background = Background(self._look, self)

    def start(self) -> None:
        """Begin, once the window has been painted: what is read here would take its time from that."""
        self._background.start()

    def close(self) -> None:
        """Wait until it is done; a backup takes as long as copying the file."""
        self._background.close()

    def _look(self) -> None:
        from models.hub import cache  # what other downloads left behind is nothing the first paint waits for

        try:
            cache.sweep()
            if self._check and (fault := database.damage(self._file)) is not None:
                self.damaged.emit(f"The chats in {self._file} are damaged ({fault}); the file is kept as it is.")
            elif self._backup:
                database.back_up_daily(self._file)
        except (StillroomError, OSError) as error:
            log.warning("no backup today: %s", error)


def _open_database(file: Path, readonly: bool, check: bool) -> sqlite3.Connection:
    connection = database.open_database(file, readonly=readonly, check=check)
    if not readonly:
        Chats(connection).repair()
    return connection


def _unexpected(error: Exception) -> StillroomError:
    """Whatever else keeps a window from opening: most likely what is in the chats, so that a backup is offered."""
    text = f"Stillroom can't show these chats ({type(error).__name__}: {one_line(error)})."
    return Corrupt(text, f"The details are in {_log_file()}.")


def _not_purged(error: StillroomError) -> None:
    log.warning("old deletions not purged: %s", error)


def _list_models() -> list[Model]:
    from models.library import installed  # reads formats of checkpoints, which the first paint need not wait for

    return installed.models()


def _delete(name: str) -> int:
    from models.library import installed

    return installed.remove(name).freed_bytes


def _log_file() -> Path:
    return paths.logs_folder() / "window.log"


def _log_to_file() -> None:
    """Log to a file; where none can be written, to nowhere."""
    try:
        file = _log_file()
        if file.exists() and file.stat().st_size > LOG_BYTES:
            file.replace(file.with_suffix(".old.log"))
        os.close(paths.owners_alone(str(file), os.O_WRONLY | os.O_CREAT))
    except (OSError, StillroomError):
        return
    handler = logging.FileHandler(file, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(logging.INFO)
