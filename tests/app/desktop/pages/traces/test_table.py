"""The item model: its contract, filter and search, and a set of many traces."""

from pathlib import Path

from PySide6.QtCore import Qt
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from app.desktop.pages.traces.page import TracesPage
from app.desktop.pages.traces.reader import FIRST
from app.desktop.pages.traces.rows import TraceRow, row_left_out
from app.desktop.pages.traces.table import COLUMNS, TraceTable, TraceView
from app.desktop.pages.traces.trace_file import TraceFile
from models.trace_report import LeftOut
from models.traces import store
from tests.app.desktop.pages.traces.fakes import add, many_rows, write_rows, write_set


def rows(count: int = 6) -> list[TraceRow]:
    kept = [TraceRow(str(n), f"Problem {n}", answer=str(n), excluded=n == 2) for n in range(count)]
    return [*kept, row_left_out(LeftOut(line=9, reason="too_long", text="It has 9,000 tokens, the limit is 8."), False)]


def keys(table: TraceTable) -> list[str]:
    return [row.key for row in table.shown]


def test_the_model_keeps_its_contract(qtbot: QtBot, qtmodeltester: ModelTester) -> None:
    table = TraceTable()
    qtmodeltester.check(table)
    table.add(rows())
    qtmodeltester.check(table)
    table.set_filter("left")
    qtmodeltester.check(table)
    across = Qt.Orientation.Horizontal
    assert [table.headerData(n, across) for n in range(5)] == [*COLUMNS]


def test_filter_and_search_narrow_what_is_shown(qtbot: QtBot) -> None:
    table = TraceTable()
    table.add(rows())
    table.set_filter("kept")
    assert keys(table) == ["0", "1", "3", "4", "5"]
    table.set_filter("left")
    assert keys(table) == ["2", ":9"]
    table.set_filter("left", "too_long")
    assert keys(table) == [":9"]
    table.set_filter("all")
    table.set_query("9,000")
    assert keys(table) == [":9"]
    table.add_found({"4"})
    assert keys(table) == ["4", ":9"]
    table.set_query("")
    assert len(keys(table)) == 7


def test_what_is_chosen_is_what_is_selected(qtbot: QtBot) -> None:
    table = TraceTable()
    view = TraceView(table)
    qtbot.addWidget(view)
    table.add(rows())
    assert view.current() is None
    assert view.choose("3")
    assert view.current() is not None
    assert [row.key for row in view.chosen()] == ["3"]
    view.choose_all({"1", "4"}, "4")
    assert {row.key for row in view.chosen()} == {"1", "4"}
    assert view.current() is table.shown[4]
    view.choose_none()
    assert view.current() is None


def test_a_trace_is_read_by_its_place_even_after_the_set_became_another(tmp_path: Path) -> None:
    add("here", write_rows(tmp_path / "a.jsonl", many_rows(30)))
    file = TraceFile("here")
    places = [(trace, offset, size) for trace, offset, size in file.traces()]
    first = places[0][0]
    store.edit("here", first.id, answer="another")
    for trace, offset, size in places:
        assert file.read(offset, size) == trace
    file.close()
    file.close()
    assert file.read(0, 10) is None


def test_the_first_rows_of_many_are_shown_before_the_rest_is_read(empty_page: TracesPage, qtbot: QtBot) -> None:
    write_set("big", 4000)
    seen: list[int] = []
    empty_page.view.model.rowsInserted.connect(lambda *_: seen.append(len(empty_page.view.model.shown)))
    with qtbot.waitSignal(empty_page.view.loaded, timeout=20_000):
        empty_page.start()
    assert seen[0] == FIRST
    assert seen == sorted(seen)
    assert len(empty_page.view.model.shown) == 4000


def test_of_several_openings_the_last_one_tells_its_rows_once(page: TracesPage, qtbot: QtBot) -> None:
    told: list[int] = []
    page.reading.rows_read.connect(lambda turn, _rows, last: told.append(turn) if last else None)
    for _ in range(20):
        page.reading.open_set("")
        turn = page.reading.open_set("thesis-maths")
    page.reading._rows._pool.waitForDone()  # close() would drop what has not begun
    qtbot.waitUntil(lambda: turn in told)
    assert told.count(turn) == 1
