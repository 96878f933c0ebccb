"""Whole runs on the tiny model: they learn, can be left anywhere, and what comes out is an adapter."""

import json
import math
import random
import shutil
import struct
import subprocess
import sys
import time
from pathlib import Path

import mlx.core as mx
import mlx.nn as nn
import msgspec
import pytest
from mlx_lm.models.llama import TransformerBlock
from mlx_lm.utils import load_adapters

from models import errors, paths
from models.checkpoint import folders, model_files
from models.events import Checkpoint, Note, Prepared, Sample, Step, Validation
from models.finetune import checkpoints, loop, lora, losses, memory, packing
from models.finetune.batches import Batch
from models.finetune.examples import Example
from models.finetune.finetune import finetune, publish, resume
from models.finetune.loop import learning_rate
from models.finetune.run_folder import METRICS, RunCard, read_card
from models.finetune_config import FinetuneConfig, Method, check
from models.generate.load import load
from tests.models.finetune.lessons import QUICK, TRAIN, VALID, base, loaded, start, told
from tests.returned import result_of, run

replace = msgspec.structs.replace
SHORT = replace(QUICK, samples=0)


def until(events: object, step: int) -> list[object]:
    """Take a run's events up to a step and close it there."""
    seen = []
    for event in events:
        seen.append(event)
        if isinstance(event, Step) and event.step == step:
            break
    events.close()
    return seen


def run_folder(name: str = "run") -> Path:
    return paths.runs_folder() / name


def test_a_run_learns_says_so_and_ends_with_an_adapter(tmp_path: Path):
    events, result = run(start(tmp_path, replace(QUICK, steps=20, checkpoint_every=10), adapter="sums"))
    losses = [event.loss for event in events if isinstance(event, Validation)]
    assert losses[-1] < losses[0] / 2
    prepared = next(event for event in events if isinstance(event, Prepared))
    assert (prepared.rows, prepared.valid_rows, prepared.steps, prepared.first_step) == (24, 6, 20, 0)
    assert prepared.packed
    assert 0.9 < prepared.useful_share <= 1
    assert 0 < prepared.peak_bytes < prepared.ceiling_bytes
    assert [event.step for event in events if isinstance(event, Sample)] == [0, 10, 20]
    assert [event.step for event in events if isinstance(event, Checkpoint)] == [10, 20]
    assert (result.steps, result.adapter, result.base) == (20, "sums", "Tiny")
    at_checkpoints = [event.loss for event in events if isinstance(event, Validation) and event.step in (10, 20)]
    assert result.validation_loss == min(at_checkpoints)
    assert result.path == str(paths.adapters_folder() / "sums")


def test_what_is_told_is_in_the_metrics_first(tmp_path: Path):
    for event in start(tmp_path):
        if isinstance(event, Step | Validation | Sample | Checkpoint):
            lines = (run_folder() / METRICS).read_bytes().splitlines()
            assert msgspec.json.encode(event) in lines


@pytest.mark.parametrize("method", ["lora", "dora", "full"])
def test_mlx_lm_reads_the_adapter_and_says_the_same(tmp_path: Path, method: str):
    config = replace(SHORT, method=method, learning_rate=1e-3, steps=2)
    list(start(tmp_path, config, adapter="sums"))
    folder = paths.adapters_folder() / "sums"
    plain = loaded(tmp_path).model
    adapted = load_adapters(loaded(tmp_path).model, str(folder))
    ours = result_of(load("Tiny", tmp_path / "base", str(folder)))
    ids = mx.array([[5, 6, 7]])
    assert mx.array_equal(ours.model(ids), adapted(ids))
    assert not mx.allclose(adapted(ids), plain(ids), atol=1e-3)


def test_an_adapter_knows_its_base_and_its_run(tmp_path: Path):
    list(start(tmp_path, SHORT, adapter="sums"))
    folder = paths.adapters_folder() / "sums"
    assert {entry.name for entry in folder.iterdir()} == {
        "adapters.safetensors", "adapter_config.json", "stillroom.json", "run_card.json",
    }  # fmt: skip
    record = folders.read_record(folder)
    assert (record.name, record.base) == ("sums", "Tiny")
    assert record.source.startswith("run run, step ")
    card = read_card(run_folder())
    assert msgspec.json.decode((folder / "run_card.json").read_bytes(), type=RunCard) == card
    assert card.config == SHORT
    assert card.data_hash
    assert card.versions.keys() == {"python", "mlx", "mlx-lm"}


