"""Replies of chats become traces: whole ones, with what was said before them, and why not."""

from collections.abc import Iterator

import pytest

from models import events
from models.store.chats import Chats
from models.store.database import open_database
from models.traces import replies, store
from models.traces.trace import Turn


@pytest.fixture
def chats() -> Iterator[Chats]:
    connection = open_database()
    yield Chats(connection)
    connection.close()


def reply(answer: str, thinking: str, closed_by: events.ClosedBy = "model", budget: int | None = None) -> events.Reply:
    return events.Reply(
        thinking=thinking,
        answer=answer,
        thinking_tokens=len(thinking.split()),
        answer_tokens=len(answer.split()),
        prompt_tokens=20,
        cached_tokens=0,
        ttft_s=0.2,
        tokens_per_s=40.0,
        finish="eos",
        closed_by=closed_by,
        budget=budget,
    )


def answer(chats: Chats, chat_id: int, question: str, record: events.Reply, adapter: str = "") -> int:
    begun = chats.begin_reply(chats.add_user_message(chat_id, question).id, "starter", adapter)
    return chats.finish(begun.id, "done", record).id


def test_a_reply_is_a_trace_with_what_came_before(chats: Chats):
    chat = chats.create("starter", system="Be brief.")
    answer(chats, chat.id, "What is 2 + 2?", reply("4.", "Two and two.", budget=512))
    second = answer(chats, chat.id, "And 3 + 3?", reply("6.", "Three and three.", budget=512), "adds")
    chats.rate(second, 1)
    trace = replies.of_reply(chats, second)
    assert (trace.problem, trace.thinking, trace.answer, trace.system) == (
        "And 3 + 3?", "Three and three.", "6.", "Be brief."
    )  # fmt: skip
    assert trace.turns == [Turn("user", "What is 2 + 2?"), Turn("assistant", "4.", "Two and two.")]
    assert (trace.teacher, trace.budget, trace.tokens, trace.verified) == ("starter + adds", 512, 4, True)
    assert trace.closed


def test_a_set_is_made_and_says_what_it_did_not_take(chats: Chats):
    chat = chats.create("starter")
    whole = answer(chats, chat.id, "What is 2 + 2?", reply("4.", "Two and two."))
    cut = answer(chats, chat.id, "And 30 + 30?", reply("60.", "Thirty and", closed_by="budget"))
    got = replies.collect("chat", [replies.of_reply(chats, whole), replies.of_reply(chats, cut)])
    assert (len(got.ids), got.total) == (1, 1)
    assert [left.reason for left in got.left_out] == ["not_closed"]
    again = replies.collect("chat", [replies.of_reply(chats, whole)])
    assert (again.ids, again.total) == ([], 1)
    assert again.left_out[0].reason == "duplicate"


def test_nothing_worth_keeping_makes_no_set(chats: Chats):
    cut = answer(chats, chats.create().id, "And 30 + 30?", reply("60.", "Thirty and", closed_by="budget"))
    got = replies.collect("chat", [replies.of_reply(chats, cut)])
    assert (got.ids, got.total) == ([], 0)
    assert store.all_sets() == []


def test_what_was_taken_out_again_can_be_added_again(chats: Chats):
    trace = replies.of_reply(chats, answer(chats, chats.create().id, "2 + 2?", reply("4.", "Two and two.")))
    first = replies.collect("chat", [trace])
    store.exclude("chat", first.ids)
    assert store.get("chat").excluded == 1
    again = replies.collect("chat", [trace])
    assert (again.ids, again.total, again.left_out) == (first.ids, 1, [])


def test_rated_replies_are_gathered_from_all_chats(chats: Chats):
    for number, rating in ((2, 1), (40, -1), (500, 1), (6000, 0)):
        answered = answer(
            chats, chats.create().id, f"{number} apples, how many?", reply(f"{number}.", f"There are {number} of them.")
        )
        chats.rate(answered, rating)
    good, bad = replies.of_rated(chats), replies.of_rated(chats, good=False)
    assert [trace.answer for trace in good] == ["2.", "500."]
    assert [(trace.answer, trace.verified) for trace in bad] == [("40.", False)]
