"""Files dragged over a page and dropped on it, as Qt sends them."""

from collections.abc import Iterator, Sequence

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QLabel, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from app.desktop.widgets.file_drop import INSET_PX, FileDrop

ACTION, BUTTONS, NONE = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


def texts(urls: Sequence[QUrl]) -> list[str]:
    return [url.toLocalFile() for url in urls if url.toLocalFile().endswith(".txt")]


@pytest.fixture
def drop(qtbot: QtBot) -> Iterator[FileDrop]:
    """A page of 300 x 200 whose lower part is covered."""
    page = QWidget()
    area = QLabel("table")
    column = QVBoxLayout(page)
    column.addWidget(QLabel("toolbar"))
    column.addWidget(area, 1)
    drop = FileDrop(page, area, texts)
    page.resize(300, 200)
    page.show()
    qtbot.waitExposed(page)
    yield drop
    page.close()
    page.deleteLater()


def files(*paths: str) -> QMimeData:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(path) for path in paths])
    return data


def enter(drop: FileDrop, data: QMimeData) -> bool:
    """Whether the page takes what comes over it."""
    event = QDragEnterEvent(QPoint(50, 100), ACTION, data, BUTTONS, NONE)
    QApplication.sendEvent(drop.parentWidget(), event)
    return event.isAccepted()


def test_what_can_be_imported_is_taken_and_said_over_the_area(drop: FileDrop) -> None:
    assert not drop.isVisible()
    assert enter(drop, files("/a/notes.txt", "/a/song.mp3"))
    assert drop.isVisible()
    assert drop.geometry() == drop._area.geometry().adjusted(INSET_PX, INSET_PX, -INSET_PX, -INSET_PX)


def test_what_can_not_be_imported_is_refused_and_nothing_is_said(drop: FileDrop) -> None:
    assert not enter(drop, files("/a/song.mp3"))
    assert not drop.isVisible()


def test_it_is_said_no_more_when_the_files_go_elsewhere(drop: FileDrop, qtbot: QtBot) -> None:
    enter(drop, files("/a/notes.txt"))
    with qtbot.assertNotEmitted(drop.dropped):
        QApplication.sendEvent(drop.parentWidget(), QDragLeaveEvent())
    assert not drop.isVisible()


def test_a_drop_tells_what_can_be_imported(drop: FileDrop, qtbot: QtBot) -> None:
    data = files("/a/notes.txt", "/a/song.mp3", "/b/more.txt")
    enter(drop, data)
    with qtbot.waitSignal(drop.dropped) as told:
        QApplication.sendEvent(drop.parentWidget(), QDropEvent(QPointF(50, 100), ACTION, data, BUTTONS, NONE))
    assert told.args == [["/a/notes.txt", "/b/more.txt"]]
    assert not drop.isVisible()
