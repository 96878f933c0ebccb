"""What is asked of fine-tuning in the terminal is what the engine gets."""

import inspect
import json

import pytest

from app.cli import main, training_commands
from models.finetune import checkpoints
from models.finetune_config import FinetuneConfig
from models.jobs.kinds.finetune import Finetune
from models.jobs.request import JobRequest
from tests.models.finetune import made_runs

BASE = ["finetune", "tiny", "--traces", "sums", "--name", "adder"]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[JobRequest]:
    requests: list[JobRequest] = []
    monkeypatch.setattr(training_commands, "run_to_end", lambda each, json: requests.extend(each))
    return requests


def test_every_setting_of_a_run_is_an_option() -> None:
    options = set(inspect.signature(training_commands.finetune).parameters)
    renamed = {"memory_limit_bytes": "memory_limit", "batch_rows": "batch_size", "packing": "packed"}
    wanted = {renamed.get(name, name) for name in FinetuneConfig.__struct_fields__}
    assert {*wanted, "held_out"} <= options


def test_options_reach_the_engine_with_their_names(asked: list[JobRequest]) -> None:
    options = "--method dora --scale 4 --keep 5 --padded --no-gradient-checkpointing --memory-limit 2 --replies every"
    assert main.run([*BASE, *options.split(), "--held-out", "0.2", "--batch-size", "3"]) == 0
    (request,) = asked
    assert isinstance(request, Finetune)
    assert request.held_out == 0.2
    assert request.config == FinetuneConfig(
        method="dora", scale=4.0, keep=5, packing=False, gradient_checkpointing=False, memory_limit_bytes=2 << 30,
        replies="every", batch_rows=3,
    )  # fmt: skip
    assert set(request.given) == {
        "method", "scale", "keep", "packing", "gradient_checkpointing", "memory_limit_bytes", "replies", "batch_rows",
        "held_out",
    }  # fmt: skip


def test_what_is_not_said_is_not_asked_of_a_run_that_goes_on(asked: list[JobRequest]) -> None:
    assert main.run([*BASE, "--resume"]) == 0
    assert asked == [Finetune(model="tiny", traces="sums", name="adder", resume=True)]


def test_a_setting_that_makes_no_sense_is_refused(asked: list[JobRequest]) -> None:
    assert main.run([*BASE, "--scale", "0"]) == 2
    assert asked == []


def test_runs_that_are_listed_can_be_shown_and_removed(capsys: pytest.CaptureFixture[str]) -> None:
    folder = made_runs.make("one", "2025-11-20T10:00:00+00:00", [made_runs.step(4)], adapter="adder", traces="sums")
    made_runs.save(folder, 4, 0.5, best=True)
    assert main.run(["runs", "list"]) == 0
    assert "step 4 of 10" in capsys.readouterr().out
    assert main.run(["runs", "show", "one"]) == 0
    shown = capsys.readouterr().out
    assert ("adder, not made yet" in shown, "step 4 (best)" in shown) == (True, True)
    with checkpoints.holding(folder):
        assert main.run(["runs", "rm", "one"]) == 1
    assert "under way in another process" in capsys.readouterr().err
    assert main.run(["runs", "rm", "one"]) == 0
    assert not folder.exists()
    capsys.readouterr()
    assert main.run(["runs", "rm", "one"]) == 1
    assert "runs list" in capsys.readouterr().err
    assert main.run(["runs", "list"]) == 0
    assert "No runs yet" in capsys.readouterr().out


def test_runs_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    made_runs.save(made_runs.make("one", "2025-11-20T10:00:00+00:00", [made_runs.step(4)]), 4)
    for command in (["list"], ["show", "one"], ["rm", "one"]):
        assert main.run(["runs", *command, "--json"]) == 0
    listed, shown, removed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(run["id"], run["state"], run["step"]) for run in listed["runs"]] == [("one", "stopped", 4)]
    assert (shown["id"], [saved["step"] for saved in shown["checkpoints"]]) == ("one", [4])
    assert (removed["type"], removed["name"], removed["freed_bytes"] > 0) == ("done", "one", True)
