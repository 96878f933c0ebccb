"""The configuration that a model is built from: config.json as transformers means it, in the words that mlx-lm takes.

mlx-lm passes over what an architecture's class has no field for, and fills what is left out with defaults of its own: a
model then runs that is not the one in the file, without a word. Here such a key is lifted into what the class takes, or
refused by its name. Everything that asks what a model is (load, quantize, fuse, GGUF, fit, show) reads it here, and
compare() looks at what a class made of it. Defaults of the architectures stand in models/architectures.py.
"""

import contextlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeGuard

from models import errors
from models.architectures import ARCHITECTURES, Architecture
from models.checkpoint import folders, mlx_lm_code, model_files, safetensors_header

GENERATION = "generation_config.json"
_HEAD = "lm_head.weight"
_SILU = ("silu", "swish")
_ROPE_NEEDS = {
    "default": (),
    "mrope": (),
    "linear": ("factor",),
    "dynamic": ("factor",),
    "yarn": ("factor",),
    "llama3": ("factor",),
}
_COMPARED = ("rope_theta", "rope_scaling", "tie_word_embeddings", "head_dim", "num_key_value_heads", "rms_norm_eps",
             "hidden_act", "attention_bias", "mlp_bias", "partial_rotary_factor")  # fmt: skip

Config = dict[str, Any]


def read(folder: Path) -> Config:
    """The configuration of a checkpoint folder. Raises NotFound, Corrupt, and Unsupported for what can't be heeded."""
    return lifted(folder, model_files.read_config(folder))


def text_part(config: Config) -> Config:
    """The part that describes the language model: of some, an object of its own."""
    inner = config.get("text_config")
    return inner if isinstance(inner, dict) else config


def context_length(config: Config) -> int:
    """The model's context length in tokens, 0 when none is given."""
    stated = (part.get("max_position_embeddings") for part in (text_part(config), config))
    return next((length for length in stated if _is_count(length)), 0)


def lifted(folder: Path, config: Config) -> Config:
    """config.json as read, with what transformers means by it said in full. Raises as read does."""
    config = dict(config)
    if isinstance(inner := config.get("text_config"), dict):
        config["text_config"] = part = dict(inner)
        if part.get("tie_word_embeddings") is None and "tie_word_embeddings" in config:
            part["tie_word_embeddings"] = config["tie_word_embeddings"]
        _lift(folder, part, str(config.get("model_type")))
    else:
        _lift(folder, config, str(config.get("model_type")))
    if ends := list(dict.fromkeys(_ends(folder, config))):
        config["eos_token_id"] = ends if len(ends) > 1 else ends[0]
    return config


def write_ends(folder: Path) -> None:
    """Name every token that ends a turn in generation_config.json: other programs look there alone."""
    ends = read(folder).get("eos_token_id")
    stated: Config = {}
    with contextlib.suppress(errors.StillroomError):
        stated = model_files.read_optional(folder, GENERATION)
    if ends is not None and stated.get("eos_token_id") != ends:
        folders.write_json(folder / GENERATION, {**stated, "eos_token_id": ends})


def compare(config: Config, args: Any, name: str) -> None:
    """Compare what an architecture's class took with the configuration. Raises Unsupported, with the key, where it took
    something else.
    """
    for key in _COMPARED:
        said = config.get(key)
        taken = getattr(args, key, said)
        if said is not None and not callable(taken) and _bare(taken) != _bare(said):
            raise _refused(name, f"{key} {_shown(said)}")


def _lift(folder: Path, part: Config, model_type: str) -> None:
    name = folder.name
    architecture = ARCHITECTURES.get(str(part.get("model_type")))
    _lift_rope(part, name, model_type)
    if architecture is not None:
        for key, value in architecture.defaults.items():
            if key != "tie_word_embeddings" and key not in part:
                part[key] = value
        if part.get("num_key_value_heads") is None and _is_count(part.get("num_attention_heads")):
            part["num_key_value_heads"] = part["num_attention_heads"]
        _check_known(part, architecture, name)
        _cap_context(part)
    elif not _is_neutral(part, "partial_rotary_factor", 1.0) and not _takes(part, model_type, "partial_rotary_factor"):
        raise _refused(name, f"partial_rotary_factor {_shown(part['partial_rotary_factor'])}")
    if part.get("tie_word_embeddings") is None:
        _lift_tie(folder, part, architecture)


