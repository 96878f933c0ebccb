"""The page as one uses it: choosing, typing, pressing, and watching a run."""

from collections.abc import Callable

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QAction
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QLineEdit, QMenu, QWidget
from pytestqt.qtbot import QtBot

from app.desktop.pages.finetune.page import FinetunePage
from app.desktop.pages.finetune.run_view import DRAW_MS
from app.desktop.services.preferences import Preferences
from app.desktop.services.wishes import EvaluationWish, read_wish
from models import paths
from models.errors import BadInput
from models.events import Note, Progress, Validation
from models.finetune import checkpoints
from models.finetune.presets import preset
from models.jobs.kinds.finetune import Finetune
from models.jobs.kinds.publish_checkpoint import PublishCheckpoint
from tests.app.desktop.pages.finetune import fakes
from tests.app.desktop.pages.finetune.conftest import Open, view_of
from tests.app.desktop.pages.finetune.fakes import BASE, FULL, ON, TRACES
from tests.app.desktop.staged_queue import StagedQueue

LEFT = Qt.MouseButton.LeftButton


def button(page: QWidget, name: str) -> QAbstractButton:
    """The one button of that accessible name that can be seen."""
    seen = [b for b in page.findChildren(QAbstractButton) if b.accessibleName() == name and b.isVisible()]
    assert len(seen) == 1, (name, [b.accessibleName() for b in page.findChildren(QAbstractButton) if b.isVisible()])
    return seen[0]


def press(page: QWidget, name: str, qtbot: QtBot) -> None:
    qtbot.mouseClick(button(page, name), LEFT)


def is_shown(page: QWidget, name: str) -> bool:
    return any(b.accessibleName() == name and b.isVisible() for b in page.findChildren(QAbstractButton))


def field(page: QWidget, name: str) -> QLineEdit:
    return next(f for f in page.findChildren(QLineEdit) if f.accessibleName() == name)


def type_into(page: QWidget, name: str, text: str, qtbot: QtBot) -> None:
    field(page, name).selectAll()
    qtbot.keyClicks(field(page, name), text)


def open_menu(page: QWidget) -> QMenu:
    return next(menu for menu in page.findChildren(QMenu) if menu.isVisible())


def entry(menu: QMenu, beginning: str) -> QAction:
    return next(action for action in menu.actions() if action.text().startswith(beginning))


@pytest.fixture
def show_run(open_page: Open, qtbot: QtBot) -> Callable[[str], FinetunePage]:
    def show(key: str) -> FinetunePage:
        page = open_page()
        page.run.show(key)
        qtbot.waitUntil(lambda: page.run.is_read)
        return page

    return show


@pytest.fixture
def training(jobs: StagedQueue, show_run: Callable[[str], FinetunePage]) -> FinetunePage:
    """A run at step 220, at work; its job's number is 1."""
    fakes.traces(count=40, long=1)
    fakes.run("run-1", 24, 220)
    fakes.put(jobs, stage="train", done=880, total=2400, unit="rows")
    return show_run("run-1")


TAKEN_UP = Finetune(model=BASE, traces=TRACES, name=TRACES, config=FULL, run="run-1", resume=True)


def test_an_adapter_that_is_ready_is_evaluated_on_what_its_run_held_out(
    training: FinetunePage, jobs: StagedQueue, qtbot: QtBot
) -> None:
    fakes.publish(TRACES, "run-1")
    jobs.change(1, state="done", model=TRACES)
    with qtbot.waitSignal(training.page_requested) as asked:
        press(training, f"Evaluate {TRACES}", qtbot)
    page, subject = asked.args
    wish = EvaluationWish(model=BASE, adapter=TRACES, against="base", task="run:run-1")
    assert (page, read_wish(subject)) == ("Evaluate", wish)


def asked(jobs: StagedQueue) -> Finetune:
    """The run that was asked for."""
    ((_, [request]),) = jobs.asked
    assert isinstance(request, Finetune)
    return request


# The form


