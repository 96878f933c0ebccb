from collections.abc import Iterator

import pytest
from pytestqt.qtbot import QtBot

from app.desktop.pages.chat.session import Replies, UnderWay
from app.desktop.services.chat_store import nothing
from models import events
from models.errors import DiskFull, StillroomError
from models.requests import Message
from models.store.chats import Chats
from tests.app.desktop.fake_engine import FakeEngine, reply
from tests.app.desktop.settled_store import SettledStore


@pytest.fixture
def replies(store: SettledStore, engine: FakeEngine) -> Iterator[Replies]:
    replies = Replies(store, engine, engine.signals)
    yield replies
    replies.close()


def ask(chats: Chats, replies: Replies, text: str = "What is the capital of France?", system: str = "") -> UnderWay:
    chat = chats.create("starter", system=system)
    answer(replies, chats.add_user_message(chat.id, text).id, 512)
    under_way = replies.of_chat(chat.id)
    assert under_way is not None
    return under_way


def answer(replies: Replies, asked_id: int, budget: int) -> None:
    replies.answer(lambda _chats: asked_id, "starter", budget, "", nothing, raise_it)


def raise_it(error: StillroomError) -> None:
    raise error


def test_rows_are_there_before_the_engine_hears_of_them(chats: Chats, engine: FakeEngine, replies: Replies) -> None:
    under_way = ask(chats, replies, system="Be brief.")
    assert [row.state for row in chats.branch(under_way.chat_id)] == ["done", "streaming"]
    _, request = engine.last_chat()
    assert request.think == 512
    assert request.messages == [
        Message(role="system", content="Be brief."),
        Message(role="user", content="What is the capital of France?"),
    ]


def test_text_is_stored_while_it_comes(chats: Chats, engine: FakeEngine, replies: Replies, qtbot: QtBot) -> None:
    under_way = ask(chats, replies)
    engine.think("Let me see.")
    qtbot.waitUntil(lambda: chats.message(under_way.message_id).thinking == "Let me see.")
    engine.play(under_way.call_id, events.Token(channel="answer", text="Par", n=1))
    qtbot.waitUntil(lambda: chats.message(under_way.message_id).content == "Par")
    assert chats.message(under_way.message_id).state == "streaming"


def test_the_whole_reply_replaces_what_was_stored(chats: Chats, engine: FakeEngine, replies: Replies) -> None:
    under_way = ask(chats, replies)
    engine.answer("Paris.", thinking="Let me see.")
    row = chats.message(under_way.message_id)
    assert (row.state, row.content, row.thinking) == ("done", "Paris.", "Let me see.")
    assert row.figures is not None
    assert row.figures.tokens_per_s == 41.3
    assert replies.of_chat(under_way.chat_id) is None


def test_a_stopped_reply_keeps_its_words(chats: Chats, engine: FakeEngine, replies: Replies) -> None:
    under_way = ask(chats, replies)
    engine.play(under_way.call_id, events.Token(channel="answer", text="Par", n=1))
    replies.stop(under_way.chat_id)
    replies.stop(under_way.chat_id)
    assert engine.cancelled == [under_way.call_id]
    engine.play(under_way.call_id, events.Done(result=reply("Par", finish="cancelled")))
    row = chats.message(under_way.message_id)
    assert (row.state, row.content) == ("stopped", "Par")


def test_thinking_that_was_stopped_has_its_seconds(chats: Chats, engine: FakeEngine, replies: Replies) -> None:
    under_way = ask(chats, replies)
    engine.think("Let me see.")
    stopped = reply("", "Let me see.", finish="cancelled", closed_by=None, thinking_s=0.0)
    engine.play(under_way.call_id, events.Done(result=stopped))
    figures = chats.message(under_way.message_id).figures
    assert figures is not None
    assert figures.thinking_s > 0


@pytest.mark.parametrize(
    ("kind", "state"), [("worker_died", "interrupted"), ("no_memory", "failed"), ("cancelled", "stopped")]
)
def test_however_it_ends_what_was_said_stays(
    chats: Chats, engine: FakeEngine, replies: Replies, kind: str, state: str
) -> None:
    under_way = ask(chats, replies)
    engine.think("Let me")
    engine.play(under_way.call_id, events.Failed(kind=kind, text="It ended.", hint="Try again."))
    row = chats.message(under_way.message_id)
    assert (row.state, row.thinking) == (state, "Let me")
    assert row.error == ("" if kind == "cancelled" else "It ended. Try again.")


def test_a_full_disk_is_told_once_and_tried_again(
    chats: Chats, engine: FakeEngine, replies: Replies, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    under_way = ask(chats, replies)
    append = Chats.append
    told: list[DiskFull] = []
    tries: list[int] = []

    def full(_chats: Chats, message_id: int, **_: str) -> None:
        tries.append(message_id)
        raise DiskFull("There is no space left.")

    replies.not_stored.connect(told.append)
    monkeypatch.setattr(Chats, "append", full)
    engine.play(under_way.call_id, events.Token(channel="answer", text="Par", n=1))
    qtbot.waitUntil(lambda: len(tries) >= 2)
    assert len(told) == 1
    monkeypatch.setattr(Chats, "append", append)
    engine.play(under_way.call_id, events.Token(channel="answer", text="is", n=2))
    qtbot.waitUntil(lambda: chats.message(under_way.message_id).content == "Paris")


def test_closing_keeps_what_was_not_stored_yet(chats: Chats, engine: FakeEngine, replies: Replies) -> None:
    under_way = ask(chats, replies)
    engine.play(under_way.call_id, events.Token(channel="answer", text="Par", n=1))
    replies.close()
    row = chats.message(under_way.message_id)
    assert (row.state, row.content) == ("stopped", "Par")


def test_a_reply_without_words_is_no_turn_of_the_conversation(
    chats: Chats, engine: FakeEngine, replies: Replies
) -> None:
    under_way = ask(chats, replies)
    engine.play(under_way.call_id, events.Failed(kind="no_memory", text="No.", hint=""))
    again = chats.add_user_message(under_way.chat_id, "And now?")
    answer(replies, again.id, 0)
    _, request = engine.last_chat()
    assert [turn.role for turn in request.messages] == ["user", "user"]


def test_steering_ends_with_the_thinking(chats: Chats, engine: FakeEngine, replies: Replies) -> None:
    under_way = ask(chats, replies)
    engine.think("Let me see.")
    replies.steer(under_way.chat_id, "answer_now")
    engine.play(under_way.call_id, events.ThinkingClosed(tokens=3, seconds=1.0, how="answer_now"))
    replies.steer(under_way.chat_id, "think_longer")
    assert engine.steered == [(under_way.call_id, "answer_now")]
