"""Reads what the page shows on other threads: models, evaluations and their replies, and the task that a form names."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage

from app.desktop.pages.evaluate import words
from app.desktop.pages.evaluate.listing import Listing, LoadedTask, Measured, OpenedGroup
from app.desktop.services.background import Background, guarded
from models import errors, waiting
from models.answers.verdict import Kind
from models.errors import StillroomError
from models.evaluate import board, evaluations, export, race, results, tasks
from models.evaluate.evaluations import Contents, Evaluation
from models.evaluate.problems import Task
from models.evaluate.records import Race
from models.evaluate.scores import Point
from models.events import Model
from models.traces import store

log = logging.getLogger(__name__)


class Asked(NamedTuple):
    """A task as a form names it."""

    name: str
    limit: int | None
    seed: int
    kind: Kind | None

    def load(self) -> Task:
        return waiting.run(tasks.load(self.name, kind=self.kind, limit=self.limit, seed=self.seed))


class EvaluateReader(QObject):
    """Tells what was read by signals, on the GUI thread.

    Signals:
        listed: a Listing.
        opened: an OpenedGroup.
        loaded: a LoadedTask.
        written: the name of a file that was written.
        failed: a StillroomError.
    """

    listed = Signal(object)
    opened = Signal(object)
    loaded = Signal(object)
    written = Signal(str)
    failed = Signal(object)

    def __init__(self, list_models: Callable[[], list[Model]], parent: QObject) -> None:
        super().__init__(parent)
        self._list_models = list_models
        self._points: dict[str, tuple[int, list[Point]]] = {}  # of each evaluation, and with how many replies
        self._races: dict[str, tuple[int, Race | None]] = {}  # as _points; of a dozen candidates it takes seconds
        self._to_open: list[tuple[str, list[Evaluation]]] = []
        self._to_load: list[Asked] = []
        self._to_accept: list[Asked] = []
        self._to_write: list[tuple[list[str], Path, QImage | None]] = []
        self._disk = self._thread(self._read_disk)
        self._groups = self._thread(self._read_group)
        self._tasks = self._thread(self._read_task)
        self._files = self._thread(self._write)

    def list_all(self) -> None:
        """Read models, sets and evaluations again."""
        self._disk.start()

    def open_group(self, key: str, found: list[Evaluation]) -> None:
        """Read the replies of evaluations of the same problems; of several askings the last one counts."""
        self._to_open[:] = [(key, found)]
        self._groups.start()

    def load_task(self, name: str, limit: int | None, seed: int, kind: Kind | None) -> None:
        """Read a task's problems, where they are here; of several askings the last one counts."""
        self._to_load[:] = [Asked(name, limit, seed, kind)]
        self._tasks.start()

    def accept_tests(self, name: str, limit: int | None, seed: int, kind: Kind | None) -> None:
        """Remember that the tests of a task may run, and load it again."""
        self._to_accept.append(Asked(name, limit, seed, kind))
        self.load_task(name, limit, seed, kind)

    def write(self, folders: list[str], path: Path, chart: QImage | None = None) -> None:
        """Write evaluations to a file, or the picture of their chart."""
        self._to_write.append((folders, path, chart))
        self._files.start()

    def close(self) -> None:
        for work in (self._disk, self._groups, self._tasks, self._files):
            work.close()

    def _thread(self, work: Callable[[], None]) -> Background:
        return Background(guarded(work, self.failed, "reading evaluations"), self)

    def _read_disk(self) -> None:
        found = evaluations.evaluations()
        here = frozenset(task.name for task in tasks.built_in() if tasks.is_here(task.name))
        models, sets = self._list_models(), store.all_sets()
        known = [Measured(one, self._points.get(one.id, (0, []))[1]) for one in found]
        self.listed.emit(Listing(models, sets, known, here))
        measured = [Measured(one, self._points_of(one)) for one in found]  # of many replies that takes seconds
        if measured != known:
            self.listed.emit(Listing(models, sets, measured, here))

    def _points_of(self, one: Evaluation) -> list[Point]:
        known = self._points.get(one.id)
        if known is None or known[0] != one.done:
            contents = _opened(one)
            self._points[one.id] = known = one.done, results.points(contents) if contents else []
        return known[1]

    def _read_group(self) -> None:
        if not self._to_open:
            return
        key, found = self._to_open.pop()
        opened = [contents for one in found if (contents := _opened(one)) is not None]
        if opened:
            known = {one.card.id: self._points.get(one.card.id, (0, [])) for one in opened}
            same = {one.card.id: known[one.card.id][1] for one in opened if known[one.card.id][0] == len(one.rows)}
            together = board.board(opened, same)
            for problem in together.task.problems:
                words.line_of(problem.problem)  # of a thousand formulas the window would stand still
            racing = next((one for one in reversed(opened) if one.card.race), None)
            self.opened.emit(
                OpenedGroup(key, together, racing.card if racing else None, self._race_of(racing) if racing else None)
            )

    def _race_of(self, one: Contents) -> Race | None:
        known = self._races.get(one.card.id)
        if known is None or known[0] != len(one.rows):
            self._races[one.card.id] = known = len(one.rows), race.verdict(one)
        return known[1]

    def _read_task(self) -> None:
        while self._to_accept:
            tasks.accept(self._to_accept.pop().load())
        if not self._to_load:
            return
        asked = self._to_load.pop()
        try:
            self.loaded.emit(_loaded(asked))
        except StillroomError as error:
            self.loaded.emit(LoadedTask(asked.name, error=f"{error.text} {error.hint}".strip()))

    def _write(self) -> None:
        folders, path, chart = self._to_write.pop(0)
        if chart is not None:
            if not chart.save(str(path)):
                raise errors.from_os_error(OSError(f"{path} can't be written"), f"writing {path.name}", writing=True)
        else:
            export.write(folders, path)
        self.written.emit(path.name)


def _opened(one: Evaluation) -> Contents | None:
    """None for one that can't be read any more."""
    try:
        return evaluations.open_evaluation(one.folder)
    except (errors.NotFound, errors.Corrupt) as error:
        log.info("evaluation %s left out: %s", one.id, error)
        return None


def _loaded(asked: Asked) -> LoadedTask:
    if not tasks.is_here(asked.name):
        return LoadedTask(asked.name, to_fetch=True)
    task = asked.load()
    try:
        tasks.check_accepted(task)
    except errors.Unsafe:
        return LoadedTask(asked.name, task, accepted=False)
    return LoadedTask(asked.name, task)
