"""What can't be done is said in one sentence, with the right kind and exit status, and what was there stays."""

import json
import shutil
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from models.store.database import open_database
from tests.end2end.command_line import contents, ended, is_sentence, read_until, started, stillroom, worker_of
from tests.models.tiny_gguf import write_gguf
from tests.tiny import make_tiny

pytestmark = pytest.mark.slow  # through whole processes; a quick sibling of each stands at what it goes through

ENDLESS = 200_000  # tokens of context: more than a test ever waits for

# A disk without room, as the engine process meets it: Python runs this module at its start.
NO_ROOM_REPORTED = """
import shutil
shutil.disk_usage = lambda path: shutil._ntuple_diskusage(10**12, 10**12 - 4096, 4096)
"""
NO_ROOM_LEFT = """
import errno, os
def fsync(handle):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
os.fsync = fsync
"""


def whole_gguf(folder: Path) -> Path:
    return write_gguf(folder / "whole.gguf")


def whole_folder(folder: Path) -> Path:
    return make_tiny(folder / "whole")


def text_file(folder: Path) -> Path:
    file = folder / "notes.gguf"
    file.write_text("These are notes.\n" * 100)
    return file


def empty_file(folder: Path) -> Path:
    file = folder / "empty.gguf"
    file.touch()
    return file


def cut_gguf(folder: Path) -> Path:
    file = write_gguf(folder / "cut.gguf")
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    return file


def cut_header(folder: Path) -> Path:
    file = write_gguf(folder / "cut.gguf")
    file.write_bytes(file.read_bytes()[:1000])
    return file


def unknown_gguf(folder: Path) -> Path:
    return write_gguf(folder / "mamba.gguf", "mamba")


def unknown_tokenizer(folder: Path) -> Path:
    return write_gguf(folder / "bert.gguf", metadata={"tokenizer.ggml.model": "bert"})


def unknown_pre_tokenizer(folder: Path) -> Path:
    return write_gguf(folder / "klingon.gguf", metadata={"tokenizer.ggml.pre": "klingon"})


def without_config(folder: Path) -> Path:
    model = make_tiny(folder / "bare")
    (model / "config.json").unlink()
    return model


def unknown_folder(folder: Path) -> Path:
    model = make_tiny(folder / "odd")
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, "model_type": "frobnicator"}))
    return model


def broken_config(folder: Path) -> Path:
    model = make_tiny(folder / "odd")
    (model / "config.json").write_text('{"model_type": "lla')
    return model


def pickled(folder: Path) -> Path:
    model = make_tiny(folder / "old")
    (model / "model.safetensors").rename(model / "pytorch_model.bin")
    return model


def cut_weights(folder: Path) -> Path:
    model = make_tiny(folder / "cut")
    weights = model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-5000])
    return model


def own_code(folder: Path) -> Path:
    model = make_tiny(folder / "sly")
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, "model_file": "run_me.py"}))
    return model


def nothing(folder: Path) -> Path:
    return folder / "nowhere"


@pytest.mark.parametrize(
    ("make", "kind", "part"),
    [
        (text_file, "corrupt", "notes.gguf is not a GGUF file"),
        (empty_file, "corrupt", "empty.gguf is not a GGUF file"),
        (cut_gguf, "corrupt", "cut.gguf is cut short"),
        (cut_header, "corrupt", "cut.gguf is cut short"),
        (unknown_gguf, "unsupported", "architecture mamba"),
        (unknown_tokenizer, "unsupported", "tokenizer of the kind bert"),
        (unknown_pre_tokenizer, "unsupported", "klingon"),
        (without_config, "not_found", "no config.json"),
        (unknown_folder, "unsupported", "frobnicator"),
        (broken_config, "corrupt", "config.json"),
        (pickled, "unsafe", "pickle files only"),
        (cut_weights, "corrupt", "cut short: 5,000 bytes are missing"),
        (own_code, "unsafe", "run_me.py"),
        (nothing, "not_found", "nowhere"),
    ],
)
def test_what_is_no_model_does_not_come_in(
    untouched: Path, tmp_path: Path, make: Callable[[Path], Path], kind: str, part: str
):
    source = make(tmp_path)
    before = contents(tmp_path)
    stillroom(untouched, "import", str(source), "--json").assert_failed(kind, 1, part)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("name", ["tiny", "TINY", "starter", "../tiny", "", "x" * 81])
