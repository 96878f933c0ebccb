"""An Evaluate page of its own window over fakes and a private disk."""

from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.desktop import theme
from app.desktop.pages.evaluate.page import EvaluatePage
from app.desktop.services.preferences import Preferences
from models.settings import Settings
from tests.app.desktop.fake_engine import FakeEngine
from tests.app.desktop.pages.evaluate import fakes
from tests.app.desktop.staged_queue import StagedQueue, services_of

Open = Callable[[], EvaluatePage]


@pytest.fixture
def jobs(engine: FakeEngine) -> StagedQueue:
    return StagedQueue(engine)


@pytest.fixture
def preferences(qapp: QApplication) -> Preferences:
    return Preferences(Settings())


@pytest.fixture
def open_page(jobs: StagedQueue, preferences: Preferences, qapp: QApplication, qtbot: QtBot) -> Iterator[Open]:
    """Opens a page when the disk is as the test wants it, and waits for what it shows first."""
    theme.apply(qapp, "light")
    pages: list[EvaluatePage] = []

    def open_it() -> EvaluatePage:
        page = EvaluatePage(services_of(jobs, preferences, fakes.library))
        pages.append(page)
        page.resize(1068, 820)
        page.show()
        qtbot.waitExposed(page)
        page.start()
        # not waitSignal: told by another thread once more after it has let go, PySide crashes
        qtbot.waitUntil(lambda: page.listing is not None)
        if page.shown.group is not None and page.shown.group.evaluations:
            qtbot.waitUntil(lambda: page.board is not None)
        return page

    yield open_it
    for page in pages:
        page.close_page()
        page.close()
        page.deleteLater()
    pages.clear()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
