"""An adapter on a model that is in memory: put on, and taken off again, without reading the base a second time.

LoRA and DoRA put layers of their own around the base's and change nothing in those, so the base's layers are kept and
put back, the very same arrays. A full fine-tune replaces the base's weights: keeping both would take the memory of two
models, so that one is read anew (models/engine/worker.py). Only a worker imports this.
"""

from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten, tree_unflatten
from mlx_lm.tuner.utils import load_adapters

from models import errors, regular_files, safetensors_header, safety

WEIGHTS, CONFIG = "adapters.safetensors", "adapter_config.json"

Layers = list[tuple[str, nn.Module]]


def is_full(adapter: Path) -> bool:
    """Whether an adapter replaces weights instead of adding to them. Raises Corrupt, NotFound."""
    try:
        return _read_config(adapter).get("fine_tune_type") == "full"
    except OSError as error:
        raise errors.from_os_error(error, f"reading the adapter {adapter.name}") from error


def put_on(model: nn.Module, adapter: Path) -> Layers:
    """Put an adapter on a model and return the base's layers it now stands around, by their paths.

    A model whose weights were not evaluated yet is taken as it is, so that weights a full fine-tune replaces are never
    read. Raises BadInput when the adapter belongs to another model, and then the model is as it was, save for a full
    fine-tune, and what safety.check_adapter raises.
    """
    safety.check_adapter(adapter)
    before = dict(model.named_modules())
    try:
        load_adapters(model, str(adapter))
        _check_whole(model, adapter)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, errors.BadInput) as error:
        take_off(model, _covered(model, before))
        raise _foreign(adapter) from error
    model.eval()  # no dropout
    covered = _covered(model, before)
    mx.eval([module.parameters() for _, module in model.named_modules() if "lora_a" in module])
    return covered


def take_off(model: nn.Module, layers: Layers) -> None:
    """Put the base's layers back, as put_on returned them."""
    if layers:
        model.update_modules(tree_unflatten(layers))


def _covered(model: nn.Module, before: dict[str, nn.Module]) -> Layers:
    """The modules of before in whose places others stand now."""
    now = model.named_modules()
    return [(path, before[path]) for path, module in now if path in before and before[path] is not module]


def _check_whole(model: nn.Module, adapter: Path) -> None:
    """Every part of every layer that was put on came from the file: what is missing would be random."""
    held = safetensors_header.read(adapter / WEIGHTS).tensors
    parts = [name for name, _ in tree_flatten(model.parameters()) if name.rpartition(".")[2] in ("lora_a", "lora_b")]
    if any(name not in held for name in parts) or not held:
        raise _foreign(adapter)


def _read_config(adapter: Path) -> dict[str, Any]:
    return regular_files.read_json(adapter / CONFIG, safety.MAX_ADAPTER_CONFIG_BYTES)


def _foreign(adapter: Path) -> errors.BadInput:
    return errors.BadInput(
        f"The adapter {adapter.name} does not fit this model: it was trained on another one.",
        "Choose the model it was trained on, or another adapter.",
    )
