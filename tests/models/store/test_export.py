import msgspec

from models import events
from models.store.chats import Chats
from models.store.export import ExportedChat, export_json, export_markdown


def test_json_holds_every_branch_and_reads_back(chats: Chats, reply: events.Reply) -> None:
    chat = chats.create("starter", system="Be brief.")
    asked = chats.add_user_message(chat.id, "Capital of France? 😀")
    chats.finish(chats.begin_reply(asked.id, "starter").id, "done", reply)
    chats.finish(chats.begin_reply(asked.id, "other").id, "stopped")
    read = msgspec.json.decode(export_json(chats, chat.id), type=ExportedChat)
    assert read.format == "stillroom.chat"
    assert read.chat == chats.get(chat.id)
    assert read.messages == chats.tree(chat.id)
    assert len(read.messages) == 3


def test_markdown_is_the_shown_branch(chats: Chats, reply: events.Reply) -> None:
    chat = chats.create("starter", system="Be brief.")
    chats.rename(chat.id, "France")
    asked = chats.add_user_message(chat.id, "Capital?")
    chats.finish(chats.begin_reply(asked.id, "starter").id, "done", reply)
    more = chats.add_user_message(chat.id, "Sure?")
    failed = chats.begin_reply(more.id, "starter")
    chats.append(failed.id, thinking="Hm.")
    chats.finish(failed.id, "failed", error="The engine ended.")
    lines = export_markdown(chats, chat.id).split("\n\n")
    assert lines[0] == "# France"
    assert lines[2:] == [
        "## System prompt",
        "Be brief.",
        "## You",
        "Capital?",
        "## starter",
        "<details>\n<summary>Thought for 2 s · 7 tokens</summary>",
        "Paris or Lyon? Paris.",
        "</details>",
        "It is **Paris**.",
        "## You",
        "Sure?",
        "## starter",
        "<details>\n<summary>Thinking</summary>",
        "Hm.",
        "</details>",
        "*(failed: The engine ended.)*\n",
    ]
