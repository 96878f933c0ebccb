"""A Models page of its own window over fakes, a 16 GB Mac, and the real catalog."""

from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.desktop import theme
from app.desktop.pages.models.page import ModelsPage
from app.desktop.services.deletions import Deletions
from models.events import Model
from models.library import catalog
from tests.app.desktop.fake_engine import FakeEngine
from tests.app.desktop.pages.models.fakes import MAC, library
from tests.app.desktop.staged_queue import StagedQueue, services_of


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
def page(
    jobs: StagedQueue, here: list[Model], deleted: list[str], qapp: QApplication, qtbot: QtBot
) -> Iterator[ModelsPage]:
    def delete(name: str) -> int:
        deleted.append(name)
        found = next(model for model in here if model.name == name)
        here.remove(found)
        return found.size_bytes

    theme.apply(qapp, "light")
    page = ModelsPage(
        services_of(jobs, list_models=lambda: list(here), delete=delete),
        offers=lambda: catalog.offers(MAC),
        machine=lambda: MAC,
    )
    page.resize(1068, 820)
    page.show()
    qtbot.waitExposed(page)
    with qtbot.waitSignals([page.reading.listed, page.reading.offered]):
        page.start()
    yield page
    page.close_page()
    page.close()
    page.deleteLater()


@pytest.fixture
def removals(page: ModelsPage) -> Deletions:
    return page.removals