@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_a_run_closed_and_resumed_equals_one_that_was_not(tmp_path: Path, dropout: float):
    config = replace(QUICK, dropout=dropout)
    whole = told(list(start(tmp_path, config, "whole")))
    parts = [*until(start(tmp_path, config, "parts"), 2), *until(resume(run_folder("parts")), 3)]
    parts += resume(run_folder("parts"))
    assert told(parts) == whole
    keys = [(line["type"], line["step"]) for line in checkpoints.read_metrics(run_folder("parts"))]
    assert keys == [(line["type"], line["step"]) for line in checkpoints.read_metrics(run_folder("whole"))]


@pytest.mark.slow
@pytest.mark.parametrize("kills", [1, 10])
def test_a_run_killed_at_random_points_equals_one_that_was_not(tmp_path: Path, kills: int):
    config = replace(SHORT, steps=12 * kills, checkpoint_every=4)
    list(start(tmp_path, config, "whole"))
    until(start(tmp_path, config, "killed"), 1)
    draw, killed = random.Random(1), 0
    command = [sys.executable, "-m", "tests.models.finetune.training", str(run_folder("killed"))]
    for _ in range(kills):
        steps = len(checkpoints.read_metrics(run_folder("killed")))
        with subprocess.Popen(command) as child:
            wanted = steps + draw.randint(3, 9)
            while child.poll() is None and len(checkpoints.read_metrics(run_folder("killed"))) < wanted:
                time.sleep(0.002)
            killed += child.poll() is None
            child.kill()
    assert killed == kills
    list(resume(run_folder("killed")))
    curves = [
        [
            (line["type"], line["step"], line["loss"])
            for line in checkpoints.read_metrics(run_folder(name))
            if "loss" in line
        ]
        for name in ("whole", "killed")
    ]
    assert [line[:2] for line in curves[0]] == [line[:2] for line in curves[1]]
    assert [line[2] for line in curves[0]] == pytest.approx([line[2] for line in curves[1]], abs=1e-6)


def test_a_finished_run_resumed_gives_its_result_again(tmp_path: Path):
    assert result_of(start(tmp_path, SHORT)) == result_of(resume(run_folder()))


def test_packing_micro_batches_and_gradient_checkpointing_do_not_change_a_step(tmp_path: Path):
    call = TransformerBlock.__call__
    curves = []
    changes = [{}, {"micro_tokens": 4000}, {"gradient_checkpointing": True}, {"packing": False}]
    for number, change in enumerate(changes):
        config = replace(SHORT, steps=3, learning_rate=1e-3, **change)
        events = list(start(tmp_path, config, str(number)))
        curves.append([event.loss for event in events if isinstance(event, Step)])
    for curve in curves[1:]:
        assert curve == pytest.approx(curves[0], rel=1e-4)
    assert TransformerBlock.__call__ is call


def test_a_model_that_takes_no_packs_has_its_rows_padded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    packed = list(start(tmp_path, SHORT, "packed"))
    monkeypatch.setattr(packing, "is_exact", lambda model, probe: False)
    padded = list(start(tmp_path, SHORT, "padded"))
    told = [next(event for event in events if isinstance(event, Prepared)) for events in (packed, padded)]
    assert [event.packed for event in told] == [True, False]
    assert told[0].useful_share > told[1].useful_share
    curves = [[event.loss for event in events if isinstance(event, Step | Validation)] for events in (packed, padded)]
    assert curves[1] == pytest.approx(curves[0], rel=1e-3)


