"""The page as one uses it: choosing, typing, pressing, watching an evaluation, and reading what went wrong."""

import csv
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QAction, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QAbstractButton, QApplication, QLineEdit, QMenu, QWidget
from pytestqt.qtbot import QtBot

from app.desktop.pages.evaluate.page import EvaluatePage
from app.desktop.services.preferences import Preferences
from app.desktop.services.wishes import EvaluationWish
from models.errors import DiskFull
from models.evaluate import evaluations, run_folder
from models.events import Done, Removed
from models.jobs.kinds.evaluate import Evaluate
from models.jobs.kinds.fetch_task import FetchTask
from models.traces import store
from tests.app.desktop.pages.evaluate import fakes
from tests.app.desktop.pages.evaluate.conftest import Open
from tests.app.desktop.pages.evaluate.fakes import ADAPTER, BUDGETS, LARGE, SMALL, contender, task
from tests.app.desktop.staged_queue import StagedQueue

LEFT = Qt.MouseButton.LeftButton
FEW = (0, 512)


def button(page: QWidget, name: str) -> QAbstractButton:
    """The one button of that accessible name that can be seen."""
    seen = [b for b in page.findChildren(QAbstractButton) if b.accessibleName() == name and b.isVisible()]
    assert len(seen) == 1, (name, [b.accessibleName() for b in page.findChildren(QAbstractButton) if b.isVisible()])
    return seen[0]


def press(page: QWidget, name: str, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: is_shown(page, name))
    qtbot.mouseClick(button(page, name), LEFT)


def is_shown(page: QWidget, name: str) -> bool:
    return any(b.accessibleName() == name and b.isVisible() for b in page.findChildren(QAbstractButton))


def type_into(page: QWidget, name: str, text: str, qtbot: QtBot) -> None:
    field = next(f for f in page.findChildren(QLineEdit) if f.accessibleName() == name)
    field.selectAll()
    qtbot.keyClicks(field, text)


def open_menu(page: QWidget) -> QMenu:
    return next(menu for menu in page.findChildren(QMenu) if menu.isVisible())


def entry(menu: QMenu, beginning: str) -> QAction:
    return next(action for action in menu.actions() if action.text().startswith(beginning))


def choose(page: QWidget, picker: str, beginning: str, qtbot: QtBot) -> None:
    press(page, picker, qtbot)
    menu = open_menu(page)
    entry(menu, beginning).trigger()
    menu.close()


def start(page: EvaluatePage, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: not page.form.problem, timeout=3000)
    press(page, "Start evaluation", qtbot)


def asked(jobs: StagedQueue) -> Evaluate:
    (_, steps) = jobs.asked[-1]
    request = steps[-1]
    assert isinstance(request, Evaluate)
    return request


# The form


def test_an_empty_page_says_what_it_is_for_and_leads_to_the_form(open_page: Open, qtbot: QtBot) -> None:
    page = open_page()
    press(page, "Begin your first evaluation", qtbot)
    assert page.form.isVisible()
    assert page.form.missing.text() == "Choose what is asked: a task, or a file with problems and answers."
    assert not button(page, "Start evaluation").isEnabled()


def test_a_ladder_is_asked_as_it_was_chosen(open_page: Open, jobs: StagedQueue, qtbot: QtBot) -> None:
    page = open_page()
    page.new_evaluation()
    choose(page, "Model evaluated", "R1-Distill-Qwen-1.5B", qtbot)
    choose(page, "Task evaluated", "Sums", qtbot)
    qtbot.mouseClick(page.form.fields.level.parts["7"], LEFT)
    type_into(page, "Number of problems", "200", qtbot)
    qtbot.mouseClick(page.form.fields.budgets.parts["2048"], LEFT)  # off again
    type_into(page, "Other budgets", "64, 1,024", qtbot)
    qtbot.mouseClick(page.form.fields.votes.parts["5"], LEFT)
    qtbot.waitUntil(lambda: page.form.outlook.value("Replies") == "4,000")
    assert "200 problems show a difference of about" in page.form.shows.text()
    start(page, qtbot)
    request = asked(jobs)
    assert request.contenders == [contender(SMALL)]
    assert (request.task, request.limit, request.think) == ("sums:7", 200, [0, 64, 512, 1024])
    assert (request.samples, request.votes) == (5, [5])
    assert page.overview.status.isVisible()


