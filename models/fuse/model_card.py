"""The README.md of a fused model: what it was made from, told to whoever finds the folder later."""

from pathlib import Path

import msgspec

from models import quantities
from models.events import Model
from models.finetune.run_folder import RunCard
from models.fuse import fused_weights


def text(title: str, name: str, base: Model, adapter: Path, run: RunCard | None) -> str:
    """Write the card as Markdown, with the heading that the Hub reads.

    name: how the base was named; run: what made the adapter, None when not known.
    """
    training = [_training(run)] if run is not None else []
    parts = [_heading(base), f"# {title}", _origin(name, base, adapter), *training, _licence(base.licence)]
    return "\n\n".join(parts) + "\n"


def _origin(name: str, base: Model, adapter: Path) -> str:
    config = fused_weights.read_config(adapter)
    method, lora = str(config.get("fine_tune_type", "lora")), config.get("lora_parameters")
    size = ""
    if method != "full" and isinstance(lora, dict) and (rank := int(lora.get("rank", 0))):
        size = f" (rank {rank}, scale {float(lora.get('scale', 0)):g})"
    model = f"[{base.repo}](https://huggingface.co/{base.repo})" if base.repo else f"`{name}`"
    at = f" at commit `{base.revision}`" if base.revision else ""
    how = {"lora": "a LoRA adapter", "dora": "a DoRA adapter", "full": "weights that were all trained"}
    return (
        f"Fused by Stillroom from {model}{at} and `{adapter.name}`, {how.get(method, 'an adapter')}{size}. "
        "The adapter is part of the weights now: nothing else is needed to run the model, and it is not quantized."
    )


def _heading(base: Model) -> str:
    fields = {
        "license": base.licence,
        "base_model": base.repo,
        "library_name": "mlx",
        "pipeline_tag": "text-generation",
    }
    lines = [f"{key}: {msgspec.json.encode(value).decode()}" for key, value in fields.items() if value]
    return "\n".join(["---", *lines, "---"])


def _training(run: RunCard) -> str:
    config = run.config
    rows = [
        f"- traces: {f'{run.traces}, ' if run.traces else ''}{run.examples:,} to learn from, {run.valid_examples:,} held out",
        f"- hash of the data: `{run.data_hash}`" if run.data_hash else "",
        f"- trained: {config.total_steps(run.examples):,} steps planned of {config.batch_rows} rows, "
        f"learning rate {config.peak_rate:g}, seed {config.seed}",
        f"- run: `{run.id}`, begun {run.created}",
        f"- machine: {run.machine.chip}, {quantities.memory(run.machine.memory_bytes)}" if run.machine else "",
        f"- versions: {', '.join(f'{name} {version}' for name, version in sorted(run.versions.items()))}",
    ]
    return "\n".join(["## Training", "", *filter(None, rows)])


def _licence(licence: str) -> str:
    of_base = f"The base model's licence is {licence}" if licence else "The base model's licence is not known"
    return f"## Licence\n\n{of_base}; what was made from it falls under it too, and under the terms of the traces."