def test_without_a_model_and_traces_it_says_what_is_missing(open_page: Open) -> None:
    page = open_page()
    start = button(page, "Start fine-tuning")
    assert not start.isEnabled()
    assert page.form.problem == "Traces are needed: import some on the Traces page."
    assert page.form.missing.text() == start.accessibleDescription() == page.form.problem


def test_one_click_starts_with_the_balanced_preset(form_page: FinetunePage, jobs: StagedQueue, qtbot: QtBot) -> None:
    press(form_page, "Start fine-tuning", qtbot)
    assert jobs.asked == [(ON, [Finetune(model=BASE, traces=TRACES, name=TRACES)])]
    assert form_page.toolbar.pill.text() == f"New run · {ON}"
    assert view_of(form_page).recipe.value("Method") == "LoRA, rank 32, all linear layers"
    assert view_of(form_page).status.text.text() == "Preparing"


def test_models_that_can_not_be_trained_are_offered_with_the_reason_or_not_at_all(
    form_page: FinetunePage, qtbot: QtBot
) -> None:
    press(form_page, "Base model", qtbot)
    menu = open_menu(form_page)
    broken = entry(menu, "R1-Distill-Qwen-14B")
    assert not broken.isEnabled()
    assert "2 of its 4 files" in broken.text()
    assert not any(action.text().startswith("Sums") for action in menu.actions())
    qtbot.mouseClick(menu, LEFT, pos=menu.actionGeometry(entry(menu, "SmolLM2")).center())
    assert form_page.form.base.current == "starter"
    assert button(form_page, "Base model").accessibleDescription().startswith("SmolLM2 135M")


@pytest.mark.parametrize("name", ["quick", "thorough"])
def test_a_preset_puts_its_numbers_into_the_fields(
    form_page: FinetunePage, jobs: StagedQueue, qtbot: QtBot, name: str
) -> None:
    press(form_page, preset(name).title, qtbot)
    press(form_page, "Advanced", qtbot)
    assert form_page.form.sentence.text() == preset(name).sentence
    assert field(form_page, "Rank").text() == str(preset(name).config.rank)
    press(form_page, "Start fine-tuning", qtbot)
    assert asked(jobs).config == preset(name).config


def test_every_number_can_be_typed(form_page: FinetunePage, jobs: StagedQueue, qtbot: QtBot) -> None:
    press(form_page, "Advanced", qtbot)
    for title, text in (
        ("Rank", "4"),
        ("Learning rate", "3e-3"),
        ("Steps", "20"),
        ("Warm-up", "10"),
        ("Held out", "20 %"),
    ):
        type_into(form_page, title, text, qtbot)
    press(form_page, "DoRA", qtbot)
    press(form_page, "Padded", qtbot)
    press(form_page, "On", qtbot)
    press(form_page, "Start fine-tuning", qtbot)  # at once: what was just typed counts
    config, held_out = asked(jobs).config, asked(jobs).held_out
    assert (config.rank, config.learning_rate, config.steps, config.warmup) == (4, 3e-3, 20, 0.1)
    assert (config.method, config.packing, config.gradient_checkpointing, held_out) == ("dora", False, True, 0.2)
    assert form_page.form.presets.current == ""


def test_a_number_that_is_none_is_marked_and_said(form_page: FinetunePage, jobs: StagedQueue, qtbot: QtBot) -> None:
    press(form_page, "Advanced", qtbot)
    type_into(form_page, "Rank", "many", qtbot)
    qtbot.waitUntil(lambda: form_page.form.problem == "Rank is a whole number.")
    assert field(form_page, "Rank").property("wrong") is True
    assert not button(form_page, "Start fine-tuning").isEnabled()
    type_into(form_page, "Rank", "0", qtbot)
    qtbot.waitUntil(lambda: form_page.form.problem == "The rank has to be at least 1: 0.")
    type_into(form_page, "Rank", "32", qtbot)
    qtbot.waitUntil(lambda: form_page.form.problem == "")
    assert form_page.form.presets.current == "balanced"
    assert jobs.asked == []


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("a b", "A name has up to 80"),
        ("sums", "There is an adapter named sums already."),
        ("", "The adapter needs a name."),
    ],
)
def test_a_name_that_can_not_be(form_page: FinetunePage, qtbot: QtBot, name: str, problem: str) -> None:
    type_into(form_page, "Adapter name", name or " ", qtbot)
    assert form_page.form.problem.startswith(problem)
    assert not button(form_page, "Start fine-tuning").isEnabled()


