"""The tensors of a GGUF file and what mlx-lm calls them: one table, for reading and for writing."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from models.architectures import LAYER_NAMES, OUTER_NAMES, gguf_of
from models.checkpoint.shapes import Tensor, layer_tensors, outer_tensors, shape_of

ROPE_FACTORS = "rope_freqs.weight"
META_ROPE = {"low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}


def llama3_factors(theta: float, pairs: int, factor: float) -> npt.NDArray[np.float64]:
    """Llama 3.1's divisor of each rotary frequency, one a pair of dimensions: (pairs,)."""
    low, high, old_context = META_ROPE.values()
    wavelength = 2 * np.pi * theta ** (np.arange(pairs) / pairs)
    smooth = np.clip((old_context / wavelength - low) / (high - low), 0, 1)
    factors: npt.NDArray[np.float64] = 1 / ((1 - smooth) / factor + smooth)
    return factors


class Place(NamedTuple):
    """Where a tensor of the file belongs in mlx-lm's model."""

    path: str  # of the module and its parameter, as in model.layers.0.self_attn.q_proj.weight
    shape: tuple[int, ...]
    rotary_heads: int  # heads whose rows are interleaved in the file, or 0


def tensor_table(config: Mapping[str, Any]) -> dict[str, Place]:
    """Every tensor of a model by its name in GGUF. config: config.json's, of an architecture that GGUF is read of."""
    shape, family = shape_of(dict(config)), gguf_of(config["model_type"])
    interleaved = family is not None and family.interleaved
    rotary = {"attn_q": shape.heads, "attn_k": shape.kv_heads} if interleaved else {}

    def place(tensor: Tensor, heads: int = 0) -> Place:
        return Place(f"{tensor.path}.{tensor.parameter}", tensor.shape, heads)

    table = {f"{OUTER_NAMES[tensor.path]}.weight": place(tensor) for tensor in outer_tensors(shape)}
    for layer in range(shape.layers):
        for tensor in layer_tensors(shape, layer):
            name = LAYER_NAMES[tensor.path.removeprefix(f"model.layers.{layer}.")]
            table[f"blk.{layer}.{name}.{tensor.parameter}"] = place(tensor, rotary.get(name, 0))
    return table
