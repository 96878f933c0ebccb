"""Fine-tuning: traces become rows of tokens, rows become steps, steps become an adapter (models/finetune/finetune.py)."""

__all__ = [
    "checkpoints",
    "estimate",
    "from_set",
    "lora",
    "names",
    "presets",
    "publish",
    "run_card",
    "run_folder",
    "runs",
]
