"""A run's folder as it lies on the disk: the names in it, its card and the state of a checkpoint. Without MLX.

    runs/ID/
      run_card.json     settings, seed, hash of the data, versions, machine, base model and its fingerprint
      train.jsonl, valid.jsonl   the examples, to be read
      tokens.json       those examples as they were encoded when the run began: it learns from nothing else
      metrics.jsonl     one event a line, written before a face hears of it; metrics-1.jsonl: of a run begun again
      latest, best      the name of a checkpoint
      checkpoints/step-N/{adapters.safetensors, adapter_config.json, optimizer.safetensors, state.json}

models/finetune/run_card.py and checkpoints.py write it, models/finetune/runs.py shows it to a window.
"""

import re
from pathlib import Path

import msgspec

from models import errors, leftovers
from models.finetune_config import FinetuneConfig
from models.machine import hardware

CARD, METRICS = "run_card.json", "metrics.jsonl"
TRAIN, VALID, TOKENS = "train.jsonl", "valid.jsonl", "tokens.json"
LATEST, BEST = "latest", "best"
CHECKPOINTS, OPTIMIZER, STATE = "checkpoints", "optimizer.safetensors", "state.json"
STEP_NAME = re.compile(r"step-(\d+)")


class RunCard(msgspec.Struct, frozen=True, kw_only=True):
    """What a run began with."""

    id: str
    created: str  # ISO 8601, UTC
    base: str
    base_folder: str = ""  # where it was, as paths.recorded takes it
    base_fingerprint: str = ""
    dtype: str = ""  # of its weights as its configuration says, such as "bfloat16"
    config: FinetuneConfig
    examples: int  # before any is left out
    valid_examples: int
    adapter: str = ""  # the name to publish under; empty for none
    traces: str = ""  # the name of their set,
    traces_hash: str = ""  # its hash when the run began,
    held_out: float | None = None  # and the share of its problems that was held out; None where that is not known
    versions: dict[str, str] = {}
    machine: hardware.Machine | None = None
    data_hash: str = ""  # of all tokens and masks; empty before the first start


class TrainingState(msgspec.Struct, frozen=True, kw_only=True):
    """Where a run stands after `step` optimizer steps."""

    step: int
    epoch: int  # the pass over the data that comes next,
    row: int  # and the row in it
    seed: int
    data_hash: str
    config: FinetuneConfig | None = None  # None in a checkpoint of before it was recorded
    tokens: int = 0  # trained so far
    seconds: float = 0.0  # of training
    loss: float = 0.0  # of the last step
    validated: int = -1  # the last step at which that was done, -1 for never
    sampled: int = -1
    validation_loss: float | None = None
    best_step: int = 0
    best_loss: float | None = None
    peak_bytes: int = 0
    files: dict[str, int] = {}  # sizes of the checkpoint's other files


_card = msgspec.json.Decoder(RunCard)
_state = msgspec.json.Decoder(TrainingState)


def read_card(folder: Path) -> RunCard:
    """The card of a run, or of the adapter it made. Raises NotFound or Corrupt."""
    try:
        return _card.decode((folder / CARD).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        raise errors.NotFound(f"There is no run in {folder}.") from None
    except (OSError, msgspec.MsgspecError) as error:
        raise errors.Corrupt(f"The card of the run {folder.name} can't be read.", "Start a new run.") from error


def read_state(checkpoint: Path) -> TrainingState | None:
    """The state of a checkpoint; None when the checkpoint is not whole."""
    try:
        state = _state.decode((checkpoint / STATE).read_bytes())
        files = [(name, size) for name, size in state.files.items() if not leftovers.is_leftover(name)]
        whole = all((checkpoint / name).stat().st_size == size for name, size in files)
    except (OSError, msgspec.MsgspecError):
        return None
    return state if whole else None


def pointed(run: Path, pointer: str) -> Path | None:
    """The whole checkpoint that LATEST or BEST names; None when there is none."""
    try:
        folder = run / CHECKPOINTS / (run / pointer).read_text("utf-8").strip()
    except OSError:
        return None
    return folder if STEP_NAME.fullmatch(folder.name) and read_state(folder) is not None else None


def step_of(checkpoint: Path) -> int:
    """The step that a checkpoint's name says."""
    return int(checkpoint.name.partition("-")[2])