def test_a_run_that_does_not_fit_without_checkpointing_uses_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    tried = []

    def dry_step(
        model: object, loss: object, batch: object, ceiling: int, checkpointing: bool, accumulates: bool
    ) -> int:
        tried.append(checkpointing)
        if not checkpointing:
            raise errors.NoMemory("too much")
        return 5

    monkeypatch.setattr(memory, "dry_step", dry_step)
    prepared = next(event for event in start(tmp_path) if isinstance(event, Prepared))
    assert (tried, prepared.gradient_checkpointing, prepared.peak_bytes) == ([False, True], True, 5)


def test_a_run_that_does_not_fit_is_refused_with_both_figures(tmp_path: Path):
    with pytest.raises(errors.NoMemory, match=r"Training needs .*GB of memory, .*GB may be used"):
        list(start(tmp_path, replace(SHORT, memory_limit_bytes=1 << 20)))
    assert checkpoints.newest(run_folder()) is None


@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_the_first_value_that_is_no_number_stops_the_run(tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch):
    real, calls = losses.loss_for, 0

    def spoiled_for(model: nn.Module, probe: mx.array) -> losses.Loss:
        whole = real(model, probe)

        def spoiled(model: nn.Module, batch: Batch) -> mx.array:
            nonlocal calls
            calls += model.training
            loss = whole(model, batch)
            if calls < 2 + 4:  # the dry step looks twice
                return loss
            return loss * math.nan if what == "loss" else loss + mx.sqrt(loss - loss)

        return spoiled

    monkeypatch.setattr(losses, "loss_for", spoiled_for)
    config = replace(SHORT, batch_rows=1, checkpoint_every=2)
    with pytest.raises(errors.BadInput, match=rf"step 4: its {what} is no number .* step 2 is kept") as caught:
        list(start(tmp_path, config, adapter="sums"))
    assert "learning rate" in caught.value.hint
    assert not list(paths.adapters_folder().iterdir())
    assert publish(run_folder(), "kept").name == "kept"


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_base_that_holds_no_numbers_is_not_put_down_to_the_learning_rate(tmp_path: Path, method: Method):
    begun = start(tmp_path, replace(SHORT, method=method))
    weights = mx.load(str(tmp_path / "base" / "model.safetensors"))
    weights["model.layers.1.mlp.up_proj.weight"][3, 3] = math.nan
    mx.save_safetensors(str(tmp_path / "base" / "model.safetensors"), weights, {"format": "mlx"})
    with pytest.raises(errors.Corrupt, match=r"Tiny is damaged: its weight .*up_proj.* holds what is no number"):
        list(begun)


def test_no_adapter_of_nans_is_published(tmp_path: Path):
    list(start(tmp_path, SHORT))
    for folder in (run_folder() / "checkpoints").iterdir():
        file = folder / model_files.ADAPTER_WEIGHTS
        file.write_bytes(file.read_bytes()[:-4] + struct.pack("<f", math.nan))
    with pytest.raises(errors.BadInput, match="no numbers"):
        publish(run_folder(), "nan")
    assert not list(paths.adapters_folder().iterdir())


def test_a_base_that_disappeared_is_said(tmp_path: Path):
    until(start(tmp_path, SHORT), 2)
    shutil.move(tmp_path / "base", tmp_path / "elsewhere")
    with pytest.raises(errors.NotFound, match="base model Tiny is not there"):
        list(resume(run_folder()))


def test_a_run_and_its_adapter_hold_no_place_and_move_with_their_home(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = base(tmp_path)
    library = shutil.copytree(folder, paths.models_folder() / "Tiny")
    first = finetune(library, "Tiny", TRAIN, VALID, SHORT, run_folder(), "sums")
    until(first, 2)
    assert [path for path in home.rglob("*.json*") if str(tmp_path).encode() in path.read_bytes()] == []
    moved = tmp_path / "another user" / "home"
    moved.parent.mkdir()
    monkeypatch.setenv("STILLROOM_HOME", str(home.rename(moved)))
    (moved / "models" / "Tiny").rename(moved / "models" / "renamed")
    events = list(resume(paths.runs_folder() / "run"))
    assert next(event for event in events if isinstance(event, Step)).step == 3
    assert [path for path in moved.rglob("*.json*") if str(tmp_path).encode() in path.read_bytes()] == []
    record = folders.read_record(paths.adapters_folder() / "sums")
    assert (record.base, record.lineage) == ("Tiny", [read_card(run_folder()).base_fingerprint])


def test_another_model_in_the_bases_place_is_refused(tmp_path: Path):
    until(start(tmp_path, SHORT), 2)
    weights = tmp_path / "base" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-5] ^= 1
    weights.write_bytes(content)
    with pytest.raises(errors.BadInput, match="is not the model that the run run began with"):
        list(resume(run_folder()))