def test_a_name_is_offered_until_one_is_typed(form_page: FinetunePage, qtbot: QtBot) -> None:
    fakes.traces("more sums", 5, 0, seed=2)
    form_page.begin_with("more sums")
    qtbot.waitUntil(lambda: form_page.form.traces.current == "more sums")
    assert field(form_page, "Adapter name").text() == "more-sums"
    type_into(form_page, "Adapter name", "mine", qtbot)
    form_page.begin_with(TRACES)
    assert field(form_page, "Adapter name").text() == "mine"


def test_time_is_said_only_when_it_was_measured_here(form_page: FinetunePage, qtbot: QtBot) -> None:
    rows = form_page.form.outlook.rows
    assert rows.value("Time") == "not known: the first run on this model measures it"
    assert rows.value("Steps").startswith("93, 2 passes over 37")
    fakes.run("run-1", 20, 120)
    form_page.form.look_again()
    qtbot.waitUntil(lambda: rows.value("Time").startswith("about "))
    assert rows.value("Time").endswith(" of training, as quick as run 1")


def test_memory_and_rows_left_out_follow_the_numbers(form_page: FinetunePage, qtbot: QtBot) -> None:
    outlook = form_page.form.outlook
    assert outlook.memory is not None
    assert outlook.memory.state == "fits"
    assert outlook.left_out.text().startswith("Left out, never cut: about ")
    assert "longer than 2,048 tokens" in outlook.left_out.text()
    press(form_page, "Advanced", qtbot)
    type_into(form_page, "Longest trace", "32768", qtbot)
    press(form_page, "Off", qtbot)
    qtbot.waitUntil(lambda: outlook.left_out.isHidden())
    assert outlook.memory.state == "too_big"
    assert outlook.fit.text().startswith("Does not fit: ")


def test_nothing_short_enough_keeps_it_from_starting(form_page: FinetunePage, qtbot: QtBot) -> None:
    press(form_page, "Advanced", qtbot)
    type_into(form_page, "Longest trace", "16", qtbot)
    qtbot.waitUntil(lambda: form_page.form.problem.startswith("No trace of thesis-maths is short enough"))


def test_every_reply_of_a_conversation_is_learned_when_that_is_chosen(
    form_page: FinetunePage, jobs: StagedQueue, qtbot: QtBot
) -> None:
    assert "or the earlier turns of a conversation" in form_page.form.learned.text()
    press(form_page, "Advanced", qtbot)
    press(form_page, "Every one", qtbot)
    qtbot.waitUntil(lambda: "every reply of a conversation" in form_page.form.learned.text())
    press(form_page, "Start fine-tuning", qtbot)
    ((_, (request,)),) = jobs.asked
    assert isinstance(request, Finetune)
    assert request.config.replies == "every"


def test_another_method_has_a_rate_of_its_own(form_page: FinetunePage, qtbot: QtBot) -> None:
    rate = field(form_page, "Learning rate")
    press(form_page, "Advanced", qtbot)
    press(form_page, "Quick", qtbot)
    assert rate.text() == "2e-4"
    press(form_page, "LoRA", qtbot)
    assert rate.text() == "2e-4"
    press(form_page, "Full", qtbot)
    assert (rate.text(), rate.placeholderText()) == ("", "1e-5")


def test_the_name_of_an_adapter_that_a_run_is_making_is_not_free(
    form_page: FinetunePage, jobs: StagedQueue, qtbot: QtBot
) -> None:
    press(form_page, "Start fine-tuning", qtbot)
    form_page.new_run()
    assert field(form_page, "Adapter name").text() == f"{TRACES}-2"
    type_into(form_page, "Adapter name", TRACES, qtbot)
    assert form_page.form.problem == f"Another run is making an adapter named {TRACES}."


