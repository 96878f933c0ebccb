"""No text from outside is read as HTML: the window makes its labels, tooltips and messages in one place."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import Qt as GuiQt
from PySide6.QtWidgets import QApplication, QLabel, QMessageBox, QWidget

from app.desktop.widgets.plain import Label, message_box, tip
from app.desktop.widgets.readable import ReadableText
from models import names
from tests.test_rooms import REPOSITORY

HOSTILE = '<img src="/dev/zero">\u202egnp.exe<br>&amp;'
HERE = "app/desktop/widgets/plain.py"
# What reads HTML or Markdown, and the one file that may hand it any.
RICH = {
    "setHtml": "app/desktop/window/chat_list.py",  # an excerpt of a chat, escaped, with its hits marked
    "setMarkdown": "app/desktop/window/help.py",  # our own help
    "QLabel": HERE,
    "QMessageBox": HERE,
    "setTextFormat": HERE,
    "insertHtml": "",
    "insertMarkdown": "",
    "fromHtml": "",
    "QErrorMessage": "",
    "QStaticText": "",
    "setWhatsThis": "",
    "warning": "",
    "critical": "",
}
LOGGERS = ("log", "logging", "warnings")


def calls(tree: ast.AST) -> Iterator[tuple[str, str, ast.Call]]:
    """What is called, by its last name and the name before, as in log.warning."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name)):
                yield "", name, node
            case ast.Call(func=ast.Attribute(attr=name, value=owner)):
                yield owner.id if isinstance(owner, ast.Name) else "", name, node


def is_plain(node: ast.expr) -> bool:
    """Whether a tooltip is a literal of ours, or made by `tip`."""
    match node:
        case ast.Constant(value=str(text)):
            return "<" not in text
        case ast.IfExp(body=body, orelse=orelse):
            return is_plain(body) and is_plain(orelse)
        case ast.Call(func=ast.Name(id="tip") | ast.Attribute(attr="tip", value=ast.Name(id="plain"))):
            return True
    return False


def faults(source: str, file: str) -> list[str]:
    """What a file shows past the one place."""
    tree = ast.parse(source)
    found = [
        f"{file}:{node.lineno} {name}"
        for owner, name, node in calls(tree)
        if (name in RICH and RICH[name] != file and owner not in LOGGERS)
        or (name == "setToolTip" and not is_plain(node.args[0]))
        or (name == "showText" and not is_plain(node.args[1]))
    ]
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and file != HERE:
            bases = [base.id for base in node.bases if isinstance(base, ast.Name)]
            found.extend(f"{file}:{node.lineno} {base}" for base in bases if base in ("QLabel", "QMessageBox"))
        if isinstance(node, ast.If) and "ToolTipRole" in ast.unparse(node.test):
            returns = [part.value for part in ast.walk(node) if isinstance(part, ast.Return)]
            found.extend(f"{file}:{node.lineno} tooltip" for value in returns if value is None or not is_plain(value))
    return found


@pytest.mark.parametrize("path", sorted((REPOSITORY / "app/desktop").rglob("*.py")), ids=lambda path: path.stem)
def test_the_window_shows_text_as_it_is(path: Path) -> None:
    assert faults(path.read_text(encoding="utf-8"), str(path.relative_to(REPOSITORY))) == []


@pytest.mark.parametrize(
    "line",
    [
        "QLabel(name)",
        "widget.setToolTip(name)",
        "widget.setToolTip(f'of {name}')",
        "action.setToolTip(tip(name) if name else other)",
        "QMessageBox(parent).open()",
        "QMessageBox.warning(parent, name, name)",
        "QToolTip.showText(at, name, self)",
        "document.setHtml(name)",
        "class Title(QLabel): pass",
        "if role == Qt.ItemDataRole.ToolTipRole: return name",
        "label.setTextFormat(Qt.TextFormat.RichText)",
    ],
)
def test_what_would_read_html_is_found(line: str) -> None:
    assert faults(line, "page.py")


def test_what_stands_there_is_what_came(qapp: QApplication) -> None:
    shown = names.plain(HOSTILE)
    parent = QWidget()
    label, text, box = Label(HOSTILE), ReadableText("Text"), message_box(parent, HOSTILE, HOSTILE)
    text.setText(HOSTILE)
    assert label.text() == shown
    assert text.toPlainText() == shown
    assert [part.textFormat() for part in (label, *(part for part in box.findChildren(QLabel) if part.text()))] == [
        Qt.TextFormat.PlainText
    ] * 3
    assert isinstance(box, QMessageBox)
    assert GuiQt.mightBeRichText(tip(HOSTILE))
    assert "<img" not in tip(HOSTILE)
    assert tip("") == ""


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("photo\u202egpj.exe", "photo⟨U+202E⟩gpj.exe"),
        ("a\u2066b\u2069", "a⟨U+2066⟩b⟨U+2069⟩"),
        ("مرحبا", "مرحبا"),
        ("می\u200cخواهم", "می\u200cخواهم"),
    ],
)
def test_marks_that_turn_a_name_are_shown(name: str, shown: str) -> None:
    assert names.plain(name) == shown
