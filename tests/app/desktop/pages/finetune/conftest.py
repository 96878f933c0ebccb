"""A Fine-tune page of its own window over fakes, a 16 GB Mac, and a private disk."""

from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.desktop import theme
from app.desktop.pages.finetune.page import FinetunePage
from app.desktop.pages.finetune.run_view import RunView
from app.desktop.services.preferences import Preferences
from models.settings import Settings
from tests.app.desktop.fake_engine import FakeEngine
from tests.app.desktop.pages.finetune import fakes
from tests.app.desktop.pages.models.fakes import MAC
from tests.app.desktop.staged_queue import StagedQueue, services_of

Open = Callable[..., FinetunePage]


@pytest.fixture
def jobs(engine: FakeEngine) -> StagedQueue:
    return StagedQueue(engine)


@pytest.fixture
def preferences(qapp: QApplication) -> Preferences:
    return Preferences(Settings())


@pytest.fixture
def open_page(jobs: StagedQueue, preferences: Preferences, qapp: QApplication, qtbot: QtBot) -> Iterator[Open]:
    """Opens a page when the disk is as the test wants it, on a set if one is named; several after each other, as when
    the app is started again."""
    theme.apply(qapp, "light")
    models = fakes.library()
    pages: list[FinetunePage] = []

    def open_it(traces: str = "") -> FinetunePage:
        page = FinetunePage(services_of(jobs, preferences, lambda: list(models)), machine=lambda: MAC)
        pages.append(page)
        page.resize(1068, 820)
        page.show()
        qtbot.waitExposed(page)
        if traces:
            page.begin_with(traces)
        page.start()
        # not waitSignal: told by another thread once more after it has let go, PySide crashes
        qtbot.waitUntil(lambda: page._listing is not None and page.view is not None)
        return page

    yield open_it
    for page in pages:
        page.close_page()
        page.close()
        page.deleteLater()
    pages.clear()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.fixture
def form_page(open_page: Open, qtbot: QtBot) -> FinetunePage:
    """A page with the base and a set chosen, and measured."""
    fakes.traces()
    page = open_page()
    page.form.choose_base(fakes.BASE)
    qtbot.waitUntil(lambda: page.form._look is not None)
    return page


def view_of(page: FinetunePage) -> RunView:
    """What shows the run."""
    assert page.view is not None
    assert page.view.isVisible()
    return page.view