def test_what_the_queue_refuses_is_said(form_page: FinetunePage, jobs: StagedQueue, qtbot: QtBot) -> None:
    jobs.refuse(BadInput("There is an adapter named thesis-maths already.", "Choose another name."))
    press(form_page, "Start fine-tuning", qtbot)
    assert form_page.notices.text == "There is an adapter named thesis-maths already. Choose another name."
    assert form_page.form.isVisible()


def test_the_form_is_filled_in_by_keys_alone(form_page: FinetunePage, jobs: StagedQueue, qtbot: QtBot) -> None:
    form_page.activateWindow()
    button(form_page, "Base model").setFocus()
    names: list[str] = []
    for _ in range(12):
        qtbot.keyClick(form_page.focusWidget() or form_page, Qt.Key.Key_Tab)
        focused = form_page.focusWidget()
        names.append(focused.accessibleName() if focused else "")
        if names[-1] == "Start fine-tuning":
            break
    assert names[:2] == ["Trace set", "Adapter name"]
    assert {"Balanced", "Advanced"} <= set(names)
    qtbot.keyClick(button(form_page, "Start fine-tuning"), Qt.Key.Key_Return)
    assert asked(jobs).name == TRACES


# A run


def test_a_job_finds_its_run_when_the_folder_is_there(form_page: FinetunePage, jobs: StagedQueue, qtbot: QtBot) -> None:
    press(form_page, "Start fine-tuning", qtbot)
    fakes.run(jobs.steps(1)[0].run_id(), 25, -1)
    jobs.change(1, stage="load")
    jobs.say(1, fakes.prepared(), Note(text="7 of 400 traces are left out."))
    qtbot.waitUntil(lambda: form_page.toolbar.pill.text() == f"Run 1 · {ON}")
    assert view_of(form_page).status.text.text() == "Starting"
    assert view_of(form_page).traces_card.division.text() == "400 traces · 374 train / 19 held out, none in both"
    assert view_of(form_page).traces_card.left_out.text() == "7 rows left out: 7 longer than 2,048 tokens"
    jobs.change(1, stage="train")
    jobs.say(1, *fakes.told(3))
    assert form_page.run.curves.step == 3
    assert "7 of 400 traces are left out." in form_page.run.curves.log


def test_a_run_at_work_shows_its_curves_and_how_far_it_is(training: FinetunePage) -> None:
    view = view_of(training)
    assert training.toolbar.pill.text() == f"Run 1 · {ON}"
    assert view.loss.progress.text().startswith("step 220 of 600 · 1,")
    assert view.loss.progress.text().endswith(" left")
    assert [key.text.split()[0] for key in view.loss.legend.keys] == ["training", "validation"]
    assert view.loss.chart.accessibleName() == "Loss chart"
    curves = training.run.curves
    last = f"training {curves.training.last():.2f}, validation {curves.validation.last():.2f}"
    assert view.loss.chart.accessibleDescription() == last
    assert view.recipe.value("Method") == "QLoRA, rank 16, all linear layers"
    assert view.recipe.value("Memory") == "6.8 of 16 GB"
    assert view.status.isHidden()


def test_live_events_are_drawn_at_most_ten_times_a_second(
    training: FinetunePage, jobs: StagedQueue, qtbot: QtBot
) -> None:
    view = view_of(training)
    qtbot.waitUntil(lambda: not view._timer.isActive())
    before = view.draws
    jobs.say(1, *fakes.told(300)[-80:])
    assert training.run.curves.step == 300
    assert view.draws == before
    assert view._timer.isActive()
    assert view._timer.interval() == DRAW_MS == 100
    qtbot.waitUntil(lambda: view.draws == before + 1)
    assert view.loss.progress.text().startswith("step 300 of 600")


