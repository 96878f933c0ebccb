"""GGUF to a checkpoint folder that mlx-lm loads: config, weights, tokenizer and chat template, all from the one file.

What sets an architecture apart stands in models/architectures.py. The header is checked before anything else looks into
the file (models/gguf/header.py), the disk's room before anything is written; a folder appears whole or not at all
(models/checkpoint/folders.py).
"""

import logging
from collections import Counter
from collections.abc import Generator
from itertools import accumulate
from pathlib import Path

import numpy as np

from models import errors
from models.architectures import ARCHITECTURES, GGUF, SIZE_KEYS, gguf_names, gguf_of
from models.checkpoint import folders, shards
from models.events import Progress
from models.gguf import header as gguf_header
from models.gguf import tokenizer
from models.gguf import weights as gguf_weights
from models.gguf.header import Header
from models.gguf.tensors import META_ROPE, ROPE_FACTORS, llama3_factors, tensor_table
from models.gguf.weights import Weight

log = logging.getLogger(__name__)

LARGEST = 1 << 20  # of any dimension of a model

Config = dict[str, object]


def convert(
    source: Path, folder: Path, replace: bool = False, keep_precision: bool = False
) -> Generator[Progress, None, dict[str, int]]:
    """Turn the GGUF file `source` into the checkpoint `folder`, which may exist only when it is to be replaced.

    keep_precision: blocks that MLX can't hold become float16, else they are quantized to the bits that come near them.
    Returns those bits by block type; {} where all is kept. Closing the generator stops the work and leaves nothing
    behind. Raises NotFound, Corrupt, Unsupported, DiskFull.
    """
    header = gguf_header.read(source)
    config = model_config(header)
    weights = _weights(header, config, keep_precision)
    tokenizer_files = tokenizer.files(header)
    outputs = [output for weight in weights for output in gguf_weights.outputs(source, weight)]
    config |= _quantization(weights)
    total = sum(output.size for output in outputs)
    log.debug("%s: %d tensors to %d bytes, %s", source.name, len(weights), total, config.get("quantization"))

    needed = total + sum(map(len, tokenizer_files.values())) + (1 << 20)
    with folders.publishing(folder, needed, f"writing {folder.name}", replace) as draft:
        for done in accumulate(shards.write_shards(draft, outputs), initial=0):
            yield Progress(stage="convert", done=done, total=total, unit="bytes")
        yield Progress(stage="write", done=total, total=total, unit="bytes")
        folders.write_json(draft / "config.json", config)
        folders.write_json(draft / "generation_config.json", {"eos_token_id": config["eos_token_id"]})
        for name, content in tokenizer_files.items():
            folders.write_file(draft / name, content)
    forms = {weight.tensor.kind: weight.form for weight in weights}
    return {kind: form.bits for kind, form in sorted(forms.items()) if form and not form.exact}


