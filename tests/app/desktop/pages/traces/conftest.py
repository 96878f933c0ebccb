"""A Traces page of its own window over real sets and a queue that only records."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.desktop import theme
from app.desktop.pages.traces.page import TracesPage
from tests.app.desktop.fake_engine import FakeEngine
from tests.app.desktop.pages.traces.fakes import pictured_set
from tests.app.desktop.staged_queue import StagedQueue, services_of


@pytest.fixture
def jobs(engine: FakeEngine) -> StagedQueue:
    return StagedQueue(engine)


@pytest.fixture
def empty_page(jobs: StagedQueue, qapp: QApplication, qtbot: QtBot) -> Iterator[TracesPage]:
    """A page that nothing was read for yet."""
    theme.apply(qapp, "light")
    page = TracesPage(services_of(jobs))
    page.resize(1068, 820)
    page.show()
    qtbot.waitExposed(page)
    yield page
    page.close_page()
    page.close()
    page.deleteLater()


@pytest.fixture
def page(empty_page: TracesPage, tmp_path: Path, qtbot: QtBot) -> TracesPage:
    """A page that shows the set of the picture."""
    pictured_set(tmp_path)
    with qtbot.waitSignal(empty_page.reading.looked):
        empty_page.start()
    return empty_page
