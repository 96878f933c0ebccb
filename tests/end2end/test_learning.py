"""From a file of traces to an adapter that chats, a fused model and a GGUF file, through the real command line."""

import json
import shutil
import signal
from pathlib import Path

import pytest

from tests.end2end.command_line import ended, read_until, started, stillroom

pytestmark = pytest.mark.slow  # through whole processes; a quick sibling of each stands at what it goes through


PROBLEMS = 24


@pytest.fixture
def home(tmp_path: Path, library: Path) -> Path:
    """A home of its own with the model `tiny` in it, and a file of traces beside it."""
    home = tmp_path / "home"
    shutil.copytree(library, home)
    rows = [
        {"problem": f"What is {n} + {n + 1}?", "reasoning": f"{n} + {n + 1} = {2 * n + 1}", "solution": str(2 * n + 1)}
        for n in range(PROBLEMS)
    ]
    rows.append({"problem": "What is nothing?", "reasoning": "Nothing", "solution": ""})
    (tmp_path / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return home


def test_traces_become_an_adapter_that_chats_and_is_fused(tmp_path: Path, home: Path) -> None:
    added = stillroom(home, "traces", "add", "sums", str(tmp_path / "sums.jsonl"), "--model", "tiny", "--json")
    report = added.events[-1]
    assert (report["rows"], report["kept"]) == (PROBLEMS + 1, PROBLEMS)
    assert [(entry["line"], entry["reason"]) for entry in report["left_out"]] == [(PROBLEMS + 1, "no_answer")]

    settings = ["--traces", "sums", "--rank", "4", "--steps", "3", "--batch-size", "4", "--held-out", "0.2"]
    trained = stillroom(home, "finetune", "tiny", "--name", "adder", *settings, "--json")
    assert trained.status == 0, trained.err
    assert [event["step"] for event in trained.events if event["type"] == "step"] == [1, 2, 3]
    result = trained.events[-1]
    assert (result["adapter"], result["base"], result["steps"]) == ("adder", "tiny", 3)
    assert result["validation_loss"] > 0

    listed = {model["name"]: model for model in stillroom(home, "list", "--json").events[-1]["models"]}
    assert (listed["adder"]["kind"], listed["adder"]["base"]) == ("adapter", "tiny")
    asked = ["What is 2 + 3?", "--think", "8", "--max-tokens", "24", "--temperature", "0", "--json"]
    with_adapter = stillroom(home, "chat", "tiny", *asked, "--adapter", "adder")
    assert with_adapter.status == 0, with_adapter.err
    fused = stillroom(home, "fuse", "tiny", "--adapter", "adder", "--name", "tiny-adder", "--json")
    assert fused.events[-1]["name"] == "tiny-adder"
    said = stillroom(home, "chat", "tiny-adder", *asked)
    for field in ("thinking", "answer"):
        assert said.events[-1][field] == with_adapter.events[-1][field]


@pytest.mark.slow  # quick ones: tests/models/engine/test_pausing.py and the resumed runs of test_finetune.py
def test_a_run_that_was_interrupted_goes_on(tmp_path: Path, home: Path) -> None:
    stillroom(home, "traces", "add", "sums", str(tmp_path / "sums.jsonl"))
    train = ["finetune", "tiny", "--traces", "sums", "--name", "adder", "--rank", "2", "--steps", "120", "--json"]
    running = started(home, *train)
    read = read_until(running, '"step":2,')
    running.send_signal(signal.SIGINT)
    stopped = ended(running, read)
    assert stopped.status == 130, stopped.err
    assert "--resume" in next(event["text"] for event in reversed(stopped.events) if event["type"] == "note")
    shown = stillroom(home, "list", "--json").events[-1]["models"]
    assert "adder" not in {model["name"] for model in shown}
    again = stillroom(home, *train, "--resume")
    assert again.status == 0, again.err
    prepared = next(event for event in again.events if event["type"] == "prepared")
    steps = [event["step"] for event in again.events if event["type"] == "step"]
    assert prepared["first_step"] >= 2
    assert steps == list(range(prepared["first_step"] + 1, 121))
    assert again.events[-1]["adapter"] == "adder"


def test_a_set_is_shown_exported_and_deleted(tmp_path: Path, home: Path) -> None:
    stillroom(home, "traces", "add", "sums", str(tmp_path / "sums.jsonl"))
    shown = stillroom(home, "traces", "show", "sums", "--json").events[-1]
    assert (shown["traces"], shown["report"]["kept"]) == (PROBLEMS, PROBLEMS)
    assert "24 of 24 problems" in stillroom(home, "traces", "show", "sums").out
    out = tmp_path / "out.jsonl"
    stillroom(home, "traces", "export", "sums", "--to", str(out), "--shape", "messages")
    first = json.loads(out.read_text().splitlines()[0])
    assert first["messages"][0]["content"] == "What is 0 + 1?"
    assert [one["name"] for one in stillroom(home, "traces", "list", "--json").events[-1]["sets"]] == ["sums"]
    assert stillroom(home, "traces", "rm", "sums", "--json").events[-1]["freed_bytes"] > 0
    assert stillroom(home, "traces", "list", "--json").events[-1]["sets"] == []


@pytest.mark.slow  # each sentence is tried beside the code that says it; here they come from the command
def test_each_wrong_wish_gets_a_sentence(tmp_path: Path, home: Path) -> None:
    stillroom(home, "traces", "show", "none", "--json").assert_failed("not_found", 1, "none")
    stillroom(home, "traces", "add", "s", str(tmp_path / "none.jsonl"), "--json").assert_failed("not_found", 1)
    train = ["finetune", "tiny", "--name", "a", "--json"]
    stillroom(home, *train, "--traces", "none").assert_failed("not_found", 1, "none")
    stillroom(home, *train, "--traces", "none", "--learning-rate", "7").assert_failed("bad_input", 2, "learning rate")
    stillroom(home, *train, "--traces", "none", "--resume").assert_failed("not_found", 1, "run")
    stillroom(home, "chat", "tiny", "Hi", "--adapter", "none", "--json").assert_failed("not_found", 1, "none")
    stillroom(home, "fuse", "tiny", "--adapter", "none", "--name", "x", "--json").assert_failed("not_found", 1, "none")
    stillroom(home, "traces", "add", "sums", str(tmp_path / "sums.jsonl"), "--json")
    (home / "adapters" / "adder").mkdir(parents=True)
    again = stillroom(home, "finetune", "tiny", "--name", "adder", "--traces", "sums", "--json")
    again.assert_failed("bad_input", 2, "adder already")
