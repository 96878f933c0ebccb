"""The numbers of a config.json, held to what a model can be before one is built from them.

A configuration of ten million layers ends the process that builds the model; 0 heads, NaN or a text where a number
belongs fail somewhere deep in it. The bounds are wide: the largest published models have 126 layers, a hidden size of
18,432 and a vocabulary of 262,144. They hold in every part of the file, since some keep the language model's numbers
one level down.
"""

import math
import re
from collections.abc import Container, Iterator
from typing import Any

from models import errors

MAX_LAYERS, MAX_HIDDEN, MAX_VOCABULARY, MAX_CONTEXT = 512, 1 << 16, 1 << 21, 1 << 24
MAX_HEADS = MAX_HEAD_DIM = MAX_EXPERTS = 4096
MAX_FEED_FORWARD = 1 << 20

LAYERS = ("num_hidden_layers", "n_layers", "n_layer", "num_layers")
HIDDEN = ("hidden_size", "n_embd", "d_model")

# whole numbers: the smallest and the largest that may stand there
_WHOLE = {
    **dict.fromkeys(LAYERS, (1, MAX_LAYERS)),
    **dict.fromkeys(HIDDEN, (1, MAX_HIDDEN)),
    "vocab_size": (1, MAX_VOCABULARY),
    **dict.fromkeys(("num_attention_heads", "n_head", "n_heads", "num_key_value_heads"), (1, MAX_HEADS)),
    **dict.fromkeys(("head_dim", "v_head_dim", "qk_nope_head_dim", "qk_rope_head_dim"), (1, MAX_HEAD_DIM)),
    **dict.fromkeys(("intermediate_size", "moe_intermediate_size", "ffn_dim", "n_inner"), (0, MAX_FEED_FORWARD)),
    **dict.fromkeys(
        ("num_experts", "num_local_experts", "n_routed_experts", "n_shared_experts", "num_experts_per_tok"),
        (0, MAX_EXPERTS),
    ),
    **dict.fromkeys(("max_position_embeddings", "original_max_position_embeddings", "n_positions"), (1, MAX_CONTEXT)),
    "sliding_window": (0, MAX_CONTEXT),
}
# finite numbers: above 0 and up to
_FRACTIONS = {
    **dict.fromkeys(("rope_theta", "rope_local_base_freq"), 1e15),
    **dict.fromkeys(("rms_norm_eps", "layer_norm_eps", "layer_norm_epsilon", "norm_eps", "norm_epsilon"), 1.0),
    **dict.fromkeys(("factor", "low_freq_factor", "high_freq_factor"), 1e6),
}
_BITS, _MODES = range(1, 9), ("affine", "mxfp4", "mxfp8", "nvfp4")
_GROUP_SIZES = (16, 32, 64, 128, 256)
_LAYER_OF = re.compile(r"(?:^|\.)(?:layers|h|blocks)\.(\d+)\.")


def check(config: dict[str, Any], name: str) -> None:
    """Check a configuration's numbers against their bounds. name: the model's. Raises Corrupt or Unsupported."""
    for part in _parts(config):
        for key, value in part.items():
            for item in value if isinstance(value, list) else [value]:  # some list one number a layer
                if not _is_within(key, item):
                    raise errors.Corrupt(f"{name} can't be run: {key} in its config.json is {_shown(value)}.")
    for key in ("quantization", "quantization_config"):
        if config.get(key) is not None:
            _check_quantization(key, config[key], name)


def check_against(config: dict[str, Any], tensor_names: Container[str], data_bytes: int, name: str) -> None:
    """Compare what a configuration promises with the weights that are there. tensor_names: a set or dict of them.

    Every layer must have a weight, and the embeddings fit into the bytes at a bit a number, fewer than any
    quantization has. Raises Corrupt.
    """
    text = config.get("text_config")
    text = text if isinstance(text, dict) and not any(key in config for key in LAYERS) else config
    layers = next((text[key] for key in LAYERS if isinstance(text.get(key), int)), 0)
    present = {int(match[1]) for tensor in tensor_names if (match := _LAYER_OF.search(tensor))}  # type: ignore[attr-defined]
    if missing := set(range(layers)) - present:
        promise = f"promises {layers} layers, and there are no weights for {len(missing)} of them"
        raise errors.Corrupt(f"{name} is not whole: its config.json {promise}.", "Download or copy it again.")
    hidden = next((text[key] for key in HIDDEN if isinstance(text.get(key), int)), 0)
    vocabulary = text.get("vocab_size")
    if isinstance(vocabulary, int) and vocabulary * hidden > 8 * data_bytes:
        promise = f"promises {vocabulary:,} x {hidden:,} embeddings, more than its weights can hold"
        raise errors.Corrupt(f"{name} is damaged: its config.json {promise}.")


def _parts(config: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The configuration and every object in it, except where a quantization names modules."""
    yield config
    for key, value in config.items():
        if isinstance(value, dict) and not key.startswith("quantization"):
            yield from _parts(value)


def _is_within(key: str, value: object) -> bool:
    if value is None or (key not in _WHOLE and key not in _FRACTIONS):
        return True
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if key in _FRACTIONS:
        return math.isfinite(value) and 0 < value <= _FRACTIONS[key]
    least, most = _WHOLE[key]
    return isinstance(value, int) and least <= value <= most


def _check_quantization(key: str, settings: object, name: str) -> None:
    if not isinstance(settings, dict):
        raise errors.Corrupt(f"{name} can't be run: {key} in its config.json is {_shown(settings)}.")
    ours = key == "quantization"  # other programs' quantization_config may have other group sizes
    for part in [settings, *(value for value in settings.values() if isinstance(value, dict))]:
        bits, group_size, mode = part.get("bits"), part.get("group_size"), part.get("mode", "affine")
        if bits is not None and (isinstance(bits, bool) or bits not in _BITS):
            raise errors.Corrupt(f"{name} can't be run: it has weights of {_shown(bits)} bits by its config.json.")
        if ours and group_size is not None and (isinstance(group_size, bool) or group_size not in _GROUP_SIZES):
            raise errors.Corrupt(f"{name} can't be run: its config.json groups {_shown(group_size)} weights.")
        if ours and mode not in _MODES:
            raise errors.Unsupported(f"{name} is quantized by {_shown(mode)}, which Stillroom can't run.")
    if ours and not {"bits", "group_size"} <= settings.keys():
        raise errors.Corrupt(f"{name} can't be run: its config.json does not say how it is quantized.")


def _shown(value: object) -> str:
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a number of more digits than Python writes
        return "no usable value"
    return text if len(text) <= 40 else f"{text[:40]}…"