def test_what_is_told_while_the_metrics_are_read_is_not_lost(open_page: Open, jobs: StagedQueue, qtbot: QtBot) -> None:
    fakes.run("run-1", 24, 220)
    fakes.put(jobs, stage="train")
    page = open_page()
    page.run.show("run-1")
    jobs.say(1, *fakes.told(230)[-10:])
    qtbot.waitUntil(lambda: page.run.is_read)
    assert list(page.run.curves.training.steps) == list(range(1, 231))


def test_events_of_another_run_are_not_drawn(training: FinetunePage, jobs: StagedQueue) -> None:
    fakes.put(jobs, "run-2", "other", title="B on “c”")
    jobs.say(2, Validation(step=220, loss=99.0))
    assert training.run.curves.validation.last() != 99.0


def test_pause_resume_and_stop(training: FinetunePage, jobs: StagedQueue, qtbot: QtBot) -> None:
    press(training, "Pause", qtbot)
    assert view_of(training).status.text.text() == "Stopping after this step …"
    jobs.stopped(1)
    assert view_of(training).status.text.text() == "Paused at step 220 of 600"
    assert (training.run.can_pause, training.run.can_resume, training.run.can_stop) == (False, True, True)
    press(training, "Resume", qtbot)
    jobs.change(1, stage="train")
    assert training.run.can_pause
    press(training, "Stop and keep", qtbot)
    assert jobs.steps(1) == [PublishCheckpoint(run="run-1", name=TRACES)]
    assert view_of(training).status.text.text() == "Stopping after this step"
    assert not is_shown(training, "Stop and keep")


def test_a_failure_is_said_with_its_hint_and_tried_again(
    training: FinetunePage, jobs: StagedQueue, qtbot: QtBot
) -> None:
    jobs.change(1, state="failed", error="The disk is full.", hint="Free some space.", kind="disk_full")
    status = view_of(training).status
    assert (status.text.text(), status.more.text()) == ("The disk is full.", "Free some space.")
    press(training, "Try again", qtbot)
    assert jobs.job(1).state == "running"
    assert status.text.text() == "Preparing"


def test_when_it_is_done_one_click_chats_with_the_adapter(
    training: FinetunePage, jobs: StagedQueue, qtbot: QtBot
) -> None:
    fakes.publish(TRACES, "run-1")
    jobs.change(1, state="done", model=TRACES)
    assert view_of(training).status.text.text() == f"Adapter {TRACES} is ready"
    with qtbot.waitSignal(training.chat_requested) as asked:
        press(training, f"Chat with {TRACES}", qtbot)
    assert asked.args == [BASE, TRACES]
    assert is_shown(training, "New run")


def test_checkpoints_are_one_click_from_a_chat(training: FinetunePage, qtbot: QtBot) -> None:
    rows = view_of(training).checkpoints.rows
    assert [(row.saved.step, row.saved.best) for row in rows] == [(200, True), (100, False)]
    with qtbot.waitSignal(training.chat_requested) as asked:
        press(training, "Chat with step 100", qtbot)
    assert asked.args == [BASE, rows[1].saved.path]


def test_a_new_checkpoint_is_shown(training: FinetunePage, jobs: StagedQueue, qtbot: QtBot) -> None:
    from pathlib import Path

    from tests.models.finetune import made_runs

    entry = training.run.entry
    assert entry is not None
    assert entry.run is not None
    made_runs.save(Path(entry.run.folder), 300, 0.4, best=True)
    jobs.say(1, *fakes.told(300)[-1:])
    rows = view_of(training).checkpoints
    qtbot.waitUntil(lambda: [row.saved.step for row in rows.rows] == [300, 200, 100])
    assert training.run.curves.best_step == 300


def test_before_and_after_follow_prompt_and_checkpoint(training: FinetunePage, jobs: StagedQueue, qtbot: QtBot) -> None:
    card = view_of(training).before_after
    assert card.before.when.text() == "step 0 · without thinking"
    assert card.after.when.text() == "step 200 · thought 21 words"
    assert card.after.answer.toPlainText() == "n = 9"
    press(training, "Answered at", qtbot)
    menu = open_menu(training)
    qtbot.mouseClick(menu, LEFT, pos=menu.actionGeometry(entry(menu, "Step 100")).center())
    assert card.after.when.text().startswith("step 100")
    press(training, "Prompt", qtbot)
    menu = open_menu(training)
    qtbot.mouseClick(menu, LEFT, pos=menu.actionGeometry(entry(menu, "A tank")).center())
    assert card.prompt.current == fakes.PROMPTS[1]
    jobs.say(1, *fakes.told(300)[-3:])
    assert card.after.when.text().startswith("step 100")


