"""A window and a terminal at once on one home: what one writes the other reads whole, and neither waits for the other.

The window's part is played by what it calls, the terminal's by the real command line.
"""

import os
from pathlib import Path

import pytest

from models import events, paths
from models.engine.client import Engine
from models.library import installed
from models.requests import ChatRequest, Message
from models.store.chats import Chats
from models.store.database import open_database
from tests.end2end.command_line import ended, started, stillroom, worker_of
from tests.tiny import make_tiny

pytestmark = pytest.mark.slow  # through whole processes; a quick sibling of each stands at what it goes through


def test_a_reply_is_written_while_a_terminal_checks_the_chats(home: Path):
    window = open_database()
    try:
        chats = Chats(window)
        asked = chats.add_user_message(chats.create("starter").id, "Hello")
        reply = chats.begin_reply(asked.id, "starter")
        chats.append(reply.id, content="Hel")
        checked = stillroom(home, "doctor", "--json").events[-1]["findings"]
        assert next(one["state"] for one in checked if one["name"] == "Chats") == "ok"
        chats.append(reply.id, content="lo")
        row = chats.message(reply.id)
        assert (row.state, row.content) == ("streaming", "Hello")
    finally:
        window.close()


def test_a_model_is_listed_whole_or_not_at_all_while_a_terminal_imports_it(home: Path, tmp_path: Path):
    importing = started(home, "import", str(make_tiny(tmp_path / "tiny")))
    listed = []
    while importing.poll() is None:
        listed.append({model.name: model.state for model in installed.models()})
    assert ended(importing).status == 0
    assert [
        states for states in listed if states not in ({"starter": "ready"}, {"starter": "ready", "tiny": "ready"})
    ] == []
    assert installed.show("tiny").state == "ready"


def test_both_chat_and_a_model_that_the_terminal_deletes_goes_on_talking(home: Path, tmp_path: Path):
    make_tiny(paths.models_folder() / "tiny", thinking="opened", context=200_000)
    window = Engine()
    try:
        call, said = window.start_watched(
            ChatRequest(model="tiny", messages=[Message(role="user", content="Hello")], think=None)
        )
        next(event for event in said if isinstance(event, events.Token))
        worker = worker_of(os.getpid())
        worker.suspend()  # in mid-reply: all it would do meanwhile is keep this machine busy
        asked = stillroom(home, "chat", "tiny", "Hello", "--think", "4", "--max-tokens", "40", "--json")
        assert asked.events[-1]["type"] == "done"
        assert stillroom(home, "rm", "tiny", "--json").status == 0
        stillroom(home, "chat", "tiny", "Hello", "--json").assert_failed("not_found", 1, "tiny")
        worker.resume()
        next(event for event in said if isinstance(event, events.Token))
        window.cancel(call)
        *_, done = said
        assert done.result.finish == "cancelled"
    finally:
        window.close()
    assert not (paths.models_folder() / "tiny").exists()
