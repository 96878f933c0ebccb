"""Adapters as PEFT keeps them: adapter_config.json and adapter_model.safetensors, which transformers and vLLM read.

    base_model.model.model.layers.N.self_attn.q_proj.lora_A.weight        A: (r, in)
    …lora_B.weight                                                        B: (out, r)
    …lora_magnitude_vector                                                m: (out,), of DoRA

W' = W + s B A with s = lora_alpha / r, or lora_alpha / sqrt(r) with rsLoRA; rank_pattern and alpha_pattern give single
modules numbers of their own. mlx-lm keeps the same matrices turned, with one rank and one s for all. Read here, without
MLX, is what of it Stillroom can take; all else is refused by its name (github.com/huggingface/peft, tuners/lora).
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from models import errors
from models.checkpoint import bounded_files, safetensors_header, safety
from models.checkpoint.model_files import ADAPTER_CONFIG, INDEX

WEIGHTS = "adapter_model.safetensors"
PREFIX = "base_model.model."
PARTS = {"lora_A": "lora_a", "lora_B": "lora_b", "lora_magnitude_vector": "m"}  # PEFT's name of each, and mlx-lm's
MAX_RANK, MAX_NUMBER, MAX_PATTERNS, MAX_PATTERN = 8192, 1e6, 4096, 200
MODULE = re.compile(r"model\.layers\.(\d+)\.((?:self_attn\.[qkvo]|mlp\.(?:gate|up|down))_proj)|lm_head")

_PICKLE = "adapter_model.bin"
_TENSOR = re.compile(r"(.+)\.(lora_A|lora_B|lora_magnitude_vector)(?:\.(?!weight$)\w+)?(?:\.weight)?")
_KINDS = {
    "ADALORA": "AdaLoRA", "LOKR": "LoKr", "LOHA": "LoHa", "VERA": "VeRA", "IA3": "(IA)³", "XLORA": "X-LoRA",
    "PREFIX_TUNING": "prefix tuning", "PROMPT_TUNING": "prompt tuning", "P_TUNING": "p-tuning", "LN_TUNING": "LN tuning",
}  # fmt: skip
# How the matrices may begin. Others (PiSSA, OLoRA, LoftQ, CorDA …) change the base's own weights along with it.
_BEGINNINGS = (True, False, None, "true", "false", "gaussian", "eva", "orthogonal")
_CHANGES = {  # keys of variants that compute something else, and what to call them
    "lora_bias": "a bias beside its matrices (lora_bias)",
    "fan_in_fan_out": "matrices that lie the other way round (fan_in_fan_out)",
    "trainable_token_indices": "embeddings of single tokens (trainable_token_indices)",
    "target_parameters": "single parameters in place of modules (target_parameters)",
    "layer_replication": "layers used several times (layer_replication)",
    "alora_invocation_tokens": "activated LoRA (alora_invocation_tokens)",
    "arrow_config": "Arrow routing (arrow_config)",
}
_KNOWN_SWITCHES = ("use_rslora", "use_dora", "use_cache", "use_reentrant")
_PLAIN_PATTERN = re.compile(r"[\w.^$|()\[\]\-,\\*+?]+")
_QUANTIFIED_GROUP = re.compile(r"\)[*+?{]|[*+?][*+?]")

Part = Literal["lora_A", "lora_B", "lora_magnitude_vector"]


@dataclass(frozen=True)
class PeftAdapter:
    """An adapter whose configuration and header have been looked at."""

    folder: Path
    base: str  # what it says that it was trained on: a repository or a path of then, perhaps empty
    dora: bool
    shapes: dict[str, dict[str, tuple[int, ...]]]  # of each module's tensors, by mlx-lm's names
    tensors: dict[tuple[str, str], str]  # the name in the file of a module's part
    scales: dict[str, float]  # of each module

    def rank(self, module: str) -> int:
        """How many rows A of a module has."""
        return self.shapes[module]["lora_a"][0]


def is_adapter(path: Path) -> bool:
    """Whether a folder holds an adapter of PEFT's, one that can be read or not. Some have their base's config.json."""
    of_model = any((path / name).exists() for name in ("model.safetensors", INDEX))
    if of_model or not (path / ADAPTER_CONFIG).exists():
        return False
    if (path / WEIGHTS).exists() or (path / _PICKLE).exists():
        return True
    try:
        return "peft_type" in bounded_files.read_json(path / ADAPTER_CONFIG, safety.MAX_ADAPTER_CONFIG_BYTES)
    except (OSError, errors.StillroomError):
        return False


def read(folder: Path) -> PeftAdapter:
    """Look at an adapter's folder. Raises NotFound, Corrupt, Unsupported and Unsafe."""
    with errors.disk_faults(f"reading {folder.name}"):
        config = bounded_files.read_json(folder / ADAPTER_CONFIG, safety.MAX_ADAPTER_CONFIG_BYTES)
        _refuse_variants(folder.name, config)
        if not (folder / WEIGHTS).is_file():
            raise _without_weights(folder)
        header = safetensors_header.read(folder / WEIGHTS)
    tensors = _named(folder.name, header.tensors)
    shapes: dict[str, dict[str, tuple[int, ...]]] = {}
    for (module, part), name in tensors.items():
        tensor = header.tensors[name]
        if tensor.dtype not in ("F32", "F16", "BF16"):
            raise _refused(folder.name, f"numbers of the type {tensor.dtype}")
        shapes.setdefault(module, {})[part] = tensor.shape
    dora = config.get("use_dora") is True
    for module, parts in shapes.items():
        _check_parts(folder.name, module, parts, dora)
    base = config.get("base_model_name_or_path")
    scales = _scales(folder.name, config, {module: parts["lora_a"][0] for module, parts in shapes.items()})
    return PeftAdapter(folder, base if isinstance(base, str) else "", dora, shapes, tensors, scales)


