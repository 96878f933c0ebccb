"""Why a model returns no numbers: its weights are none, or the backend's memory ran out."""

from pathlib import Path

from mlx.utils import tree_flatten

from models.errors import NoMemory
from models.generate.adapters import PARTS
from models.generate.load import LoadedModel, check_weights


def no_numbers(loaded: LoadedModel) -> NoMemory:
    """The error of a model whose logits are NaN or all the same, as after a late Metal error.

    Raises Corrupt, in place of returning, when its weights or those of its adapter are no numbers either.
    """
    weights = dict(tree_flatten(loaded.model.parameters()))
    if loaded.adapter is not None:
        added = {name: weights.pop(name) for name in list(weights) if name.rpartition(".")[2] in PARTS}
        check_weights(f"The adapter {Path(loaded.adapter).name}", added)
    check_weights(loaded.name, weights)
    return NoMemory(
        "The model returned no numbers: its memory ran out, or what it computed grew beyond its numbers.",
        "Close other programs or take a smaller model, then try again.",
    )
