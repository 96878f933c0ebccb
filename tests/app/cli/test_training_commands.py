"""What is asked of fine-tuning in the terminal is what the engine gets."""

import inspect

import pytest

from app.cli import main, training_commands
from models.finetune_config import FinetuneConfig
from models.jobs.kinds.finetune import Finetune
from models.jobs.request import JobRequest

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
