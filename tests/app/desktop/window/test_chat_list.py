import datetime

from PySide6.QtCore import QModelIndex, Qt
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from app.desktop.window.chat_list import ChatItem, ChatListModel, day_group, highlighted

NOW = datetime.datetime(2025, 11, 24, 9, 30)


def when(**back: float) -> float:
    return (NOW - datetime.timedelta(**back)).timestamp()


def names(model: ChatListModel) -> list[str]:
    return [model.index(row).data() for row in range(model.rowCount())]


def test_days_are_named_by_the_calendar_and_not_by_hours() -> None:
    assert day_group(when(hours=9), NOW) == "Today"
    assert day_group(when(hours=10), NOW) == "Yesterday"
    assert day_group(when(days=2), NOW) == "This week"
    assert day_group(when(days=8), NOW) == "This month"
    assert day_group(when(days=60), NOW) == "Earlier"
    assert day_group(when(days=-1), NOW) == "Today"


def test_the_model_keeps_qts_rules(qtmodeltester: ModelTester) -> None:
    model = ChatListModel()
    now = datetime.datetime.now().timestamp()
    model.set_entries([ChatItem(3, "Third", now), ChatItem(2, "", now), ChatItem(1, "First", now - 90 * 86_400)])
    assert names(model) == ["Today", "Third", "New chat", "Earlier", "First"]
    qtmodeltester.check(model)


def test_headings_can_not_be_chosen_or_renamed() -> None:
    model = ChatListModel()
    model.set_entries([ChatItem(1, "One", datetime.datetime.now().timestamp())])
    heading, chat = model.index(0), model.index(1)
    assert not model.flags(heading) & Qt.ItemFlag.ItemIsSelectable
    assert model.flags(chat) & Qt.ItemFlag.ItemIsEditable
    assert not model.setData(heading, "Other")
    assert model.row_of(99) == QModelIndex()


def test_renaming_tells_the_trimmed_title_once(qtbot: QtBot) -> None:
    model = ChatListModel()
    model.set_entries([ChatItem(7, "One", datetime.datetime.now().timestamp())])
    with qtbot.waitSignal(model.renamed) as told:
        assert model.setData(model.index(1), "  Two\n words ")
    assert told.args == [7, "Two words"]
    assert not model.setData(model.index(1), "   ")
    with qtbot.assertNotEmitted(model.renamed):
        model.setData(model.index(1), "One")


def test_a_new_title_leaves_the_rows_in_place(qtbot: QtBot) -> None:
    model = ChatListModel()
    now = datetime.datetime.now().timestamp()
    model.set_entries([ChatItem(1, "", now)])
    with qtbot.assertNotEmitted(model.modelReset), qtbot.waitSignal(model.dataChanged):
        model.set_entries([ChatItem(1, "A title", now)])
    assert names(model) == ["Today", "A title"]


def test_hits_are_escaped_and_begin_near_the_first() -> None:
    entry = ChatItem(1, "t", 0, "a long way before the <hit> & after", [(22, 27)])
    html = highlighted(entry, "#b4551d")
    assert html.startswith("…")
    assert '<b style="color:#b4551d">&lt;hit&gt;</b> &amp; after' in html
