import sqlite3
from pathlib import Path

import pytest

from models import errors, events, paths
from models.requests import Sampling
from models.store import database
from models.store.chats import RECENTLY_DELETED_DAYS, Chats
from models.store.database import open_database, transaction
from models.store.migrations import MIGRATIONS
from models.store.rows import Figures
from tests.models.store.conftest import Clock


def contents(chats: Chats, chat_id: int) -> list[str]:
    return [message.content for message in chats.branch(chat_id)]


def answered(chats: Chats, chat_id: int, question: str, answer: str) -> int:
    """Add a question and its answer; returns the id of the answer."""
    asked = chats.add_user_message(chat_id, question)
    written = chats.begin_reply(asked.id, "starter")
    chats.append(written.id, content=answer)
    return chats.finish(written.id).id


def test_a_new_chat_has_what_it_was_given(chats: Chats) -> None:
    chat = chats.create("starter", think_budget=None, system="Be brief.", preset="Maths", sampling=Sampling(top_k=5))
    assert (chat.model, chat.think_budget, chat.system, chat.preset) == ("starter", None, "Be brief.", "Maths")
    assert chat.sampling == Sampling(top_k=5)
    assert chats.get(chat.id) == chat
    assert chats.branch(chat.id) == []


def test_a_turn_is_stored_with_its_figures(chats: Chats, reply: events.Reply) -> None:
    chat = chats.create("starter")
    asked = chats.add_user_message(chat.id, "What is the capital of France?")
    begun = chats.begin_reply(asked.id, "starter")
    assert (begun.state, begun.parent_id, begun.model) == ("streaming", asked.id, "starter")
    chats.append(begun.id, thinking="Paris or ")
    chats.append(begun.id, thinking="Lyon?", content="It")
    assert (chats.message(begun.id).thinking, chats.message(begun.id).content) == ("Paris or Lyon?", "It")
    finished = chats.finish(begun.id, "done", reply)
    assert (finished.state, finished.thinking, finished.content) == ("done", reply.thinking, reply.answer)
    assert finished.figures == Figures(
        thinking_tokens=7,
        answer_tokens=6,
        prompt_tokens=31,
        cached_tokens=12,
        ttft_s=0.25,
        tokens_per_s=41.5,
        finish="eos",
        closed_by="budget",
        thinking_s=1.5,
        budget=7,
    )
    assert [message.id for message in chats.branch(chat.id)] == [asked.id, begun.id]
    assert chats.get(chat.id).leaf_id == begun.id


@pytest.mark.parametrize("state", ["stopped", "interrupted", "failed"])
def test_what_was_appended_stays_when_a_reply_ends_early(chats: Chats, state: str) -> None:
    asked = chats.add_user_message(chats.create().id, "Count to ten.")
    begun = chats.begin_reply(asked.id, "starter")
    chats.append(begun.id, content="One, two")
    ended = chats.finish(begun.id, state, error="The engine ended.")  # type: ignore[arg-type]
    assert (ended.state, ended.content, ended.error, ended.figures) == (state, "One, two", "The engine ended.", None)


def test_a_finished_reply_takes_no_more_text(chats: Chats) -> None:
    done = answered(chats, chats.create().id, "Hello", "Hi")
    with pytest.raises(errors.NotFound):
        chats.append(done, content=" there")
    assert chats.message(done).content == "Hi"


def test_editing_a_message_makes_a_branch_and_loses_nothing(chats: Chats) -> None:
    chat = chats.create()
    answered(chats, chat.id, "a", "A")
    second = answered(chats, chat.id, "b", "B")
    asked = chats.message(second).parent_id
    assert asked is not None
    edited = chats.edit_user_message(asked, "b2")
    assert (edited.version, edited.versions) == (2, 2)
    assert contents(chats, chat.id) == ["a", "A", "b2"]
    chats.finish(chats.begin_reply(edited.id, "starter").id)
    chats.show_version(edited.id, -1)
    assert contents(chats, chat.id) == ["a", "A", "b", "B"]
    chats.show_version(asked, 1)
    assert contents(chats, chat.id) == ["a", "A", "b2", ""]
    assert len(chats.tree(chat.id)) == 6


def test_editing_the_first_message_makes_a_second_root(chats: Chats) -> None:
    chat, other = chats.create(), chats.create()
    answered(chats, other.id, "elsewhere", "E")
    answered(chats, chat.id, "a", "A")
    root = chats.branch(chat.id)[0]
    edited = chats.edit_user_message(root.id, "a2")
    assert chats.versions(edited.id) == [root.id, edited.id]
    assert contents(chats, chat.id) == ["a2"]


