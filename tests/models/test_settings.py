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
from models.settings import Preset, Settings, WindowSettings

FULL = Settings(
    theme="dark",
    default_model="qwen",
    think="unlimited",
    think_by_model={"qwen": 64, "a.b c": "unlimited"},
    presets=[
        Preset(name="Terse", system='Be brief.\n"Yes"', temperature=0.6, top_p=0.95, think=0),
        Preset(name="Free"),
    ],
    window=WindowSettings(page="Models", scroll=-1, titles={"qwen": ("Qwen", "4-bit")}, thinks={"qwen": True}),
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
    settings.save(msgspec.structs.replace(FULL, think_by_model={"qwen": 64}, window=WindowSettings()))
    assert settings.read().think_by_model == {"qwen": 64}
    assert settings.read().window == WindowSettings()


def test_null_is_left_out() -> None:
    settings.save(Settings(window=WindowSettings(traces_folder=None, traces_longest=None)))
    assert "traces_folder" not in tomllib.loads(paths.settings_file().read_text())["window"]
    assert settings.read().window.traces_folder is None


@pytest.mark.parametrize(
    "text",
    [
        "theme = ",
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


@pytest.mark.parametrize(
    "text",
    [
        'theme = "blue"',
        "think = -1",
        "think = 1.5",
        'default_model = ""',
        '[[presets]]\nname = "A"\ntemperature = 9.0',
        '[[presets]]\nsystem = "no name"',
        "presets = 3",
        "window = 3",
        "[window]\nscroll = -2",
        "[window]\ntitles = {a = 1}",
    ],
)
def test_a_slip_costs_its_own_key_alone(text: str, caplog: pytest.LogCaptureFixture) -> None:
    file = _write("later = 7\nthink_by_model = {qwen = 64}\n" + text)
    slip = {key: value for key, value in tomllib.loads(text).items()}
    with caplog.at_level(logging.WARNING):
        current, sentence = settings.load()
    assert current == Settings(think_by_model={"qwen": 64})
    assert sentence.startswith("The settings can't be read: ")
    assert sentence.endswith("The default is used instead.")
    assert sentence in caplog.text
    settings.save(current)
    kept = tomllib.loads(file.read_text())
    assert kept["later"] == 7
    assert [file.name for file in paths.home().glob("settings*")] == ["settings.toml"]
    for key, value in slip.items():  # for who wrote it to mend
        assert value.items() <= kept[key].items() if isinstance(value, dict) else kept[key] == value


def test_beside_a_slip_all_is_read() -> None:
    _write(
        'theme = 3\ndefault_model = "m"\n[[presets]]\nname = "A"\n[[presets]]\nname = "B"\ntop_p = 7\n'
        '[window]\npage = "Models"\nscroll = "top"\n'
    )
    current, _ = settings.load()
    assert current == Settings(default_model="m", presets=[Preset(name="A")], window=WindowSettings(page="Models"))
    chosen = [*current.presets, Preset(name="C")]
    settings.save(msgspec.structs.replace(current, theme="dark", presets=chosen))
    table = tomllib.loads(paths.settings_file().read_text())
    assert (table["theme"], table["window"]["scroll"]) == ("dark", "top")
    assert [preset["name"] for preset in table["presets"]] == ["A", "C", "B"]


# As the window of b59a8ea wrote it, with a key of a later one.
OF_BEFORE = """
theme = "system"
default_model = "starter"
think = 2048

presets = []

[think_by_model]

[window]
titles = {starter = ["SmolLM2 135M", "4-bit"]}
thinks = {starter = true}
page = "Chat"
sidebar = false
traces_longest = 4096
drop_original = true
geometry = "AdnQywAD"
chat = 3
scroll = -1
fold = {left = [1, 2]}
"""


def test_a_file_of_before_opens_and_its_unknown_keys_stay() -> None:
    file = _write(OF_BEFORE)
    current, sentence = settings.load()
    assert sentence == ""
    assert current.window == WindowSettings(
        titles={"starter": ("SmolLM2 135M", "4-bit")}, thinks={"starter": True}, sidebar=False, traces_longest=4096,
        drop_original=True, geometry="AdnQywAD", chat=3, scroll=-1,
    )  # fmt: skip
    settings.save(current)
    before, after = tomllib.loads(OF_BEFORE)["window"], tomllib.loads(file.read_text())["window"]
    assert before.items() <= after.items()


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


def test_what_new_chats_begin_with() -> None:
    chosen = Settings(calm=True).with_first("m", "a", None, calm=False)
    assert (chosen.default_model, chosen.default_adapter, chosen.calm) == ("m", "a", False)
    assert chosen.budget_for("m", thinks=False) is None


def test_budgets() -> None:
    assert Settings().budget_for("m", thinks=True) == 2048
    assert Settings().budget_for("m", thinks=False) == 0
    assert Settings(think="unlimited").budget_for("m", thinks=True) is None
    chosen = Settings().with_budget("m", None).with_budget("n", 7)
    assert (chosen.budget_for("m", thinks=False), chosen.budget_for("n", thinks=True)) == (None, 7)


ODD = [
    "-1", "3", "99999999999999999999999999", "1e400", "nan", "true", '"text"', '""', "[]", "[1, [2]]", "{}",
    '{ a = "b" }', "1979-05-27", "07:32:00", '"\\u0000"', "[{}]",
]  # fmt: skip


@pytest.mark.parametrize("struct", [Settings, WindowSettings, Preset])
def test_a_wrong_value_anywhere_gives_the_default_of_that_key(struct: type[msgspec.Struct]) -> None:
    prefix = {Settings: "", WindowSettings: "[window]\n", Preset: "[[presets]]\n"}[struct]
    for key in struct.__struct_fields__:
        for value in ODD:
            name = 'name = "Mine"\n' if struct is Preset and key != "name" else ""
            _write(
                f'default_model = "kept"\n{prefix}{name}{key} = {value}'.replace(
                    'default_model = "kept"\ndefault_model', "default_model"
                )
            )
            found, told = settings.load()
            assert found.default_model == "kept" or key == "default_model", (key, value)
            settings.save(found)
            assert settings.load() == (found, told), (key, value)  # said as often, and nothing more is lost
            msgspec.to_builtins(found)