def test_the_chart_is_read_by_pointer_and_keys(training: FinetunePage, qtbot: QtBot) -> None:
    chart = view_of(training).loss.chart
    box = chart.plot.getPlotItem().vb
    qtbot.mouseMove(chart, chart.plot.mapFromScene(box.mapViewToScene(QPointF(100, 0.8))))
    qtbot.waitUntil(lambda: not chart.values.isHidden())
    assert chart.values.text().startswith("step 100 · training ")
    assert chart.values.isVisible()
    qtbot.keyClick(chart, Qt.Key.Key_Right)
    assert chart.values.text().startswith("step 101 · training ")
    assert "validation 0.80 (100)" in chart.values.text()
    qtbot.keyClick(chart, Qt.Key.Key_Escape)
    assert chart.values.isHidden()
    qtbot.keyClick(chart, Qt.Key.Key_Left)
    assert chart.values.text().startswith("step 220 · ")
    qtbot.mouseMove(chart, QPoint(2, 2))
    qtbot.waitUntil(lambda: chart.values.isHidden())


def test_the_wheel_over_a_chart_scrolls_the_page(training: FinetunePage, qtbot: QtBot) -> None:
    view = view_of(training)
    training.resize(1068, 400)
    QApplication.processEvents()
    chart = view.loss.chart
    window = training.windowHandle()
    assert window is not None
    assert view.verticalScrollBar().value() == 0
    QTest.wheelEvent(window, QPointF(chart.mapTo(training, chart.rect().center())), QPoint(0, -240))
    qtbot.waitUntil(lambda: view.verticalScrollBar().value() > 0)


def test_the_second_chart_shows_rate_or_speed(training: FinetunePage, qtbot: QtBot) -> None:
    loss = view_of(training).loss
    assert loss.small_charts["rate"].isVisible()
    press(training, "Tokens/s", qtbot)
    assert loss.small_charts["speed"].isVisible()
    assert not loss.small_charts["rate"].isVisible()
    assert loss.small_value.text().endswith(" tok/s")


def test_another_runs_curves_are_drawn_beside(
    jobs: StagedQueue, show_run: Callable[[str], FinetunePage], qtbot: QtBot
) -> None:
    fakes.run("run-1", 20, 600, adapter="earlier")
    fakes.run("run-2", 24, 220)
    page = show_run("run-2")
    compare = next(action.menu() for action in page.toolbar.menu().actions() if action.text() == "Compare with")
    assert isinstance(compare, QMenu)
    entry(compare, "Run 1").trigger()
    qtbot.waitUntil(lambda: len(view_of(page).loss.legend.keys) == 3)
    assert view_of(page).loss.legend.keys[-1].text.startswith("run 1 0.5")
    assert "beside: training" in view_of(page).loss.chart.accessibleDescription()
    entry(compare, "Nothing").trigger()
    assert len(view_of(page).loss.legend.keys) == 2


def test_the_menu_lists_all_runs_newest_first(training: FinetunePage) -> None:
    fakes.run("run-0", 20, 600, adapter="earlier", traces="")
    texts = [action.text() for action in training.toolbar.menu().actions() if action.text()]
    assert texts == ["New run", f"Run 1 · {ON}\trunning", "Compare with", "Cancel this run"]


def test_a_run_is_cancelled_from_the_menu(training: FinetunePage, jobs: StagedQueue) -> None:
    entry(training.toolbar.menu(), "Cancel").trigger()
    jobs.stopped(1)
    assert jobs.job(1).state == "cancelled"
    assert view_of(training).status.text.text() == "Stopped at step 220 of 600"
    training.resume()
    assert jobs.asked == [(ON, [TAKEN_UP])]


