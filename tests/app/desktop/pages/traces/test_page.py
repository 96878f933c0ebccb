"""The page as one uses it: pressing, typing, dropping, over real sets."""

from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QAbstractButton, QApplication, QMenu, QWidget
from pytestqt.qtbot import QtBot

from app.desktop.pages.traces.import_sheet import NOTHING
from app.desktop.pages.traces.importing import importable
from app.desktop.pages.traces.page import TracesPage
from app.desktop.pages.traces.trace_panel import UNSAVED
from models import paths
from models.jobs.kinds.add_traces import AddTraces
from models.jobs.kinds.export_traces import ExportTraces
from models.trace_report import Columns
from models.traces import store
from models.traces.trace import from_chat
from tests.app.desktop.pages.traces.fakes import add, asked_rows, captured, many_rows, write_rows
from tests.app.desktop.staged_queue import StagedQueue

LEFT = Qt.MouseButton.LeftButton
SET = "thesis-maths"


def button(page: QWidget, name: str) -> QAbstractButton:
    """The one button of that accessible name that can be seen."""
    seen = [b for b in page.findChildren(QAbstractButton) if b.accessibleName() == name and b.isVisible()]
    assert len(seen) == 1, (name, [b.accessibleName() for b in page.findChildren(QAbstractButton) if b.isVisible()])
    return seen[0]


def press(page: QWidget, name: str, qtbot: QtBot) -> None:
    qtbot.mouseClick(button(page, name), LEFT)


def choose(page: TracesPage, place: int, qtbot: QtBot) -> None:
    key = page.view.model.shown[place].key
    page.view.table.choose(key)
    qtbot.waitUntil(lambda: page.view.panel.trace is not None and page.view.panel.trace.id == key)


def states(page: TracesPage) -> list[str]:
    return [row.state for row in page.view.model.shown]


def test_the_table_is_the_picture(page: TracesPage) -> None:
    assert states(page) == [
        "kept",
        "kept · verified",
        "kept · verified",
        "kept · verified",
        "kept · verified",
        "duplicate of row 4",
        "longer than 8,192 tokens",
        "kept · verified",
        "no answer after the thinking",
        "kept",
        "kept · answer differs",
    ]
    assert [row.tone for row in page.view.model.shown[5:9]] == ["warn", "warn", "ok", "bad"]
    assert page.toolbar.pill.text() == "8 kept · 3 left out"
    assert button(page, "Trace set").text() == f"{SET} ▾"
    assert page.view.table.accessibleName() == "Traces"
    assert page.toolbar.search.accessibleName() == "Search traces"
    assert "8 traces · 8 problems" in page.view.about.text


def test_with_no_set_the_page_says_what_traces_are(empty_page: TracesPage, qtbot: QtBot) -> None:
    with qtbot.waitSignal(empty_page.reading.listed):
        empty_page.start()
    assert empty_page.empty.isVisible()
    assert not button(empty_page, "Fine-tune on these").isEnabled()
    assert not button(empty_page, "Export traces").isEnabled()
    assert button(empty_page, "Import traces").isEnabled()


def test_a_chosen_trace_is_shown_in_its_parts_and_escape_goes_back_to_the_set(page: TracesPage, qtbot: QtBot) -> None:
    choose(page, 0, qtbot)
    panel = page.view.panel
    assert panel.problem.text.toPlainText() == captured().problem
    assert panel.thinking.text.toPlainText() == captured().thinking
    assert panel.problem.head.text() == "problem · not learned"
    assert panel.thinking.head.text().endswith("tokens · learned")
    qtbot.keyClick(page.view.table, Qt.Key.Key_Escape)
    assert page.view.about.isVisible()


def test_a_row_left_out_says_why(page: TracesPage, qtbot: QtBot) -> None:
    page.view.table.selectRow(8)
    panel = page.view.panel
    assert panel._why.text() == "Nothing follows its thinking."
    assert panel._provenance.text() == "Line 8 of olympiad.jsonl"
    assert not panel.edit.isVisible()


def test_leaving_out_and_taking_back(page: TracesPage, qtbot: QtBot) -> None:
    choose(page, 1, qtbot)
    with qtbot.waitSignal(page.reading.looked):
        press(page, "Leave out", qtbot)
    assert states(page)[1] == "left out by you"
    assert page.toolbar.pill.text() == "7 kept · 4 left out"
    assert len(store.excluded(SET)) == 1
    assert page.can_undo()
    with qtbot.waitSignal(page.reading.looked):
        page.undo()
    assert store.excluded(SET) == frozenset()
    assert states(page)[1] == "kept · verified"
    assert not page.can_undo()


