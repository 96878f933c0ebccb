from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, Qt, QUrl
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from app.desktop.pages.chat import attachments
from app.desktop.pages.chat.composer import Composer
from models.errors import BadInput, NotFound


@pytest.fixture
def composer(qtbot: QtBot) -> Composer:
    composer = Composer()
    qtbot.addWidget(composer)
    composer.resize(600, 100)
    composer.show()
    return composer


def test_return_sends_and_shift_return_breaks_the_line(composer: Composer, qtbot: QtBot) -> None:
    qtbot.keyClicks(composer.edit, "one")
    qtbot.keyClick(composer.edit, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    qtbot.keyClicks(composer.edit, "two")
    with qtbot.waitSignal(composer.send_requested) as told:
        qtbot.keyClick(composer.edit, Qt.Key.Key_Return)
    assert told.args == ["one\ntwo"]
    assert composer.text == "one\ntwo"


def test_nothing_is_sent_while_there_is_nothing_or_a_reply_is_under_way(composer: Composer, qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(composer.send_requested):
        qtbot.keyClick(composer.edit, Qt.Key.Key_Return)
        composer.set_text("  \n ")
        qtbot.keyClick(composer.edit, Qt.Key.Key_Return)
        composer.set_text("words")
        composer.set_under_way(True)
        qtbot.keyClick(composer.edit, Qt.Key.Key_Return)


def test_the_button_is_send_or_stop(composer: Composer, qtbot: QtBot) -> None:
    assert composer.button.accessibleName() == "Send"
    assert not composer.button.isEnabled()
    composer.set_text("words")
    with qtbot.waitSignal(composer.send_requested):
        qtbot.mouseClick(composer.button, Qt.MouseButton.LeftButton)
    composer.set_under_way(True)
    assert composer.button.accessibleName() == "Stop"
    with qtbot.waitSignal(composer.stop_requested):
        qtbot.mouseClick(composer.button, Qt.MouseButton.LeftButton)


def test_it_grows_to_eight_lines_and_then_scrolls(composer: Composer) -> None:
    composer.set_text("a")
    one = composer.edit.height()
    composer.set_text("a\nb\nc")
    three = composer.edit.height()
    composer.set_text("\n".join("abcdefgh"))
    eight = composer.edit.height()
    composer.set_text("\n".join("abcdefghijkl"))
    assert one < three < eight == composer.edit.height()
    assert composer.edit.verticalScrollBar().maximum() > 0


def test_a_text_file_goes_in_under_its_name(composer: Composer, tmp_path: Path) -> None:
    file = tmp_path / "notes.py"
    file.write_text("print('```')\n", encoding="utf-8")
    composer.set_text("See:")
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(file))])
    composer.edit.insertFromMimeData(mime)
    assert composer.text == "See:\n\n`notes.py`\n````py\nprint('```')\n````\n"


def test_files_that_can_not_be_used_are_told_and_the_text_stays(
    composer: Composer, qtbot: QtBot, tmp_path: Path
) -> None:
    picture = tmp_path / "picture.png"
    picture.write_bytes(b"\x89PNG\x00\x01")
    composer.set_text("words")
    with qtbot.waitSignal(composer.problem) as told:
        composer.add_files([picture])
    assert told.args == ["picture.png is no text file; only text can be put into a message."]
    assert composer.text == "words"


def test_reasons_for_not_taking_a_file(tmp_path: Path) -> None:
    large = tmp_path / "large.txt"
    large.write_bytes(b"a" * (attachments.MOST_BYTES + 1))
    with pytest.raises(BadInput, match=r"large\.txt has 262\.1 kB; a message takes text files of up to 262\.1 kB"):
        attachments.fenced(large)
    with pytest.raises(BadInput, match="folder"):
        attachments.fenced(tmp_path)
    with pytest.raises(NotFound):
        attachments.fenced(tmp_path / "gone.txt")


def test_the_context_is_said_only_when_known(composer: Composer) -> None:
    composer.set_context(3214, 32_768)
    assert "3,214 of 32,768 tokens in context" in [label.text() for label in composer.findChildren(QLabel)]
    composer.set_context(0, 0)
    assert not any("in context" in label.text() for label in composer.findChildren(QLabel))
