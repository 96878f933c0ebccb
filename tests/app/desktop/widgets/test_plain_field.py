"""Fields for text: what is pasted is laid out in time that grows with its length, and is bounded where a message begins."""

import re
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData
from PySide6.QtGui import QTextOption
from pytestqt.qtbot import QtBot

import app.desktop
from app.desktop.pages.chat import attachments
from app.desktop.pages.chat.composer import MOST_CHARACTERS, MOST_IN_LINE, Composer
from app.desktop.widgets.plain_field import PlainField

WORDS = QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere


def pasted(text: str) -> QMimeData:
    data = QMimeData()
    data.setText(text)
    return data


@pytest.mark.parametrize("text", ["`" * 9000, "words and " + "w" * 9000, "\u4f60" * 9000, "a\n" + "1" * 9000 + "\nb"])
def test_a_word_without_end_is_broken_anywhere(text: str, qtbot: QtBot) -> None:
    field = PlainField()
    qtbot.addWidget(field)
    field.insertFromMimeData(pasted("A question in a few words. " * 400))
    assert field.wordWrapMode() == WORDS
    field.insertFromMimeData(pasted(text))
    assert field.wordWrapMode() == QTextOption.WrapMode.WrapAnywhere
    field.setPlainText("the next message")
    assert field.wordWrapMode() == WORDS
    field.setPlainText(text)
    assert field.wordWrapMode() == QTextOption.WrapMode.WrapAnywhere
    assert field.toPlainText() == text


def test_every_field_for_text_is_such_a_one() -> None:
    folder = Path(app.desktop.__path__[0])
    made = [
        file.name
        for file in folder.rglob("*.py")
        if re.search(r"(?<!setStyleSheet)\(QPlainTextEdit\)|QPlainTextEdit\(\)", file.read_text("utf-8"))
    ]
    assert made == ["plain_field.py"]


@pytest.mark.parametrize(
    "text", ["a word " * (MOST_IN_LINE // 7 + 1), "line\n" * (MOST_CHARACTERS // 5 + 1)], ids=["line", "text"]
)
def test_what_is_more_than_a_message_takes_is_refused_in_a_sentence(text: str, qtbot: QtBot) -> None:
    composer = Composer()
    qtbot.addWidget(composer)
    said: list[str] = []
    composer.problem.connect(said.append)
    composer.edit.insertFromMimeData(pasted(text))
    assert composer.text == ""
    assert "a message takes" in said[0]


@pytest.mark.parametrize("text", ["`" * 99_999, "~" * 99_999 + "``", "``` and ~~~~", "plain"])
def test_a_file_is_fenced_without_growing(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(text)
    block = attachments.fenced(tmp_path / "a.md")
    assert len(block) < len(text) + 50
    _, opening, *_, closing, _ = block.split("\n")
    assert opening == f"{closing}md"
    assert closing not in text
