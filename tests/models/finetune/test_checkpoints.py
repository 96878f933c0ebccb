"""Checkpoints: whole or not there, whatever ends the process that writes them."""

import random
import subprocess
import sys
from pathlib import Path

import mlx.core as mx
import pytest

from models import errors
from models.checkpoint import folders, model_files
from models.events import Step, Validation
from models.finetune import checkpoints
from models.finetune.run_folder import METRICS, OPTIMIZER, TrainingState, pointed, read_state, step_of
from models.finetune_config import FinetuneConfig

KILLS, AT_ONCE = 20, 4


def save(run: Path, step: int, value: float = 1.0, **facts: object) -> Path:
    run.mkdir(parents=True, exist_ok=True)
    state = TrainingState(step=step, epoch=0, row=0, seed=0, data_hash="d", **facts)
    return checkpoints.save(run, state, {"a": mx.full((4,), value)}, {"m": mx.zeros((4,))}, FinetuneConfig(), "Tiny")


@pytest.mark.parametrize("round_of", range(KILLS // AT_ONCE))
def test_a_kill_in_the_middle_of_saving_leaves_no_torn_checkpoint(tmp_path: Path, round_of: int):
    draw = random.Random(round_of)
    runs = [tmp_path / str(number) for number in range(AT_ONCE)]
    for run in runs:
        run.mkdir()
    command = [sys.executable, "-m", "tests.models.finetune.saving"]
    children = [subprocess.Popen([*command, str(run)], stdout=subprocess.PIPE) for run in runs]
    for child, run in zip(children, runs, strict=True):
        with child:
            assert child.stdout is not None
            assert child.stdout.readline() == b"ready\n"
            while not (run / "latest").exists():
                assert child.poll() is None
            try:
                child.wait(draw.uniform(0.0, 0.05))
            except subprocess.TimeoutExpired:
                child.kill()
    for run in runs:
        found = checkpoints.newest(run)
        assert found is not None
        for folder in (run / "checkpoints").glob("step-*"):
            state = read_state(folder)
            assert state is not None, "torn"
            weights = checkpoints.read_tensors(folder / model_files.ADAPTER_WEIGHTS)["layer.lora_a"]
            moments = checkpoints.read_tensors(folder / OPTIMIZER)["m"]
            assert (weights == state.step).all()
            assert (moments == -state.step).all()
        latest = pointed(run, "latest")
        assert latest is None or step_of(latest) in (found[1].step, found[1].step - 1)
        checkpoints.prune(run, 5)
        assert not list((run / "checkpoints").glob(".draft-*"))


def test_a_full_disk_is_said_and_leaves_what_there_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    run = tmp_path / "run"
    save(run, 1)

    usage = folders.shutil.disk_usage(tmp_path)

    def full(path: str, tensors: object) -> None:
        Path(path).write_bytes(b"half")
        monkeypatch.setattr(folders.shutil, "disk_usage", lambda folder: usage._replace(free=0))
        raise RuntimeError("[write] No space left on device")

    monkeypatch.setattr(mx, "save_safetensors", full)
    with pytest.raises(errors.DiskFull, match="checkpoint of step 2 needs") as caught:
        save(run, 2)
    assert "resume" in caught.value.hint
    assert [entry.name for entry in (run / "checkpoints").iterdir()] == ["step-1"]
    assert pointed(run, "latest") == run / "checkpoints" / "step-1"


def test_a_write_that_fails_for_another_reason_is_not_called_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    run = tmp_path / "run"
    save(run, 1)

    def faulty(path: str, tensors: object) -> None:
        raise RuntimeError("[write] Unable to write 8 bytes to file.")

    monkeypatch.setattr(mx, "save_safetensors", faulty)
    with pytest.raises(errors.Corrupt, match="step 2 could not be written"):
        save(run, 2)
    assert [entry.name for entry in (run / "checkpoints").iterdir()] == ["step-1"]


def test_no_space_is_noticed_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    run = tmp_path / "run"
    save(run, 1)
    usage = folders.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(folders.shutil, "disk_usage", lambda folder: usage._replace(free=3))
    with pytest.raises(errors.DiskFull, match="are free on the disk"):
        save(run, 2)
    assert checkpoints.newest(run)[1].step == 1


def test_weights_that_are_no_numbers_are_never_saved(tmp_path: Path):
    run = tmp_path / "run"
    save(run, 1)
    with pytest.raises(errors.BadInput, match="no numbers"):
        save(run, 2, float("nan"))
    assert checkpoints.newest(run)[1].step == 1


@pytest.mark.parametrize("damage", ["adapters.safetensors", "optimizer.safetensors", "state.json"])
def test_a_damaged_checkpoint_is_passed_over(tmp_path: Path, damage: str):
    run = tmp_path / "run"
    save(run, 1)
    file = save(run, 2) / damage
    file.write_bytes(file.read_bytes()[:-7])
    assert checkpoints.newest(run)[1].step == 1


def test_the_best_and_the_newest_are_kept(tmp_path: Path):
    run = tmp_path / "run"
    for step in (1, 2, 3, 4):
        folder = save(run, step)
        if step == 1:
            checkpoints.point(run, "best", folder)
    checkpoints.prune(run, 2)
    kept = {entry.name for entry in (run / "checkpoints").iterdir()}
    assert kept == {"step-1", "step-3", "step-4"}


def test_metrics_are_trimmed_to_a_checkpoint_and_a_cut_line_is_left_out(tmp_path: Path):
    for step in (1, 2, 3):
        checkpoints.append_metrics(tmp_path, [Validation(step=step, loss=1.0)])
    step = Step(step=4, steps=9, loss=1, learning_rate=1, tokens=1, tokens_per_s=1, peak_bytes=1)
    checkpoints.append_metrics(tmp_path, [step])
    with (tmp_path / METRICS).open("ab") as file:
        file.write(b'{"type":"train_st')
    assert [line["step"] for line in checkpoints.read_metrics(tmp_path)] == [1, 2, 3, 4]
    checkpoints.trim_metrics(tmp_path, 2)
    assert [line["step"] for line in checkpoints.read_metrics(tmp_path)] == [1, 2]


def test_a_run_is_held_by_one_process(tmp_path: Path):
    with (
        checkpoints.holding(tmp_path),
        pytest.raises(errors.Busy, match="another process"),
        checkpoints.holding(tmp_path),
    ):
        pass
