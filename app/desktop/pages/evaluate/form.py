"""The form of a new evaluation: its fields, the task they name, what so many problems can show, and how long it takes."""

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.desktop.pages.evaluate import words
from app.desktop.pages.evaluate.form_fields import EvaluationFields
from app.desktop.pages.evaluate.listing import Listing, LoadedTask
from app.desktop.pages.evaluate.task_card import TaskCard
from app.desktop.services.wishes import EvaluationWish
from app.desktop.widgets.buttons import RowButton
from app.desktop.widgets.cards import Card, Rows, TwoColumns, label, say
from app.desktop.widgets.layouts import in_column
from models.errors import BadInput
from models.evaluate import estimate, scores
from models.jobs.kinds.evaluate import Evaluate

WAIT_MS = 160  # while one types


class EvaluationForm(TwoColumns):
    """Everything an evaluation needs to be told.

    Signals:
        start_requested: what to evaluate (Evaluate), and whether its task is downloaded first.
        task_wanted: a task's name, how many problems (int or None), a seed, and a kind of verifier or None.
        tests_accepted: the same, of a task whose tests may run.
    """

    start_requested = Signal(object, bool)
    task_wanted = Signal(str, object, int, object)
    tests_accepted = Signal(str, object, int, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._listing: Listing | None = None
        self._loaded: LoadedTask | None = None
        self._asked: tuple[str, int | None, int, str] | None = None  # for the task
        self._wrong = ""  # what stands in a field and can't be used
        self.fields = EvaluationFields()
        self.outlook = Rows()
        self.shows = label(kind="hint")
        self.card = TaskCard()
        self.start = RowButton("Start evaluation")
        self.start.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.start.setFixedHeight(34)
        self.missing = label(kind="hint")
        self._timer = QTimer(self, singleShot=True, interval=WAIT_MS)
        self._lay_out()
        self._connect()
        self._refresh()

    def show_listing(self, listing: Listing) -> None:
        """Take what is on this disk."""
        self._listing = listing
        self.fields.show_listing(listing)
        self._refresh()

    def show_task(self, loaded: LoadedTask) -> None:
        """Take the problems of the task, unless another was chosen meanwhile."""
        if loaded.name == self.fields.task_name:
            self._loaded = loaded
            self._refresh()

    def choose_file(self, path: str) -> None:
        """Let a file be the task."""
        self.fields.choose_file(path)

    def choose(self, wish: EvaluationWish) -> None:
        """Fill in what another page asks for, as far as it is there."""
        self.fields.choose(wish)
        self._refresh()

    @property
    def problem(self) -> str:
        """Why it can't start, as a sentence; empty when it can."""
        if self._listing is None:
            return "Reading models and tasks …"
        if not self.fields.model.current and not self.fields.is_race:
            return "A model is needed: get one on the Models page."
        if not self.fields.task_name:
            return "Choose what is asked: a task, or a file with problems and answers."
        if self._wrong:
            return self._wrong
        if self._loaded is None:
            return "Reading the problems …"
        if self._loaded.error:
            return "The task can't be read."
        return "" if self._loaded.accepted else "Look at the tests of the task first."

    def _press(self) -> None:
        self._timer.stop()
        self._refresh()  # what was just typed counts
        if not self.problem and self._loaded is not None:
            self.start_requested.emit(self.fields.request(), self._loaded.to_fetch)

    def _accept(self) -> None:
        if self._asked is not None:
            name, limit, seed, kind = self._asked
            self.tests_accepted.emit(name, limit, seed, kind or None)

    def _refresh(self) -> None:
        try:
            request: Evaluate | None = self.fields.request()
            self._wrong = ""
        except BadInput as error:
            request, self._wrong = None, error.text
        self._want_task(request)
        named = bool(self.fields.task_name)
        self.card.setVisible(named)
        self.card.show_task(self._loaded if named else None)
        self._show_outlook(request)
        problem = self.problem
        self.start.setEnabled(not problem)
        self.start.setAccessibleDescription(problem)
        self.start.strong = not problem
        self.start.update()
        say(self.missing, problem)

    def _want_task(self, request: Evaluate | None) -> None:
        """Ask for the problems, if the task or what it depends on is another one now."""
        if self._loaded is not None and self._loaded.name != self.fields.task_name:
            self._loaded = None
        if request is None or not request.task:
            return
        kind = self.fields.kind
        wanted = request.task, request.limit, request.seed, kind or ""
        if wanted != self._asked:
            self._asked = wanted
            self._loaded = None
            self.task_wanted.emit(request.task, request.limit, request.seed, kind)

    def _show_outlook(self, request: Evaluate | None) -> None:
        task = self._loaded.task if self._loaded else None
        count = len(task.problems) if task else request.limit if request else None
        say(self.shows, scores.what_can_be_shown(count) if count else "")
        if request is None or not count:
            self.outlook.show_rows([("Replies", "—"), ("About", "—")])
            return
        each = count * request.samples
        replies = each * len(request.think) * len(request.contenders)
        self.outlook.show_rows(
            [
                ("Replies", f"at most {replies:,}" if request.race else f"{replies:,}"),
                ("About", self._takes(request, each)),
            ]
        )

    def _takes(self, request: Evaluate, each: int) -> str:
        points = [point for one in self._listing.measured for point in one.points] if self._listing else []
        times = [estimate.seconds(points, one.model, request.think, each) for one in request.contenders]
        if any(time is None for time in times):
            return "not known before the first"
        return words.roughly(sum(time for time in times if time is not None))

    def _connect(self) -> None:
        self.fields.changed.connect(self._refresh)
        self.fields.typed.connect(self._timer.start)
        self._timer.timeout.connect(self._refresh)
        self.card.tests_accepted.connect(self._accept)
        self.start.clicked.connect(self._press)

    def _lay_out(self) -> None:
        self.main.addWidget(self.fields)
        self.main.addStretch(1)
        outlook = Card("What it will take")
        outlook.body.addWidget(self.outlook)
        outlook.body.addWidget(self.shows)
        self.side.addWidget(outlook)
        self.side.addLayout(in_column(None, self.start, self.missing, spacing=7))
        self.side.addWidget(self.card)
        self.side.addStretch(1)
