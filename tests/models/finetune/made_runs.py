"""Runs' folders as models/finetune/run_card.py, loop.py and checkpoints.py write them, without training anything."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from models import paths
from models.events import Event, Step
from models.finetune_config import FinetuneConfig
from models.machine import hardware

MAC = hardware.Machine(chip="Apple M2", cores=8, memory_bytes=2**34, gpu_limit_bytes=2**33, platform="macOS 15.6")


def step(number: int, rate: float = 100.0, steps: int = 10) -> Step:
    return Step(
        step=number,
        steps=steps,
        loss=1.0 / number,
        learning_rate=1e-4,
        tokens=50 * number,
        tokens_per_s=rate,
        peak_bytes=9,
    )


def make(name: str, created: str, told: Sequence[Event] | None = None, adapter: str = "", **more: object) -> Path:
    """A run's folder as models/finetune/run_card.py writes it."""
    folder = paths.home() / "runs" / name
    folder.mkdir(parents=True, exist_ok=True)
    card = {
        "id": name, "created": created, "base": "starter", "base_folder": "/models/starter", "base_fingerprint": "f",
        "config": FinetuneConfig(rank=4), "examples": 40, "valid_examples": 2, "adapter": adapter, "versions": {"mlx": "1"},
        "machine": MAC, "data_hash": "d", **more,
    }  # fmt: skip
    (folder / "run_card.json").write_bytes(msgspec.json.encode(card))
    if told is not None:
        (folder / "metrics.jsonl").write_bytes(b"".join(msgspec.json.encode(event) + b"\n" for event in told))
    return folder


def save(run: Path, number: int, loss: float | None = None, best: bool = False) -> Path:
    """A whole checkpoint."""
    folder = run / "checkpoints" / f"step-{number}"
    folder.mkdir(parents=True)
    (folder / "adapters.safetensors").write_bytes(b"12345")
    state = {
        "step": number, "epoch": 0, "row": 0, "seed": 0, "data_hash": "d", "validation_loss": loss,
        "validated": number if loss is not None else -1, "files": {"adapters.safetensors": 5},
    }  # fmt: skip
    (folder / "state.json").write_bytes(msgspec.json.encode(state))
    if best:
        (run / "best").write_text(folder.name)
    return folder
