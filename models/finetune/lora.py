"""What is trained of a model: low-rank matrices beside its linear layers (LoRA, DoRA), or its blocks themselves.

The layers are mlx-lm's, and so is the format on disk (adapters.safetensors, adapter_config.json): mlx_lm.load_adapters
and every tool built on it read what comes out. A quantized base stays as it is and only the matrices beside it learn
(QLoRA) where the backend is quick at it; on a CPU models/generate/load.py has made it float32 already.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten, tree_unflatten

from models import errors
from models.checkpoint import folders
from models.checkpoint.model_files import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from models.finetune_config import FinetuneConfig

Weights = dict[str, mx.array]


def attach(model: nn.Module, config: FinetuneConfig, quantized: bool) -> None:
    """Freeze a model and attach what is to be trained, initialized by the seed.

    quantized: the base is, on disk. Raises BadInput for more layers than there are, and for what the method can't do.
    """
    blocks = len(model.layers)
    if config.layers > blocks:
        raise errors.BadInput(f"{config.layers} layers were to be trained, the model has {blocks}.")
    model.freeze()
    mx.random.seed(config.seed)
    if config.method == "full":
        _unfreeze(model, config, quantized)
        return
    from mlx_lm.tuner.utils import linear_to_lora_layers  # brings transformers along; saving needs neither

    try:
        linear_to_lora_layers(model, config.layers, _parameters(config), use_dora=config.method == "dora")
    except ValueError as error:  # mixtures of experts have no DoRA layers
        raise errors.BadInput(f"This model can't be trained with {config.method}: {error}.", "Choose LoRA.") from error


def weights_of(model: nn.Module) -> Weights:
    """The trained tensors by name."""
    return dict(tree_flatten(model.trainable_parameters()))


def restore(model: nn.Module, weights: Weights) -> None:
    """Load a checkpoint's trained tensors into a prepared model. Raises Corrupt when they do not match it."""
    own = weights_of(model)
    if {name: array.shape for name, array in own.items()} != {name: array.shape for name, array in weights.items()}:
        raise errors.Corrupt("The checkpoint's tensors are not those of this model and method.")
    model.update(tree_unflatten(list(weights.items())))
    mx.eval(model.trainable_parameters())


def adapter_config(config: FinetuneConfig, base: str) -> dict[str, object]:
    """What adapter_config.json holds: what mlx-lm needs to build the layers anew, and the base they belong to."""
    about = {"model": base, "fine_tune_type": config.method, "num_layers": config.layers}
    return {**about, "lora_parameters": _parameters(config)}


def save_adapter(folder: Path, weights: Weights, config: FinetuneConfig, base: str) -> None:
    """Write an adapter as mlx-lm reads it. Raises BadInput when a tensor holds what is no number."""
    check_finite(weights)
    save_tensors(folder / ADAPTER_WEIGHTS, weights)
    folders.write_json(folder / ADAPTER_CONFIG, adapter_config(config, base))


def save_tensors(path: Path, tensors: Weights) -> None:
    """Write tensors and wait until they are on the disk."""
    mx.save_safetensors(str(path), tensors)
    folders.sync(path)


def check_finite(weights: Weights, dtype: str = "") -> None:
    """Raise BadInput when a tensor holds NaN or infinity, or would in the type that its base runs in."""
    if not _all_finite(weights.values()):
        fault = "The trained weights are no numbers any more, so they are not kept."
        raise errors.BadInput(fault, "Lower the learning rate.")
    if dtype == "float16" and not _all_finite(array.astype(mx.float16) for array in weights.values()):
        fault = "The trained weights are larger than float16 holds, in which their model runs, so they are not kept."
        raise errors.BadInput(fault, "Lower the learning rate, or train a version of the model in bfloat16.")


def _all_finite(arrays: Iterable[mx.array]) -> bool:
    return all(bool(mx.isfinite(array).all().item()) for array in arrays)


def _parameters(config: FinetuneConfig) -> dict[str, Any]:
    return {"rank": config.rank, "scale": config.scale, "dropout": config.dropout}


def _unfreeze(model: nn.Module, config: FinetuneConfig, quantized: bool) -> None:
    if quantized:
        hint = "Choose LoRA or DoRA, or the unquantized original."
        raise errors.BadInput("All weights of a quantized model can't be trained.", hint)
    for block in model.layers[-max(config.layers, 0) :]:
        block.unfreeze()
