"""Garbage dies on the GUI's thread, whichever thread made it necessary."""

import gc
import threading
from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.desktop.window.garbage import GarbageCollector, collect_due


class Cycle:
    """Holds itself, and tells on which thread it went."""

    def __init__(self, ends: list[int]) -> None:
        self.me = self
        self._ends = ends

    def __del__(self) -> None:
        self._ends.append(threading.get_ident())


@pytest.fixture
def collector(qapp: QApplication) -> Iterator[GarbageCollector]:
    gc.enable()
    made = GarbageCollector()
    yield made
    made.close()
    assert gc.isenabled()
    gc.disable()


def litter() -> list[list[int]]:
    """More objects than Python makes without looking for cycles."""
    return [[number] for number in range(20 * gc.get_threshold()[0])]


def test_another_thread_collects_nothing(collector: GarbageCollector, qtbot: QtBot) -> None:
    ends: list[int] = []
    kept: list[list[int]] = []
    Cycle(ends)
    thread = threading.Thread(target=lambda: kept.extend(litter()))
    thread.start()
    thread.join()
    assert ends == []
    qtbot.waitUntil(lambda: bool(ends))
    assert ends == [threading.get_ident()]


def test_only_what_is_due_is_collected(collector: GarbageCollector) -> None:
    gc.collect()
    ends: list[int] = []
    Cycle(ends)
    collect_due()
    assert ends == []
    kept = litter()
    collect_due()
    assert len(ends) == 1
    assert kept