def test_an_adapter_is_asked_against_its_model_unless_one_says_otherwise(
    open_page: Open, jobs: StagedQueue, qtbot: QtBot
) -> None:
    page = open_page()
    page.begin_with(EvaluationWish(model=SMALL, adapter=ADAPTER, against="base", task="sums").said())
    start(page, qtbot)
    assert asked(jobs).contenders == [contender(ADAPTER), contender(SMALL)]
    page.new_evaluation()
    choose(page, "Compared with", "Nothing", qtbot)
    start(page, qtbot)
    assert asked(jobs).contenders == [contender(ADAPTER)]


def test_calm_both_ways_is_a_comparison_of_its_own(open_page: Open, jobs: StagedQueue, qtbot: QtBot) -> None:
    page = open_page()
    page.begin_with(EvaluationWish(model=LARGE, task="sums").said())
    qtbot.mouseClick(page.form.fields.calm.parts["both"], LEFT)
    assert not page.form.fields.against.isEnabled()
    start(page, qtbot)
    assert asked(jobs).contenders == [contender(LARGE, calm=True), contender(LARGE)]


def test_problems_of_the_hub_are_downloaded_first(open_page: Open, jobs: StagedQueue, qtbot: QtBot) -> None:
    page = open_page()
    page.new_evaluation()
    choose(page, "Task evaluated", "GSM8K", qtbot)
    start(page, qtbot)
    assert jobs.asked[-1][1][0] == FetchTask(task="gsm8k")


@pytest.mark.parametrize(
    ("field", "text", "why"),
    [("Number of problems", "many", "Number of problems: from 1"), ("Number of samples", "0", "Number of samples: from 1 to 64"),
     ("Other budgets", "lots", "A thinking budget is"), ("Enough to know", "99", "Enough to know: from 0.1 to 50")],
)  # fmt: skip
def test_what_can_not_be_read_is_said(open_page: Open, qtbot: QtBot, field: str, text: str, why: str) -> None:
    page = open_page()
    page.begin_with(EvaluationWish(model=LARGE, task="sums").said())
    qtbot.waitUntil(lambda: not page.form.problem)
    type_into(page, field, text, qtbot)
    qtbot.waitUntil(lambda: why in page.form.missing.text())
    assert not button(page, "Start evaluation").isEnabled()


def test_a_file_that_is_dropped_is_the_task(open_page: Open, jobs: StagedQueue, tmp_path: Path, qtbot: QtBot) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("problem,answer\nWhat is 2 + 2?,4\nNo answer,\nWhat is 3 + 3?,6\n")
    page = open_page()
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(file))])
    how = Qt.DropAction.CopyAction, data, LEFT, Qt.KeyboardModifier.NoModifier
    QApplication.sendEvent(page, QDragEnterEvent(QPoint(200, 200), *how))
    QApplication.sendEvent(page, QDropEvent(QPointF(200, 200), *how))
    qtbot.waitUntil(lambda: bool(page.form.card.left_out.text()))
    assert page.form.card.left_out.text().startswith("1 row left out\nline 3: It has no answer.")
    assert page.form.card.asked.toPlainText().startswith("What is 2 + 2?")
    start(page, qtbot)
    assert asked(jobs).task == str(file)


def test_tests_are_looked_at_before_they_run(open_page: Open, tmp_path: Path, qtbot: QtBot) -> None:
    file = tmp_path / "programs.jsonl"
    file.write_text('{"problem": "Write add(a, b).", "tests": ["assert add(2, 3) == 5"]}\n')
    page = open_page()
    page.evaluate_file(str(file))
    qtbot.waitUntil(lambda: page.form.missing.text() == "Look at the tests of the task first.")
    assert page.form.card.tests.toPlainText() == "assert add(2, 3) == 5"
    press(page, "Let these tests run", qtbot)
    qtbot.waitUntil(lambda: not page.form.problem)
    assert not page.form.card.tests.isVisible()


