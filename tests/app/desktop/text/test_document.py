"""A message as a document: growing in steps gives what setting it at once gives, and nothing is loaded."""

import random

import pytest
from PySide6.QtCore import QRectF, Qt, QUrl
from PySide6.QtGui import QImage, QPainter, QTextDocument, QTextTable
from PySide6.QtWidgets import QApplication

from app.desktop.palette import DARK, LIGHT
from app.desktop.text import decorations
from app.desktop.text import text_style as props
from app.desktop.text.blocks import Paragraph, Parsed, Table
from app.desktop.text.document import MessageDocument, fragments
from app.desktop.text.markdown import parse
from app.desktop.text.plain_text import FORCED, parse_plain
from app.desktop.text.text_style import TextStyle
from tests.app.desktop.pages.chat.streaming import sample

ARABIC = """- **Python**: لغة
- عنصر `x`
  - متداخل

3. ثلاثة

4. أربعة

> قال `y`
> شيئا

`pip` أداة، ثم سطر. $x$

| الاسم | القيمة |
|---|:-:|
| أ | 1 |
| ب | `2` |

```
# تعليق
```
"""
LISTS = "1. one\n\n2. two with $x$\n\n   more\n\n3. three\n   - deep\n   - deeper\n\nend\n\n- a\n- b\n\n- c\n"


def document(text: str = "", parser: object = parse) -> MessageDocument:
    made = MessageDocument(TextStyle(LIGHT), parser)  # type: ignore[arg-type]
    made.setTextWidth(600)
    if text:
        made.set_source(text)
        made.settle()
    return made


def shape(made: MessageDocument) -> list[tuple[object, ...]]:
    """What is shown, block by block: text, margins, indents and the looks of its characters."""
    found: list[tuple[object, ...]] = []
    for block in made.blocks():
        form = block.blockFormat()
        looks = [
            (
                part.text(),
                part.charFormat().fontWeight(),
                part.charFormat().fontItalic(),
                part.charFormat().anchorHref(),
                part.charFormat().property(props.TEX),
                part.charFormat().property(props.INLINE_CODE),
            )
            for part in fragments(block)
        ]
        margins = (form.topMargin(), form.bottomMargin(), form.leftMargin(), form.rightMargin())
        found.append((margins, form.layoutDirection(), form.property(props.MARKERS), form.property(props.CARD), looks))
    return found


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    "text",
    [
        sample(7),
        LISTS,
        ARABIC,
        "| a | b |\n|---|---|\n| 1 | $x$ |\n| 2 | y |\n\n" * 2,
        "a **b $y$ c** `d` [e](https://f.example) 😀 g\n" * 4,
    ],
)
def test_streaming_gives_what_setting_gives(qapp: QApplication, text: str, seed: int) -> None:
    chance = random.Random(seed)
    grown = document()
    position = 0
    while position < len(text):
        step = chance.choice([1, 2, 3, 7, 40])
        grown.append(text[position : position + step])
        grown.show_more_text()
        position += step
    grown.settle()
    assert shape(grown) == shape(document(text))
    assert grown.source == text


def test_the_past_is_not_parsed_again(qapp: QApplication) -> None:
    lengths: list[int] = []

    def spy(text: str, rows: int, inside: str) -> Parsed:
        lengths.append(len(text))
        return parse(text, rows, inside)

    grown = document(parser=spy)
    for number in range(60):
        grown.append(f"Paragraph {number} with $x_{number}$ and words.\n\n")
        grown.show_more_text()
    for number in range(60):
        grown.append(f"{number}. item {number}\n")
        grown.show_more_text()
    assert max(lengths) < 120


def test_a_growing_paragraph_keeps_a_selection_before_it(qapp: QApplication) -> None:
    from PySide6.QtGui import QTextCursor

    grown = document()
    grown.append("first paragraph\n\nsecond ")
    grown.show_more_text()
    cursor = QTextCursor(grown)
    cursor.setPosition(0)
    cursor.setPosition(5, QTextCursor.MoveMode.KeepAnchor)
    for piece in ("para", "graph with **bold", "** and $x$", " end\n\nthird"):
        grown.append(piece)
        grown.show_more_text()
    assert cursor.selectedText() == "first"