def test_regenerating_adds_a_version_one_can_go_back_from(chats: Chats) -> None:
    chat = chats.create()
    first = answered(chats, chat.id, "q", "one")
    asked = chats.message(first).parent_id
    assert asked is not None
    for text in ("two", "three"):
        chats.append(chats.begin_reply(asked, "other").id, content=text)
        chats.finish(chats.branch(chat.id)[-1].id)
    ids = chats.versions(first)
    assert len(ids) == 3
    assert (chats.branch(chat.id)[-1].version, chats.branch(chat.id)[-1].versions) == (3, 3)
    assert chats.show_version(ids[2], 1).content == "three"  # the newest: stays
    assert chats.show_version(ids[2], -1).content == "two"
    assert chats.show_version(ids[1], -1).content == "one"
    assert chats.show_version(ids[0], -1).content == "one"  # the oldest: stays
    assert contents(chats, chat.id) == ["q", "one"]


def test_going_on_from_an_older_version_keeps_both_branches(chats: Chats) -> None:
    chat = chats.create()
    first = answered(chats, chat.id, "q", "one")
    asked = chats.message(first).parent_id
    assert asked is not None
    second = chats.finish(chats.begin_reply(asked, "starter").id).id
    chats.show(first)
    answered(chats, chat.id, "more", "MORE")
    assert contents(chats, chat.id) == ["q", "one", "more", "MORE"]
    chats.show(second)
    assert contents(chats, chat.id) == ["q", ""]
    chats.show(first)
    assert contents(chats, chat.id) == ["q", "one", "more", "MORE"]


def test_only_user_messages_are_edited_and_answered(chats: Chats) -> None:
    done = answered(chats, chats.create().id, "q", "a")
    with pytest.raises(errors.BadInput):
        chats.edit_user_message(done, "x")
    with pytest.raises(errors.BadInput):
        chats.begin_reply(done, "starter")


def test_the_list_has_the_last_changed_first(chats: Chats) -> None:
    first, second, third = chats.create("m1"), chats.create("m2"), chats.create("m3")
    chats.rename(third.id, "Third")
    chats.add_user_message(first.id, "up")
    assert [entry.id for entry in chats.entries()] == [first.id, third.id, second.id]
    assert (chats.entries()[1].title, chats.entries()[1].model) == ("Third", "m3")


def test_the_list_is_read_from_its_index_alone(chats: Chats) -> None:
    plan = chats.connection.execute(
        "EXPLAIN QUERY PLAN SELECT id, title, updated, model FROM chats WHERE deleted_at IS NULL "
        "ORDER BY updated DESC, id DESC"
    ).fetchall()
    assert [row[3] for row in plan] == ["SCAN chats USING COVERING INDEX chats_listed"]


def test_an_automatic_title_never_replaces_the_users(chats: Chats) -> None:
    chat = chats.create()
    chats.rename(chat.id, "Made up", source="auto")
    assert chats.get(chat.id).title == "Made up"
    chats.rename(chat.id, "Mine")
    chats.rename(chat.id, "Made up again", source="auto")
    assert (chats.get(chat.id).title, chats.get(chat.id).title_source) == ("Mine", "user")


def test_sending_empties_the_draft_and_drafts_do_not_reorder(chats: Chats) -> None:
    old, new = chats.create(), chats.create()
    chats.save_draft(old.id, "half a th")
    assert chats.get(old.id).draft == "half a th"
    assert chats.entries()[0].id == new.id
    chats.add_user_message(old.id, "half a thought")
    assert chats.get(old.id).draft == ""


def test_settings_of_a_chat_are_kept(chats: Chats) -> None:
    chat = chats.create()
    chats.set_model(chat.id, "other")
    chats.set_thinking(chat.id, 777, custom=777)
    chats.set_thinking(chat.id, None)
    chats.set_preset(chat.id, system="You prove things.", preset="Maths", sampling=Sampling(temperature=0.6))
    stored = chats.get(chat.id)
    assert (stored.model, stored.think_budget, stored.think_custom) == ("other", None, 777)
    assert (stored.system, stored.preset, stored.sampling) == (
        "You prove things.",
        "Maths",
        Sampling(temperature=0.6),
    )


def test_a_deleted_chat_comes_back_and_is_purged_after_30_days(chats: Chats, clock: Clock) -> None:
    kept, gone = chats.create(), chats.create()
    answered(chats, gone.id, "q", "a")
    chats.delete(gone.id)
    assert [entry.id for entry in chats.entries()] == [kept.id]
    assert [entry.id for entry in chats.recently_deleted()] == [gone.id]
    chats.restore(gone.id)
    assert len(chats.entries()) == 2
    assert contents(chats, gone.id) == ["q", "a"]
    chats.delete(gone.id)
    clock.now += (RECENTLY_DELETED_DAYS - 1) * 86_400
    assert chats.purge() == 0
    clock.now += 2 * 86_400
    assert chats.recently_deleted() == []
    assert chats.purge() == 1
    with pytest.raises(errors.NotFound):
        chats.get(gone.id)
    assert chats.connection.execute("SELECT count(*) FROM messages").fetchone() == (0,)
    assert chats.create().id > gone.id  # an id never comes to mean another chat