def test_a_name_that_is_taken_or_none_is_refused(untouched: Path, tmp_path: Path, name: str):
    folder = make_tiny(tmp_path / "other")
    stillroom(untouched, "import", str(folder), "--name", name, "--json").assert_failed("bad_input", 2)


def test_of_two_imports_under_one_name_one_is_refused(tmp_path: Path):
    home, folder = tmp_path / "home", make_tiny(tmp_path / "twin")
    command = ("import", str(folder), "--name", "twin", "--json")
    pair = [ended(process) for process in [started(home, *command), started(home, *command)]]
    kept, refused = sorted(pair, key=lambda one: one.status)
    assert (kept.status, kept.events[-1]["name"]) == (0, "twin")
    refused.assert_failed("bad_input", 2, "twin")
    assert [entry.name for entry in (home / "models").iterdir()] == ["twin"]
    assert stillroom(home, "show", "twin").status == 0


@pytest.mark.parametrize("simulation", [NO_ROOM_REPORTED, NO_ROOM_LEFT])
@pytest.mark.parametrize("make", [whole_gguf, whole_folder])
def test_without_room_on_the_disk_nothing_is_left_behind(
    untouched: Path, tmp_path: Path, make: Callable[[Path], Path], simulation: str
):
    source = make(tmp_path)
    (tmp_path / "startup").mkdir()
    (tmp_path / "startup" / "sitecustomize.py").write_text(simulation)
    got = stillroom(untouched, "import", str(source), "--json", PYTHONPATH=str(tmp_path / "startup"))
    got.assert_failed("disk_full", 1, "free on the disk")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--think", "-5"),
        ("--think", "1.5"),
        ("--think", "lots"),
        ("--think", ""),
        ("--think", "99999999999999999999"),
        ("--think-min", "-1"),
        ("--think", "10", "--think-min", "20"),
        ("--max-tokens", "0"),
        ("--temperature", "hot"),
        ("--top-p", "2"),
        ("--seed", "-1"),
        ("--votes", "0"),
        ("--votes",),
    ],
)
def test_a_number_that_is_none_is_refused_before_anything_is_loaded(untouched: Path, arguments: tuple[str, ...]):
    got = stillroom(untouched, "chat", "tiny", "Hello", *arguments, "--json")
    got.assert_failed("bad_input", 2)
    assert len(got.events) == 1


@pytest.mark.parametrize("arguments", [("show",), ("chat",), ("brew", "tea"), ("list", "--colour"), ("import",)])
def test_wrong_usage_is_one_sentence(untouched: Path, arguments: tuple[str, ...]):
    stillroom(untouched, *arguments, "--json").assert_failed("bad_input", 2)


@pytest.mark.parametrize("command", [("list", "--json"), ("chat", "starter", "Hello", "--json")])
def test_a_home_that_can_not_be_is_said(tmp_path: Path, command: tuple[str, ...]):
    (tmp_path / "file").touch()
    stillroom(tmp_path / "file", *command).assert_failed("bad_input", 2, f"in {tmp_path / 'file'}: File exists")


def test_the_window_says_it_too(tmp_path: Path):
    (tmp_path / "file").touch()
    got = stillroom(tmp_path / "file", DISPLAY=":0")
    assert (got.status, len(got.err.splitlines())) == (2, 2)


@pytest.mark.parametrize("command", ["doctor", "list", "show"])
def test_a_reader_that_goes_away_is_no_failure(untouched: Path, command: str):
    with started(untouched, command, *(["tiny"] if command == "show" else [])) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 130


def test_an_empty_prompt_is_refused(untouched: Path):
    stillroom(untouched, "chat", "tiny", "-", "--json", stdin=" \n").assert_failed("bad_input", 2, "stdin")


@pytest.mark.parametrize("command", [("show",), ("chat", "--think", "off", "--json", "Hello")])
def test_a_model_that_is_not_there_is_said_with_the_names_that_come_near(untouched: Path, command: tuple[str, ...]):
    got = stillroom(untouched, command[0], "tinny", *command[1:], *(() if "--json" in command else ("--json",)))
    got.assert_failed("not_found", 1, "tinny")
    assert got.events[-1]["hint"] == "Did you mean tiny?"


