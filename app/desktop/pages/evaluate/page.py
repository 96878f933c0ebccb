"""The Evaluate page: the form of a new evaluation, results, or a trace; builds them and connects queue and disk."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QPoint, QTimer
from PySide6.QtWidgets import QStackedWidget, QWidget

from app.desktop.pages.contract import Page
from app.desktop.pages.evaluate import scores, words
from app.desktop.pages.evaluate.empty import Empty
from app.desktop.pages.evaluate.files import FileDialogs, problem_files
from app.desktop.pages.evaluate.form import EvaluationForm
from app.desktop.pages.evaluate.form_fields import BEST
from app.desktop.pages.evaluate.listing import Listing, OpenedGroup
from app.desktop.pages.evaluate.overview import Overview
from app.desktop.pages.evaluate.race_card import Use
from app.desktop.pages.evaluate.reader import EvaluateReader
from app.desktop.pages.evaluate.shown import ShownGroup
from app.desktop.pages.evaluate.toolbar import EvaluateToolbar
from app.desktop.pages.evaluate.trace_sheet import TraceSheet
from app.desktop.services.deletions import Deletions
from app.desktop.services.services import Services
from app.desktop.services.wishes import EvaluationWish, read_wish
from app.desktop.widgets.file_drop import FileDrop
from app.desktop.widgets.layouts import in_column
from app.desktop.widgets.trace_use import TraceUse
from models import budgets
from models.errors import StillroomError
from models.evaluate import evaluations
from models.evaluate.as_trace import as_trace
from models.evaluate.board import Board
from models.evaluate.problems import Problem
from models.evaluate.records import Contender, EvaluationCard, ReplyRow
from models.evaluate.scores import how_asked
from models.events import Model
from models.settings import Settings, budget_of

LIVE_MS, SOON_MS = 3000, 100  # between two readings of replies while they come, and between two lines about them
RACE_MS = 15_000  # as LIVE_MS; comparing a dozen candidates takes seconds


class EvaluatePage(Page):
    """Toolbar, notices, and one of: a sentence, the form, results, a trace."""

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(services, parent)
        self._preferences = services.preferences
        self.listing: Listing | None = None
        self.board: Board | None = None
        self._wish: EvaluationWish | None = None
        self._form_wanted = False
        self.shown = ShownGroup(services.jobs, self)
        self.toolbar = EvaluateToolbar(self.shown)
        self.empty = Empty()
        self.form = EvaluationForm()
        self.overview = Overview()
        self.sheet = TraceSheet()
        self.reading = EvaluateReader(services.list_models, self)
        self.removals = Deletions(evaluations.remove, self)
        self.files = FileDialogs(services.preferences, self)
        self.traces = TraceUse(self.notices, "evaluation", self)
        self._live = QTimer(self, singleShot=True, interval=LIVE_MS)
        self._soon = QTimer(self, singleShot=True, interval=SOON_MS)
        self._lay_out()
        self._connect()
        self.form.fields.show_enough(self._preferences.window.evaluate_enough)
        self.overview.chart.show_axis(self._preferences.window.evaluate_axis)

    # The window's

    def start(self) -> None:
        """Read what is on this disk."""
        self.reading.list_all()

    def close_page(self) -> None:
        """Stop what was started. Jobs go on or are paused by whoever owns the queue."""
        self._live.stop()
        self._soon.stop()
        self.reading.close()
        self.traces.close()
        self.removals.close()

    def begin_with(self, subject: str) -> None:
        """Show the form of a new evaluation, filled in as another page wishes."""
        self._wish = read_wish(subject)
        self.new_evaluation()
        self._fulfil()
        self.reading.list_all()

    # Commands, for menus too

    def new_evaluation(self) -> None:
        self._form_wanted = True
        self.shown.show("")

    def find_best(self) -> None:
        """Show the form for several candidates."""
        self.new_evaluation()
        self.form.fields.choose_mode(BEST)

    def pause(self) -> None:
        self.notices.attempt(self.shown.pause)

    def resume(self) -> None:
        self.notices.attempt(self.shown.resume)

    def cancel(self) -> None:
        """Stop it for good; its replies stay."""
        self.notices.attempt(self.shown.cancel)

    def evaluate_file(self, path: str) -> None:
        """Show the form with a file of problems for a task."""
        self.new_evaluation()
        self.form.choose_file(path)

    def choose_group(self, key: str) -> None:
        """Show evaluations of other problems, or the form for ""."""
        self._form_wanted = not key
        self.shown.show(key)

    def delete_shown(self) -> None:
        """Delete the evaluations that are shown; it can be taken back until the app quits."""
        group = self.shown.group
        if group is not None:
            going = [one.id for one in group.evaluations]
            title = words.pill(group)
            for name in going:
                self.removals.remove(name)
            self.notices.show_info(f"{title} is deleted.", "Undo", partial(self._take_back, going))

    def _take_back(self, names: Sequence[str]) -> None:
        for name in names:
            self.removals.undo(name)

    def can_undo(self) -> bool:
        return bool(self.removals.pending())

    def undo(self) -> None:
        """Take back the last deletion."""
        self.removals.undo_last()

    def export(self, ending: str, path: Path) -> None:
        """Write what is shown to a file."""
        group = self.shown.group
        if group is not None:
            chart = self.overview.chart.image() if ending == ".png" else None
            self.reading.write([one.folder for one in group.evaluations], path, chart)

    # What is read

    def _take_listing(self, listing: Listing) -> None:
        first, self.listing = self.listing is None, listing
        self.form.show_listing(listing)
        self._fulfil()
        hidden = self.removals.pending()
        moved = self.shown.take_measured([one for one in listing.measured if one.evaluation.id not in hidden])
        if first and not self._form_wanted and self.shown.groups:
            busy = self.shown.busy
            wanted = busy.key if busy else self._preferences.window.evaluate_group
            self.shown.show(wanted if self.shown.find(wanted) else self.shown.groups[0].key)
        elif moved or first:
            self._show_group()
        else:
            self._read_replies()
        self._show_scores()
        self._show_status()

    def _take_opened(self, opened: OpenedGroup) -> None:
        if opened.key != self.shown.key or self.listing is None:
            return
        self.board = opened.board
        chart, fails, models = self.overview.chart, self.overview.fails, self.listing.models
        defaults = {name: budget_of(think) for name, think in self._preferences.current.think_by_model.items()}
        titles = words.curve_titles(opened.board, models)
        chart.show_board(opened.board, titles, models, defaults)
        fails.show_board(opened.board, titles)
        self.overview.show_columns(any(opened.board.attempts.values()))
        self._show_race(opened)

    def _not_read(self, error: StillroomError) -> None:
        self.notices.show_error(error.text, error.hint, "Try again", self.start)

    # What the evaluation tells

    def _show_group(self) -> None:
        group = self.shown.group
        self.board = None
        if group is None:
            wanted = self._form_wanted or self.shown.groups
            front = self.form if wanted else self._blank if self.listing is None else self.empty
            self._stack.setCurrentWidget(front)
        else:
            self._stack.setCurrentWidget(self.overview)
            self.overview.verticalScrollBar().setValue(0)
            with self._preferences.remember() as window:
                window.evaluate_group = group.key
            self._read_replies()
        self.overview.show_columns(False)
        self._show_scores()
        self._show_status()

    def _read_replies(self) -> None:
        group = self.shown.group
        if group is not None and group.evaluations:
            self.reading.open_group(group.key, group.evaluations)

    def _show_scores(self) -> None:
        if self.listing is not None:
            group = self.shown.group
            table = scores.table(self.listing.measured, group.task_name if group else "", self._models)
            self.overview.show_scores(table)

    def _show_status(self) -> None:
        entry = self.shown.entry
        asked = self._preferences.window.evaluate_enough
        enough = asked if entry is not None and self.shown.is_enough(entry, asked) else 0.0
        found = self.shown.so_far(entry) if entry is not None else {}
        self.overview.status.show_entry(entry, found, enough, self._models)
        self.toolbar.show_group(self._models)

    def _job_changed(self, state_changed: bool) -> None:
        if state_changed:
            self._show_status()
            self._read_replies()
        else:
            self._show_soon()

    def _scored(self) -> None:
        self._show_soon()
        if not self._live.isActive():
            entry = self.shown.entry
            self._live.start(RACE_MS if entry is not None and entry.is_race else LIVE_MS)

    def _show_soon(self) -> None:
        if not self._soon.isActive():
            self._soon.start()

    # Traces

    def _read_trace(self, place: int, column: int) -> None:
        fails = self.overview.fails
        if self.board is not None:
            self.sheet.show_rows(self.board, fails.columns, fails.rows, place, column)
            self._stack.setCurrentWidget(self.sheet)
            self.sheet.setFocus()

    def _leave_trace(self) -> None:
        self._stack.setCurrentWidget(self.overview)
        self.overview.fails.table.setFocus()

    def _use_as_trace(self, card: EvaluationCard, problem: Problem, row: ReplyRow, at: QPoint) -> None:
        self.traces.ask(partial(as_trace, card, problem, row), at)

    # Budgets

    def _use_budget(self, model: str, think: int | None) -> None:
        before = self._preferences.current
        self._preferences.take(before.with_budget(model, think))
        said = "without thinking" if think == 0 else f"with {budgets.describe(think)} of thinking"
        title = next((one.title for one in self._models if one.name == model), model)
        self.notices.show_info(
            f"New chats with {title} begin {said}.", "Undo", partial(self._take_back_defaults, before)
        )

    # Which is best

    def _show_race(self, opened: OpenedGroup) -> None:
        group, raced = self.shown.group, opened.raced
        entry = next((one for one in group.entries if raced and one.key == raced.id), None) if group else None
        decided = entry is not None and entry.state == "done"
        self.overview.race.show_race(raced, opened.race, decided, self._models, self._is_used)

    def _is_used(self, use: Use) -> bool:
        contender, think = use
        now = self._preferences.current
        known = contender.model in now.think_by_model and budget_of(now.think_by_model[contender.model]) == think
        return known and (now.default_model, now.default_adapter, now.calm) == (
            contender.model, contender.adapter, contender.calm
        )  # fmt: skip

    def _use_best(self, contender: Contender, think: int | None, votes: int) -> None:
        before = self._preferences.current
        self._preferences.take(before.with_first(contender.model, contender.adapter, think, contender.calm))
        said = f"New chats begin with {words.who(contender, self._models)}, {how_asked(think, 1)}."
        if votes > 1:
            said += f" It did best by the majority of {votes}, which a chat in the terminal draws with --votes {votes}."
        self.notices.show_info(said, "Undo", partial(self._take_back_defaults, before))

    def _take_back_defaults(self, before: Settings) -> None:
        """Let new chats begin as they did; what was chosen elsewhere meanwhile stays."""
        self._preferences.change(
            default_model=before.default_model,
            default_adapter=before.default_adapter,
            think_by_model=before.think_by_model,
            calm=before.calm,
        )

    def _take_enough(self, points: float) -> None:
        with self._preferences.remember() as window:
            window.evaluate_enough = points
        self._show_status()

    def _take_axis(self, axis: str) -> None:
        with self._preferences.remember() as window:
            window.evaluate_axis = axis

    def _ask_where(self, ending: str) -> None:
        group = self.shown.group
        if group is not None:
            self.files.ask_where(group.task_name, ending, partial(self.export, ending))

    # Within

    @property
    def _models(self) -> list[Model]:
        return self.listing.models if self.listing else []

    def _fulfil(self) -> None:
        if self._wish is not None and self.listing is not None:
            wish, self._wish = self._wish, None
            self.form.choose(wish)

    def _removals_changed(self) -> None:
        if self.listing is not None:
            self._take_listing(self.listing)
        self.changed.emit()

    def _changed(self) -> None:
        self.toolbar.show_group(self._models)
        self.changed.emit()

    def _connect(self) -> None:
        shown, bar, over = self.shown, self.toolbar, self.overview
        shown.shown.connect(self._show_group)
        shown.job_changed.connect(self._job_changed)
        shown.scored.connect(self._scored)
        shown.disk_changed.connect(self.reading.list_all)
        shown.changed.connect(self._changed)
        self._live.timeout.connect(self._read_replies)
        self._soon.timeout.connect(self._show_status)
        bar.group_chosen.connect(self.choose_group)
        bar.export_requested.connect(self._ask_where)
        bar.delete_requested.connect(self.delete_shown)
        over.status.pause.connect(self.pause)
        over.status.resume.connect(self.resume)
        over.status.cancel.connect(self.cancel)
        over.status.stop_here.connect(self.cancel)
        over.chart.enough.budget_chosen.connect(self._use_budget)
        over.race.use_asked.connect(self._use_best)
        over.chart.axis_chosen.connect(self._take_axis)
        over.fails.opened.connect(self._read_trace)
        self.sheet.closed.connect(self._leave_trace)
        self.sheet.use_asked.connect(self._use_as_trace)
        self.empty.new_requested.connect(self.new_evaluation)
        self.form.start_requested.connect(
            lambda request, fetch: self.notices.attempt(lambda: shown.start(request, fetch))
        )
        self.form.task_wanted.connect(self.reading.load_task)
        self.form.tests_accepted.connect(self.reading.accept_tests)
        self.form.fields.file_wanted.connect(self.files.ask_for_problems)
        self.files.chosen.connect(self.form.choose_file)
        self.form.fields.enough_changed.connect(self._take_enough)
        self.reading.listed.connect(self._take_listing)
        self.reading.opened.connect(self._take_opened)
        self.reading.loaded.connect(self.form.show_task)
        self.reading.written.connect(lambda name: self.notices.show_info(f"{name} is written."))
        self.reading.failed.connect(self._not_read)
        self._preferences.changed.connect(self._read_replies)
        self.removals.changed.connect(self._removals_changed)
        self.file_drop.dropped.connect(lambda dropped: self.evaluate_file(dropped[0]))

    def _lay_out(self) -> None:
        self._stack = QStackedWidget()
        self._blank = QWidget()  # until evaluations are read
        for widget in (self._blank, self.empty, self.form, self.overview, self.sheet):
            self._stack.addWidget(widget)
        self.file_drop = FileDrop(self, self._stack, problem_files)
        self.file_drop.setText("Drop to evaluate on it")
        in_column(self, self.toolbar, self.notices, (self._stack, 1))