def ink(made: MessageDocument, left: float, right: float, top: float, bottom: float) -> bool:
    """Whether anything is painted behind the text within a part of the document."""
    picture = QImage(600, 400, QImage.Format.Format_ARGB32)
    picture.fill(0)
    painter = QPainter(picture)
    decorations.paint(painter, made, QRectF(0, 0, 600, 400))
    painter.end()
    return any(picture.pixel(x, y) for x in range(int(left), int(right)) for y in range(int(top), int(bottom)))


@pytest.mark.parametrize("text", ["- עברית", "1. עברית", "10) عربي", "> עברית", "- **Qt**: ספרייה", "> - عربي"])
def test_marks_of_what_is_read_from_the_right_stand_at_the_right(qapp: QApplication, text: str) -> None:
    made = document(text)
    block = made.begin()
    rect = made.documentLayout().blockBoundingRect(block)
    indent = block.blockFormat().rightMargin()
    assert indent > 0
    assert block.layout().lineAt(0).naturalTextRect().right() == pytest.approx(600 - indent, abs=1)
    assert ink(made, 600 - indent, 600, rect.top(), rect.bottom())
    assert not ink(made, 0, 300, rect.top(), rect.bottom())


def test_a_list_keeps_its_side_whatever_language_an_item_is_in(qapp: QApplication) -> None:
    for text in ("- عربي\n- English\n  1. deep", "- English\n- عربي\n  1. عميق"):
        margins = [
            (block.blockFormat().leftMargin() > 0, block.blockFormat().rightMargin() > 0)
            for block in document(text).blocks()
        ]
        assert len(set(margins)) == 1


def test_a_table_read_from_the_right_begins_there(qapp: QApplication) -> None:
    for text, first in (("| שם | ערך |\n|---|---|\n| א | 1 |", 1), ("| name | value |\n|---|---|\n| א | 1 |", 0)):
        made = document(text)
        table = next(frame for frame in made.rootFrame().childFrames() if isinstance(frame, QTextTable))
        cells = [table.cellAt(1, column).firstCursorPosition().block() for column in (first, 1 - first)]
        assert [cell.text() for cell in cells] == ["א", "1"]
        assert (made.documentLayout().frameBoundingRect(table).center().x() > 300) == bool(first)


@pytest.mark.parametrize(
    "text", ["كتب `print(x)` هنا", "the word שלום`code` stands", "`pip install` يثبّت", "אחד `two` שלוש"]
)
def test_the_ground_of_code_is_as_wide_as_the_code(qapp: QApplication, text: str) -> None:
    made = document(text)
    line = made.begin().layout().lineAt(0)
    start, end = text.index("`"), text.rindex("`") - 1
    (run,) = line.glyphRuns(start, end - start)
    found = run.boundingRect()
    assert ink(made, found.left() - 2, found.right() + 2, 0, 20)
    assert not ink(made, 0, found.left() - 4, 0, 20)
    assert not ink(made, found.right() + 4, 600, 0, 20)


def test_what_begins_with_code_is_read_as_its_words_are(qapp: QApplication) -> None:
    right = Qt.LayoutDirection.RightToLeft
    assert [block.textDirection() == right for block in document("`pip` يثبّت\n\n`א` is a letter").blocks()] == [
        True,
        False,
    ]


def test_code_is_read_from_the_left_and_its_card_stands_below_a_table(qapp: QApplication) -> None:
    made = document("- عربي\n  ```\n  # تعليق\n  ```\n\n| א |\n|---|\n| ב |\n\n```\nx\n```")
    inner, outer = (made.findBlockByNumber(number) for number in made.code_starts())
    assert inner.textDirection() == Qt.LayoutDirection.LeftToRight
    assert decorations.card_top(made, inner).right() < 590
    table = next(frame for frame in made.rootFrame().childFrames() if isinstance(frame, QTextTable))
    cell = made.documentLayout().blockBoundingRect(table.cellAt(1, 0).lastCursorPosition().block())
    assert decorations.card_top(made, outer).top() > cell.bottom() + 6


def test_formula_that_cannot_be_drawn_is_shown_as_written(qapp: QApplication) -> None:
    made = document(r"so $\frac{1}$ and $x$")
    assert made.toPlainText() == "so $\\frac{1}$ and \ufffc"


