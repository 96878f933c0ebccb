"""The form of a new evaluation: who, on what, how, what so many problems can show, and how long it takes."""

from collections.abc import Sequence

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QSizePolicy, QWidget

from app.desktop.pages.evaluate import choices, words
from app.desktop.pages.evaluate.choices import NumberField
from app.desktop.pages.evaluate.listing import Listing, LoadedTask
from app.desktop.pages.evaluate.task_card import TaskCard
from app.desktop.services.wishes import EvaluationWish
from app.desktop.widgets.buttons import RowButton
from app.desktop.widgets.cards import Card, Rows, TwoColumns, label, say
from app.desktop.widgets.fold import Fold
from app.desktop.widgets.layouts import in_column, in_row
from app.desktop.widgets.picker import Picker, PickerItem
from app.desktop.widgets.segments import Segments
from app.desktop.widgets.several import Several
from models.answers.verdict import KINDS, Kind
from models.errors import BadInput
from models.evaluate import estimate, ladders, scores, tasks
from models.evaluate.records import Contender
from models.jobs.kinds.evaluate import Evaluate

WAIT_MS, NAME_PX = 160, 84
BUDGETS = {"0": "Off", "128": "128", "512": "512", "2048": "2,048", "8192": "8,192", "unlimited": "No limit"}
VOTES = {"3": "3", "5": "5", "9": "9"}
CALM = {"off": "Off", "on": "On", "both": "Both"}
PARTS = {"": "All", tasks.HELD_OUT: "Held out"}
SEED_MOST = 2**32 - 1