def _refuse_variants(name: str, config: Mapping[str, Any]) -> None:
    kind = config.get("peft_type")
    if not isinstance(kind, str):
        raise errors.Corrupt(f"{name} is no adapter of PEFT's: its {ADAPTER_CONFIG} names no peft_type.")
    if kind.upper() != "LORA":
        said = _KINDS.get(kind.upper(), kind)[:40]
        raise errors.Unsupported(f"{name} is an adapter of the kind {said}.", "Stillroom takes LoRA and DoRA.")
    if saved := config.get("modules_to_save"):
        listed = ", ".join(map(str, saved)) if isinstance(saved, list) else str(saved)
        raise _refused(name, f"whole modules besides its matrices (modules_to_save: {listed[:120]})")
    if (bias := config.get("bias", "none")) != "none":
        raise _refused(name, f"trained biases (bias: {str(bias)[:40]})")
    begun = config.get("init_lora_weights", True)
    if not any(begun is one or (isinstance(begun, str) and begun.lower() == one) for one in _BEGINNINGS):
        raise _refused(name, f"a base that it changes (init_lora_weights: {str(begun)[:40]})")
    for key, what in _CHANGES.items():
        if config.get(key):
            raise _refused(name, what)
    for key, value in config.items():
        if key.startswith("use_") and key not in _KNOWN_SWITCHES and value:
            raise _refused(name, f"a variant of LoRA ({key[:60]})")


def _named(name: str, tensors: Mapping[str, object]) -> dict[tuple[str, str], str]:
    """The tensors by module and part. Raises for what is no matrix of a linear layer."""
    found: dict[tuple[str, str], str] = {}
    for tensor in tensors:
        match = _TENSOR.fullmatch(tensor.removeprefix(PREFIX))
        if match is None or "lora_embedding" in tensor:
            raise _refused(name, _what_it_is(tensor))
        module = f"model.{match[1]}" if match[1].startswith("layers.") else match[1]  # trained without its head
        if MODULE.fullmatch(module) is None:
            raise _refused(name, f"matrices for {match[1][:80]}")
        if found.setdefault((module, PARTS[match[2]]), tensor) != tensor:
            raise _refused(name, f"several adapters: {module} has two of {match[2]}")
    if not found:
        raise errors.Corrupt(f"{name} holds no matrices.")
    return found


