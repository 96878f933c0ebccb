"""A reply: its parts, their names, and what its buttons do."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel, QMenu
from pytestqt.qtbot import QtBot

from app.desktop.pages.chat.footer import figures_text
from app.desktop.pages.chat.message_actions import MessageActions
from app.desktop.pages.chat.reply_view import ReplyView
from app.desktop.palette import DARK, LIGHT
from app.desktop.widgets.small_parts import TextButton
from models.store.rows import Figures

FIGURES = Figures(
    thinking_tokens=734,
    answer_tokens=278,
    ttft_s=0.21,
    tokens_per_s=41.3,
    closed_by="model",
    thinking_s=18,
    budget=2048,
)


@pytest.fixture
def view(qtbot: QtBot) -> ReplyView:
    made = ReplyView(LIGHT, MessageActions(), 8)
    qtbot.addWidget(made)
    made.grown.connect(lambda: made.fit(884))
    made.fit(884)
    made.show()
    return made


def button(view: ReplyView, name: str) -> TextButton:
    return next(found for found in view.findChildren(TextButton) if found.accessibleName() == name)


def shown(view: ReplyView) -> str:
    return view.text_view.toPlainText()


def labels(view: ReplyView) -> list[str]:
    return [label.text() for label in view.findChildren(QLabel) if label.isVisible() and label.text()]


def test_answer_comes_and_is_there_when_it_is_finished(view: ReplyView, qtbot: QtBot) -> None:
    for piece in ("The answer ", "is **4", "2**."):
        view.append_answer(piece)
    qtbot.waitUntil(lambda: shown(view) == "The answer is 42.")
    view.append_answer(" Yes")
    view.finish(FIGURES)
    assert shown(view) == "The answer is 42. Yes"
    assert view.text() == "The answer is **42**. Yes"
    assert view.text_view.accessibleName() == "Reply"
    assert view.text_view.accessibleDescription() == view.text()
    assert labels(view) == ["first token 0.21 s · 41.3 tok/s · 1,012 tokens"]


def test_waiting_is_said_until_the_first_token(view: ReplyView) -> None:
    view.set_waiting("Loading SmolLM2 …", 0.4)
    assert labels(view) == ["Loading SmolLM2 …"]
    view.set_waiting("Reading the prompt · 120 of 531 tokens")
    assert labels(view) == ["Reading the prompt · 120 of 531 tokens"]
    view.append_answer("x")
    assert labels(view) == []


def test_no_panel_without_thinking(view: ReplyView) -> None:
    view.close_thinking(0, 0.0, "off", None)
    view.append_answer("x")
    view.finish(Figures(answer_tokens=1))
    assert view.panel is None


def test_stopped_while_thinking_says_so(view: ReplyView) -> None:
    view.append_thinking("hm")
    view.set_thinking_status(12, 64, 0.5)
    view.finish(None)
    assert view.panel is not None
    assert not view.panel.is_thinking


def test_error_is_said_and_can_be_tried_again(view: ReplyView, qtbot: QtBot) -> None:
    view.append_answer("half of")
    view.fail("The model needs 4.7 GB, 3.1 GB are free.", "Close other applications.")
    assert labels(view) == ["The model needs 4.7 GB, 3.1 GB are free.", "Close other applications."]
    assert shown(view) == "half of"
    with qtbot.waitSignal(view.message_actions.regenerate, timeout=1000):
        qtbot.mouseClick(button(view, "Try again"), Qt.MouseButton.LeftButton)


def test_labels_never_take_html(view: ReplyView) -> None:
    view.fail("<img src='/dev/zero'><b>x</b>", "<a href='x'>y</a>")
    assert all(label.textFormat() == Qt.TextFormat.PlainText for label in view.findChildren(QLabel))


def test_copy_gives_markdown(view: ReplyView, qtbot: QtBot) -> None:
    view.set_text("a **b** $x$")
    view.finish(FIGURES)
    qtbot.mouseClick(button(view, "Copy reply"), Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == "a **b** $x$"


def test_selection_is_copied_as_plain_text_alone(view: ReplyView) -> None:
    view.set_text("a **b** $x$")
    view.text_view.selectAll()
    data = view.text_view.createMimeDataFromSelection()
    assert data.text() == "a **b** $x$"
    assert data.formats() == ["text/plain"]


def test_code_has_a_copy_button(view: ReplyView, qtbot: QtBot) -> None:
    view.set_text("text\n\n```python\nx = 1\n```\n\n```\ny\n```")
    view.fit(884)
    copies = [found for found in view.findChildren(TextButton) if found.accessibleName() == "Copy code"]
    assert len(copies) == 2
    assert copies[0].y() < copies[1].y()
    qtbot.mouseClick(copies[0], Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == "x = 1"


def test_buttons_of_the_footer(view: ReplyView, qtbot: QtBot) -> None:
    view.set_text("x")
    view.set_versions(2, 3)
    view.finish(FIGURES)
    assert "2 / 3" in labels(view)
    for name, value in (("Older version", -1), ("Newer version", 1)):
        with qtbot.waitSignal(view.message_actions.version_asked, timeout=1000) as asked:
            qtbot.mouseClick(button(view, name), Qt.MouseButton.LeftButton)
        assert asked.args == [8, value]
    for name, value in (("Good reply", 1), ("Bad reply", -1), ("Bad reply", 0)):
        with qtbot.waitSignal(view.message_actions.rated, timeout=1000) as rated:
            qtbot.mouseClick(button(view, name), Qt.MouseButton.LeftButton)
        assert rated.args == [8, value]
    with qtbot.waitSignal(view.message_actions.regenerate, timeout=1000):
        qtbot.mouseClick(button(view, "Regenerate"), Qt.MouseButton.LeftButton)


def test_a_single_version_has_no_arrows(view: ReplyView) -> None:
    view.set_versions(1, 1)
    view.finish(FIGURES)
    assert not button(view, "Older version").isVisible()


def test_whoever_listens_fills_the_menu(view: ReplyView) -> None:
    asked: list[tuple[int, QMenu]] = []
    view.message_actions.regenerate_menu_asked.connect(lambda *args: asked.append(args))
    view.regenerate_menu.aboutToShow.emit()
    assert asked == [(8, view.regenerate_menu)]


def test_only_the_last_reply_has_the_plain_names(view: ReplyView) -> None:
    view.append_thinking("x")
    view.finish(FIGURES)
    view.set_number(3)
    assert view.text_view.accessibleName() == "Reply 3"
    assert button(view, "Regenerate 3")
    view.set_number(None)
    assert button(view, "Regenerate")


def test_colours_follow(view: ReplyView) -> None:
    view.append_thinking("x")
    view.set_text("a $x$ `b`")
    view.finish(FIGURES)
    view.set_colours(DARK)
    assert view.text_view.text_document.look.colours is DARK
    assert view.text_view.palette().text().color().name() == DARK.text


def test_links_are_only_reported(view: ReplyView, qtbot: QtBot) -> None:
    from PySide6.QtCore import QUrl

    view.set_text("[a](https://a.example/)")
    with qtbot.waitSignal(view.message_actions.link_clicked, timeout=1000) as clicked:
        view.text_view.anchorClicked.emit(QUrl("https://a.example/"))
    assert clicked.args == ["https://a.example/"]
    with qtbot.assertNotEmitted(view.message_actions.link_clicked):
        view.text_view.anchorClicked.emit(QUrl("file:///etc/passwd"))
    assert view.text_view.toPlainText() == "a"


def test_height_follows_the_text(view: ReplyView) -> None:
    view.set_text("one line")
    small = view.fit(884)
    view.set_text("\n\n".join(["a paragraph"] * 20))
    assert view.fit(884) > small + 19 * 20
    assert view.text_view.verticalScrollBar().maximum() == 0


def test_figures_leave_out_what_is_not_known() -> None:
    assert figures_text(None) == ""
    assert figures_text(Figures()) == ""
    assert figures_text(Figures(answer_tokens=1)) == "1 token"


def test_notes_stand_between_the_answer_and_the_footer(view: ReplyView) -> None:
    view.set_text("and again and again")
    view.finish(Figures(answer_tokens=300, finish="length", notes=["It repeated itself and was stopped.", "Second."]))
    (note,) = [label for label in view.findChildren(QLabel) if label.accessibleName() == "Reply notes"]
    assert note.isVisible()
    assert note.text() == "It repeated itself and was stopped.\nSecond."
    assert note.y() >= view.text_view.y() + view.text_view.height()
    assert button(view, "Regenerate").parentWidget().y() >= note.y() + note.height() - 2
    view.set_number(2)
    assert note.accessibleName() == "Reply notes 2"