def test_a_file_without_problems_is_said(open_page: Open, tmp_path: Path, qtbot: QtBot) -> None:
    file = tmp_path / "empty.csv"
    file.write_text("problem,answer\n")
    page = open_page()
    page.evaluate_file(str(file))
    qtbot.waitUntil(lambda: "holds no problem" in page.form.card.fault.text())
    assert page.form.missing.text() == "The task can't be read."


def test_a_queue_that_can_not_be_kept_is_said(open_page: Open, jobs: StagedQueue, qtbot: QtBot) -> None:
    page = open_page()
    page.begin_with(EvaluationWish(model=LARGE, task="sums").said())
    jobs.refuse(DiskFull("The disk is full.", "Free some space."))
    start(page, qtbot)
    assert page.notices.text == "The disk is full. Free some space."
    assert page.form.isVisible()


# Which is best


def test_candidates_are_added_and_taken_out_and_asked_as_a_race(
    open_page: Open, jobs: StagedQueue, qtbot: QtBot
) -> None:
    page = open_page()
    page.begin_with(EvaluationWish(model=SMALL, adapter=ADAPTER, against="base", task="sums").said())
    press(page, "Which is best…", qtbot)
    assert page.form.fields.candidates.keys == [f"{SMALL}\n{ADAPTER}", f"{SMALL}\n"]  # whom the other form named
    choose(page, "Candidate added", "R1-Distill-Qwen-7B", qtbot)
    press(page, "Remove R1-Distill-Qwen-1.5B, 4.5-bit · 1.0 GB", qtbot)
    qtbot.mouseClick(page.form.fields.votes.parts["3"], LEFT)
    qtbot.waitUntil(lambda: page.form.outlook.value("Replies").startswith("at most "))
    start(page, qtbot)
    request = asked(jobs)
    assert request.race
    assert request.contenders == [contender(ADAPTER), contender(LARGE)]
    assert (request.think, request.votes) == ([0, 512, 2048], [3])
    assert page.overview.status.text.text().startswith("Finding the best of R1-Distill-Qwen-1.5B · my-student, ")


def test_both_ways_of_calm_are_candidates(open_page: Open, jobs: StagedQueue, qtbot: QtBot) -> None:
    page = open_page()
    page.begin_with(EvaluationWish(model=LARGE, task="sums").said())
    page.find_best()
    qtbot.mouseClick(page.form.fields.calm.parts["both"], LEFT)
    start(page, qtbot)
    assert asked(jobs).contenders == [contender(LARGE), contender(LARGE, calm=True)]


def test_one_candidate_is_no_race(open_page: Open, qtbot: QtBot) -> None:
    page = open_page()
    page.begin_with(EvaluationWish(model=LARGE, task="sums").said())
    page.find_best()
    qtbot.waitUntil(lambda: not page.form.problem)  # its budgets are candidates
    page.form.fields.budgets.show_all(["512"])
    page.form.fields.changed.emit()
    assert page.form.missing.text().startswith("One candidate is the best of one: ")
    press(page, "Remove R1-Distill-Qwen-7B, 4.5-bit · 4.3 GB", qtbot)
    assert not button(page, "Start evaluation").isEnabled()


def test_who_is_out_is_shown_while_it_runs_and_nobody_is_used_before_the_end(
    open_page: Open, jobs: StagedQueue, qtbot: QtBot
) -> None:
    both = [contender(LARGE), contender(SMALL)]
    fakes.evaluation("best", both, task(100), think=FEW, share=0.99, race=True)
    job = fakes.put(jobs, "best", both, race=True)
    page = open_page()
    card = page.overview.race
    assert card.sentence.text().startswith("So far R1-Distill-Qwen-7B, thinking 512 tokens leads: ")
    assert [line.title for line in card.lines if line.out] == [
        "R1-Distill-Qwen-7B, thinking off · out",
        "R1-Distill-Qwen-1.5B, thinking 512 tokens · out",
        "R1-Distill-Qwen-1.5B, thinking off · out",
    ]
    assert card.sentence.text().endswith("3 of 4 can't win any more.")
    assert all(line.use is None for line in card.lines)
    run_folder.end(evaluations.folder_of("best"))
    jobs.say(job.id, Done(result=Removed(name="best", freed_bytes=0)))
    qtbot.waitUntil(lambda: card.lines[0].use is not None)
    assert card.sentence.text().startswith("R1-Distill-Qwen-7B, thinking 512 tokens is the best of 4: ")


