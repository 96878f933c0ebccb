"""The transcript: builds what is near the view, follows the end, stands still while one reads."""

import time

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel
from pytestqt.qtbot import QtBot

from app.desktop.pages.chat.reply_view import ReplyView
from app.desktop.pages.chat.transcript import Shown, Transcript
from app.desktop.palette import DARK
from app.desktop.text import mathematics
from app.desktop.text.message_text import MessageText
from app.desktop.widgets.small_parts import TextButton
from tests.app.desktop.pages.chat.streaming import chat_of, sample


@pytest.fixture
def transcript(qtbot: QtBot) -> Transcript:
    made = Transcript()
    qtbot.addWidget(made)
    made.resize(1000, 600)
    made.show()
    qtbot.waitExposed(made)
    return made


def built(transcript: Transcript) -> list[int]:
    return [item.shown.id for item in transcript._items if item.view is not None]


def at_end(transcript: Transcript) -> bool:
    bar = transcript.verticalScrollBar()
    return bar.value() == bar.maximum()


def top_of(transcript: Transcript, message_id: int) -> int:
    view = transcript.view_of(message_id)
    assert view is not None
    return view.mapTo(transcript.viewport(), QPoint(0, 0)).y()


def test_opens_at_the_end_and_builds_only_what_is_near(transcript: Transcript) -> None:
    transcript.set_messages(chat_of(12_000))
    assert at_end(transcript)
    assert len(transcript.ids()) > 60
    assert len(built(transcript)) < 8
    assert transcript.ids()[-1] in built(transcript)


def test_sixty_messages_full_of_mathematics_open_quickly(transcript: Transcript) -> None:
    mathematics.warm_up()
    messages = [Shown(id=n, role="assistant" if n % 2 else "user", content=sample(500 + n)) for n in range(60)]
    began = time.thread_time()
    transcript.set_messages(messages)
    assert time.thread_time() - began < 0.3  # CPU time of this thread, so that a busy machine does not matter


def test_what_is_scrolled_to_is_built(transcript: Transcript, qtbot: QtBot) -> None:
    transcript.set_messages(chat_of(6000))
    transcript.verticalScrollBar().setValue(0)
    qtbot.waitUntil(lambda: transcript.ids()[0] in built(transcript))


def test_nothing_moves_when_messages_above_turn_out_taller(transcript: Transcript, qtbot: QtBot) -> None:
    transcript.set_messages(chat_of(6000))
    target = transcript.ids()[-12]
    transcript.scroll_to(target)
    QApplication.processEvents()
    before = top_of(transcript, target)
    for message_id in transcript.ids()[:10]:
        transcript.view_of(message_id)
    assert abs(top_of(transcript, target) - before) <= 1


def test_follows_what_is_written_until_one_scrolls_up(transcript: Transcript, qtbot: QtBot) -> None:
    transcript.set_messages([Shown(id=n, role="assistant", content="A line.\n\n" * 9) for n in range(20)])
    reply = transcript.add_reply(9999)
    for number in range(30):
        reply.append_answer(f"Paragraph {number}.\n\n")
    qtbot.waitUntil(lambda: "Paragraph 29." in reply.text_view.toPlainText())
    assert at_end(transcript)
    transcript.verticalScrollBar().setValue(transcript.verticalScrollBar().value() - 500)
    assert not transcript.follows
    top = top_of(transcript, 9999)
    for number in range(30, 60):
        reply.append_answer(f"Paragraph {number}.\n\n")
    qtbot.waitUntil(lambda: "Paragraph 59." in reply.text_view.toPlainText())
    assert top_of(transcript, 9999) == top
    assert transcript._jump.isVisible()
    qtbot.mouseClick(transcript._jump, Qt.MouseButton.LeftButton)
    assert at_end(transcript)
    assert transcript.follows
    assert not transcript._jump.isVisible()


def test_place_is_come_back_to(transcript: Transcript, qtbot: QtBot) -> None:
    messages = chat_of(6000)
    transcript.set_messages(messages)
    assert transcript.place() == -1
    target = transcript.ids()[10]
    transcript.scroll_to(target)
    QApplication.processEvents()
    place, top = transcript.place(), top_of(transcript, target)
    transcript.set_messages(messages)
    assert at_end(transcript)
    transcript.set_place(place)
    assert abs(top_of(transcript, target) - top) <= 1
    transcript.set_place(-1)
    assert at_end(transcript)


