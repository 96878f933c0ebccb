"""What a fine-tuning run tells whoever listens; each but Prepared is also a line of the run's metrics.jsonl."""

from models.events import Checkpoint, Finetuned, Prepared, Sample, Step, Validation

__all__ = ["Checkpoint", "Finetuned", "Prepared", "Sample", "Step", "Validation"]