def test_a_run_of_another_day_can_be_looked_at(show_run: Callable[[str], FinetunePage]) -> None:
    fakes.run("run-1", 20, 220, traces="")
    page = show_run("run-1")
    view = view_of(page)
    assert view.status.text.text() == "Stopped at step 220 of 600"
    assert view.traces_card.division.text() == "400 traces · 381 train / 19 held out, none in both"
    assert (page.run.can_pause, page.run.can_resume, page.run.can_stop) == (False, True, False)
    page.new_run()
    assert page.form.isVisible()
    assert page.run.entry is None


def test_a_run_of_the_terminal_goes_on_in_the_window(
    jobs: StagedQueue, show_run: Callable[[str], FinetunePage], qtbot: QtBot
) -> None:
    fakes.run("run-1", 20, 220)
    page = show_run("run-1")
    press(page, "Resume", qtbot)
    assert jobs.asked == [(ON, [TAKEN_UP])]
    jobs.change(1, state="running", stage="train")
    jobs.say(1, *fakes.told(230)[-10:])
    qtbot.waitUntil(lambda: page.run.curves.step == 230)
    assert (page.run.can_pause, page.run.can_resume) == (True, False)
    assert page.toolbar.pill.text() == f"Run 1 · {ON}"


def test_a_run_that_is_over_does_not_go_on(show_run: Callable[[str], FinetunePage]) -> None:
    fakes.run("run-1", 20, 600)
    assert not show_run("run-1").run.can_resume


def test_the_page_opens_where_it_was_left(open_page: Open, preferences: Preferences, qtbot: QtBot) -> None:
    fakes.run("run-1", 20, 220)
    fakes.run("run-2", 21, 220)
    first = open_page()
    assert first.form.isVisible()
    first.run.show("run-1")
    second = open_page()
    assert second.run.entry is not None
    assert second.run.entry.key == "run-1"


def test_what_is_at_work_is_shown_first(open_page: Open, jobs: StagedQueue, preferences: Preferences) -> None:
    fakes.run("run-1", 20, 220, adapter="other")
    fakes.run("run-2", 24, 220)
    with preferences.remember() as remembered:
        remembered.finetune_run = "run-1"
    fakes.put(jobs, "run-2", stage="train")
    page = open_page()
    assert page.run.entry is not None
    assert page.run.entry.key == "run-2"


def test_a_set_that_is_asked_for_is_chosen_also_when_it_is_new(
    open_page: Open, preferences: Preferences, qtbot: QtBot
) -> None:
    fakes.traces("a set", 5, 0)
    fakes.traces("the set", 5, 0, seed=2)
    fakes.run("run-1", 20, 220)
    with preferences.remember() as remembered:
        remembered.finetune_run = "run-1"
    page = open_page()
    assert page.run.entry is not None
    page.begin_with("the set")
    assert page.form.isVisible()
    assert page.form.traces.current == "the set"
    fakes.traces("a new one", 5, 0, seed=3)
    page.begin_with("a new one")
    qtbot.waitUntil(lambda: page.form.traces.current == "a new one")


def test_a_set_that_is_asked_for_goes_before_what_was_shown(
    open_page: Open, preferences: Preferences, qtbot: QtBot
) -> None:
    fakes.traces("the set", 5, 0)
    fakes.run("run-1", 20, 220)
    with preferences.remember() as remembered:
        remembered.finetune_run = "run-1"
    page = open_page("the set")
    qtbot.waitUntil(lambda: page.form.traces.current == "the set")
    assert page.run.entry is None
    assert page.form.isVisible()


def test_menus_are_told_only_when_something_else_can_be_done(
    training: FinetunePage, jobs: StagedQueue, qtbot: QtBot
) -> None:
    told: list[bool] = []
    training.changed.connect(lambda: told.append(training.run.can_pause))
    jobs.change(1, done=881)
    jobs.change(1, done=882)
    assert told == []
    jobs.change(1, state="paused")
    assert told == [False]


