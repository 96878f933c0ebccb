"""A database with something of everything in it, the same with one bit turned, and all that can be asked of it."""

import contextlib
import random
import sqlite3
from collections.abc import Callable
from pathlib import Path

from models import errors, events
from models.jobs.kinds.fetch import Fetch
from models.jobs.queue import Job
from models.jobs.rows import JobRows
from models.store import database, export
from models.store.chats import Chats


def fill(path: Path) -> None:
    """Chats with branches, thinking, figures, ratings, one deleted; and jobs."""
    with contextlib.closing(database.open_database(path)) as connection:
        chats = Chats(connection, iter(range(1_790_000_000, 1_800_000_000)).__next__)
        for number in range(6):
            chat = chats.create("starter", system="Be brief." * number, preset="Own")
            chats.rename(chat.id, f"Chat {number} about bread")
            for turn in range(4):
                asked = chats.add_user_message(chat.id, f"question {turn} " * 20)
                for _version in range(1 + turn % 2):
                    written = chats.begin_reply(asked.id, "starter", "maths" if number == 2 else "")
                    reply = events.Reply(
                        thinking="well " * 40, answer=f"answer {turn}, " * 30, thinking_tokens=40, answer_tokens=60,
                        prompt_tokens=9, cached_tokens=0, ttft_s=0.1, tokens_per_s=30.0, finish="eos", closed_by="model",
                        thinking_s=1.0, budget=100,
                    )  # fmt: skip
                    chats.finish(written.id, "done", reply)
                    chats.rate(written.id, 1)
        chats.delete(6)
        rows = JobRows(connection)
        for number in range(3):
            job = Job(id=0, title=f"Get {number}", subject=f"some/model-{number}", state="paused")
            rows.add(job, [Fetch(repo=f"some/model-{number}")])


def flipped(whole: bytes, seed: int) -> bytes:
    """The same with one bit turned, the same one for the same seed."""
    at = random.Random(seed).randrange(len(whole) * 8)
    changed = bytearray(whole)
    changed[at // 8] ^= 1 << at % 8
    return bytes(changed)


def use(path: Path) -> str:
    """Open a database and do all there is; StillroomError may come of anything, and nothing else. Says how far that went."""
    try:
        connection = database.open_database(path)
    except errors.StillroomError:
        return "refused"
    with contextlib.closing(connection):
        return "used" if all([_try(act) for act in _acts(connection)]) else "in part"


def _try(act: Callable[[], object]) -> bool:
    try:
        act()
    except errors.StillroomError:
        return False
    return True


def _acts(connection: sqlite3.Connection) -> list[Callable[[], object]]:
    chats = Chats(connection, lambda: 1_790_100_000)
    acts: list[Callable[[], object]] = [chats.repair, chats.recently_deleted, chats.damaged]
    acts += [
        JobRows(connection).all,
        lambda: chats.search("bread que"),
        lambda: [chats.path(r.id) for r in chats.rated(1)],
    ]
    with contextlib.suppress(errors.StillroomError):
        for entry in chats.entries():
            acts += [lambda n=entry.id: _use_chat(chats, n), lambda n=entry.id: chats.duplicate(n)]
    return [*acts, lambda: chats.rename(1, "Other"), lambda: chats.delete(2), lambda: chats.restore(2), chats.purge]


def _use_chat(chats: Chats, chat_id: int) -> None:
    chats.get(chat_id)
    chats.tree(chat_id)
    export.export_json(chats, chat_id)
    export.export_markdown(chats, chat_id)
    seen = [row.id for row in chats.branch(chat_id)]
    for message_id in seen:
        chats.versions(message_id)
    asked = chats.add_user_message(chat_id, "And then?")
    written = chats.begin_reply(asked.id, "starter")
    chats.append(written.id, content="Nothing.")
    chats.finish(written.id)
    assert [row.id for row in chats.branch(chat_id)] == [*seen, asked.id, written.id]  # sent to what was seen