def _what_it_is(tensor: str) -> str:
    inner = tensor.removeprefix(PREFIX)
    if "lora_embedding" in inner:
        return f"matrices for an embedding ({inner.partition('.lora_embedding')[0][:80]})"
    if inner.endswith("bias"):
        return f"a trained bias ({inner[:80]})"
    return f"weights that are no matrices of LoRA ({inner[:80]})"


def _check_parts(name: str, module: str, parts: Mapping[str, tuple[int, ...]], dora: bool) -> None:
    wanted = {"lora_a", "lora_b", "m"} if dora else {"lora_a", "lora_b"}
    if parts.keys() != wanted:
        odd = min(wanted ^ parts.keys())
        raise errors.Corrupt(f"{name} is damaged: {module} {'lacks' if odd in wanted else 'should have no'} {odd}.")
    a, b = parts["lora_a"], parts["lora_b"]
    rank = a[0] if a else 0
    if len(a) != 2 or len(b) != 2 or b[1] != rank or not 1 <= rank <= MAX_RANK or (dora and parts["m"] != b[:1]):
        raise errors.Corrupt(f"{name} is damaged: the shapes of {module} do not fit each other: {dict(parts)}.")


def _scales(name: str, config: Mapping[str, Any], ranks: Mapping[str, int]) -> dict[str, float]:
    """s of each module. Raises Corrupt for numbers that are none or not those of the tensors."""
    rslora = config.get("use_rslora") is True
    by_rank, by_alpha = (_patterns(name, config, key) for key in ("rank_pattern", "alpha_pattern"))
    scales = {}
    for module, rank in ranks.items():
        stated = _number(name, "r", _matched(by_rank, module, config.get("r", 8)))
        alpha = _number(name, "lora_alpha", _matched(by_alpha, module, config.get("lora_alpha", 8)))
        if stated != rank:
            text = f"{name} is damaged: {module} is of rank {rank}, its configuration says {stated:g}."
            raise errors.Corrupt(text)
        scales[module] = alpha / (math.sqrt(rank) if rslora else rank)
    return scales


def _patterns(name: str, config: Mapping[str, Any], key: str) -> dict[str, Any]:
    found = config.get(key) or {}
    if not isinstance(found, dict) or len(found) > MAX_PATTERNS:
        raise errors.Corrupt(f"{name} is damaged: its {key} is none.")
    for pattern in found:
        # a stranger's expression may not search for ever
        slow = _QUANTIFIED_GROUP.search(pattern) or sum(pattern.count(mark) for mark in "*+?") > 4
        if len(pattern) > MAX_PATTERN or not _PLAIN_PATTERN.fullmatch(pattern) or slow:
            raise errors.Unsupported(f"{name} has a {key} that Stillroom does not search by: {pattern[:60]!r}.")
        try:
            re.compile(pattern)
        except re.error as error:
            raise errors.Corrupt(f"{name} is damaged: {pattern[:60]!r} is no pattern.") from error
    return found


def _matched(patterns: Mapping[str, Any], module: str, otherwise: object) -> object:
    """The value of the first pattern that a module's name ends with, as PEFT looks for it."""
    return next((value for key, value in patterns.items() if re.match(rf"(.*\.)?({key})$", module)), otherwise)


def _number(name: str, key: str, value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value <= MAX_NUMBER:
        raise errors.Corrupt(f"{name} is damaged: its {key} is {str(value)[:40]}.")
    return float(value)


def _without_weights(folder: Path) -> errors.StillroomError:
    if (folder / _PICKLE).exists():
        text = f"{folder.name} holds its matrices as a pickle file, and reading one runs code that is in it."
        return errors.Unsafe(text, "Save it with safetensors: PEFT does so by itself.")
    return errors.NotFound(f"The adapter {folder.name} has no {WEIGHTS}.")


def _refused(name: str, what: str) -> errors.Unsupported:
    return errors.Unsupported(
        f"{name} has {what}, which Stillroom can't use.", "It takes LoRA and DoRA of linear layers."
    )
