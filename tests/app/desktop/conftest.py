"""A window on a FakeEngine and an empty store."""

import gc
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.desktop import theme
from app.desktop.pages.chat.page import ChatPage
from app.desktop.services.preferences import Preferences
from app.desktop.services.services import Services
from app.desktop.window.main_window import MainWindow
from models import settings
from models.store import database
from models.store.chats import Chats
from tests.app.desktop.fake_engine import DISTILLED, STARTER, FakeEngine
from tests.app.desktop.settled_store import SettledStore
from tests.app.desktop.staged_queue import StagedQueue, no_delete


@pytest.fixture(autouse=True, scope="module")
def no_garbage_elsewhere() -> Iterator[None]:
    """Keep Python from collecting widgets on another thread, as the app does; collect all that a file left on this one."""
    gc.disable()
    yield
    gc.collect()
    gc.enable()


@pytest.fixture(autouse=True)
def young_garbage(no_garbage_elsewhere: None) -> Iterator[None]:
    """Collect what a test left, where that is quick."""
    yield
    gc.collect(1)


@pytest.fixture
def engine(qapp: QApplication) -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def chats() -> Iterator[Chats]:
    connection = database.open_database()
    yield Chats(connection)
    connection.close()


@pytest.fixture
def store(chats: Chats, qapp: QApplication) -> Iterator[SettledStore]:
    store = SettledStore(chats)
    yield store
    store.close()


@pytest.fixture
def services(engine: FakeEngine, store: SettledStore) -> Services:
    return Services(
        store=store,
        engine=engine,
        signals=engine.signals,
        preferences=Preferences(settings.load()[0]),
        jobs=StagedQueue(engine),
        delete=no_delete,
        list_models=lambda: [STARTER, DISTILLED],
    )


@pytest.fixture
def window(services: Services, qapp: QApplication, qtbot: QtBot) -> Iterator[MainWindow]:
    theme.apply(qapp, "light")
    window = MainWindow(services)
    window.resize(1300, 820)
    window.show()
    qtbot.waitExposed(window)
    page = window.chat_page
    page.start_engine()
    qtbot.waitUntil(lambda: bool(page.status.models) and page.shown.loading.loaded is not None)
    yield window
    window.close()
    window.deleteLater()
    # now, not when its store is closed already: what was read for it meanwhile would look there
    QApplication.sendPostedEvents(window, QEvent.Type.DeferredDelete.value)


@pytest.fixture
def page(window: MainWindow) -> ChatPage:
    return window.chat_page
