"""Reading on other threads: what is asked for quickly, one after the other."""

from pathlib import Path

from pytestqt.qtbot import QtBot

from app.desktop.pages.traces.reader import TracesReader
from tests.app.desktop.pages.traces.fakes import add, many_rows, write_rows


def test_every_report_that_is_asked_for_is_told(tmp_path: Path, qtbot: QtBot) -> None:
    path = write_rows(tmp_path / "a.jsonl", many_rows(3))
    for name in ("first", "second"):
        add(name, path)
    reading = TracesReader()
    told: list[tuple[str, bool]] = []
    reading.reported.connect(lambda name, report: told.append((name, report is not None)))
    for name in ("first", "second", "no such set"):
        reading.read_report(name)
    qtbot.waitUntil(lambda: len(told) == 3)
    reading.close()
    assert told == [("first", True), ("second", True), ("no such set", False)]
