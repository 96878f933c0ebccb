"""The README.md of a fused model: what it was made from, told to whoever finds the folder later."""

import msgspec

from models import quantities
from models.finetune.run_folder import RunCard


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """What a fused model was made from, empty where not known."""

    title: str
    base: str
    adapter: str
    method: str
    licence: str = ""
    repo: str = ""  # of the base
    revision: str = ""
    rank: int = 0  # of a LoRA or DoRA adapter, else 0
    scale: float = 0.0
    run: RunCard | None = None


def text(made: Made) -> str:
    """Write the card as Markdown, with the heading that the Hub reads."""
    parts = [_heading(made), f"# {made.title}", _origin(made)]
    if made.run is not None:
        parts.append(_training(made.run))
    parts.append(_licence(made))
    return "\n\n".join(parts) + "\n"


def _heading(made: Made) -> str:
    fields = {
        "license": made.licence,
        "base_model": made.repo,
        "library_name": "mlx",
        "pipeline_tag": "text-generation",
    }
    lines = [f"{key}: {msgspec.json.encode(value).decode()}" for key, value in fields.items() if value]
    return "\n".join(["---", *lines, "---"])


def _origin(made: Made) -> str:
    base = f"[{made.repo}](https://huggingface.co/{made.repo})" if made.repo else f"`{made.base}`"
    at = f" at commit `{made.revision}`" if made.revision else ""
    how = {"lora": "a LoRA adapter", "dora": "a DoRA adapter", "full": "weights that were all trained"}
    size = f" (rank {made.rank}, scale {made.scale:g})" if made.rank else ""
    return (
        f"Fused by Stillroom from {base}{at} and `{made.adapter}`, {how.get(made.method, 'an adapter')}{size}. "
        "The adapter is part of the weights now: nothing else is needed to run the model, and it is not quantized."
    )


def _training(run: RunCard) -> str:
    config = run.config
    rows = [
        f"- traces: {f'{run.traces}, ' if run.traces else ''}{run.examples:,} to learn from, {run.valid_examples:,} held out",
        f"- hash of the data: `{run.data_hash}`" if run.data_hash else "",
        f"- trained: {config.total_steps(run.examples):,} steps planned of {config.batch_rows} rows, "
        f"learning rate {config.learning_rate:g}, seed {config.seed}",
        f"- run: `{run.id}`, begun {run.created}",
        f"- machine: {run.machine.chip}, {quantities.memory(run.machine.memory_bytes)}" if run.machine else "",
        f"- versions: {', '.join(f'{name} {version}' for name, version in sorted(run.versions.items()))}",
    ]
    return "\n".join(["## Training", "", *filter(None, rows)])


def _licence(made: Made) -> str:
    of_base = f"The base model's licence is {made.licence}" if made.licence else "The base model's licence is not known"
    return f"## Licence\n\n{of_base}; what was made from it falls under it too, and under the terms of the traces."