def test_a_prompt_longer_than_the_context_is_refused(untouched: Path):
    got = stillroom(untouched, "chat", "tiny", "-", "--think", "16", "--json", stdin="word " * 2000)
    got.assert_failed("bad_input", 2, "the context of tiny holds 2,048")


def test_to_people_a_failure_is_its_sentence_and_its_hint_alone(untouched: Path, tmp_path: Path):
    got = stillroom(untouched, "import", str(cut_gguf(tmp_path)))
    sentence, hint = got.err.splitlines()
    assert (got.status, got.out, hint) == (1, "", "Download or copy it again.")
    assert is_sentence(sentence)


def test_a_damaged_database_is_found_and_left_alone(tmp_path: Path):
    (tmp_path / "stillroom.db").write_bytes(b"SQLite format 3\0" + b"rubbish" * 2000)
    finding = chats_finding(tmp_path)
    assert finding["state"] == "bad"
    assert "damaged" in finding["text"]


def test_a_database_of_a_newer_stillroom_is_found_and_left_alone(tmp_path: Path):
    file = tmp_path / "stillroom.db"
    open_database(file).close()
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    finding = chats_finding(tmp_path)
    assert finding["state"] == "bad"
    assert "newer Stillroom (version 999" in finding["text"]


def chats_finding(home: Path) -> dict[str, str]:
    """What doctor says of the chats, having seen that it ends with 1 and changes nothing."""
    before = (home / "stillroom.db").read_bytes()
    got = stillroom(home, "doctor", "--json")
    assert (got.status, got.err) == (1, "")
    assert got.events[-1]["type"] == "done"
    assert (home / "stillroom.db").read_bytes() == before
    return next(finding for finding in got.events[-1]["findings"] if finding["name"] == "Chats")


@pytest.fixture(scope="module")
def talker(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model that talks until it is stopped."""
    return str(make_tiny(tmp_path_factory.mktemp("talker") / "talker", thinking="opened", context=ENDLESS))


def test_a_worker_killed_in_mid_reply_is_said_after_its_words(untouched: Path, talker: str):
    process = started(untouched, "chat", talker, "Hello", "--think", "unlimited", "--seed", "1", "--json")
    read = read_until(process, '"token"')
    worker_of(process.pid).kill()
    got = ended(process, read)
    got.assert_failed("worker_died", 1, "was killed")
    assert "".join(event["text"] for event in got.events if event["type"] == "token")


def test_what_was_answered_before_a_worker_died_stays_on_stdout(untouched: Path, talker: str):
    process = started(untouched, "chat", talker, "Hello", "--think", "off", "--seed", "1")
    assert process.stdout is not None
    read = process.stdout.read(1)
    worker_of(process.pid).kill()
    got = ended(process, read)
    assert got.status == 1
    assert len(got.out) > 1
    *_, sentence, hint = got.err.splitlines()
    assert is_sentence(sentence)
    assert hint.startswith("What was said so far is kept.")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_a_reply_with_what_was_said(untouched: Path, talker: str, number: int):
    process = started(untouched, "chat", talker, "Hello", "--think", "unlimited", "--seed", "1", "--json")
    read = read_until(process, '"token"')
    worker = worker_of(process.pid)
    process.send_signal(number)
    got = ended(process, read)
    last = got.events[-1]
    assert (got.status, last["type"], last["finish"], got.err) == (130, "done", "cancelled", "")
    said = "".join(event["text"] for event in got.events if event["type"] == "token")
    assert last["thinking"] == said.strip("\n")
    assert not worker.is_running()


def test_a_model_that_was_damaged_later_is_listed_as_broken_and_does_not_load(tmp_path: Path):
    home = tmp_path / "home"
    for name in ("good", "bad"):
        shutil.copytree(make_tiny(tmp_path / name), home / "models" / name)
    (home / "models" / "bad" / "model.safetensors").write_bytes(b"\xff" * 100)
    got = stillroom(home, "list", "--json")
    states = {model["name"]: model["state"] for model in got.events[-1]["models"]}
    assert (got.status, states) == (0, {"starter": "ready", "bad": "broken", "good": "ready"})
    stillroom(home, "chat", "bad", "Hello", "--json").assert_failed("corrupt", 1)