class EvaluationForm(TwoColumns):
    """Everything an evaluation needs to be told.

    Signals:
        start_requested: what to evaluate (Evaluate), and whether its task is downloaded first.
        task_wanted: a task's name, how many problems (int or None), a seed, and a kind of verifier or None.
        tests_accepted: the same, of a task whose tests may run.
        file_wanted: choose a file of problems.
        enough_changed: to how many points an accuracy has to be known; 0 for never mind.
    """

    start_requested = Signal(object, bool)
    task_wanted = Signal(str, object, int, object)
    tests_accepted = Signal(str, object, int, object)
    file_wanted = Signal()
    enough_changed = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._listing: Listing | None = None
        self._files: list[str] = []
        self._run = ""  # a task of what a run held out, where one was asked for
        self._loaded: LoadedTask | None = None
        self._asked: tuple[str, int | None, int, str] | None = None  # for the task
        self._wrong = ""
        self.model = Picker("Model evaluated", "No model is there yet")
        self.adapter = Picker("Adapter evaluated", "None")
        self.against = Picker("Compared with", "Nothing")
        self.task = Picker("Task evaluated", "Choose what is asked")
        self.level = Segments("Level", {str(level): str(level) for level in ladders.LEVELS})
        self.part = Segments("Problems of the set", PARTS)
        self.limit = NumberField(
            "Number of problems", "How many are asked, drawn by the seed; empty for all", 1, 1_000_000, "all"
        )
        self.budgets = Several("Thinking budgets", BUDGETS)
        self.more_budgets = QLineEdit()
        self.samples = NumberField("Number of samples", "Replies to each problem", 1, 64)
        self.votes = Several("Majority of", VOTES)
        self.calm = Segments("Calm thinking", CALM)
        self.enough = NumberField(
            "Enough to know",
            "It offers to stop once each accuracy is known to so many points on either side",
            0.1,
            50,
            "never",
        )
        self.seed = NumberField("Evaluation seed", "Of the draws, of the choice of problems, of ladders", 0, SEED_MOST)
        self.answer_tokens = NumberField("Most answer tokens", "Room for the answer after the thinking", 1, 100_000)
        self.verifier = Picker("Kind of verifier", "As the task says")
        self.outlook = Rows()
        self.shows = label(kind="hint")
        self.card = TaskCard()
        self.start = RowButton("Start evaluation")
        self.start.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.start.setFixedHeight(34)
        self.missing = label(kind="hint")
        self._timer = QTimer(self, singleShot=True, interval=WAIT_MS)
        self._lay_out()
        self._fill_in()
        self._connect()
        self._refresh()

    def show_listing(self, listing: Listing) -> None:
        """Take what is on this disk."""
        self._listing = listing
        self.model.set_choices(choices.model_items(listing.models))
        if not self.model.current:
            self.model.choose(self.model.first())
        self._offer_adapters()
        self._offer_tasks()
        self._refresh()

    def show_task(self, loaded: LoadedTask) -> None:
        """Take the problems of the task, unless another was chosen meanwhile."""
        if loaded.name == self.task_name:
            self._loaded = loaded
            self._refresh()

    def show_enough(self, points: float) -> None:
        """Show to how many points an accuracy has to be known."""
        self.enough.setText(f"{points:g}" if points else "")

    def choose_file(self, path: str) -> None:
        """Let a file be the task."""
        if path not in self._files:
            self._files.insert(0, path)
        self._offer_tasks()
        self._choose_task(path)

    def choose(self, wish: EvaluationWish) -> None:
        """Fill in what another page asks for, as far as it is there."""
        if wish.model and self.model.choose(wish.model):
            self._offer_adapters()
            self.adapter.choose(wish.adapter)
            self._offer_against()
            if wish.against:
                self.against.choose(f"{wish.model if wish.against == choices.BASE else wish.against}\n")
        if wish.task:
            name, _, part = wish.task.removeprefix(tasks.TRACES).partition(":")
            self._run = wish.task if wish.task.startswith(tasks.RUN) else self._run
            self._offer_tasks()
            if wish.task.startswith(tasks.TRACES):
                self.part.show_chosen(part if part in PARTS else "")
                self._choose_task(f"{tasks.TRACES}{name}")
            else:
                self._choose_task(wish.task)
        self._refresh()

    @property
    def task_name(self) -> str:
        """The task as tasks.load takes it; empty while none is chosen."""
        chosen = self.task.current
        if chosen in ladders.LADDERS:
            return f"{chosen}:{self.level.current}"
        if chosen.startswith(tasks.TRACES) and self.part.current:
            return f"{chosen}:{self.part.current}"
        return chosen

    @property
    def problem(self) -> str:
        """Why it can't start, as a sentence; empty when it can."""
        if self._listing is None:
            return "Reading models and tasks …"
        if not self.model.current:
            return "A model is needed: get one on the Models page."
        if not self.task_name:
            return "Choose what is asked: a task, or a file with problems and answers."
        if self._wrong:
            return self._wrong
        if self._loaded is None:
            return "Reading the problems …"
        if self._loaded.error:
            return "The task can't be read."
        return "" if self._loaded.accepted else "Look at the tests of the task first."

    # What is chosen

    def _contenders(self) -> list[Contender]:
        first = Contender(model=self.model.current, adapter=self.adapter.current, calm=self.calm.current == "on")
        if self.calm.current == "both":
            return [Contender(model=first.model, adapter=first.adapter, calm=True), first]
        if not self.against.current:
            return [first]
        model, _, adapter = self.against.current.partition("\n")
        return [first, Contender(model=model, adapter=adapter, calm=first.calm)]

    def _budgets(self) -> list[int | None]:
        found = [None if key == "unlimited" else int(key) for key in self.budgets.all_current]
        found += choices.read_budgets(self.more_budgets.text())
        return sorted(set(found), key=lambda budget: (budget is None, budget or 0))

    def _request(self) -> Evaluate:
        """Raises BadInput for what can't be asked."""
        think = self._budgets()
        if not think:
            raise BadInput("Choose a thinking budget, or several for a curve.")
        votes = [int(key) for key in self.votes.all_current]
        return Evaluate(
            contenders=self._contenders(),
            task=self.task_name,
            verifier=self._kind,
            limit=self.limit.whole(),
            think=think,
            samples=max(self.samples.whole() or 1, *votes, 1),
            votes=votes,
            answer_tokens=self.answer_tokens.whole() or 1,
            seed=self.seed.whole() or 0,
        )

    @property
    def _kind(self) -> Kind | None:
        return next((kind for kind in KINDS if kind == self.verifier.current), None)

    # What is done

    def _press(self) -> None:
        self._timer.stop()
        self._refresh()
        if self.problem or self._loaded is None:
            return
        self.start_requested.emit(self._request(), self._loaded.to_fetch)

    def _take_model(self, _name: str) -> None:
        self._offer_adapters()
        self._refresh()

    def _take_adapter(self, _name: str) -> None:
        self._offer_against()
        if self.adapter.current and not self.against.current:
            self.against.choose(f"{self.model.current}\n")  # is it really better?
        self._refresh()

    def _take_task(self, key: str) -> None:
        if key == choices.FILE:
            self.task.current = ""
            self._offer_tasks()
            self.file_wanted.emit()
        self._refresh()

    def _choose_task(self, key: str) -> None:
        self.task.choose(key)
        self._refresh()

    def _take_enough(self) -> None:
        try:
            self.enough_changed.emit(self.enough.number() or 0.0)
        except BadInput:
            return

    def _accept(self) -> None:
        if self._asked is not None:
            name, limit, seed, kind = self._asked
            self.tests_accepted.emit(name, limit, seed, kind or None)

    # What is shown

    def _refresh(self) -> None:
        try:
            request: Evaluate | None = self._request()
            self.enough.number()
            self._wrong = ""
        except BadInput as error:
            request, self._wrong = None, error.text
        self.level.setVisible(self.task.current in ladders.LADDERS)
        self.part.setVisible(self.task.current.startswith(tasks.TRACES))
        self._part_line.setVisible(self.task.current in ladders.LADDERS or self.task.current.startswith(tasks.TRACES))
        self.against.setEnabled(self.calm.current != "both")
        self._want_task(request)
        self.card.setVisible(bool(self.task_name))
        self.card.show_task(self._loaded if self.task_name else None)
        self._show_outlook(request)
        problem = self.problem
        self.start.setEnabled(not problem)
        self.start.setAccessibleDescription(problem)
        self.start.strong = not problem
        self.start.update()
        say(self.missing, problem)

    def _want_task(self, request: Evaluate | None) -> None:
        """Ask for the problems, if the task or what it depends on is another one now."""
        if self._loaded is not None and self._loaded.name != self.task_name:
            self._loaded = None
        if request is None or not self.task_name:
            return
        wanted = self.task_name, request.limit, request.seed, self._kind or ""
        if wanted != self._asked:
            self._asked = wanted
            self._loaded = None
            self.task_wanted.emit(self.task_name, request.limit, request.seed, self._kind)

    def _show_outlook(self, request: Evaluate | None) -> None:
        task = self._loaded.task if self._loaded else None
        count = len(task.problems) if task else request.limit if request else None
        say(self.shows, scores.what_can_be_shown(count) if count else "")
        if request is None or not count:
            self.outlook.show_rows([("Replies", "—"), ("About", "—")])
            return
        each = count * request.samples
        replies = each * len(request.think) * len(request.contenders)
        self.outlook.show_rows([("Replies", f"{replies:,}"), ("About", self._takes(request, each))])

    def _takes(self, request: Evaluate, each: int) -> str:
        points = [point for one in self._listing.measured for point in one.points] if self._listing else []
        times = [estimate.seconds(points, one.model, request.think, each) for one in request.contenders]
        if any(time is None for time in times):
            return "not known before the first"
        return words.roughly(sum(time for time in times if time is not None))

    def _offer_adapters(self) -> None:
        models = self._listing.models if self._listing else []
        self.adapter.set_choices(choices.adapter_items(models, self.model.current))
        if not self.adapter.current:
            self.adapter.choose("")
        self._offer_against()

    def _offer_against(self) -> None:
        models = self._listing.models if self._listing else []
        self.against.set_choices(choices.against_items(models, self.model.current, self.adapter.current))
        if not self.against.current:
            self.against.choose("")

    def _offer_tasks(self) -> None:
        sets: Sequence[object] = self._listing.sets if self._listing else []
        here = self._listing.here if self._listing else frozenset()
        self.task.set_choices(choices.task_items(sets, here, [*([self._run] if self._run else []), *self._files]))  # type: ignore[arg-type]

    def _fill_in(self) -> None:
        for control in (self.budgets, self.level, self.votes, self.calm):  # several have an "Off" or a "5"
            for part in control.parts.values():
                part.setAccessibleName(f"{control.accessibleName()}: {part.text()}")
        self.more_budgets.setAccessibleName("Other budgets")
        self.more_budgets.setPlaceholderText("others, as 256, 1,024")
        self.verifier.set_choices([PickerItem("", "As the task says"), *(PickerItem(kind, kind) for kind in KINDS)])
        self.verifier.choose("")
        self.level.show_chosen("4")
        self.part.show_chosen("")
        self.budgets.show_all(("0", "512", "2048"))
        self.calm.show_chosen("off")
        for field, text in ((self.samples, "1"), (self.seed, "0"), (self.answer_tokens, "2048"), (self.enough, "5")):
            field.setText(text)
        self.calm.setToolTip(
            "Damps the words a model begins to hesitate with while it thinks; both: compared with each other"
        )
        self.votes.setToolTip("Scores the majority among so many replies too; so many are drawn")

    def _connect(self) -> None:
        self.model.chosen.connect(self._take_model)
        self.adapter.chosen.connect(self._take_adapter)
        self.task.chosen.connect(self._take_task)
        for picker in (self.against, self.verifier):
            picker.chosen.connect(lambda _key: self._refresh())
        for part in (self.level, self.part, self.budgets, self.votes, self.calm):
            part.chosen.connect(lambda _key: self._refresh())
        for field in (self.limit, self.more_budgets, self.samples, self.seed, self.answer_tokens, self.enough):
            field.textEdited.connect(lambda _text: self._timer.start())
        self.enough.editingFinished.connect(self._take_enough)
        self._timer.timeout.connect(self._refresh)
        self.card.tests_accepted.connect(self._accept)
        self.start.clicked.connect(self._press)

    def _lay_out(self) -> None:
        form = Card("New evaluation")
        form.body.setSpacing(10)
        self._part_line = QWidget()
        in_row(self._part_line, _name(""), self.level, self.part, 1, spacing=12)
        for title, control in (
            ("Model", self.model),
            ("Adapter", self.adapter),
            ("Against", self.against),
            ("Task", self.task),
        ):
            form.body.addLayout(_line(title, control))
        form.body.addWidget(self._part_line)
        form.body.addLayout(_line("Problems", self.limit, stretch=False))
        form.body.addLayout(_line("Thinking", self.budgets, stretch=False))
        form.body.addLayout(_line("", self.more_budgets))
        form.body.addLayout(
            in_row(
                None,
                _name("Samples"),
                self.samples,
                label("majority of", "plain", wraps=False),
                self.votes,
                1,
                spacing=12,
            )
        )
        form.body.addLayout(_line("Calm", self.calm, stretch=False))
        form.body.addLayout(
            in_row(None, _name("Enough at ±"), self.enough, label("points", "plain", wraps=False), 1, spacing=12)
        )
        inside = QWidget()
        in_column(
            inside, _line("Seed", self.seed, stretch=False), in_row(None, _name("Answer"), self.answer_tokens, label("tokens at most", "plain", wraps=False), 1, spacing=12),
            _line("Judged as", self.verifier), spacing=10,
        )  # fmt: skip
        more = Card("More settings")
        more.title.hide()
        self.fold = Fold("Advanced", inside)
        more.head.addWidget(self.fold)
        more.head.addStretch(1)
        more.body.addWidget(inside)
        more.body.setContentsMargins(16, 8, 16, 10)
        self.main.addWidget(form)
        self.main.addWidget(more)
        self.main.addStretch(1)
        outlook = Card("What it will take")
        outlook.body.addWidget(self.outlook)
        outlook.body.addWidget(self.shows)
        self.side.addWidget(outlook)
        self.side.addLayout(in_column(None, self.start, self.missing, spacing=7))
        self.side.addWidget(self.card)
        self.side.addStretch(1)


def _name(title: str) -> QWidget:
    name = label(title, "plain", wraps=False)
    name.setFixedWidth(NAME_PX)
    return name


def _line(title: str, control: QWidget, stretch: bool = True) -> QHBoxLayout:
    return in_row(None, _name(title), *([(control, 1)] if stretch else [control, 1]), spacing=12)
