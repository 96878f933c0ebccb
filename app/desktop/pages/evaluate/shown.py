"""Which evaluations are shown, without a widget: their group, the one at work, how it goes, and what can be done about it."""

from collections.abc import Sequence

from PySide6.QtCore import QObject, Signal

from app.desktop.pages.evaluate import listing
from app.desktop.pages.evaluate.listing import Entry, Group, Measured
from app.desktop.services.job_queue import JobQueue
from models.evaluate.intervals import Interval
from models.evaluate.scores import Point, Scored
from models.events import Event
from models.jobs.kinds.evaluate import Evaluate
from models.jobs.kinds.fetch_task import FetchTask
from models.jobs.queue import ENDED, Job

SoFar = dict[tuple[int, int | None], tuple[float, Interval]]  # of a contender at a budget: accuracy and its interval


class ShownGroup(QObject):
    """Shows one group at a time, or none, which is the form of a new evaluation.

    Signals:
        shown: another group is shown, or none.
        job_changed: the job of a group shown is another now; whether its state is.
        scored: a reply of the evaluation shown was judged.
        disk_changed: there are other evaluations, models or adapters on the disk.
        changed: what can be done, or which groups there are, may be something else.
    """

    shown = Signal()
    job_changed = Signal(bool)
    scored = Signal()
    disk_changed = Signal()
    changed = Signal()

    def __init__(self, jobs: JobQueue, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs = jobs
        self._measured: Sequence[Measured] = ()
        self._states = {job.id: job.state for job in jobs.all()}
        self._live: dict[str, SoFar] = {}  # by the id of an evaluation, as its worker told it
        self._run = ""  # an evaluation of the group that is shown: its group may get another key
        self.key = ""
        self.groups: list[Group] = []
        jobs.changed.connect(self._take_job)
        jobs.run_event.connect(self._take_event)

    # What is shown

    @property
    def group(self) -> Group | None:
        return self.find(self.key)

    @property
    def entry(self) -> Entry | None:
        """The evaluation of the group that is spoken of: one with a job that has not ended, else the newest."""
        group = self.group
        if group is None:
            return None
        at_work = (one for one in group.entries if one.state in ("running", "waiting", "paused", "failed"))
        return next(at_work, group.entries[0])

    @property
    def busy(self) -> Group | None:
        """The group that is at work."""
        return next((one for one in self.groups if any(entry.state == "running" for entry in one.entries)), None)

    def find(self, key: str) -> Group | None:
        return next((one for one in self.groups if one.key == key), None)

    def show(self, key: str) -> None:
        """Show another group; none for "" and for one that is not there."""
        group = self.find(key)
        self.key = group.key if group else ""
        self._run = group.entries[0].key if group else ""
        self.shown.emit()
        self.changed.emit()

    def take_measured(self, measured: Sequence[Measured]) -> bool:
        """Take the evaluations on the disk; gives whether another group is shown now."""
        self._measured = measured
        return self._list()

    def so_far(self, entry: Entry) -> SoFar:
        """What an evaluation measured up to now."""
        points: list[Point] = next((one.points for one in self._measured if one.evaluation.id == entry.key), [])
        read = {(one.contender, one.think): (one.accuracy, one.interval) for one in points if one.votes == 1}
        return {**read, **self._live.get(entry.key, {})}

    def is_enough(self, entry: Entry, points: float) -> bool:
        """Whether each accuracy is known to so many points on either side. A race stops by itself."""
        if entry.evaluation is None or entry.is_race or points <= 0:
            return False
        found, card = self.so_far(entry), entry.evaluation.card
        wanted = [(number, think) for number in range(len(card.contenders)) for think in card.think]
        widths = [found[one][1] for one in wanted if one in found]
        return len(widths) == len(wanted) and all(high - low <= 2 * points / 100 + 1e-9 for low, high in widths)

    # What can be done; all raise StillroomError where the queue refuses

    @property
    def can_pause(self) -> bool:
        entry = self.entry
        return entry is not None and entry.state in ("running", "waiting")

    @property
    def can_resume(self) -> bool:
        entry = self.entry
        return entry is not None and entry.can_go_on

    @property
    def can_cancel(self) -> bool:
        entry = self.entry
        return entry is not None and entry.state in ("running", "waiting", "paused", "failed")

    @property
    def can_delete(self) -> bool:
        """Whether there are results, and nothing is at work on them."""
        group = self.group
        at_work = group is not None and any(one.state in ("running", "waiting") for one in group.entries)
        return group is not None and bool(group.evaluations) and not at_work

    def start(self, request: Evaluate, fetch: bool) -> None:
        """Queue an evaluation and show it. fetch: its task is downloaded first."""
        steps = [FetchTask(task=request.task)] if fetch else []
        job_id = self._jobs.add(*steps, request, title=request.title())
        queued = self._request_of(job_id)
        self._list()
        self.show(queued.run if queued else "")

    def pause(self) -> None:
        if self.can_pause and (entry := self.entry) is not None and entry.job is not None:
            self._jobs.pause(entry.job.id)

    def resume(self) -> None:
        """Let it go on, or try again."""
        entry = self.entry
        if entry is None or not entry.can_go_on:
            return
        if entry.job is not None and entry.state in ("paused", "failed"):
            self._jobs.resume(entry.job.id)
        elif entry.evaluation is not None:
            card = entry.evaluation.card
            request = Evaluate(
                contenders=card.contenders, task=card.task.name, run=card.id, resume=True, race=card.race
            )
            self.start(request, False)

    def cancel(self) -> None:
        """Stop it for good; its replies stay."""
        if self.can_cancel and (entry := self.entry) is not None and entry.job is not None:
            self._jobs.cancel(entry.job.id)

    # What is told

    def _take_job(self, job: Job) -> None:
        news = self._states.get(job.id) != job.state
        self._states[job.id] = job.state
        evaluating = self._request_of(job.id) is not None
        if news and (evaluating or job.state in ENDED):
            self.disk_changed.emit()
        if evaluating:
            if self._list():
                self.shown.emit()  # it was cancelled before it had anything to show
            shown = self.group.entries if self.group else ()
            if any(entry.job is not None and entry.job.id == job.id for entry in shown):
                self.job_changed.emit(news)
            if news:
                self.changed.emit()

    def _take_event(self, job_id: int, event: Event) -> None:
        request = self._request_of(job_id)
        if not isinstance(event, Scored) or request is None or event.accuracy is None or event.interval is None:
            return
        self._live.setdefault(request.run, {})[event.contender, event.think] = event.accuracy, event.interval
        entry = self.entry
        if entry is not None and entry.evaluation is None:
            self.disk_changed.emit()  # its card is there by now
        if entry is not None and entry.key == request.run:
            self.scored.emit()

    # Within

    def _list(self) -> bool:
        found = [one.evaluation for one in self._measured]
        self.groups = listing.groups(found, self._jobs.all(), self._request_of)
        before = self.key
        if self.key and self.group is None:
            moved = next((one for one in self.groups if any(entry.key == self._run for entry in one.entries)), None)
            self.key = moved.key if moved else ""
        return self.key != before

    def _request_of(self, job_id: int) -> Evaluate | None:
        return next((step for step in self._jobs.steps(job_id) if isinstance(step, Evaluate)), None)
