"""Ready settings of a fine-tuning run, each with a sentence that says what it is for.

They differ in how long a run takes and how much an adapter can hold, not in how it is trained: all linear layers of all
blocks, the loss on thinking and answer. A smaller rank bears a higher learning rate.
"""

import msgspec

from models.finetune_config import FinetuneConfig


class TrainingPreset(msgspec.Struct, frozen=True, kw_only=True):
    """Named settings."""

    id: str
    title: str
    sentence: str  # what they are for
    config: FinetuneConfig


PRESETS = (
    TrainingPreset(
        id="quick",
        title="Quick",
        sentence="One pass over the traces with a small adapter: shows in little time whether they teach anything.",
        config=FinetuneConfig(
            rank=16, learning_rate=2e-4, epochs=1.0, max_tokens=1024,
            validate_every=25, checkpoint_every=25, samples=2, sample_tokens=192,
        ),
    ),
    TrainingPreset(
        id="balanced",
        title="Balanced",
        sentence="Two passes with an adapter that holds a thousand traces or so: right for most sets.",
        config=FinetuneConfig(),
    ),
    TrainingPreset(
        id="thorough",
        title="Thorough",
        sentence="Four passes over longer traces with a large adapter: for thousands of traces and a night.",
        config=FinetuneConfig(
            rank=64, epochs=4.0, max_tokens=4096,
            validate_every=100, checkpoint_every=100, samples=4, sample_budget=256, sample_tokens=512,
        ),
    ),
)  # fmt: skip
DEFAULT = "balanced"


def preset(name: str) -> TrainingPreset:
    """The preset of that id. Raises KeyError."""
    return {each.id: each for each in PRESETS}[name]


def preset_of(config: FinetuneConfig) -> TrainingPreset | None:
    """The preset with these settings, the seed aside; None when one was changed."""
    return next((p for p in PRESETS if msgspec.structs.replace(p.config, seed=config.seed) == config), None)