def test_use_this_one_is_what_new_chats_begin_with(open_page: Open, preferences: Preferences, qtbot: QtBot) -> None:
    fakes.evaluation("best", [contender(ADAPTER), contender(SMALL)], task(30), think=FEW, race=True, ended=True)
    page = open_page()
    best = page.overview.race.lines[0]
    assert best.title == "R1-Distill-Qwen-1.5B · my-student, thinking 512 tokens"
    press(page, f"Use {best.title}", qtbot)
    now = preferences.current
    assert (now.default_model, now.default_adapter, now.budget_for(SMALL, thinks=True)) == (SMALL, ADAPTER, 512)
    assert page.notices.text.startswith(f"New chats begin with {best.title}.")
    qtbot.waitUntil(lambda: button(page, f"Use {best.title}").text() == "In use")
    qtbot.mouseClick(next(b for b in page.findChildren(QAbstractButton) if b.text() == "Undo"), LEFT)
    now = preferences.current
    assert (now.default_model, now.default_adapter, now.think_by_model) == ("starter", "", {})
    qtbot.waitUntil(lambda: button(page, f"Use {best.title}").text() == "Use this one")


def test_one_that_is_no_longer_there_can_not_be_used(open_page: Open) -> None:
    fakes.evaluation("best", [contender("gone"), contender(SMALL)], task(30), think=FEW, race=True, ended=True)
    lines = open_page().overview.race.lines
    assert {line.title.split(",")[0] for line in lines if line.use} == {"R1-Distill-Qwen-1.5B"}


def test_a_race_that_stopped_goes_on_as_one(open_page: Open, jobs: StagedQueue, qtbot: QtBot) -> None:
    fakes.evaluation("best", [contender(LARGE), contender(SMALL)], task(8), think=FEW, share=0.8, race=True)
    page = open_page()
    assert page.overview.race.sentence.text().startswith("So far ")
    press(page, "Resume evaluation", qtbot)
    assert (asked(jobs).run, asked(jobs).race) == ("best", True)


def test_without_a_race_nothing_is_said_of_one(open_page: Open) -> None:
    fakes.evaluation("best", [contender(LARGE), contender(SMALL)], task(8), think=FEW, race=True, ended=True)
    fakes.evaluation("plain", [contender(LARGE)], task(9), think=FEW, day=2)
    page = open_page()
    assert not page.overview.race.isVisible()


# An evaluation at work


def test_it_is_said_how_far_it_is_and_how_accurate_so_far(open_page: Open, jobs: StagedQueue, qtbot: QtBot) -> None:
    fakes.evaluation("new", [contender(SMALL)], task(6), share=0.5)
    job = fakes.put(jobs, "new", [contender(SMALL)])
    page = open_page()
    jobs.say(job.id, fakes.scored(13, 24, 0.61, 0.09))
    status = page.overview.status
    qtbot.waitUntil(lambda: status.more.text().startswith("13 of 24 replies · 54 a minute · 12 s left"))
    assert "8,192 61 % (52 to 70)" in status.so_far.text()
    assert not is_shown(page, "Stop here")


def test_it_offers_to_stop_once_enough_is_known(open_page: Open, jobs: StagedQueue, qtbot: QtBot) -> None:
    fakes.evaluation("new", [contender(SMALL)], task(6), share=0.5)
    job = fakes.put(jobs, "new", [contender(SMALL)])
    page = open_page()
    for think in BUDGETS[1:]:
        jobs.say(job.id, fakes.scored(13, 24, 0.6, 0.05, think=think))
    qtbot.waitUntil(lambda: "8,192 60 %" in page.overview.status.so_far.text())
    assert not is_shown(page, "Stop here")  # one is known no better than before
    jobs.say(job.id, fakes.scored(14, 24, 0.6, 0.049, think=0))
    press(page, "Stop here", qtbot)
    assert jobs.job(job.id).state == "cancelled"
    jobs.stopped(job.id)
    assert page.overview.status.text.text() == "Stopped at 12 of 24 replies"
    assert is_shown(page, "Resume evaluation")


