"""Attach an adapter to a model in memory, and detach it again, without reading the base a second time.

LoRA and DoRA wrap layers of the base; a full fine-tune replaces weights. What was replaced is kept, and the very same
arrays are put back. For a full fine-tune that is the memory of its weights once more, less than training
them took. Only a worker imports this.
"""

from dataclasses import dataclass, field
from pathlib import Path

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten, tree_unflatten
from mlx_lm.tuner.utils import load_adapters

from models import errors
from models.checkpoint import safetensors_header, safety
from models.checkpoint.model_files import ADAPTER_WEIGHTS

PARTS = ("lora_a", "lora_b", "m")  # of a LoRA or DoRA layer

_MISFITS = (ValueError, KeyError, TypeError, AttributeError, OverflowError)  # what mlx-lm raises of another's adapter


@dataclass
class Attached:
    """What of the base an adapter replaced: layers and weights, each by its path in the model."""

    layers: list[tuple[str, nn.Module]] = field(default_factory=list)
    weights: list[tuple[str, mx.array]] = field(default_factory=list)


def attach(model: nn.Module, adapter: Path) -> Attached:
    """Attach an adapter to a model, in the model's own dtype, and return what it replaced.

    Raises BadInput when the adapter belongs to another model, and what safety.check_adapter raises; the model is then
    left as it was.
    """
    safety.check_adapter(adapter)
    names = set(safetensors_header.read(adapter / ADAPTER_WEIGHTS).tensors)
    layers = dict(model.named_modules())
    weights = [(name, array) for name, array in tree_flatten(model.parameters()) if name in names]
    dtypes = (array.dtype for _, array in tree_flatten(model.parameters()))
    dtype = next(dtype for dtype in dtypes if mx.issubdtype(dtype, mx.floating))
    try:
        load_adapters(model, str(adapter))
        _check_whole(model, names, adapter)
        added = [(name, array.astype(dtype)) for name, array in tree_flatten(model.parameters()) if name in names]
        model.load_weights(added, strict=False)
        mx.eval([array for _, array in added])
    except Exception as error:
        detach(model, Attached(_replaced(model, layers), weights))
        if isinstance(error, _MISFITS):
            raise _foreign(adapter) from error
        raise
    model.eval()  # no dropout
    return Attached(_replaced(model, layers), weights)


def detach(model: nn.Module, attached: Attached) -> None:
    """Take an adapter off: put back the layers and weights that attach returned."""
    if attached.layers:
        model.update_modules(tree_unflatten(attached.layers))
    if attached.weights:
        model.load_weights(attached.weights, strict=False)


def _replaced(model: nn.Module, before: dict[str, nn.Module]) -> list[tuple[str, nn.Module]]:
    """Modules of `before` that have been replaced since."""
    now = model.named_modules()
    return [(path, before[path]) for path, module in now if path in before and before[path] is not module]


def _check_whole(model: nn.Module, names: set[str], adapter: Path) -> None:
    """Check that every part of every attached layer came from the file: a missing one would be random."""
    layers = [(path, module) for path, module in model.named_modules() if "lora_a" in module]
    parts = [f"{path}.{part}" for path, module in layers for part in PARTS if part in module]
    if not names or not names.issuperset(parts):
        raise _foreign(adapter)


def _foreign(adapter: Path) -> errors.BadInput:
    text = f"The adapter {adapter.name} does not fit this model: it was trained on another one."
    return errors.BadInput(text, "Choose the model it was trained on, or another adapter.")
