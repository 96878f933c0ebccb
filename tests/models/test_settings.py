"""Settings survive a round trip, a newer version's keys, a slip of the hand and a full disk."""

import logging
import os
import stat
import tomllib
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from models import paths, settings
from models.errors import Corrupt, DiskFull
from models.settings import Preset, Settings

FULL = Settings(
    theme="dark",
    default_model="qwen",
    think="unlimited",
    think_by_model={"qwen": 64, "a.b c": "unlimited"},
    presets=[
        Preset(name="Terse", system='Be brief.\n"Yes"', temperature=0.6, top_p=0.95, think=0),
        Preset(name="Free"),
    ],
    window={"size": [1300, 820], "page": "chat", "split": {"left": 232}},
)


def _write(text: str | bytes) -> Path:
    file = paths.settings_file()
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def test_no_file_means_defaults() -> None:
    assert settings.load() == (Settings(), "")
    assert not paths.settings_file().exists()


def test_round_trip() -> None:
    settings.save(FULL)
    assert settings.load() == (FULL, "")


def test_the_file_is_private() -> None:
    settings.save(FULL)
    assert stat.S_IMODE(paths.settings_file().stat().st_mode) == 0o600


@hypothesis_settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=50), st.text(st.characters(codec="utf-8")))
def test_any_words_survive(name: str, system: str) -> None:
    wanted = Settings(presets=[Preset(name=name, system=system)], think_by_model={name: 3})
    settings.save(wanted)
    assert settings.read() == wanted


def test_unknown_keys_are_kept() -> None:
    _write(
        'later = 7\ntheme = "dark"\n[[presets]]\nname = "A"\nvoice = "low"\n[[presets]]\nname = "B"\n[extra]\nx = 1\n'
    )
    current, _ = settings.load()
    settings.save(msgspec.structs.replace(current, theme="light", presets=current.presets[:1]))
    table = tomllib.loads(paths.settings_file().read_text())
    assert (table["later"], table["extra"], table["theme"]) == (7, {"x": 1}, "light")
    assert [(preset["name"], preset["voice"]) for preset in table["presets"]] == [("A", "low")]


def test_what_was_removed_stays_removed() -> None:
    settings.save(FULL)
    settings.save(msgspec.structs.replace(FULL, think_by_model={"qwen": 64}, window={}))
    assert settings.read().think_by_model == {"qwen": 64}
    assert settings.read().window == {}


def test_null_is_left_out() -> None:
    settings.save(Settings(window={"a": None, "b": {"c": None, "d": [1, None]}}))
    assert settings.read().window == {"b": {"d": [1]}}


@pytest.mark.parametrize(
    "text",
    [
        "theme = ",
        'theme = "blue"',
        "think = -1",
        "think = 1.5",
        'default_model = ""',
        '[[presets]]\nname = "A"\ntemperature = 9.0',
        '[[presets]]\nsystem = "no name"',
        "presets = 3",
        b"\xff\xfe\x00",
        "a = " + "[" * 5000,
    ],
)
def test_a_broken_file_is_set_aside(text: str | bytes, caplog: pytest.LogCaptureFixture) -> None:
    file = _write(text)
    before = file.read_bytes()
    with caplog.at_level(logging.WARNING):
        current, sentence = settings.load()
    assert current == Settings()
    assert sentence.startswith("The settings can't be read: ")
    assert sentence.endswith("Defaults are used; the file is kept as settings.toml.broken.")
    assert sentence in caplog.text
    assert not file.exists()
    assert file.with_name("settings.toml.broken").read_bytes() == before


def test_an_earlier_broken_file_stays() -> None:
    _write("a = ")
    settings.load()
    _write("b = ")
    _, sentence = settings.load()
    assert sentence.endswith("kept as settings.toml.broken-2.")
    assert paths.home().joinpath("settings.toml.broken").read_text() == "a = "


def test_reading_alone_touches_nothing() -> None:
    file = _write("theme = 3")
    with pytest.raises(Corrupt, match=r"Expected `str`.*theme"):
        settings.read()
    assert file.read_text() == "theme = 3"


def test_a_byte_order_mark_is_no_fault() -> None:
    _write(b'\xef\xbb\xbftheme = "dark"')
    assert settings.read().theme == "dark"


def test_a_full_disk_leaves_the_old_file(monkeypatch: pytest.MonkeyPatch) -> None:
    settings.save(FULL)

    def full(_descriptor: int) -> None:
        raise OSError(28, os.strerror(28))

    with monkeypatch.context() as patch:
        patch.setattr(settings.os, "fsync", full)
        with pytest.raises(DiskFull):
            settings.save(Settings())
    assert settings.read() == FULL
    assert [entry.name for entry in paths.settings_file().parent.iterdir()] == ["settings.toml"]


def test_saving_over_a_broken_file_keeps_it() -> None:
    _write("theme = ")
    settings.save(FULL)
    assert settings.read() == FULL
    assert paths.home().joinpath("settings.toml.broken").read_text() == "theme = "


def test_budgets() -> None:
    assert Settings().budget_for("m", thinks=True) == 2048
    assert Settings().budget_for("m", thinks=False) == 0
    assert Settings(think="unlimited").budget_for("m", thinks=True) is None
    chosen = Settings().with_budget("m", None).with_budget("n", 7)
    assert (chosen.budget_for("m", thinks=False), chosen.budget_for("n", thinks=True)) == (None, 7)