def test_it_pauses_and_goes_on(open_page: Open, jobs: StagedQueue, qtbot: QtBot) -> None:
    fakes.evaluation("new", [contender(SMALL)], task(6), share=0.5)
    job = fakes.put(jobs, "new", [contender(SMALL)])
    page = open_page()
    press(page, "Pause evaluation", qtbot)
    qtbot.waitUntil(lambda: page.overview.status.more.text() == Evaluate.stopping)
    jobs.stopped(job.id)
    qtbot.waitUntil(lambda: page.overview.status.text.text() == "Paused at 12 of 24 replies")
    press(page, "Resume evaluation", qtbot)
    assert jobs.job(job.id).state == "running"


def test_one_that_stopped_long_ago_goes_on_where_it_was(open_page: Open, jobs: StagedQueue, qtbot: QtBot) -> None:
    fakes.evaluation("old", [contender(SMALL)], task(6), share=0.5)
    page = open_page()
    press(page, "Resume evaluation", qtbot)
    request = asked(jobs)
    assert (request.run, request.resume, request.contenders) == ("old", True, [contender(SMALL)])


def test_while_there_is_no_reply_there_is_no_chart_and_no_bar(open_page: Open, jobs: StagedQueue) -> None:
    fakes.evaluation("new", [contender(SMALL)], task(6), share=0.0)
    loading = {"stage": "load", "done": 90, "total": 90, "unit": "bytes"}
    fakes.put(jobs, "new", [contender(SMALL)], state="paused", **loading)
    page = open_page()
    assert page.overview.status.text.text() == "Paused at 0 of 24 replies"
    assert not page.overview.status.bar.isVisible()
    assert not page.overview.chart.isVisible()


def test_a_failure_is_said_with_what_can_be_done(open_page: Open, jobs: StagedQueue, qtbot: QtBot) -> None:
    fakes.evaluation("new", [contender(SMALL)], task(6), share=0.5)
    job = fakes.put(
        jobs, "new", [contender(SMALL)], state="failed", error="No memory is left.", hint="Close a program."
    )
    page = open_page()
    assert page.overview.status.text.text() == "No memory is left."
    assert page.overview.status.more.text() == "Close a program."
    press(page, "Resume evaluation", qtbot)
    assert jobs.job(job.id).state == "running"


def test_one_without_a_card_is_shown_under_its_own_name_until_it_has_one(
    open_page: Open, jobs: StagedQueue, qtbot: QtBot
) -> None:
    job = fakes.put(jobs, "new", [contender(SMALL)])
    page = open_page()
    assert page.shown.key == "new"
    assert not page.overview.chart.isVisible()
    fakes.evaluation("new", [contender(SMALL)], task(4), share=0.5)
    jobs.say(job.id, fakes.scored(9, 16, 0.6, 0.2))
    qtbot.waitUntil(lambda: page.overview.chart.isVisible())
    assert page.toolbar.pill.text() == "MATH-500 · 4 of 500 problems · seed 1"


def test_one_that_is_cancelled_before_it_has_a_card_leaves_nothing(
    open_page: Open, jobs: StagedQueue, qtbot: QtBot
) -> None:
    fakes.put(jobs, "new", [contender(SMALL)], state="waiting")
    page = open_page()
    press(page, "Cancel evaluation", qtbot)
    assert page.empty.isVisible()


def test_a_failure_can_be_dismissed(open_page: Open, jobs: StagedQueue, qtbot: QtBot) -> None:
    fakes.evaluation("new", [contender(SMALL)], task(6), share=0.5)
    fakes.put(jobs, "new", [contender(SMALL)], state="failed", error="No memory is left.")
    page = open_page()
    press(page, "Cancel evaluation", qtbot)
    assert page.overview.status.text.text() == "Stopped at 12 of 24 replies"