def test_a_very_long_chat_is_read_and_purged(chats: Chats, clock: Clock) -> None:
    chat = chats.create()
    with transaction(chats.connection):
        chats.connection.executemany(
            "INSERT INTO messages (id, chat_id, parent_id, role, content, created) VALUES (?, ?, ?, 'user', 'x', 0)",
            [(n, chat.id, n - 1 or None) for n in range(1, 3001)],
        )
        chats.connection.execute("UPDATE chats SET leaf_id = 3000")
    assert len(chats.branch(chat.id)) == 3000
    chats.delete(chat.id)
    clock.now += 40 * 86_400
    assert chats.purge() == 1


def test_a_duplicate_has_all_branches_and_a_life_of_its_own(chats: Chats) -> None:
    answered(chats, chats.create().id, "other chat", "o")
    chat = chats.create("starter", system="S")
    chats.rename(chat.id, "Proof")
    first = answered(chats, chat.id, "q", "one")
    chats.rate(first, 1)
    asked = chats.message(first).parent_id
    assert asked is not None
    chats.append(chats.begin_reply(asked, "starter").id, content="two")  # still streaming
    copy = chats.duplicate(chat.id)
    assert (copy.title, copy.system, copy.model) == ("Proof copy", "S", "starter")
    assert contents(chats, copy.id) == ["q", "two"]
    assert chats.branch(copy.id)[-1].state == "interrupted"
    assert [message.content for message in chats.tree(copy.id)] == ["q", "one", "two"]
    assert chats.tree(copy.id)[1].rating == 1
    again = chats.duplicate(copy.id)
    chats.add_user_message(again.id, "only here")
    assert contents(chats, copy.id) == ["q", "two"]
    assert contents(chats, chat.id) == ["q", "two"]
    assert chats.duplicate(chats.create().id).leaf_id is None


def test_ratings_and_unknown_ids(chats: Chats) -> None:
    done = answered(chats, chats.create().id, "q", "a")
    chats.rate(done, -1)
    assert chats.message(done).rating == -1
    for act in (
        lambda: chats.get(99),
        lambda: chats.rename(99, "x"),
        lambda: chats.delete(99),
        lambda: chats.branch(99),
        lambda: chats.duplicate(99),
        lambda: chats.add_user_message(99, "x"),
        lambda: chats.message(99),
        lambda: chats.rate(99, 1),
        lambda: chats.show(99),
        lambda: chats.show_version(99, 1),
        lambda: chats.edit_user_message(99, "x"),
        lambda: chats.begin_reply(99, "m"),
        lambda: chats.finish(99),
    ):
        with pytest.raises(errors.NotFound):
            act()


def test_repair_marks_what_a_killed_process_left(chats: Chats) -> None:
    asked = chats.add_user_message(chats.create().id, "q")
    begun = chats.begin_reply(asked.id, "starter")
    chats.append(begun.id, content="half of an answ")
    assert chats.repair() == 1
    assert (chats.message(begun.id).state, chats.message(begun.id).content) == ("interrupted", "half of an answ")
    assert [hit.message_id for hit in chats.search("answ")] == [begun.id]
    assert chats.repair() == 0


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("x\ud800y", "x\ufffdy"),
        ("\ud83d\ude00", "😀"),
        ("nul\x00inside", "nul\x00inside"),
        ("e\u0301 😀 数学", "e\u0301 😀 数学"),
        ("", ""),
    ],
)
def test_any_text_can_be_stored(chats: Chats, text: str, stored: str) -> None:
    chat = chats.create()
    asked = chats.add_user_message(chat.id, text)
    begun = chats.begin_reply(asked.id, text)
    chats.append(begun.id, thinking=text, content=text)
    chats.append(begun.id, content="!")
    chats.rename(chat.id, text)
    chats.save_draft(chat.id, text)
    assert [message.content for message in chats.branch(chat.id)] == [stored, stored + "!"]
    assert (chats.get(chat.id).title, chats.get(chat.id).draft) == (stored, stored)


def test_a_clock_that_jumps_back_does_not_reorder_messages(chats: Chats, clock: Clock) -> None:
    chat = chats.create()
    answered(chats, chat.id, "first", "1")
    clock.now -= 100_000
    answered(chats, chat.id, "second", "2")
    assert contents(chats, chat.id) == ["first", "1", "second", "2"]