def _lift_rope(part: Config, name: str, model_type: str) -> None:
    """Say what transformers 5 keeps in rope_parameters as rope_theta, rope_scaling and partial_rotary_factor too."""
    stated = part.get("rope_parameters")
    by_layer = _by_layer(stated)
    if by_layer and all(entry == by_layer[0] for entry in by_layer):
        stated, by_layer = by_layer[0], []
    if by_layer:
        if not _takes(part, model_type, "rope_parameters") and not _lift_local_rope(part, stated):
            raise _refused(name, "rope_parameters that differ between layers")
        return
    scaling, parameters = (dict(each) if isinstance(each, dict) else {} for each in (part.get("rope_scaling"), stated))
    said = scaling or parameters
    if scaling and parameters and _kind(scaling) != _kind(parameters):
        raise _refused(name, "rope_scaling and rope_parameters that contradict each other")
    for key in ("rope_theta", "partial_rotary_factor"):
        found = [each[key] for each in (scaling, parameters, part) if each.get(key) is not None]
        if any(value != found[0] for value in found):
            raise _refused(name, f"{key} both {_shown(found[0])} and {_shown(found[-1])}")
        if found:
            part[key] = found[0]
    taken = str(part.get("model_type")) in ARCHITECTURES or _takes(part, model_type, "rope_parameters", "rope_theta")
    if parameters and not taken and _takes(part, model_type, "RoPE", "rope", "initialize_rope"):
        raise _refused(name, "rope_parameters")
    if said and (scaling or _kind(said) != "default"):
        said = {key: value for key, value in said.items() if key not in ("rope_theta", "partial_rotary_factor")}
        for key in ("type", "rope_type"):  # transformers goes by rope_type, mlx-lm by type
            if key in said or key == "rope_type":
                said[key] = _kind(said)
        part["rope_scaling"] = said


def _by_layer(stated: object) -> list[Config]:
    """The entries of rope_parameters that are one a kind of layer."""
    if not isinstance(stated, dict) or not stated or not all(isinstance(entry, dict) for entry in stated.values()):
        return []
    return list(stated.values())


def _lift_local_rope(part: Config, stated: Any) -> bool:
    """Gemma 3's two kinds of layers, which its class knows by other keys."""
    if stated.keys() != {"full_attention", "sliding_attention"} or part.get("model_type") != "gemma3_text":
        return False
    full, local = dict(stated["full_attention"]), stated["sliding_attention"]
    if _kind(local) != "default":
        return False
    part["rope_theta"] = full.pop("rope_theta", 1e6)
    part["rope_local_base_freq"] = local.get("rope_theta", 1e4)
    part["rope_scaling"] = full if _kind(full) != "default" else None
    return True


def _bare(value: Any) -> Any:
    """rope_scaling without the names and numbers that it can be given in two ways."""
    twice = ("rope_theta", "partial_rotary_factor", "type", "rope_type")
    if not isinstance(value, dict):
        return value
    return {key: entry for key, entry in value.items() if key not in twice} | {"rope_type": _kind(value)}


def _kind(rope: Config) -> str:
    return str(rope.get("rope_type") or rope.get("type") or "default")


def _check_known(part: Config, architecture: Architecture, name: str) -> None:
    """Refuse what the class of an architecture of the table does not heed."""
    act = part.get("hidden_act")
    if act is not None and act not in _SILU:
        raise _refused(name, f"hidden_act {_shown(act)}")
    biased = architecture.stated_biases or architecture.qkv_bias
    for key, heeded in (("attention_bias", biased), ("mlp_bias", architecture.stated_biases)):
        if not heeded and part.get(key) is True:
            raise _refused(name, key)
    if not _is_neutral(part, "partial_rotary_factor", 1.0):
        raise _refused(name, f"partial_rotary_factor {_shown(part['partial_rotary_factor'])}")
    heads, hidden, head_dim = (part.get(key) for key in ("num_attention_heads", "hidden_size", "head_dim"))
    if architecture.fixed_head_dim and _is_count(head_dim) and _is_count(heads) and head_dim * heads != hidden:
        raise _refused(name, f"head_dim {_shown(head_dim)}")
    if head_dim is None and architecture.qk_norms and _is_count(heads) and _is_count(hidden):
        part["head_dim"] = hidden // heads
    if isinstance(scaling := part.get("rope_scaling"), dict):
        part["rope_scaling"] = _known_scaling(dict(scaling), part, name)


