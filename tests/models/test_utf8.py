"""Text that has no UTF-8 is made whole wherever it is kept."""

import contextlib

import msgspec
import pytest

from models import settings, utf8
from models.jobs.kinds.import_model import ImportModel
from models.jobs.queue import Job
from models.jobs.rows import JobRows
from models.settings import Preset, Settings
from models.store import database
from models.store.chats import Chats


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("plain", "plain"), ("caf\udce9", "caf\ufffd"), ("\ud83d", "\ufffd"), ("\ud83d\ude00", "\U0001f600"),
        ("\ude00\ud83d", "\ufffd\ufffd"), ("a\0b", "a\0b"), ("", ""),
    ],
)  # fmt: skip
def test_halves_of_pairs(text: str, whole: str) -> None:
    assert utf8.whole(text) == whole
    assert utf8.is_whole(text) == (text == whole)
    assert msgspec.json.decode(utf8.json({text: [text]})) == {whole: [whole]}


def test_what_the_window_keeps_is_made_whole() -> None:
    """A paste may hold half of a pair."""
    half = "caf\udce9 \ud83d"
    settings.save(Settings(presets=[Preset(name=half, system=half)], window=settings.WindowSettings(draft=half)))
    assert settings.read().window.draft == "caf\ufffd \ufffd"
    with contextlib.closing(database.open_database()) as connection:
        chats = Chats(connection)
        chat = chats.create("starter", system=half)
        chats.rename(chat.id, half)
        chats.save_draft(chat.id, half)
        assert chats.add_user_message(chat.id, half).content == "caf\ufffd \ufffd"
        rows = JobRows(connection)
        job = Job(id=0, title=half, subject=half, state="paused")
        rows.add(job, [ImportModel(path=f"/tmp/{half}")])
        assert rows.all()[0][0].title == "caf\ufffd \ufffd"
