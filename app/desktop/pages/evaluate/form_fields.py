"""Who is evaluated, on what and how: the fields of the form, and the request that they make."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QWidget

from app.desktop.pages.evaluate import choices
from app.desktop.pages.evaluate.candidates import Candidates
from app.desktop.pages.evaluate.choices import NumberField
from app.desktop.pages.evaluate.listing import Listing
from app.desktop.services.wishes import EvaluationWish
from app.desktop.widgets.cards import GAP_PX, Card, label
from app.desktop.widgets.fold import Fold
from app.desktop.widgets.layouts import Item, in_column, in_row
from app.desktop.widgets.picker import Picker, PickerItem
from app.desktop.widgets.segments import Segments
from app.desktop.widgets.several import Several
from models.answers.verdict import KINDS, Kind
from models.errors import BadInput
from models.evaluate import ladders, tasks
from models.evaluate.records import Contender
from models.jobs.kinds.evaluate import Evaluate

NAME_PX = 84
BEST = "best"
MODES = {"": "One, or two compared", BEST: "Which is best…"}
BUDGETS = {"0": "Off", "128": "128", "512": "512", "2048": "2,048", "8192": "8,192", "unlimited": "No limit"}
VOTES = {"3": "3", "5": "5", "9": "9"}
CALM = {"off": "Off", "on": "On", "both": "Both"}
PARTS = {"": "All", tasks.HELD_OUT: "Held out"}
SEED_MOST = 2**32 - 1


class EvaluationFields(QWidget):
    """Two cards: what is asked in any case, and under Advanced the rest.

    Signals:
        changed: something else is chosen.
        typed: another text stands in a field.
        file_wanted: choose a file of problems.
        enough_changed: to how many points an accuracy has to be known; 0 for never mind.
    """

    changed = Signal()
    typed = Signal()
    file_wanted = Signal()
    enough_changed = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._listing: Listing | None = None
        self._files: list[str] = []
        self._run = ""  # a task of what a run held out, where one was asked for
        self.mode = Segments("What is found out", MODES)
        self.candidates = Candidates()
        self.model = Picker("Model evaluated", "No model is there yet")
        self.adapter = Picker("Adapter evaluated", "None")
        self.against = Picker("Compared with", "Nothing")
        self.task = Picker("Task evaluated", "Choose what is asked")
        self.level = Segments("Level", {str(level): str(level) for level in ladders.LEVELS})
        self.part = Segments("Problems of the set", PARTS)
        how_many = "How many are asked, drawn by the seed; empty for all"
        self.limit = NumberField("Number of problems", how_many, 1, 1_000_000, "all")
        self.budgets = Several("Thinking budgets", BUDGETS)
        self.more_budgets = QLineEdit()
        self.samples = NumberField("Number of samples", "Replies to each problem", 1, 64)
        self.votes = Several("Majority of", VOTES)
        self.calm = Segments("Calm thinking", CALM)
        offers = "It offers to stop once each accuracy is known to so many points on either side"
        self.enough = NumberField("Enough to know", offers, 0.1, 50, "never")
        seed_of = "Of the draws, of the choice of problems, of ladders"
        self.seed = NumberField("Evaluation seed", seed_of, 0, SEED_MOST)
        self.answer_tokens = NumberField("Most answer tokens", "Room for the answer after the thinking", 1, 100_000)
        self.verifier = Picker("Kind of verifier", "As the task says")
        self._lay_out()
        self._fill_in()
        self._connect()
        self._show_parts()

    def show_listing(self, listing: Listing) -> None:
        """Take what is on this disk."""
        first, self._listing = self._listing is None, listing
        self.model.set_choices(choices.model_items(listing.models))
        if not self.model.current:
            self.model.choose(self.model.first())
        self.candidates.show_models(listing.models)
        if first:
            self._take_candidates()
        self._offer_adapters()
        self._offer_tasks()

    def show_enough(self, points: float) -> None:
        """Show to how many points an accuracy has to be known."""
        self.enough.setText(f"{points:g}" if points else "")

    def choose_file(self, path: str) -> None:
        """Let a file be the task."""
        if path not in self._files:
            self._files.insert(0, path)
        self._offer_tasks()
        self._choose_task(path)

    def choose_mode(self, mode: str) -> None:
        """Evaluate one or compare two, or find the best of several: BEST."""
        self.mode.show_chosen(mode)
        self._take_candidates()
        self._change()

    def choose(self, wish: EvaluationWish) -> None:
        """Fill in what another page asks for, as far as it is there."""
        self.mode.show_chosen("")
        if wish.model and self.model.choose(wish.model):
            self._offer_adapters()
            self.adapter.choose(wish.adapter)
            self._offer_against()
            if wish.against:
                self.against.choose(f"{wish.model if wish.against == choices.BASE else wish.against}\n")
        if wish.task.startswith(tasks.TRACES):
            name, _, part = wish.task.removeprefix(tasks.TRACES).partition(":")
            self.part.show_chosen(part if part in PARTS else "")
            self._choose_task(f"{tasks.TRACES}{name}")
        elif wish.task:
            self._run = wish.task if wish.task.startswith(tasks.RUN) else self._run
            self._offer_tasks()
            self._choose_task(wish.task)

    @property
    def is_race(self) -> bool:
        """Whether the best of several is to be found."""
        return self.mode.current == BEST

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
    def kind(self) -> Kind | None:
        """The verifier of problems that name none; None where the task says it."""
        return next((kind for kind in KINDS if kind == self.verifier.current), None)

    def request(self) -> Evaluate:
        """What is to be evaluated. Raises BadInput for what can't be asked."""
        think = self._budgets()
        if not think:
            raise BadInput("Choose a thinking budget, or several for a curve.")
        if not self.is_race:
            self.enough.number()
        votes = [int(key) for key in self.votes.all_current]
        contenders = self._racing() if self.is_race else self._contenders()
        if self.is_race and len(contenders) * len(think) * len({1, *votes}) < 2:
            raise BadInput("One candidate is the best of one: add a model or an adapter, a budget or votes.")
        return Evaluate(
            contenders=contenders,
            race=self.is_race,
            task=self.task_name,
            verifier=self.kind,
            limit=self.limit.whole(),
            think=think,
            samples=max(self.samples.whole() or 1, *votes, 1),
            votes=votes,
            answer_tokens=self.answer_tokens.whole() or 1,
            seed=self.seed.whole() or 0,
        )

    def _racing(self) -> list[Contender]:
        """The candidates; with calm thinking as it was chosen, or both ways."""
        calm = {"off": [False], "on": [True], "both": [False, True]}[self.calm.current]
        pairs = [key.split("\n") for key in self.candidates.keys]
        return [Contender(model=model, adapter=adapter, calm=each) for each in calm for model, adapter in pairs]

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

    # What is done

    def _take_candidates(self) -> None:
        """Begin with whom the other form names, while nobody takes part."""
        if self.is_race and not self.candidates.keys and self.model.current:
            for key in (f"{self.model.current}\n{self.adapter.current}", self.against.current):
                self.candidates.take(key)

    def _take_model(self, _name: str) -> None:
        self._offer_adapters()
        self._change()

    def _take_adapter(self, _name: str) -> None:
        self._offer_against()
        if self.adapter.current and not self.against.current:
            self.against.choose(f"{self.model.current}\n")  # is it really better?
        self._change()

    def _take_task(self, key: str) -> None:
        if key == choices.FILE:
            self.task.current = ""
            self._offer_tasks()
            self.file_wanted.emit()
        self._change()

    def _choose_task(self, key: str) -> None:
        self.task.choose(key)
        self._change()

    def _take_enough(self) -> None:
        try:
            self.enough_changed.emit(self.enough.number() or 0.0)
        except BadInput:
            return

    def _change(self) -> None:
        self._show_parts()
        self.changed.emit()

    # What is offered

    def _show_parts(self) -> None:
        ladder, of_set = self.task.current in ladders.LADDERS, self.task.current.startswith(tasks.TRACES)
        self.level.setVisible(ladder)
        self.part.setVisible(of_set)
        self._part_line.setVisible(ladder or of_set)
        for line in self._alone_lines:
            line.setVisible(not self.is_race)
        self._candidates_line.setVisible(self.is_race)
        self.against.setEnabled(self.calm.current != "both")

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
        named = [*([self._run] if self._run else []), *self._files]
        sets, here = (self._listing.sets, self._listing.here) if self._listing else ([], frozenset())
        self.task.set_choices(choices.task_items(sets, here, named))

    # Building

    def _fill_in(self) -> None:
        for control in (self.budgets, self.level, self.votes, self.calm):  # several have an "Off" or a "5"
            for part in control.parts.values():
                part.setAccessibleName(f"{control.accessibleName()}: {part.text()}")
        self.more_budgets.setAccessibleName("Other budgets")
        self.more_budgets.setPlaceholderText("others, as 256, 1,024")
        self.verifier.set_choices([PickerItem("", "As the task says"), *(PickerItem(kind, kind) for kind in KINDS)])
        self.verifier.choose("")
        self.mode.show_chosen("")
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
        self.mode.chosen.connect(self.choose_mode)
        self.candidates.changed.connect(self._change)
        self.adapter.chosen.connect(self._take_adapter)
        self.task.chosen.connect(self._take_task)
        for picker in (self.against, self.verifier):
            picker.chosen.connect(lambda _key: self._change())
        for part in (self.level, self.part, self.budgets, self.votes, self.calm):
            part.chosen.connect(lambda _key: self._change())
        for field in (self.limit, self.more_budgets, self.samples, self.seed, self.answer_tokens, self.enough):
            field.textEdited.connect(lambda _text: self.typed.emit())
        self.enough.editingFinished.connect(self._take_enough)

    def _lay_out(self) -> None:
        form = Card("New evaluation")
        form.body.setSpacing(10)
        self._part_line = QWidget()
        in_row(self._part_line, _name(""), self.level, self.part, 1, spacing=12)
        form.head.addStretch(1)
        form.head.addWidget(self.mode)
        pickers = (("Model", self.model), ("Adapter", self.adapter), ("Against", self.against))
        enough = _line("Enough at ±", self.enough, _word("points"), 1)
        self._alone_lines = [_held(_line(title, (picker, 1))) for title, picker in pickers] + [_held(enough)]
        candidates = _name("Candidates")
        candidates.setFixedHeight(30)
        top = Qt.AlignmentFlag.AlignTop
        self._candidates_line = _held(in_row(None, (candidates, 0, top), (self.candidates, 1), spacing=12))
        for line in (
            *self._alone_lines[:3],
            self._candidates_line,
            _held(_line("Task", (self.task, 1))),
            self._part_line,
            _held(_line("Problems", self.limit, 1)),
            _held(_line("Thinking", self.budgets, 1)),
            _held(_line("", (self.more_budgets, 1))),
            _held(_line("Samples", self.samples, _word("majority of"), self.votes, 1)),
            _held(_line("Calm", self.calm, 1)),
            self._alone_lines[3],
        ):
            form.body.addWidget(line)
        inside = QWidget()
        answer = _line("Answer", self.answer_tokens, _word("tokens at most"), 1)
        in_column(inside, _line("Seed", self.seed, 1), answer, _line("Judged as", (self.verifier, 1)), spacing=10)
        more = Card("More settings")
        more.title.hide()
        self.fold = Fold("Advanced", inside)
        more.head.addWidget(self.fold)
        more.head.addStretch(1)
        more.body.addWidget(inside)
        more.body.setContentsMargins(16, 8, 16, 10)
        in_column(self, form, more, spacing=GAP_PX)


def _name(title: str) -> QWidget:
    name = label(title, "plain", wraps=False)
    name.setFixedWidth(NAME_PX)
    return name


def _word(text: str) -> QWidget:
    return label(text, "plain", wraps=False)


def _held(line: QHBoxLayout) -> QWidget:
    """A line that can be hidden."""
    holder = QWidget()
    holder.setLayout(line)
    return holder


def _line(title: str, *controls: Item) -> QHBoxLayout:
    return in_row(None, _name(title), *controls, spacing=12)
