"""Deleting with undo."""

import threading

import pytest
from pytestqt.qtbot import QtBot

from app.desktop.services.deletions import Deletions
from models.errors import Busy


def test_nothing_is_deleted_before_the_app_quits(qtbot: QtBot) -> None:
    deleted: list[str] = []
    removals = Deletions(lambda name: deleted.append(name) or 5)
    removals.remove("a")
    removals.remove("b")
    removals.undo("a")
    assert removals.pending() == {"b"}
    assert deleted == []
    removals.close()
    assert deleted == ["b"]


def test_the_last_deletion_is_taken_back_first(qtbot: QtBot) -> None:
    removals = Deletions(lambda _name: 0)
    removals.remove("a")
    removals.remove("b")
    assert removals.undo_last() == "b"
    assert removals.undo_last() == "a"
    assert removals.undo_last() == ""
    removals.close()


def test_space_is_freed_on_another_thread_and_told(qtbot: QtBot) -> None:
    threads: list[int] = []

    def delete(_name: str) -> int:
        threads.append(threading.get_ident())
        return 4_500_000_000

    removals = Deletions(delete)
    removals.remove("a")
    with qtbot.waitSignal(removals.freed) as freed:
        removals.free_now("a")
    assert freed.args == ["a", 4_500_000_000]
    assert threads != [threading.get_ident()]
    assert removals.pending() == set()
    removals.close()
    assert len(threads) == 1


def test_what_is_being_deleted_cannot_be_taken_back(qtbot: QtBot) -> None:
    go = threading.Event()
    removals = Deletions(lambda _name: int(go.wait(5)))
    removals.remove("a")
    removals.free_now("a")
    removals.undo("a")
    assert removals.is_going("a")
    assert removals.undo_last() == ""
    with qtbot.waitSignal(removals.freed):
        go.set()
    removals.close()


@pytest.mark.parametrize(
    ("error", "said"), [(Busy("It is in use."), "It is in use."), (PermissionError(13, "no"), "may not")]
)
def test_what_cannot_be_deleted_is_shown_again_with_the_reason(qtbot: QtBot, error: Exception, said: str) -> None:
    def delete(_name: str) -> int:
        raise error

    removals = Deletions(delete)
    removals.remove("a")
    with qtbot.waitSignal(removals.failed) as failed:
        removals.free_now("a")
    assert said in failed.args[1].text
    assert removals.pending() == set()
    removals.close()


def test_quitting_waits_for_what_was_begun_and_does_the_rest(qtbot: QtBot) -> None:
    deleted: list[str] = []
    removals = Deletions(lambda name: deleted.append(name) or 1)
    for name in "abc":
        removals.remove(name)
    removals.free_now("b")
    removals.close()
    assert sorted(deleted) == ["a", "b", "c"]