def model_config(header: Header) -> Config:
    """config.json of a GGUF, without its quantization. Raises Corrupt and Unsupported."""
    kind, family = _architecture(header)
    hidden, heads = _size(header, "hidden_size"), _size(header, "num_attention_heads")
    kv_heads = header.integer(f"{kind}.{SIZE_KEYS['num_key_value_heads']}", heads)
    head_dim = header.integer(f"{kind}.{SIZE_KEYS['head_dim']}", hidden // heads)
    if not kv_heads or heads % kv_heads or not 2 <= head_dim <= LARGEST or head_dim % 2:
        raise errors.Corrupt(f"{header.path.name} is damaged: its attention heads don't add up.")
    if ARCHITECTURES[kind].fixed_head_dim and head_dim * heads != hidden:
        raise errors.Unsupported(f"{header.path.name} has attention heads of a size that Stillroom can't run.")
    if header.integer(f"{kind}.rope.dimension_count", head_dim) != head_dim:
        text = f"{header.path.name} turns only a part of each attention head, which Stillroom can't run."
        raise errors.Unsupported(text)
    if _size(header, "num_hidden_layers") > len(header.tensors):
        raise errors.Corrupt(f"{header.path.name} is damaged: it has fewer tensors than layers.")
    tensors = header.tensors
    config: Config = {
        "architectures": [family.model_class],
        "model_type": kind,
        "hidden_size": hidden,
        "num_hidden_layers": _size(header, "num_hidden_layers"),
        "intermediate_size": _size(header, "intermediate_size"),
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "head_dim": head_dim,
        "rms_norm_eps": _decimal(header.number(f"{kind}.attention.layer_norm_rms_epsilon")),
        "rope_theta": _decimal(header.number(f"{kind}.rope.freq_base", 10000.0)),
        "rope_scaling": _rope_scaling(header, kind),
        "vocab_size": _vocab_size(header),
        "max_position_embeddings": header.integer(f"{kind}.{SIZE_KEYS['max_position_embeddings']}"),
        "tie_word_embeddings": "output.weight" not in tensors,
        "attention_bias": "blk.0.attn_q.bias" in tensors,
        "mlp_bias": "blk.0.ffn_gate.bias" in tensors,
        "bos_token_id": tokenizer.special_ids(header).get("bos_token"),
        "eos_token_id": tokenizer.end_ids(header),
        "torch_dtype": family.compute_dtype,
    }
    return {key: value for key, value in config.items() if value is not None}


def _architecture(header: Header) -> tuple[str, GGUF]:
    kind = header.text("general.architecture")
    family = gguf_of(kind)
    if family is None:
        raise errors.Unsupported(
            f"{header.path.name} is of the architecture {kind or '(none named)'}; from GGUF Stillroom takes {', '.join(gguf_names())}.",
            "Import the model's Hugging Face or MLX folder instead.",
        )
    if header.metadata.get(f"{kind}.expert_count", 0):
        raise errors.Unsupported(f"{header.path.name} is a mixture of experts, which Stillroom can't take from GGUF.")
    return kind, family


def _size(header: Header, config_key: str) -> int:
    key = f"{header.text('general.architecture')}.{SIZE_KEYS[config_key]}"
    if isinstance(header.metadata.get(key), list):
        raise errors.Unsupported(f"{header.path.name} has layers of different shapes, which Stillroom can't run.")
    value = header.integer(key)
    if not 0 < value <= LARGEST:
        raise errors.Corrupt(f"{header.path.name} is damaged: its {key} is {value:,}.")
    return value


def _decimal(value: float) -> float:
    # GGUF holds float32; 9.999999747378752e-06 was written as 1e-05
    return float(str(np.float32(value)))


def _vocab_size(header: Header) -> int:
    embedding = header.tensors.get("token_embd.weight")
    tokens = len(header.metadata.get("tokenizer.ggml.tokens", ()))
    if embedding is None or len(embedding.shape) != 2 or not 0 < tokens <= embedding.shape[0] <= 1 << 24:
        raise errors.Corrupt(f"{header.path.name} is damaged: its vocabulary and its embeddings don't match.")
    return embedding.shape[0]


def _rope_scaling(header: Header, kind: str) -> Config | None:
    scaling = header.text(f"{kind}.rope.scaling.type", "linear")  # llama.cpp's own default
    stretch = _stretch(header, kind) if scaling != "none" else 1.0
    if header.number(f"{kind}.rope.scaling.attn_factor", 1.0) != 1:
        raise errors.Unsupported(
            f"{header.path.name} scales its attention (rope.scaling.attn_factor), which Stillroom can't take from GGUF."
        )
    if ROPE_FACTORS in header.tensors and stretch == 1:
        return _llama3_scaling(header, kind)
    if stretch == 1 and scaling in ("none", "linear"):
        return None
    at = f"{kind}.rope.scaling."
    stated = {key.removeprefix(at) for key in header.metadata if key.startswith(at)} - {"finetuned", "attn_factor"}
    # YaRN as its authors have it; any other number a file can say of it would be lost
    plain_yarn = scaling == "yarn" and stated == {"type", "factor", "original_context_length"}
    if not plain_yarn and (scaling != "linear" or ROPE_FACTORS in header.tensors):
        text = f"{header.path.name} stretches its context by {scaling}, which Stillroom can't take from GGUF."
        raise errors.Unsupported(text)
    found: Config = {"rope_type": scaling, "factor": stretch}
    if plain_yarn:
        found["original_max_position_embeddings"] = header.integer(f"{at}original_context_length")
    return found


def _stretch(header: Header, kind: str) -> float:
    """By what positions are divided: 1 when nothing says so, and for 0, which llama.cpp takes for unsaid."""
    keys = (f"{kind}.rope.scaling.factor", f"{kind}.rope.scale_linear")
    stated = next((key for key in keys if key in header.metadata), None)
    return _decimal(header.number(stated)) if stated and header.metadata[stated] != 0 else 1.0


def _llama3_scaling(header: Header, kind: str) -> Config | None:
    """Llama 3.1's scaling, known by the factors it leaves in rope_freqs.weight, one a pair of dimensions.

    The file holds only the factors; Meta's other parameters are known, and the largest one is `factor`.
    """
    factors = gguf_weights.read_floats(header.path, header.tensors[ROPE_FACTORS])
    if np.all(factors == 1):
        return None
    factor, theta = float(factors.max()), header.number(f"{kind}.rope.freq_base", 10000.0)
    if not np.allclose(factors, llama3_factors(theta, len(factors), factor), rtol=1e-3):
        raise errors.Unsupported(f"{header.path.name} stretches its context in a way that Stillroom does not know.")
    return {"rope_type": "llama3", "factor": factor, **META_ROPE}


def _weights(header: Header, config: Config, keep_precision: bool) -> list[Weight]:
    """Every weight the model needs, each with the shape it needs, and no tensor left over."""
    expected = tensor_table(config)
    if unknown := header.tensors.keys() - expected.keys() - {ROPE_FACTORS}:
        raise errors.Unsupported(f"{header.path.name} holds a tensor that Stillroom does not know: {min(unknown)}.")
    weights = []
    for name, (path, shape, rotary_heads) in expected.items():
        tensor = header.tensors.get(name)
        if tensor is None:
            raise errors.Corrupt(f"{header.path.name} lacks the tensor {name}.")
        if tensor.shape != shape or (len(shape) == 1 and tensor.kind not in ("F32", "F16", "BF16")):
            raise errors.Corrupt(f"{header.path.name} is damaged: {name} is not of shape {shape}.")
        weights.append(Weight(tensor, path, rotary_heads, keep_precision))
    return weights


def _quantization(weights: list[Weight]) -> Config:
    """mlx-lm's `quantization`: the most common form for all, and an entry for each module that has another."""
    found = {weight.module: (form.group_size, form.bits) for weight in weights if (form := weight.form)}
    if not found:
        return {}
    (usual, _), *_ = Counter(found.values()).most_common(1)
    own = {module: _settings(*form) for module, form in found.items() if form != usual}
    return {"quantization": {**_settings(*usual), **own}}


def _settings(group_size: int, bits: int) -> Config:
    return {"group_size": group_size, "bits": bits}