def test_narrow_window_wraps_and_keeps_the_place(transcript: Transcript, qtbot: QtBot) -> None:
    transcript.set_messages(chat_of(3000))
    transcript.resize(520, 600)
    QApplication.processEvents()
    assert at_end(transcript)
    reply = transcript.view_of(transcript.ids()[-1])
    assert reply is not None
    assert reply.width() == transcript.viewport().width() - 48
    assert transcript.horizontalScrollBar().maximum() == 0


def test_column_is_centred_and_no_wider_than_it_should_be(transcript: Transcript) -> None:
    transcript.resize(1400, 600)
    transcript.set_messages([Shown(id=1, role="assistant", content="x")])
    reply = transcript.view_of(1)
    assert reply is not None
    assert reply.width() == 884
    assert abs(reply.x() - (transcript.viewport().width() - 884) // 2) <= 1


def test_only_the_last_reply_is_called_reply(transcript: Transcript) -> None:
    transcript.set_messages([Shown(id=n, role="assistant", content=str(n)) for n in range(3)])
    transcript.add_reply(9).append_answer("last")
    names = [view.accessibleName() for view in transcript.findChildren(MessageText)]
    assert names == ["Reply 1", "Reply 2", "Reply 3", "Reply"] or sorted(names) == [
        "Reply",
        "Reply 1",
        "Reply 2",
        "Reply 3",
    ]
    assert [b.accessibleName() for b in transcript.findChildren(TextButton)].count("Regenerate") == 1


def test_what_is_asked_for_carries_the_message(transcript: Transcript, qtbot: QtBot) -> None:
    transcript.set_messages(
        [
            Shown(id=7, role="user", content="q", version_index=1, version_count=2),
            Shown(id=8, role="assistant", content="a", version_index=1, version_count=2, is_trace=True),
        ]
    )
    transcript.set_last_trace(8)
    actions = transcript.message_actions
    for name, signal, args in (
        ("Regenerate", actions.regenerate, [8]),
        ("Bad reply", actions.rated, [8, -1]),
        ("Newer version", actions.version_asked, [8, 1]),
        ("Newer version of message", actions.version_asked, [7, 1]),
        ("Compare versions", actions.compare, [8]),
    ):
        button = next(found for found in transcript.findChildren(TextButton) if found.accessibleName() == name)
        with qtbot.waitSignal(signal, timeout=1000) as caught:
            qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
        assert caught.args == args
    use = next(found for found in transcript.findChildren(TextButton) if found.accessibleName() == "Use as trace")
    with qtbot.waitSignal(actions.use_as_trace, timeout=1000) as caught:
        qtbot.mouseClick(use, Qt.MouseButton.LeftButton)
    assert caught.args[0] == 8


def test_what_went_wrong_is_shown_with_the_message(transcript: Transcript) -> None:
    transcript.set_messages(
        [Shown(id=1, role="assistant", content="half", state="interrupted", error="The process ended.")]
    )
    texts = [label.text() for label in transcript.findChildren(QLabel)]
    assert "The process ended." in texts


def test_colours_follow_everywhere(transcript: Transcript) -> None:
    transcript.set_messages(chat_of(1500))
    transcript.set_colours(DARK)
    assert all(view.text_document.look.colours is DARK for view in transcript.findChildren(MessageText))


def test_thoughts_opened_once_stay_open_for_what_comes(transcript: Transcript) -> None:
    first = transcript.add_reply(1)
    first.append_thinking("x")
    assert first.panel is not None
    next(b for b in first.panel.findChildren(QAbstractButton) if b.accessibleName().startswith("Show thinking")).click()
    second = transcript.add_reply(2)
    second.append_thinking("y")
    assert second.panel is not None
    assert second.panel.is_open


@pytest.mark.parametrize(
    "text",
    [
        "x" * 400_000,
        "| a | b |\n|---|---|\n" + "| 1 | $x$ |\n" * 5000,
        "\ud800\x00" * 1000,
        ">" * 1000 + "x",
        "- " * 1000 + "x",
        "```python\n" + "x = 1\n" * 3000,
        "$$\n" + "x\n" * 300,
    ],
)
def test_hostile_text_does_not_hold_the_window_up(transcript: Transcript, qtbot: QtBot, text: str) -> None:
    """Longest turn of the event loop in CPU time of this thread; the bound is far above what it takes (about 0.1 s)."""
    began = time.thread_time()
    transcript.set_messages([Shown(id=1, role="assistant", content=text)])
    longest = time.thread_time() - began
    view = transcript.view_of(1)
    assert isinstance(view, ReplyView)
    document = view.text_view.text_document
    for _ in range(40):
        began = time.thread_time()
        QApplication.processEvents()
        longest = max(longest, time.thread_time() - began)
        if not document.is_behind:
            break
    assert longest < 1.0
    transcript.clear()
