"""What a fine-tuning run is told: every number of it, with the defaults of a run that is balanced.

Defaults: all linear layers of all blocks, and a learning rate about ten times that of full fine-tuning ("LoRA without
regret", Thinking Machines 2025). scale multiplies the low-rank product directly, as mlx-lm has it, not alpha / rank.
"""

import math
from collections.abc import Iterable
from typing import Literal

import msgspec

from models import errors

Method = Literal["lora", "dora", "full"]
Replies = Literal["last", "every"]
RATES: dict[Method, float] = {"lora": 1e-4, "dora": 1e-4, "full": 1e-5}


class FinetuneConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One run's settings."""

    method: Method = "lora"
    rank: int = 32
    scale: float = 2.0
    dropout: float = 0.0
    layers: int = -1  # how many blocks are trained, counted from the last, -1 for all
    learning_rate: float | None = None  # the highest; None for the method's own, of RATES
    warmup: float = 0.05  # share of the steps in which the learning rate rises
    final_rate: float = 0.1  # share of its peak that it then falls to as a cosine
    weight_decay: float = 0.01
    clip: float = 1.0  # largest norm of a step's gradient, 0 for no limit
    epochs: float = 2.0
    steps: int | None = None  # optimizer steps, None for `epochs` passes over the rows
    # rows of one step, whose gradients are accumulated over micro-batches of at most micro_tokens, padding included
    # (a longer row is a micro-batch by itself)
    batch_rows: int = 8
    micro_tokens: int = 1024
    packing: bool = True  # rows lie end to end in one, where the model can take that (models/finetune/packing.py)
    max_tokens: int = 2048  # longer rows are left out
    replies: Replies = "last"  # of a conversation, those that are learned
    gradient_checkpointing: bool | None = None  # None to use it when the run does not fit without
    memory_limit_bytes: int | None = None  # None for what this machine has
    validate_every: int = 50  # steps, 0 for at the end only
    checkpoint_every: int = 50  # likewise
    # held-out prompts answered at each checkpoint, with sample_budget tokens of thinking and sample_tokens in all
    samples: int = 3
    sample_budget: int = 128
    sample_tokens: int = 256
    keep: int = 3  # newest checkpoints that are kept besides the best one
    seed: int = 0

    def total_steps(self, rows: int) -> int:
        """Optimizer steps of a run over so many rows: as many as it takes to see every row `epochs` times."""
        if self.steps is not None:
            return self.steps
        return max(1, math.ceil(round(self.epochs * rows / self.batch_rows, 9)))  # 0.1 * 30 is more than 3

    @property
    def peak_rate(self) -> float:
        """The highest learning rate."""
        return RATES[self.method] if self.learning_rate is None else self.learning_rate


def check(config: FinetuneConfig) -> None:
    """Refuse settings that make no sense. Raises BadInput with the first one."""
    rules = [
        (config.rank >= 1, f"The rank has to be at least 1: {config.rank}."),
        (config.scale > 0, f"The scale has to be above 0: {config.scale}."),
        (0 <= config.dropout < 1, f"The dropout has to be from 0 to below 1: {config.dropout}."),
        (
            config.layers == -1 or config.layers >= 1,
            f"The number of layers has to be -1 or at least 1: {config.layers}.",
        ),
        (0 < config.peak_rate < 1, f"The learning rate has to be between 0 and 1: {config.learning_rate}."),
        (0 <= config.warmup <= 1, f"The warm-up is a share from 0 to 1: {config.warmup}."),
        (0 <= config.final_rate <= 1, f"The final rate is a share from 0 to 1: {config.final_rate}."),
        (config.weight_decay >= 0, f"The weight decay can't be negative: {config.weight_decay}."),
        (config.clip >= 0, f"The clipping norm can't be negative: {config.clip}."),
        (config.epochs > 0, f"The number of epochs has to be above 0: {config.epochs}."),
        (config.steps is None or config.steps >= 1, f"A run has at least one step: {config.steps}."),
        (config.batch_rows >= 1, f"A step has at least one row: {config.batch_rows}."),
        (config.micro_tokens >= 1, f"A micro-batch has at least one token: {config.micro_tokens}."),
        (config.max_tokens >= 2, f"Rows need at least two tokens: {config.max_tokens}."),
        (config.samples >= 0, f"The number of samples can't be negative: {config.samples}."),
        (config.sample_budget >= 0, f"The thinking budget of samples can't be negative: {config.sample_budget}."),
        (config.sample_tokens >= 1, f"A sample needs at least one token: {config.sample_tokens}."),
        (config.validate_every >= 0, f"Validation can't come every {config.validate_every} steps."),
        (config.checkpoint_every >= 0, f"Checkpoints can't come every {config.checkpoint_every} steps."),
        (config.keep >= 1, f"At least one checkpoint is kept: {config.keep}."),
    ]
    for holds, sentence in rules:
        if not holds:
            raise errors.BadInput(sentence)


def differences(
    begun: FinetuneConfig, asked: FinetuneConfig, names: Iterable[str] = FinetuneConfig.__struct_fields__
) -> list[str]:
    """What two runs' settings of these names differ in, in words: "rank 16, not 32"."""

    def value(config: FinetuneConfig, name: str) -> object:
        return config.peak_rate if name == "learning_rate" else getattr(config, name)

    pairs = [(name, value(begun, name), value(asked, name)) for name in names]
    return [f"{name.replace('_', ' ')} {had}, not {wanted}" for name, had, wanted in pairs if had != wanted]
