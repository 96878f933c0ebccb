"""A process that saves checkpoints of one run, one after the other, until it is killed."""

import sys
from pathlib import Path

import mlx.core as mx

from models.finetune import checkpoints
from models.finetune.run_folder import TrainingState
from models.finetune_config import FinetuneConfig

SIZE = 200, 100


def main(run: Path) -> None:
    """Save steps 1, 2, 3 … each with weights that hold its number. Says when it begins."""
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for step in range(1, 1 << 30):
        weights = {"layer.lora_a": mx.full(SIZE, float(step))}
        state = TrainingState(step=step, epoch=0, row=step, seed=0, data_hash="d")
        checkpoints.save(run, state, weights, {"m": mx.full(SIZE, float(-step))}, FinetuneConfig(), "Tiny")
        checkpoints.prune(run, 2)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
