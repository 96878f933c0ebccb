"""Fine-tuning: traces become rows of tokens, rows become steps, steps become an adapter (models/finetune/finetune.py)."""