def test_progress_alone_draws_nothing_new(training: FinetunePage, qtbot: QtBot) -> None:
    view = view_of(training)
    qtbot.waitUntil(lambda: not view._timer.isActive())
    view.show_event(Progress(stage="train", done=1, total=2, unit="rows"))
    assert not view._timer.isActive()


def test_columns_turn_where_it_is_narrow(training: FinetunePage) -> None:
    view = view_of(training)
    wide = view.recipe.mapTo(view, QPoint()).x()
    training.resize(528, 820)
    QApplication.processEvents()
    QApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest)
    assert view.recipe.mapTo(view, QPoint()).x() < 100 < wide
    assert view.loss._progress_below.isVisible()
    assert view.widget().width() <= view.viewport().width()


# Deleting


def texts(page: FinetunePage) -> list[str]:
    return [action.text() for action in page.toolbar.menu().actions() if action.text()]


@pytest.mark.parametrize("state", ["cancelled", "done"])
def test_a_run_that_ended_is_deleted_with_its_jobs_when_the_app_quits(
    state: str, training: FinetunePage, jobs: StagedQueue
) -> None:
    fakes.put(jobs, state="failed")  # an earlier try
    jobs.change(1, state=state)
    entry(training.toolbar.menu(), "Delete this run").trigger()
    assert texts(training) == ["New run"]
    assert training.form.isVisible()
    assert (paths.runs_folder() / "run-1").is_dir()
    training.close_page()
    assert list(paths.runs_folder().iterdir()) == []
    assert jobs.all() == []


def test_deleting_a_run_is_taken_back(training: FinetunePage, jobs: StagedQueue, qtbot: QtBot) -> None:
    jobs.change(1, state="failed")
    entry(training.toolbar.menu(), "Delete this run").trigger()
    undo = next(b for b in training.findChildren(QAbstractButton) if b.text() == "Undo" and b.isVisible())
    qtbot.mouseClick(undo, LEFT)
    assert texts(training)[:2] == ["New run", f"Run 1 · {ON}\tfailed"]
    training.close_page()
    assert (paths.runs_folder() / "run-1" / "run_card.json").is_file()
    assert [job.id for job in jobs.all()] == [1]


def test_a_run_that_is_tried_again_elsewhere_is_not_deleted(training: FinetunePage, jobs: StagedQueue) -> None:
    jobs.change(1, state="failed")
    entry(training.toolbar.menu(), "Delete this run").trigger()
    jobs.resume(1)
    assert not training.can_undo()
    training.close_page()
    assert (paths.runs_folder() / "run-1" / "run_card.json").is_file()


def test_a_run_at_work_is_not_deleted(training: FinetunePage, jobs: StagedQueue) -> None:
    for state in ("waiting", "running", "paused"):
        jobs.change(1, state=state)
        assert "Delete this run" not in texts(training)
    jobs.change(1, state="cancelled")
    assert "Delete this run" in texts(training)
    jobs.put(PublishCheckpoint(run="run-1", name=TRACES), state="waiting")  # what it learned is being kept
    assert "Delete this run" not in texts(training)
    training.delete_run()
    assert not training.can_undo()


def test_a_run_that_another_process_has_stays_with_its_job(training: FinetunePage, jobs: StagedQueue) -> None:
    jobs.change(1, state="failed")
    entry(training.toolbar.menu(), "Delete this run").trigger()
    with checkpoints.holding(paths.runs_folder() / "run-1"):
        training.close_page()
    assert (paths.runs_folder() / "run-1" / "run_card.json").is_file()
    assert [job.id for job in jobs.all()] == [1]


def test_a_job_that_failed_before_its_run_began_leaves_the_menu(open_page: Open, jobs: StagedQueue) -> None:
    fakes.put(jobs, run="run-9", state="failed")
    page = open_page()
    page.run.show("job-1")
    entry(page.toolbar.menu(), "Delete this run").trigger()
    assert (texts(page), jobs.all()) == (["New run"], [])
    assert page.form.isVisible()
