"""Puts an adapter into a checkpoint's weights, which stay unread until somebody asks for their rows.

    LoRA    W' = W + scale (A B)^T      A: (in, r), B: (r, out), in float32
    DoRA    W'' = m W' / |W'|           m, and the norm: one number a row (arXiv 2402.09353)
    full    W' is the adapter's own

A row of W' needs the same row of W alone, so a model of any size is fused in little memory. Which layers an adapter
has, of what shape and scale, is decided by mlx-lm's own load_adapters, on a model that holds nothing yet. A quantized
weight is dequantized as it is read, and the result stays so: quantized again it would lose what little was learned.
Only a worker imports this.
"""

from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_unflatten
from mlx_lm.tuner.dora import DoRAEmbedding, DoRALinear
from mlx_lm.tuner.lora import LoRAEmbedding, LoRALinear, LoRASwitchLinear
from mlx_lm.tuner.utils import load_adapters

from models import errors
from models.checkpoint import bounded_files, model_files, numbers, safetensors_header, safety
from models.checkpoint.weight_stream import Weight, WeightSource, held

_LAYERS = (LoRALinear, LoRAEmbedding, LoRASwitchLinear, DoRALinear, DoRAEmbedding)


def merge_adapter(source: WeightSource, adapter: Path) -> str:
    """Merge an adapter into a source's weights, as they are read; returns the method: lora, dora or full.

    Raises BadInput when the adapter is not one of this model, Unsupported for layers of an unknown kind, and what
    safety.check_adapter raises.
    """
    safety.check_adapter(adapter)
    _check_numbers(adapter)
    method = str(read_config(adapter).get("fine_tune_type", "lora"))
    (_replace if method == "full" else _add)(source, adapter)
    return method


def _check_numbers(adapter: Path) -> None:
    tensors = mx.load(str(adapter / model_files.ADAPTER_WEIGHTS))
    assert isinstance(tensors, dict)
    for name, array in tensors.items():
        if not bool(mx.isfinite(array).all().item()):
            raise numbers.no_number(f"The adapter {adapter.name}", name)


def read_config(adapter: Path) -> dict[str, Any]:
    """The adapter_config.json of a folder. Raises Corrupt."""
    return bounded_files.read_json(adapter / model_files.ADAPTER_CONFIG, safety.MAX_ADAPTER_CONFIG_BYTES)


def _add(source: WeightSource, adapter: Path) -> None:
    try:
        load_adapters(source.model, str(adapter))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _foreign(adapter) from error
    found = [(path, module) for path, module in source.model.named_modules() if hasattr(module, "lora_a")]
    there = safetensors_header.read(adapter / model_files.ADAPTER_WEIGHTS).tensors
    for path, module in found:
        if not isinstance(module, _LAYERS):
            raise errors.Unsupported(f"Stillroom can't fuse layers of the kind {type(module).__name__}.")
        parts = ("lora_a", "lora_b", "m") if "m" in module else ("lora_a", "lora_b")
        if any(f"{path}.{part}" not in there for part in parts):  # what is missing would be random
            raise _foreign(adapter)
        source.weights[f"{path}.weight"] = _low_rank(source.weights[f"{path}.weight"], module)
    plain = [(path, module.embedding if "embedding" in module else module.linear) for path, module in found]
    source.model.update_modules(tree_unflatten(plain))


def _low_rank(weight: Weight, module: nn.Module) -> Weight:
    """A weight plus its low-rank product, computed for the rows that are asked for."""
    scale = module.scale
    magnitude = module.get("m")

    def rows(start: int, stop: int) -> mx.array:
        fused: mx.array = weight.rows(start, stop).astype(mx.float32) + scale * _product(module, weight, start, stop)
        if magnitude is None:
            return fused
        norm = mx.linalg.norm(fused, axis=1)
        turned: mx.array = (magnitude[start:stop].astype(mx.float32) / norm)[:, None] * fused
        return turned

    return Weight(weight.shape, weight.dtype, rows, weight.whole_bytes)


def _product(module: nn.Module, weight: Weight, start: int, stop: int) -> mx.array:
    """Rows of the low-rank product, in float32: (stop - start, columns)."""
    a: mx.array = module.lora_a.astype(mx.float32)
    b: mx.array = module.lora_b.astype(mx.float32)
    if isinstance(module, LoRAEmbedding | DoRAEmbedding):  # A: (V, r), B: (r, D)
        return a[start:stop] @ b
    if not isinstance(module, LoRASwitchLinear):
        return b.T[start:stop] @ a.T
    experts, height = weight.shape[0], weight.shape[1]  # A: (E r, in), B: (E, out, r)
    a = a.reshape(experts, -1, weight.columns)
    parts = []
    for expert in range(start // height, (stop - 1) // height + 1):
        first, last = max(start - expert * height, 0), min(stop - expert * height, height)
        parts.append(b[expert, first:last] @ a[expert])
    return mx.concatenate(parts)


def _replace(source: WeightSource, adapter: Path) -> None:
    tensors = mx.load(str(adapter / model_files.ADAPTER_WEIGHTS))
    assert isinstance(tensors, dict)
    for name, array in tensors.items():
        weight = source.weights.get(name)
        if weight is None or weight.shape != tuple(array.shape):
            raise _foreign(adapter)
        source.weights[name] = held(array, weight.dtype, array.nbytes)


def _foreign(adapter: Path) -> errors.BadInput:
    text = f"The adapter {adapter.name} does not fit this model: its layers are of other names or shapes."
    return errors.BadInput(text, "Fuse it with the model it was trained on.")