def test_several_are_left_out_at_once_by_key(page: TracesPage, qtbot: QtBot) -> None:
    page.view.table.selectAll()
    with qtbot.waitSignal(page.reading.looked):
        qtbot.keyClick(page.view.table, Qt.Key.Key_Delete)
    assert len(store.excluded(SET)) == 8
    assert not page.can_finetune()


def test_what_could_not_be_left_out_is_taken_back_and_said(
    page: TracesPage, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    from models.errors import Busy

    def refuse(name: str, ids: object) -> None:
        raise Busy(f"Another process is changing the traces {name}.", "Wait until it is done.")

    monkeypatch.setattr(store, "exclude", refuse)
    choose(page, 1, qtbot)
    with qtbot.waitSignal(page.changing.not_chosen):
        page.leave_out_chosen()
    assert states(page)[1] == "kept · verified"
    assert page.notices.text == f"Another process is changing the traces {SET}. Wait until it is done."
    assert not page.can_undo()


def test_an_edit_is_saved_in_place(page: TracesPage, qtbot: QtBot) -> None:
    choose(page, 1, qtbot)
    press(page, "Edit trace", qtbot)
    field = page.view.panel.fields["answer"].field
    field.setPlainText("\\boxed{\\frac{7}{3}} indeed")
    with qtbot.waitSignal(page.reading.looked):
        qtbot.keyClick(field, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    row = page.view.current
    assert row is not None
    assert (row.answer, row.state) == ("7/3", "kept")
    saved = next(trace for trace in store.read(SET) if trace.id == row.key)
    assert saved.answer == "\\boxed{\\frac{7}{3}} indeed"
    assert page.view.panel.answer.text.toPlainText() == saved.answer
    choose(page, 2, qtbot)
    choose(page, 1, qtbot)
    assert page.view.panel.trace == saved


def test_an_edit_that_would_be_left_out_says_why_and_stays_open(page: TracesPage, qtbot: QtBot) -> None:
    choose(page, 1, qtbot)
    press(page, "Edit trace", qtbot)
    page.view.panel.fields["answer"].field.setPlainText("")
    with qtbot.waitSignal(page.changing.not_edited):
        press(page, "Save trace", qtbot)
    assert page.view.panel.fault == "The trace can't be kept so: Nothing follows its thinking."
    page.view.table.selectRow(2)
    assert page.view.panel.fault == UNSAVED
    assert page.view.table.chosen()[0].problem.startswith("Sum of the roots")
    qtbot.keyClick(page.view.panel.fields["answer"].field, Qt.Key.Key_Escape)
    assert not page.view.panel.editing
    assert next(trace for trace in store.read(SET) if trace.problem.startswith("Sum")).answer == "7/3"


def test_search_looks_into_the_thinking_and_is_ended_by_escape(page: TracesPage, qtbot: QtBot) -> None:
    page.start_search()
    with qtbot.waitSignal(page.reading.found, check_params_cb=lambda _q, _k, last: last):
        qtbot.keyClicks(page.toolbar.search, "HERON")
    assert [row.problem for row in page.view.model.shown] == ["Area of the triangle with sides 13, 14, 15"]
    with qtbot.waitSignal(page.reading.found, check_params_cb=lambda q, _k, last: last and q == "quaternion"):
        page.toolbar.search.setText("quaternion")
    assert page.view.sentence == "No trace holds “quaternion”."
    with qtbot.waitSignal(page.view.model.modelReset):
        qtbot.keyClick(page.toolbar.search, Qt.Key.Key_Escape)
    assert len(page.view.model.shown) == 11


def test_a_reason_shows_its_rows(page: TracesPage, qtbot: QtBot) -> None:
    press(page, "duplicate", qtbot)
    assert states(page) == ["duplicate of row 4"]
    assert page.view.segments.current == "left"
    press(page, "Show every reason", qtbot)
    assert len(states(page)) == 3
    press(page, "Kept", qtbot)
    assert len(states(page)) == 8


def test_an_import_says_what_it_recognised_then_how_far_it_is_then_what_it_left_out(
    page: TracesPage, jobs: StagedQueue, tmp_path: Path, qtbot: QtBot
) -> None:
    evaluation = write_rows(tmp_path / "aime.jsonl", [{"problem": many_rows(1)[0]["problem"]}])
    path = write_rows(tmp_path / "more rows.jsonl", [{"what": "?"}, *many_rows(40)])
    with qtbot.waitSignal(page.reading.previewed):
        page.import_files([str(path)])
    card = page.importing.sheet.form.files.cards[0]
    assert card.said.text() == (
        "Recognised as columns problem, thinking and answer. Of its first 20 rows 19 would be kept."
    )  # fmt: skip
    assert page.importing.sheet.form.name.text() == SET
    page.importing.sheet.form.name.setText("fresh")
    page.importing.sheet.form.set_evaluation([str(evaluation)])
    press(page, "Import", qtbot)
    asked = AddTraces(name="fresh", files=[str(path)], max_tokens=8192, evaluation=[str(evaluation)])
    assert [steps for _, steps in jobs.asked] == [[asked]]
    assert page.importing.sheet.step == "progress"
    with qtbot.waitSignal(page.reading.reported):
        jobs.work(1)
    qtbot.waitUntil(lambda: page.set_name == "fresh")
    assert page.importing.sheet.step == "report"
    assert page.importing.sheet.text.startswith("39 of 41 rows kept, 2 left out")
    assert {row.reason for row in page.importing.sheet.reasons.rows} == {"broken", "overlap"}
    press(page, "Show the traces", qtbot)
    assert page.view.isVisible()


def test_the_form_shows_which_columns_were_chosen_and_lets_others_be(
    page: TracesPage, jobs: StagedQueue, tmp_path: Path, qtbot: QtBot
) -> None:
    rows = [{"Question": f"{n}?", "Notes & more": f"Note {n}.", "CoT": "So it is.", "Answer": str(n)} for n in range(3)]
    path = write_rows(tmp_path / "named.jsonl", rows)
    with qtbot.waitSignal(page.reading.previewed):
        page.import_files([str(path)])
    card = page.importing.sheet.form.files.cards[0]
    assert [each.text() for each in card.columns.buttons.values()] == ["Question ▾", "CoT ▾", "Answer ▾"]
    press(page, "Column of the thinking", qtbot)
    menu = card.columns.findChildren(QMenu)[-1]
    texts = [action.text() for action in menu.actions() if action.text()]
    assert texts == ["By its content", "Inside the answer", "Question", "Notes && more", "CoT", "Answer"]
    with qtbot.waitSignal(page.reading.previewed):
        menu.actions()[texts.index("Notes && more") + 1].trigger()
    assert card.columns.buttons["thinking"].text() == "Notes & more ▾"
    assert card.said.text().startswith("Recognised as columns Question, Notes & more and Answer.")
    press(page, "Import", qtbot)
    ((asked,),) = (steps for _, steps in jobs.asked)
    assert asked.columns == {str(path): Columns(thinking="Notes & more")}


def test_rows_of_no_trace_leave_the_form_open_with_the_reasons(
    empty_page: TracesPage, jobs: StagedQueue, tmp_path: Path, qtbot: QtBot
) -> None:
    with qtbot.waitSignal(empty_page.reading.previewed):
        empty_page.import_files([str(write_rows(tmp_path / "odd.jsonl", [{"what": "?"}]))])
    press(empty_page, "Import", qtbot)
    with qtbot.waitSignal(empty_page.reading.reported):
        jobs.work(1)
    assert empty_page.importing.sheet.form.fault == NOTHING
    assert "no shape that is known: what" in empty_page.importing.sheet.form.files.cards[0].left_out.text()


def test_a_failed_import_says_so_in_place_and_a_bad_limit_too(
    page: TracesPage, jobs: StagedQueue, tmp_path: Path, qtbot: QtBot
) -> None:
    path = write_rows(tmp_path / "a.jsonl", many_rows(3))
    page.import_files([str(path)])
    page.importing.sheet.form.longest.setText("many")
    press(page, "Import", qtbot)
    assert page.importing.sheet.form.fault.startswith("The longest trace is a whole number")
    page.importing.sheet.form.longest.setText("")
    press(page, "Import", qtbot)
    path.unlink()
    jobs.work(1)
    assert page.importing.sheet.form.fault == f"There is no file {path}."


def test_an_import_goes_on_beside_the_table(page: TracesPage, jobs: StagedQueue, tmp_path: Path, qtbot: QtBot) -> None:
    page.import_files([str(write_rows(tmp_path / "a.jsonl", many_rows(30)))])
    press(page, "Import", qtbot)
    press(page, "Back to the traces", qtbot)
    assert list(page.importing.strip.cards) == [1]
    with qtbot.waitSignals([page.reading.reported, page.view.loaded]):
        jobs.work(1)
    assert not page.importing.strip.cards
    assert page.notices.text == f"{SET}: 30 of 30 rows kept."
    assert len(page.view.model.shown) == 38


def test_files_are_dropped(page: TracesPage, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "a.jsonl", asked_rows())
    assert importable([QUrl.fromLocalFile(str(path)), QUrl.fromLocalFile(str(tmp_path)), QUrl("http://x/a.csv")]) == [
        str(path)
    ]
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    action, buttons, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    QApplication.sendEvent(page, QDragEnterEvent(QPoint(200, 200), action, data, buttons, none))
    QApplication.sendEvent(page, QDropEvent(QPointF(200, 200), action, data, buttons, none))
    assert page.importing.sheet.isVisible()
    assert page.importing.sheet.form.files.paths == [str(path)]


def test_a_set_is_exported_in_a_shape(page: TracesPage, jobs: StagedQueue, tmp_path: Path) -> None:
    page.importing.export(SET, str(tmp_path / "out.jsonl"), "messages")
    asked = ExportTraces(name=SET, path=str(tmp_path / "out.jsonl"), shape="messages")
    assert [steps for _, steps in jobs.asked] == [[asked]]
    assert list(page.importing.strip.cards) == [1]
    jobs.work(1)
    assert page.notices.text == f"Export of {SET} to out.jsonl is done."
    assert len((tmp_path / "out.jsonl").read_bytes().splitlines()) == 8


def test_a_deleted_set_is_back_after_undo_and_gone_after_quitting(page: TracesPage, qtbot: QtBot) -> None:
    page.delete_set()
    assert page.empty.isVisible()
    assert store.get(SET).traces == 8
    with qtbot.waitSignal(page.view.loaded):
        page.undo()
    assert page.set_name == SET
    page.delete_set()
    page.close_page()
    assert store.all_sets() == []


def test_another_set_is_chosen_and_a_chat_adds_to_it(page: TracesPage, qtbot: QtBot) -> None:
    store.append("replies", [captured()])
    page.refresh()
    qtbot.waitUntil(lambda: len(page.sets) == 2)
    assert [action.text().split("\t")[0] for action in page.toolbar.set_menu().actions()[:2]] == ["replies", SET]
    page.choose_set("replies")
    qtbot.waitUntil(lambda: len(page.view.model.shown) == 1)
    store.append("replies", [next(iter(store.read(SET, with_excluded=True))), *list(store.read(SET))[1:3]])
    page.refresh()
    qtbot.waitUntil(lambda: len(page.view.model.shown) == 3)


def test_rows_are_read_again_whoever_sees_first_that_there_are_others(page: TracesPage, qtbot: QtBot) -> None:
    before = len(page.view.model.shown)
    assert store.append(SET, [from_chat("What is 61 + 7?", "61 + 7 = 68", "68", "a model")]).kept == 1
    page.reading.measure(SET)  # as after a choice
    qtbot.waitUntil(lambda: len(page.view.model.shown) == before + 1)


def test_a_damaged_set_is_said_and_the_page_lives(page: TracesPage, qtbot: QtBot) -> None:
    data = paths.traces_folder() / SET / store.DATA
    data.write_bytes(data.read_bytes() + b"{half\n")
    with qtbot.waitSignal(page.reading.failed):
        page.refresh()
    assert page.notices.text.startswith(f"Line 9 of the traces {SET} is damaged.")
    assert [found.problem != "" for found in page.sets] == [True]


def test_fine_tuning_is_asked_for_with_the_set(page: TracesPage, qtbot: QtBot) -> None:
    with qtbot.waitSignal(page.page_requested) as asked:
        press(page, "Fine-tune on these", qtbot)
    assert asked.args == ["Fine-tune", SET]


def test_every_control_is_reached_by_tab(page: TracesPage, qtbot: QtBot) -> None:
    choose(page, 0, qtbot)
    page.activateWindow()
    page.toolbar.search.setFocus()
    names = []
    for _ in range(14):
        qtbot.keyClick(page.focusWidget() or page, Qt.Key.Key_Tab)
        focused = page.focusWidget()
        names.append(focused.accessibleName() if focused is not None else "")
    wanted = ["Import traces", "Export traces", "Fine-tune on these", "All", "Kept", "Left out", "Traces", "Edit trace"]
    assert [name for name in names if name in wanted][:8] == wanted
    assert {"Leave out", "Trace set"} <= set(names)


def test_a_narrow_page_has_the_panel_below(page: TracesPage, qtbot: QtBot) -> None:
    add("other", write_rows(paths.traces_folder().parent / "a.jsonl", many_rows(3)))
    page.resize(528, 640)
    qtbot.waitUntil(lambda: page.view.about.y() >= 0 and page.view._split.orientation() == Qt.Orientation.Vertical)
    for name in ("Trace set", "Import traces", "Export traces", "Fine-tune on these"):
        assert button(page, name).geometry().right() <= page.width()
