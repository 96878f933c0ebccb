"""A Models page of its own window over fakes, a 16 GB Mac, and the real catalog."""

from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.desktop import theme
from app.desktop.pages.models.page import ModelsPage
from app.desktop.services.deletions import Deletions
from app.desktop.services.preferences import Preferences
from app.desktop.widgets.notices import NoticeBar
from models.events import Model
from models.library import catalog
from models.settings import Settings
from tests.app.desktop.fake_engine import FakeEngine
from tests.app.desktop.pages.models.fakes import MAC, library
from tests.app.desktop.staged_queue import StagedQueue


@pytest.fixture
def jobs(engine: FakeEngine) -> StagedQueue:
    return StagedQueue(engine)


@pytest.fixture
def here() -> list[Model]:
    """What is on the disk; a test may change it and read again."""
    return library()


@pytest.fixture
def deleted() -> list[str]:
    return []


@pytest.fixture
def removals(here: list[Model], deleted: list[str], qapp: QApplication) -> Deletions:
    def delete(name: str) -> int:
        deleted.append(name)
        found = next(model for model in here if model.name == name)
        here.remove(found)
        return found.size_bytes

    return Deletions(delete)


@pytest.fixture
def page(
    jobs: StagedQueue, here: list[Model], removals: Deletions, engine: FakeEngine, qapp: QApplication, qtbot: QtBot
) -> Iterator[ModelsPage]:
    theme.apply(qapp, "light")
    page = ModelsPage(
        jobs, jobs.changed, engine, engine.signals.arrived, lambda: list(here), removals, NoticeBar(),
        Preferences(Settings()), offers=lambda: catalog.offers(MAC), machine=lambda: MAC,
    )  # fmt: skip
    page.resize(1068, 820)
    page.show()
    qtbot.waitExposed(page)
    with qtbot.waitSignals([page.reading.listed, page.reading.offered]):
        page.start()
    yield page
    page.close_page()
    page.close()
    page.deleteLater()
