"""Fine-tuning: traces become rows of tokens, rows become steps, steps become an adapter (models/finetune/finetune.py)."""

from models.verbs import make_callable

__all__ = [
    "checkpoints",
    "estimate",
    "from_set",
    "names",
    "peft",
    "peft_format",
    "presets",
    "publish",
    "run_card",
    "run_folder",
    "runs",
]

make_callable(__name__, "models.finetune.from_set", "finetune_on_set")
