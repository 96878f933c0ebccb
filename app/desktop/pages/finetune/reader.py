"""Reads what the page shows on another thread: library, sets of traces and runs, a run's metrics, a set's lengths.

The charts' library is imported there too: it takes a quarter of a second, which the window should not stand still for.
"""

import logging
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.desktop.pages.finetune.facts import Listing, OpenedRun, SetFacts
from app.desktop.services.background import Background, guarded
from models.checkpoint import model_config, shapes
from models.errors import StillroomError
from models.events import Model
from models.finetune import estimate, runs
from models.finetune.estimate import Lengths, Speed
from models.finetune.runs import Run
from models.finetune_config import FinetuneConfig, Method
from models.machine.hardware import Machine
from models.traces import counting, store
from models.traces.checks import Count

log = logging.getLogger(__name__)

METHODS: tuple[Method, ...] = ("lora", "dora", "full")


class FinetuneReader(QObject):
    """Tells what was read by signals, on the GUI thread.

    Signals:
        listed: a Listing.
        opened: an OpenedRun.
        saved: the id of a run and its checkpoints (list of Saved).
        looked: a SetFacts.
        charts_ready: charts can be made without a wait.
        failed: a StillroomError.
    """

    listed = Signal(object)
    opened = Signal(object)
    saved = Signal(str, list)
    looked = Signal(object)
    charts_ready = Signal()
    failed = Signal(object)

    def __init__(self, list_models: Callable[[], list[Model]], machine: Callable[[], Machine], parent: QObject) -> None:
        super().__init__(parent)
        self._list_models = list_models
        self._machine = machine
        self._to_open: list[Run] = []
        self._to_check: list[Run] = []
        self._to_look: list[tuple[str, Model | None]] = []
        self._disk = self._thread(self._read_disk)
        self._runs = self._thread(self._read_run)
        self._checks = self._thread(self._read_saved)
        self._sets = self._thread(self._read_set)
        self._charts = Background(self._import_charts, self)

    def list_all(self) -> None:
        """Read library, sets and runs again."""
        self._disk.start()

    def open_run(self, run: Run) -> None:
        """Read a run's metrics and checkpoints."""
        self._to_open.append(run)
        self._runs.start()

    def check_saved(self, run: Run) -> None:
        """Read which checkpoints a run has now."""
        self._to_check[:] = [run]
        self._checks.start()

    def look_at(self, traces: str, base: Model | None) -> None:
        """Measure a set for a base model; of several askings the last one counts."""
        self._to_look[:] = [(traces, base)]
        self._sets.start()

    def prepare_charts(self) -> None:
        self._charts.start()

    def close(self) -> None:
        for work in (self._disk, self._runs, self._checks, self._sets, self._charts):
            work.close()

    def _thread(self, work: Callable[[], None]) -> Background:
        return Background(guarded(work, self.failed, "reading runs and traces"), self)

    def _read_disk(self) -> None:
        self.listed.emit(Listing(self._list_models(), store.all_sets(), runs.runs()))

    def _read_run(self) -> None:
        run = self._to_open.pop(0)
        self.opened.emit(OpenedRun(run.id, runs.metrics(run), runs.checkpoints(run)))

    def _read_saved(self) -> None:
        if self._to_check:
            run = self._to_check.pop()
            self.saved.emit(run.id, runs.checkpoints(run))

    def _read_set(self) -> None:
        if not self._to_look:
            return
        traces, base = self._to_look.pop()
        past = runs.runs() if base else []
        speeds: dict[Method, Speed] = {}
        for method in METHODS if base else ():
            found = estimate.speed(past, base.name if base else "", FinetuneConfig(method=method), self._machine())
            if found is not None:
                speeds[method] = found
        self.looked.emit(
            SetFacts(
                traces=traces,
                base=base.name if base else "",
                lengths=estimate.lengths(store.read(traces), _counter(base)) if traces else Lengths(),
                report=store.report(traces) if traces else None,
                shape=_shape(base),
                speeds=speeds,
            )
        )

    def _import_charts(self) -> None:
        import app.desktop.pages.finetune.run_view  # noqa: F401  brings pyqtgraph and numpy

        self.charts_ready.emit()


def _shape(base: Model | None) -> shapes.ModelShape | None:
    try:
        return shapes.shape_of(model_config.read(Path(base.path))) if base else None
    except (StillroomError, OSError) as error:
        log.debug("memory of %s not known: %s", base.name if base else "", error)
        return None


def _counter(base: Model | None) -> Count | None:
    try:
        return counting.tokens_of(base.name) if base else None
    except (StillroomError, OSError) as error:
        log.debug("tokens not counted: %s", error)
        return None