def test_a_full_disk_is_said_and_loses_nothing(chats: Chats) -> None:
    chat = chats.create()
    asked = chats.add_user_message(chat.id, "before")
    begun = chats.begin_reply(asked.id, "starter")
    pages = chats.connection.execute("PRAGMA page_count").fetchone()[0]
    chats.connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(errors.DiskFull, match="no space left") as caught:
        chats.append(begun.id, content="x" * 100_000)
    assert caught.value.hint
    with pytest.raises(errors.DiskFull):
        chats.add_user_message(chat.id, "y" * 100_000)
    assert contents(chats, chat.id) == ["before", ""]
    chats.connection.execute("PRAGMA max_page_count = 100000")
    chats.append(begun.id, content="room again")
    assert contents(chats, chat.id) == ["before", "room again"]
    assert chats.connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_another_writer_is_said(chats: Chats) -> None:
    other = sqlite3.connect(paths.database_file(), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    chats.connection.execute("PRAGMA busy_timeout = 1")
    with pytest.raises(errors.Busy):
        chats.create()
    other.execute("ROLLBACK")
    other.close()
    assert chats.create().id == 1


def test_a_read_only_store_reads_and_refuses_to_write(chats: Chats) -> None:
    chat = chats.create()
    answered(chats, chat.id, "q", "a")
    reading = open_database(readonly=True)
    try:
        assert contents(Chats(reading), chat.id) == ["q", "a"]
        with pytest.raises(errors.BadInput, match="may not write"):
            Chats(reading).create()
    finally:
        reading.close()


def test_a_fault_of_the_disk_is_said(chats: Chats, monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing:
        in_transaction = False

        def execute(self, statement: str, *values: object) -> sqlite3.Cursor:
            if statement.startswith("BEGIN"):
                fault = sqlite3.OperationalError("disk I/O error")
                fault.sqlite_errorcode = sqlite3.SQLITE_IOERR_WRITE  # type: ignore[misc]
                raise fault
            return chats.connection.execute(statement, *values)

    failing = Chats(Failing())  # type: ignore[arg-type]
    with pytest.raises(errors.Corrupt, match=r"The disk reported a fault at .*stillroom\.db"):
        failing.create()


def test_our_own_mistakes_stay_what_they_are(chats: Chats) -> None:
    with pytest.raises(sqlite3.OperationalError, match="no such column"):
        chats._set(chats.create().id, nonsense=1)


def test_the_store_belongs_to_one_thread(chats: Chats, tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool, pytest.raises(sqlite3.ProgrammingError, match="thread"):
        pool.submit(chats.entries).result()


def test_a_chat_and_its_replies_keep_their_adapter(chats: Chats) -> None:
    chat = chats.create("starter", adapter="adds")
    reply = chats.begin_reply(chats.add_user_message(chat.id, "1 + 1?").id, "starter", "adds")
    chats.finish(reply.id)
    assert (chats.get(chat.id).adapter, chats.message(reply.id).adapter) == ("adds", "adds")
    copy = chats.duplicate(chat.id)
    assert (copy.adapter, chats.branch(copy.id)[-1].adapter) == ("adds", "adds")
    chats.set_model(chat.id, "larger")
    assert (chats.get(chat.id).model, chats.get(chat.id).adapter) == ("larger", "")


def test_a_file_from_before_adapters_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "old.db"
    with monkeypatch.context() as then:
        then.setattr(database, "MIGRATIONS", MIGRATIONS[:2])
        old = open_database(path)
        old.execute("INSERT INTO chats (created, updated, model) VALUES (1, 1, 'starter')")
        old.execute("INSERT INTO messages (chat_id, role, content, created) VALUES (1, 'user', 'Hello', 1)")
        old.close()
    connection = open_database(path)
    chats = Chats(connection)
    assert chats.get(1).adapter == ""
    assert [message.adapter for message in chats.tree(1)] == [""]
    connection.close()


def test_rated_replies_of_all_chats_are_found_with_what_they_answer(chats: Chats) -> None:
    first, second, deleted = (chats.create("starter").id for _ in range(3))
    good = answered(chats, first, "1 + 1?", "2")
    better = answered(chats, first, "2 + 2?", "4")
    bad = answered(chats, second, "3 + 3?", "7")
    gone = answered(chats, deleted, "4 + 4?", "8")
    answered(chats, second, "5 + 5?", "10")
    under_way = chats.begin_reply(chats.add_user_message(second, "6 + 6?").id, "starter").id
    for message_id, rating in ((good, 1), (better, 1), (bad, -1), (gone, 1), (under_way, 1)):
        chats.rate(message_id, rating)
    chats.delete(deleted)
    assert [message.id for message in chats.rated(1)] == [good, better]
    assert [message.id for message in chats.rated(-1)] == [bad]
    assert [message.content for message in chats.path(better)] == ["1 + 1?", "2", "2 + 2?", "4"]
    with pytest.raises(errors.NotFound):
        chats.path(10_000)