def test_what_is_left_out_is_said(tmp_path: Path):
    bad = [Example("1+1?", "</think>", "2"), Example("1+1?", "", " "), Example("1+1?", "so " * 400, "2")]
    events = finetune(base(tmp_path), "Tiny", [*TRAIN, *bad], VALID, replace(SHORT, max_tokens=300), run_folder())
    note = next(event for event in events if isinstance(event, Note))
    events.close()
    assert note.text.startswith("3 of 27 traces are left out: 1 longer than 300 tokens, 1 without")


def test_nothing_to_learn_from_is_refused(tmp_path: Path):
    with pytest.raises(errors.BadInput, match="None of the 24 traces can be learned from: 24 longer than 8"):
        list(start(tmp_path, replace(SHORT, max_tokens=8)))


def test_a_taken_name_and_a_taken_folder_are_refused_before_anything_is_done(tmp_path: Path):
    list(start(tmp_path, SHORT, adapter="sums"))
    with pytest.raises(errors.BadInput, match="an adapter named sums already"):
        list(start(tmp_path, SHORT, "other", "sums"))
    with pytest.raises(errors.BadInput, match="There is a run in"):
        list(start(tmp_path, SHORT))
    assert not run_folder("other").exists()


def test_all_weights_of_a_quantized_base_are_not_trained(tmp_path: Path):
    with pytest.raises(errors.BadInput, match="quantized"):
        lora.attach(loaded(base(tmp_path).parent).model, FinetuneConfig(method="full"), quantized=True)


def test_the_learning_rate_rises_and_falls():
    config = FinetuneConfig(learning_rate=1.0e-3, warmup=0.1, final_rate=0.1)
    rates = [learning_rate(config, step, 100) for step in range(100)]
    assert rates[0] == pytest.approx(1e-4)
    assert rates[9] == rates[10] == pytest.approx(1e-3)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] == pytest.approx(1e-4, rel=0.01)


def test_without_validation_the_newest_is_the_best(tmp_path: Path):
    result = result_of(finetune(base(tmp_path), "Tiny", TRAIN, [], SHORT, run_folder()))
    assert (result.best_step, result.validation_loss) == (6, None)


@pytest.mark.parametrize(
    "change", [{"rank": 0}, {"learning_rate": 2.0}, {"steps": 0}, {"dropout": 1.0}, {"layers": 0}, {"batch_rows": 0}]
)
def test_senseless_settings_are_refused(change: dict[str, float]):
    with pytest.raises(errors.BadInput):
        check(replace(QUICK, **change))


def test_the_adapters_config_is_mlx_lms(tmp_path: Path):
    until(start(tmp_path, replace(SHORT, layers=1)), 1)
    folder, _ = checkpoints.newest(run_folder())
    config = json.loads((folder / model_files.ADAPTER_CONFIG).read_text())
    assert (config["fine_tune_type"], config["num_layers"]) == ("lora", 1)
    assert config["lora_parameters"] == {"rank": 4, "scale": 2.0, "dropout": 0.0}
    names = checkpoints.read_tensors(folder / model_files.ADAPTER_WEIGHTS)
    assert names
    assert all(name.startswith("model.layers.1.") for name in names)


def test_slow_steps_are_saved_before_their_checkpoint_is_due(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(loop, "SAVE_AFTER_S", 0.0)
    config = replace(QUICK, checkpoint_every=0)
    running = start(tmp_path, config)
    for event in running:
        if isinstance(event, Step) and event.step == 3:
            break
    found = checkpoints.newest(run_folder())
    assert found is not None
    assert found[1].step == 2
    running.close()