def test_one_that_can_not_be_read_leaves_the_others_alone(open_page: Open) -> None:
    fakes.evaluation("large", [contender(LARGE)], task(4), day=1)
    fakes.evaluation("small", [contender(SMALL)], task(4), day=2)
    (evaluations.folder_of("small") / "task.json").write_text("{")
    page = open_page()
    assert [line.name for line in page.overview.chart.chart._lines] == ["R1-Distill-Qwen-7B"]


# Results


def test_evaluations_of_the_same_problems_are_one_picture(open_page: Open) -> None:
    fakes.evaluation("large", [contender(LARGE)], task(8), day=1, samples=3, votes=(3,))
    fakes.evaluation("small", [contender(SMALL)], task(8), day=2)
    fakes.evaluation("other", [contender(SMALL)], task(7), day=0 + 1)
    page = open_page()
    assert [(line.name, line.dashed) for line in page.overview.chart.chart._lines] == [
        ("7B", False), ("7B, 3 votes", True), ("1.5B", False)
    ]  # fmt: skip
    assert page.overview.chart.chart.accessibleDescription().startswith("7B: ")
    assert [group.key == page.shown.key for group in page.shown.groups] == [True, False]


def test_the_newer_of_two_answers_to_the_same_question_counts(open_page: Open) -> None:
    fakes.evaluation("first", [contender(SMALL)], task(8), think=(0, 512), day=1)
    fakes.evaluation("second", [contender(SMALL)], task(8), think=(512, 2048), day=2)
    page = open_page()
    (line,) = page.overview.chart.chart._lines
    assert [mark.budget for mark in line.marks] == [0, 512, 2048]


def test_use_this_budget_is_what_new_chats_begin_with(open_page: Open, preferences: Preferences, qtbot: QtBot) -> None:
    fakes.evaluation("small", [contender(SMALL)], task(24))
    page = open_page()
    press(page, "Use this budget", qtbot)
    assert preferences.current.budget_for(SMALL, thinks=True) == 2048
    qtbot.waitUntil(lambda: button(page, "Use this budget").text() == "In use")
    assert page.notices.text.startswith("New chats with R1-Distill-Qwen-1.5B begin with 2,048 tokens of thinking.")


def test_published_rows_stand_below_the_measured_ones(open_page: Open) -> None:
    fakes.evaluation("small", [contender(SMALL)], task(8))
    page = open_page()
    rows = page.overview.scores.scores.table.rows
    sources = [row.source for row in rows]
    assert sources[:2] == ["measured here", ""]
    assert set(sources[2:]) == {"published"}
    published = next(row for row in rows if row.title == "GPT-4o-0513")
    assert {name: score.percent for name, score in published.scores.items()} == {"aime24": "9.3", "math500": "74.6"}
    assert "Table 5" in published.said


def test_filters_say_how_many_problems_suit_them(open_page: Open, qtbot: QtBot) -> None:
    fakes.evaluation("both", [contender(LARGE), contender(SMALL)], task(30), think=FEW)
    page = open_page()
    fails = page.overview.fails
    assert [column.title for column in fails.columns] == ["7B", "1.5B"]
    choose(page, "Problems shown", "Only 7B right", qtbot)
    shown = [row.attempts for row in fails.rows]
    assert shown
    assert all(a is not None and b is not None and (a.share, b.share) == (1.0, 0.0) for a, b in shown)
    assert fails.filter.choice is not None
    assert fails.filter.choice.detail == str(len(shown))
    choose(page, "Answers beside each other", "Budgets of R1-Distill-Qwen-7B", qtbot)
    assert [column.title for column in fails.columns] == ["off", "512"]