def _known_scaling(scaling: Config, part: Config, name: str) -> Config:
    kind = _kind(scaling)
    if kind not in _ROPE_NEEDS:
        raise _refused(name, f"rope_scaling of the type {_shown(kind)}")
    for key in _ROPE_NEEDS[kind]:
        if key not in scaling:
            raise errors.Corrupt(f"{name} can't be run: its config.json gives a rope_scaling without {key}.")
    if kind == "yarn":
        if not scaling.get("original_max_position_embeddings") and _is_count(part.get("max_position_embeddings")):
            scaling["original_max_position_embeddings"] = part["max_position_embeddings"]
        if not (scaling.get("mscale") and scaling.get("mscale_all_dim")):  # transformers heeds only both
            scaling.pop("mscale", None)
            scaling.pop("mscale_all_dim", None)
        if scaling.get("truncate") is False:
            raise _refused(name, "rope_scaling with truncate false")
        stated = scaling.get("attention_factor")
        if stated is not None and not _is_yarns_own(stated, scaling["factor"]):
            raise _refused(name, f"rope_scaling with attention_factor {_shown(stated)}")
    return scaling


def _is_yarns_own(attention_factor: object, factor: object) -> bool:
    if not isinstance(attention_factor, int | float) or not isinstance(factor, int | float) or factor <= 0:
        return False
    return math.isclose(attention_factor, 0.1 * math.log(factor) + 1 if factor > 1 else 1.0, rel_tol=1e-4)


def _cap_context(part: Config) -> None:
    """End the context where a window of attention, which these classes don't have, would begin to slide."""
    kind, window = part.get("model_type"), part.get("sliding_window", 4096)
    kinds, layers = part.get("layer_types"), part.get("num_hidden_layers")
    if kind == "mistral":
        slides = True
    elif not part.get("use_sliding_window") or (kind == "smollm3" and isinstance(kinds, list)):
        slides = False  # SmolLM3's class goes by layer_types
    elif isinstance(kinds, list):
        slides = "sliding_attention" in kinds
    else:
        begin = part.get("max_window_layers", 28)
        slides = not (_is_count(layers) and _is_count(begin) and begin >= layers)
    if slides and _is_count(window):
        stated = part.get("max_position_embeddings")
        part["max_position_embeddings"] = min(window, stated) if _is_count(stated) else window


def _lift_tie(folder: Path, part: Config, architecture: Architecture | None) -> None:
    """An output head of its own in the file is one that the model uses, unless its architecture ties by itself."""
    if architecture is not None and architecture.defaults["tie_word_embeddings"]:
        part["tie_word_embeddings"] = True
    elif any(tensor.endswith(_HEAD) for tensor in _tensor_names(folder)):
        part["tie_word_embeddings"] = False
    elif architecture is not None:
        part["tie_word_embeddings"] = True


def _tensor_names(folder: Path) -> Iterator[str]:
    if named := model_files.weight_map(folder):
        yield from named
        return
    for path in model_files.weight_files(folder):
        yield from safetensors_header.read(path).tensors


def _ends(folder: Path, config: Config) -> Iterator[int]:
    """Ids that end a turn: all that config.json and generation_config.json name. The tokenizer's own counts beside."""
    generation: Config = {}
    with contextlib.suppress(errors.StillroomError, OSError):  # what it advises can be done without
        generation = model_files.read_optional(folder, GENERATION)
    for part in (config, text_part(config), generation):
        stated = part.get("eos_token_id")
        for number in stated if isinstance(stated, list) else [stated]:
            if isinstance(number, int) and not isinstance(number, bool) and number >= 0:
                yield number


def _takes(part: Config, model_type: str, *keys: str) -> bool:
    """Whether the code of an architecture, or of the part of it, knows one of the keys."""
    kinds = {model_type, str(part.get("model_type"))}
    return any(mlx_lm_code.mentions(kind, key) for kind in kinds for key in keys)


def _is_neutral(part: Config, key: str, neutral: float) -> bool:
    return part.get(key) in (None, neutral)


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _refused(name: str, what: str) -> errors.Unsupported:
    return errors.Unsupported(f"{name} can't be run: its config.json has {what}, which Stillroom would not heed.")


def _shown(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 and text.isprintable() else f"{text[:60]!r}…"