def test_a_formula_hanging_low_is_painted_on_the_line_of_its_text(qapp: QApplication) -> None:
    made = document(r"text $\frac{a}{b}$ and $x$ here")
    block = made.begin()
    line = block.layout().lineAt(0)
    assert made._object._baseline(5) == pytest.approx(
        made.documentLayout().blockBoundingRect(block).top() + line.ascent() + line.y()
    )
    form = next(f.charFormat() for f in fragments(block) if f.charFormat().objectType() == props.FORMULA)
    size = made._object.intrinsicSize(made, 5, form)
    assert line.ascent() + line.descent() >= size.height() - 1


def test_nothing_is_loaded(qapp: QApplication) -> None:
    made = document("![](/dev/zero) ![x](file:///etc/passwd) <img src='/dev/zero'> ![y](https://a.example/x.png)")
    for name in ("/dev/zero", "file:///etc/passwd", "https://a.example/x.png"):
        image = made.resource(int(QTextDocument.ResourceType.ImageResource.value), QUrl(name))
        assert isinstance(image, QImage)
        assert (image.width(), image.height()) == (1, 1)
    assert "/dev/zero" in made.toPlainText()


def test_long_table_and_long_text_are_shown_in_part(qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.desktop.text.document.CHAR_LIMIT", 20_000)
    made = document("| a | b |\n|---|---|\n" + "| 1 | 2 |\n" * 1500)
    assert made.is_cut
    assert "1,300 more rows are not shown." in made.toPlainText()
    made.show_more()
    made.show_all()
    assert "1,100 more rows are not shown." in made.toPlainText()
    long = document("word " * 6_000)
    assert long.is_cut
    long.show_more()
    long.show_all()
    assert not long.is_cut


def test_a_long_text_comes_in_steps(qapp: QApplication) -> None:
    made = document()
    made.set_source("A paragraph of text.\n\n" * 2000)
    steps = 0
    while made.show_more_text():
        steps += 1
    assert steps > 5
    assert len(made.leaves) == 2000


def test_an_endless_paragraph_is_parted(qapp: QApplication) -> None:
    longest = 0

    def spy(text: str, rows: int, inside: str) -> Parsed:
        nonlocal longest
        longest = max(longest, len(text))
        return parse(text, rows, inside)

    made = document(parser=spy)
    made.set_source("word " * 30_000)
    made.show_all()
    assert longest < 20_000
    assert sum(len(run.text) for leaf in made.leaves if isinstance(leaf, Paragraph) for run in leaf.runs) > 149_000  # type: ignore[union-attr]


def test_rows_of_a_growing_table_are_added(qapp: QApplication) -> None:
    made = document("| a | b |\n|---|---|\n| 1 | 2 |\n")
    table = made._tables._last
    assert table is not None
    for number in range(3, 9):
        made.append(f"| {number} | ")
        made.show_more_text()
        made.append("x |\n")
        made.show_more_text()
    assert table.rows() == 8
    (leaf,) = made.leaves
    assert isinstance(leaf, Table)
    assert table.cellAt(7, 0).firstCursorPosition().block().text() == "8"


def test_code_is_coloured_without_changing_its_text(qapp: QApplication) -> None:
    made = document('```python\ndef f():\n    """over\n    lines"""\n    return 1\n```')
    colours = [
        {made_range.format.foreground().color().name() for made_range in block.layout().formats()}
        for block in made.blocks()
    ]
    assert made.toPlainText() == 'def f():\n    """over\n    lines"""\n    return 1'
    assert colours[1] == colours[2] == {LIGHT.ok}
    assert LIGHT.accent in colours[0]


def test_another_palette_changes_colours_and_nothing_else(qapp: QApplication) -> None:
    made = document(sample(3))
    before = shape(made)
    made.set_look(TextStyle(DARK))
    made.settle()
    assert shape(made) == before
    assert made.look.ink.name() == DARK.text


def test_forced_thoughts_stand_out(qapp: QApplication) -> None:
    made = document(parser=parse_plain)
    made.append("I think")
    made.append("\nNow I must answer.", forced=True)
    made.show_all()
    last = made.lastBlock()
    assert last.text() == "Now I must answer."
    assert all(part.charFormat().fontItalic() for part in fragments(last))
    assert FORCED not in made.toPlainText()


def test_escape_sequence_cut_in_two_is_taken_out(qapp: QApplication) -> None:
    made = document()
    for piece in ("a\x1b", "[3", "1mred\r", "\nb"):
        made.append(piece)
        made.show_more_text()
    assert made.source == "ared\nb"