def test_a_click_opens_the_whole_trace_and_escape_goes_back(open_page: Open, qtbot: QtBot) -> None:
    fakes.evaluation("both", [contender(LARGE), contender(SMALL)], task(12), think=FEW)
    page = open_page()
    fails = page.overview.fails
    place = next(
        place for place, row in enumerate(fails.rows)
        if (a := row.attempts[0]) and (b := row.attempts[1]) and a.share == 1.0 and b.share == 0.0
    )  # fmt: skip
    cell = fails.table.visualRect(fails.model.index(place, 2)).center()
    qtbot.mouseClick(fails.table.viewport(), LEFT, pos=cell)
    sheet = page.sheet
    assert sheet.isVisible()
    assert sheet.verdict.text().startswith("Wrong: ")
    assert "Let me think." in sheet.thinking.text.text()
    assert not is_shown(page, "Use as trace")
    choose(page, "Reply shown", "R1-Distill-Qwen-7B", qtbot)
    assert sheet.verdict.text().startswith("Right: ")
    qtbot.keyClick(sheet, Qt.Key.Key_Escape)
    assert page.overview.isVisible()


def test_the_list_stays_where_it_was_while_replies_come(open_page: Open, jobs: StagedQueue, qtbot: QtBot) -> None:
    fakes.evaluation("new", [contender(SMALL)], task(30), think=FEW, share=0.9)
    job = fakes.put(jobs, "new", [contender(SMALL)])
    page = open_page()
    fails = page.overview.fails
    fails.table.verticalScrollBar().setValue(120)
    before = len(fails.rows)
    evaluations.remove("new")
    fakes.evaluation("new", [contender(SMALL)], task(30), think=FEW)
    jobs.say(job.id, fakes.scored(59, 60, 0.6, 0.1))
    page._live.timeout.emit()  # as after three seconds
    qtbot.waitUntil(lambda: len(fails.rows) > before)
    assert fails.table.verticalScrollBar().value() == 120


def test_a_right_reply_goes_into_a_set_of_traces(open_page: Open, qtbot: QtBot) -> None:
    fakes.evaluation("large", [contender(LARGE)], task(4), think=(8192,))
    page = open_page()
    page.overview.fails.table.opened.emit(1, 0)
    press(page, "Use as trace", qtbot)
    qtbot.waitUntil(lambda: isinstance(QApplication.activePopupWidget(), QMenu))
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    entry(menu, "New set “evaluation”").trigger()
    menu.close()
    qtbot.waitUntil(lambda: "Added to “evaluation”" in page.notices.text)
    (trace,) = store.read("evaluation")
    assert (trace.problem, trace.gold, trace.verified) == ("How many positive divisors does 360 have?", "24", True)
    assert (trace.source, trace.teacher) == ("MATH-500", LARGE)


def test_all_formats_are_written(open_page: Open, tmp_path: Path, qtbot: QtBot) -> None:
    fakes.evaluation("large", [contender(LARGE)], task(4), think=FEW, day=1)
    fakes.evaluation("small", [contender(SMALL)], task(4), think=FEW, day=2)
    page = open_page()
    for ending in (".csv", ".json", ".md", ".png"):
        page.export(ending, tmp_path / f"out{ending}")
        qtbot.waitUntil(lambda ending=ending: page.notices.text == f"out{ending} is written.")
    with (tmp_path / "out.csv").open(newline="") as file:
        assert {row["model"] for row in csv.DictReader(file)} == {LARGE, SMALL}
    assert (tmp_path / "out.md").read_text().count("| model |") == 2
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")


def test_results_are_deleted_and_taken_back(open_page: Open, qtbot: QtBot) -> None:
    fakes.evaluation("small", [contender(SMALL)], task(4), think=FEW)
    page = open_page()
    press(page, "Evaluation", qtbot)
    menu = open_menu(page)
    entry(menu, "Delete These Results").trigger()
    menu.close()
    assert page.empty.isVisible()
    page.undo()
    assert len(page.shown.groups) == 1


def test_names_are_unique_within_the_page(open_page: Open, jobs: StagedQueue) -> None:
    fakes.evaluation("both", [contender(LARGE), contender(SMALL)], task(12), think=FEW)
    fakes.put(jobs, "both", [contender(LARGE), contender(SMALL)])
    page = open_page()
    for show in (page.new_evaluation, lambda: page.choose_group(page.shown.groups[0].key)):
        show()
        names = [w.accessibleName() for w in page.findChildren(QWidget) if w.isVisible() and w.accessibleName()]
        assert sorted(names) == sorted(set(names))
