"""What is selected is copied as Markdown with LaTeX."""

import pytest
from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.desktop.palette import LIGHT
from app.desktop.text import decorations
from app.desktop.text.copying import code_of, selected_markdown
from app.desktop.text.document import MessageDocument
from app.desktop.text.message_text import MessageText
from app.desktop.text.text_style import TextStyle
from app.desktop.widgets.small_parts import TextButton


def document(text: str) -> MessageDocument:
    made = MessageDocument(TextStyle(LIGHT))
    made.setTextWidth(600)
    made.set_source(text)
    made.settle()
    return made


def copied(text: str, start: int = 0, end: int = -1) -> str:
    made = document(text)
    cursor = QTextCursor(made)
    cursor.setPosition(start)
    cursor.setPosition(made.characterCount() - 1 if end < 0 else end, QTextCursor.MoveMode.KeepAnchor)
    return selected_markdown(cursor)


@pytest.mark.parametrize(
    "text",
    [
        "So $x^2$ and \\(y\\) hold.",
        "**bold** and *italic* and ~~struck~~ and `code`",
        "see [this](https://a.example/)",
        "https://a.example/x",
        "one\n\ntwo",
        "# Title\n\ntext",
        "text\n\n$$x = 1$$\n\nmore",
        "text\n\n```python\nx = 1\n\ny = 2\n```\n\nmore",
        "1. one\n2. two $x$",
        "> quoted\n\nnot",
        "| a | b |\n| --- | --- |\n| 1 | $x$ |",
        "| a |\n| --- |\n| one<br>two |",
        "2*3*4 and **注意：**水",
        "- واحد\n- اثنان `x`",
        "| الاسم | القيمة |\n| --- | --- |\n| أ | $x$ |",
        "smile 😀 $x$ end",
    ],
)
def test_the_whole_comes_back(qapp: QApplication, text: str) -> None:
    assert copied(text) == text


def test_part_of_a_line_is_plain(qapp: QApplication) -> None:
    assert copied("1. first thing\n2. second", 2, 7) == "rst t"


def test_part_of_a_formula_line(qapp: QApplication) -> None:
    assert copied("a 😀 $x$ b", 2, 7) == "😀 $x$ "


def test_within_code_only_code_is_copied(qapp: QApplication) -> None:
    assert copied("```python\nx = 1\ny = 2\n```", 2, 9) == "= 1\ny ="


def test_copy_of_a_card_is_exactly_what_is_shown(qapp: QApplication) -> None:
    made = document("text\n\n```\n  a\u202e = 1\n\n\tb\n```\n\n```\nother\n```")
    assert code_of(made.findBlockByNumber(1)) == "  a⟨U+202E⟩ = 1\n\n\tb"


@pytest.mark.parametrize(
    "before", ["Text:\n\n", "- an item\n\n  ", "שלום:\n\n", "- פריט\n\n  ", "> ציטוט\n>\n> ", "1. א\n   - ב\n\n     "]
)
def test_copy_stands_at_the_end_of_its_card_whatever_side_is_read_from(before: str, qtbot: QtBot) -> None:
    start = before.rpartition("\n")[2]
    code = f"{before}```python\n{start}x = 1\n{start}```\n"
    view = MessageText(TextStyle(LIGHT))
    qtbot.addWidget(view)
    view.resize(600, 100)
    for piece in (code[:-6], code[-6:]):
        view.append(piece)
        view.flush()
        view.fit(600)
    document = view.text_document
    (first,) = document.code_starts()
    card = decorations.card_top(document, document.findBlockByNumber(first))
    (button,) = view.viewport().findChildren(TextButton)
    assert 0 <= card.right() - button.geometry().right() < 8
    assert button.geometry().top() >= card.top()
    for width in (400, 900):
        view.fit(width)
        card = decorations.card_top(document, document.findBlockByNumber(first))
        assert 0 <= card.right() - button.geometry().right() < 8
