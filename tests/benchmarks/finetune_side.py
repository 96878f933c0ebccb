"""One side of the fine-tuning benchmark, in a process of its own: Stillroom's loop, the same with padded rows in place of
packed ones, or mlx_lm's trainer.

All train the starter in float32 from the same weights, with the same LoRA layers, rate, rows, rows per step and masks,
over each row once. All have run a step on one short row before the clock starts. The held-out loss is taken by the same
code. Rounds of mixed lengths are short; what was learned is compared after a longer one, of solutions alone.
"""

import contextlib
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.optimizers as optim
import msgspec
import numpy as np
from mlx_lm.tuner.datasets import CacheDataset
from mlx_lm.tuner.trainer import TrainingArgs
from mlx_lm.tuner.trainer import train as mlx_lm_train

from models.finetune import batches, lora, losses
from models.finetune.dataset import EncodedRow, encode_all
from models.finetune.loop import Work, train
from models.finetune.run_folder import TrainingState
from models.finetune_config import FinetuneConfig
from models.generate.load import LoadedModel
from models.library import installed
from tests.benchmarks import children, lessons, starter

MAX_TOKENS = 1024
BATCH_ROWS = 4
LESSONS = {"mixed": (2, 14, 4), "solutions": (0, 64, 24)}  # rows: traces, solutions, solutions for the held-out loss
SEED = 7  # of numpy, from which mlx_lm draws the order of its batches
CONFIG = FinetuneConfig(
    rank=16,
    scale=2.0,
    learning_rate=1e-3,
    warmup=0.0,
    final_rate=1.0,
    epochs=1,
    batch_rows=BATCH_ROWS,
    max_tokens=MAX_TOKENS,
    gradient_checkpointing=False,
    validate_every=0,
    checkpoint_every=0,
)


class Outcome(msgspec.Struct):
    """What a side took. tokens: trained ones; loss: held-out, after training."""

    tokens: int
    seconds: float
    peak_bytes: int
    loss: float


class Rows:
    """Rows as mlx_lm's data sets keep them, dictionaries that are processed to tokens and how many are not learned."""

    def __init__(self, rows: Sequence[EncodedRow]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> dict[str, EncodedRow]:
        return {"row": self._rows[index]}

    def process(self, item: dict[str, EncodedRow]) -> tuple[list[int], int]:
        """Tokens and offset of a row."""
        return item["row"].tokens, item["row"].start


def main() -> None:
    """Train as the arguments say: the side, the lesson, and the number of the round."""
    side, lesson, number = sys.argv[1], sys.argv[2], int(sys.argv[3])
    loaded = starter.load_starter()
    rows, held_out = _rows(loaded, lesson, number)
    np.random.seed(SEED)
    lora.attach(loaded.model, CONFIG, quantized=True)
    sides: dict[str, Callable[[LoadedModel, list[EncodedRow]], None]] = {"ours": partial(_ours, packed=True), "padded": partial(_ours, packed=False), "theirs": _theirs}  # fmt: skip
    run = sides[side]
    start = lora.weights_of(loaded.model)
    run(loaded, [min(rows, key=lambda row: len(row.tokens))] * BATCH_ROWS)
    lora.restore(loaded.model, start)
    mx.clear_cache()
    mx.reset_peak_memory()
    begun = time.perf_counter()
    run(loaded, rows)
    seconds = time.perf_counter() - begun
    peak = int(mx.get_peak_memory())
    loaded.model.eval()
    summed = sum(float(np.array(losses.plain_loss(loaded.model, batches.pad([row])))) for row in held_out)
    loss = summed / sum(row.trained for row in held_out)
    children.answer_and_end(Outcome(sum(row.trained for row in rows), seconds, peak, loss))


def _rows(loaded: LoadedModel, lesson: str, number: int) -> tuple[list[EncodedRow], list[EncodedRow]]:
    traces, solutions, held_out = LESSONS[lesson]
    data = lessons.folder()
    assert data is not None, "the benchmark looks before it starts a side"
    long = encode_all(lessons.traces(data), loaded, MAX_TOKENS).rows[number * traces :][:traces] if traces else []
    first = number * (solutions + held_out)
    taken = list(lessons.solutions(data))[first : first + solutions + held_out]
    short = encode_all(taken, loaded, MAX_TOKENS).rows
    # spread as a shuffled file has them: mlx_lm takes batches of neighbours
    half = solutions // 2
    return short[:half] + long[:1] + short[half:solutions] + long[1:], short[solutions:]


def _ours(loaded: LoadedModel, rows: list[EncodedRow], packed: bool) -> None:
    loss = losses.loss_for(loaded.model, mx.array([rows[0].tokens[:16]]))
    with tempfile.TemporaryDirectory() as folder:
        work = Work(
            model=loaded.model,
            base=installed.STARTER,
            loss=loss,
            rows=rows,
            valid=[],
            config=CONFIG,
            run=Path(folder),
            packed=packed,
            checkpointing=False,
            ceiling_bytes=1 << 40,
        )
        for _ in train(work, TrainingState(step=0, epoch=0, row=0, seed=0, data_hash="")):
            pass


def _theirs(loaded: LoadedModel, rows: list[EncodedRow]) -> None:
    dataset: Any = CacheDataset(Rows(rows))
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArgs(
            batch_size=BATCH_ROWS,
            iters=len(rows) // BATCH_ROWS,
            steps_per_save=1 << 30,
            adapter_file=str(Path(folder) / "adapters.safetensors"),
            max_seq_length=MAX_TOKENS + 1,
        )
        optimizer = optim.AdamW(learning_rate=CONFIG.learning_rate, weight_decay=CONFIG.weight_decay)
        with contextlib.redirect_stdout(sys.stderr):  # its progress
            mlx_lm_train(loaded.model, optimizer, dataset, args=arguments)


if __name__ == "__main__":
    main()
