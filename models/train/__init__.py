"""Fine-tuning: traces become rows of tokens, rows become steps, steps become an adapter (models/train/finetune.py)."""
