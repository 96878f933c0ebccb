"""GGUF to a checkpoint folder that mlx-lm loads: config, weights, tokenizer and chat template, all from the one file.

Architectures: llama, qwen2 and qwen3, which share their names of tensors; qwen2 has biases on q, k and v, qwen3 norms on
q and k, and both keep the rows of their heads in order. `tensor_table` is the table of names, for reading and for writing
(models/gguf/write.py). The header is checked before anything else looks into the file (models/gguf/header.py); the disk's
room before anything is written; a folder appears whole or not at all (models/checkpoint/folders.py).
"""

import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from models import errors
from models.checkpoint import folders, shards
from models.events import Progress
from models.gguf import header as gguf_header
from models.gguf import tokenizer
from models.gguf import weights as gguf_weights
from models.gguf.header import Header
from models.gguf.weights import Weight

log = logging.getLogger(__name__)

ARCHITECTURES = {"llama": "LlamaForCausalLM", "qwen2": "Qwen2ForCausalLM", "qwen3": "Qwen3ForCausalLM"}
# Qwen's activations overflow float16: its cards ask for bfloat16
COMPUTE_DTYPES = {"llama": "float16", "qwen2": "bfloat16", "qwen3": "bfloat16"}
LARGEST = 1 << 20  # of any dimension of a model

# GGUF's name of a layer's module, mlx-lm's, and its (rows, columns) in the words of _sizes
_MODULES = {
    "attn_q": ("self_attn.q_proj", "q", "hidden"),
    "attn_k": ("self_attn.k_proj", "kv", "hidden"),
    "attn_v": ("self_attn.v_proj", "kv", "hidden"),
    "attn_output": ("self_attn.o_proj", "hidden", "q"),
    "ffn_gate": ("mlp.gate_proj", "ffn", "hidden"),
    "ffn_up": ("mlp.up_proj", "ffn", "hidden"),
    "ffn_down": ("mlp.down_proj", "hidden", "ffn"),
}
_ATTENTION = ("attn_q", "attn_k", "attn_v", "attn_output")
_FFN = ("ffn_gate", "ffn_up", "ffn_down")
ROPE_FACTORS = "rope_freqs.weight"

Config = dict[str, object]


def convert(source: Path, folder: Path, replace: bool = False) -> Iterator[Progress]:
    """Turn the GGUF file `source` into the checkpoint `folder`, which may exist only when it is to be replaced.

    Closing the generator stops the work and leaves nothing behind. Raises NotFound, Corrupt, Unsupported, DiskFull.
    """
    header = gguf_header.read(source)
    config = model_config(header)
    weights = _weights(header, config)
    tokenizer_files = tokenizer.files(header)
    outputs = [output for weight in weights for output in gguf_weights.outputs(source, weight)]
    config |= _quantization(weights)
    total = sum(output.size for output in outputs)
    log.debug("%s: %d tensors to %d bytes, %s", source.name, len(weights), total, config.get("quantization"))

    needed = total + sum(map(len, tokenizer_files.values())) + (1 << 20)
    with folders.publishing(folder, needed, f"writing {folder.name}", replace) as draft:
        done = 0
        yield _progress("convert", done, total)
        for count in shards.write_shards(draft, outputs):
            done += count
            yield _progress("convert", done, total)
        yield _progress("write", done, total)
        folders.write_json(draft / "config.json", config)
        folders.write_json(draft / "generation_config.json", {"eos_token_id": config["eos_token_id"]})
        for name, content in tokenizer_files.items():
            folders.write_file(draft / name, content)


def model_config(header: Header) -> Config:
    """config.json of a GGUF, without its quantization. Raises Corrupt and Unsupported."""
    kind = _architecture(header)
    hidden, heads = _size(header, "embedding_length"), _size(header, "attention.head_count")
    kv_heads = header.integer(f"{kind}.attention.head_count_kv", heads)
    head_dim = header.integer(f"{kind}.attention.key_length", hidden // heads)
    if not kv_heads or heads % kv_heads or not 2 <= head_dim <= LARGEST or head_dim % 2:
        raise errors.Corrupt(f"{header.path.name} is damaged: its attention heads don't add up.")
    if kind == "qwen2" and head_dim * heads != hidden:
        raise errors.Unsupported(f"{header.path.name} has attention heads of a size that Stillroom can't run.")
    if header.integer(f"{kind}.rope.dimension_count", head_dim) != head_dim:
        raise errors.Unsupported(
            f"{header.path.name} turns only a part of each attention head, which Stillroom can't run."
        )
    if _size(header, "block_count") > len(header.tensors):
        raise errors.Corrupt(f"{header.path.name} is damaged: it has fewer tensors than layers.")
    tensors = header.tensors
    config: Config = {
        "architectures": [ARCHITECTURES[kind]],
        "model_type": kind,
        "hidden_size": hidden,
        "num_hidden_layers": _size(header, "block_count"),
        "intermediate_size": _size(header, "feed_forward_length"),
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "head_dim": head_dim,
        "rms_norm_eps": _decimal(header.number(f"{kind}.attention.layer_norm_rms_epsilon")),
        "rope_theta": _decimal(header.number(f"{kind}.rope.freq_base", 10000.0)),
        "rope_scaling": _rope_scaling(header, kind),
        "vocab_size": _vocab_size(header),
        "max_position_embeddings": header.integer(f"{kind}.context_length"),
        "tie_word_embeddings": "output.weight" not in tensors,
        "attention_bias": "blk.0.attn_q.bias" in tensors,
        "mlp_bias": "blk.0.ffn_gate.bias" in tensors,
        "bos_token_id": tokenizer.special_ids(header).get("bos_token"),
        "eos_token_id": tokenizer.end_ids(header),
        "torch_dtype": COMPUTE_DTYPES[kind],
    }
    return {key: value for key, value in config.items() if value is not None}


def _architecture(header: Header) -> str:
    kind = header.text("general.architecture")
    if kind not in ARCHITECTURES:
        raise errors.Unsupported(
            f"{header.path.name} is of the architecture {kind or '(none named)'}; from GGUF Stillroom takes {', '.join(ARCHITECTURES)}.",
            "Import the model's Hugging Face or MLX folder instead.",
        )
    if header.metadata.get(f"{kind}.expert_count", 0):
        raise errors.Unsupported(f"{header.path.name} is a mixture of experts, which Stillroom can't take from GGUF.")
    return kind


def _size(header: Header, key: str) -> int:
    key = f"{header.text('general.architecture')}.{key}"
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
    scaling = header.text(f"{kind}.rope.scaling.type", "none")
    if ROPE_FACTORS in header.tensors:
        return _llama3_scaling(header, kind)
    if scaling == "none":
        return None
    said = {
        key for key in header.metadata if key.startswith(f"{kind}.rope.scaling.") and not key.endswith(".finetuned")
    }
    factor, original = f"{kind}.rope.scaling.factor", f"{kind}.rope.scaling.original_context_length"
    if scaling == "linear":
        return {"rope_type": "linear", "factor": _decimal(header.number(factor))}
    # as YaRN's authors have it; any other number a file can say of it would be lost
    if scaling == "yarn" and said == {f"{kind}.rope.scaling.type", factor, original}:
        return {
            "rope_type": "yarn",
            "factor": _decimal(header.number(factor)),
            "original_max_position_embeddings": header.integer(original),
        }
    raise errors.Unsupported(
        f"{header.path.name} stretches its context by {scaling}, which Stillroom can't take from GGUF."
    )


def _llama3_scaling(header: Header, kind: str) -> Config | None:
    """Llama 3.1's scaling, known by the factors it leaves in rope_freqs.weight, one a pair of dimensions.

    The file holds only the factors; Meta's parameters are low 1, high 4 over 8192, and the largest one is `factor`.
    """
    factors = gguf_weights.read_floats(header.path, header.tensors[ROPE_FACTORS])
    if np.all(factors == 1):
        return None
    factor, low, high, old_context = float(factors.max()), 1.0, 4.0, 8192
    theta = header.number(f"{kind}.rope.freq_base", 10000.0)
    wavelength = 2 * np.pi * theta ** (np.arange(len(factors)) / len(factors))
    smooth = np.clip((old_context / wavelength - low) / (high - low), 0, 1)
    if not np.allclose(factors, 1 / ((1 - smooth) / factor + smooth), rtol=1e-3):
        raise errors.Unsupported(f"{header.path.name} stretches its context in a way that Stillroom does not know.")
    return {
        "rope_type": "llama3",
        "factor": factor,
        "low_freq_factor": low,
        "high_freq_factor": high,
        "original_max_position_embeddings": old_context,
    }


def _weights(header: Header, config: Config) -> list[Weight]:
    """Every weight the model needs, each with the shape it needs, and no tensor left over."""
    expected = tensor_table(config)
    unknown = header.tensors.keys() - expected.keys() - {ROPE_FACTORS}
    if unknown:
        raise errors.Unsupported(f"{header.path.name} holds a tensor that Stillroom does not know: {min(unknown)}.")
    weights = []
    for name, (path, shape, rotary_heads) in expected.items():
        tensor = header.tensors.get(name)
        if tensor is None:
            raise errors.Corrupt(f"{header.path.name} lacks the tensor {name}.")
        if tensor.shape != shape or (len(shape) == 1 and tensor.kind not in ("F32", "F16", "BF16")):
            raise errors.Corrupt(f"{header.path.name} is damaged: {name} is not of shape {shape}.")
        weights.append(Weight(tensor, path, rotary_heads))
    return weights


def tensor_table(config: Config) -> dict[str, tuple[str, tuple[int, ...], int]]:
    """GGUF's name of each tensor: mlx-lm's path, the shape, and the heads whose rows are interleaved there or 0."""
    sizes = _sizes(config)
    hidden, vocab = sizes["hidden"], sizes["vocab"]
    expected: dict[str, tuple[str, tuple[int, ...], int]] = {
        "token_embd.weight": ("model.embed_tokens.weight", (vocab, hidden), 0),
        "output_norm.weight": ("model.norm.weight", (hidden,), 0),
    }
    if not config["tie_word_embeddings"]:
        expected["output.weight"] = ("lm_head.weight", (vocab, hidden), 0)
    biased = _biased(config)
    rotary = {"attn_q": sizes["heads"], "attn_k": sizes["kv_heads"]} if config["model_type"] == "llama" else {}
    for layer in range(sizes["layers"]):
        here, there = f"blk.{layer}", f"model.layers.{layer}"
        expected[f"{here}.attn_norm.weight"] = (f"{there}.input_layernorm.weight", (hidden,), 0)
        expected[f"{here}.ffn_norm.weight"] = (f"{there}.post_attention_layernorm.weight", (hidden,), 0)
        if config["model_type"] == "qwen3":
            for part in ("q", "k"):
                expected[f"{here}.attn_{part}_norm.weight"] = (
                    f"{there}.self_attn.{part}_norm.weight",
                    (sizes["head_dim"],),
                    0,
                )
        for name, (path, rows, columns) in _MODULES.items():
            heads = rotary.get(name, 0)
            expected[f"{here}.{name}.weight"] = (f"{there}.{path}.weight", (sizes[rows], sizes[columns]), heads)
            if name in biased:
                expected[f"{here}.{name}.bias"] = (f"{there}.{path}.bias", (sizes[rows],), heads)
    return expected


def _sizes(config: Config) -> dict[str, int]:
    def whole(key: str) -> int:
        return int(str(config[key]))

    heads, kv_heads, head_dim = whole("num_attention_heads"), whole("num_key_value_heads"), whole("head_dim")
    return {
        "hidden": whole("hidden_size"),
        "vocab": whole("vocab_size"),
        "layers": whole("num_hidden_layers"),
        "ffn": whole("intermediate_size"),
        "heads": heads,
        "kv_heads": kv_heads,
        "head_dim": head_dim,
        "q": heads * head_dim,
        "kv": kv_heads * head_dim,
    }


def _biased(config: Config) -> tuple[str, ...]:
    if config["model_type"] == "qwen2":
        return _ATTENTION[:3]
    if config["model_type"] == "qwen3":
        return ()
    return (_ATTENTION if config["attention_bias"] else ()) + (_FFN if config["mlp_bias"] else ())


def _quantization(weights: list[Weight]) -> Config:
    """mlx-lm's `quantization`: the most common bits for all, and an entry for each module that has others."""
    kept = {weight.module: weight.bits for weight in weights if weight.bits}
    if not kept:
        return {}
    (usual, _), *_ = Counter(kept.values()).most_common(1)
    settings: Config = {"group_size": gguf_weights.GROUP_SIZE, "bits": usual}
    settings |= {
        module: {"group_size": gguf_weights.GROUP_SIZE, "bits": bits} for module, bits in kept.items() if bits != usual
    }
    return {"quantization": settings}


def _progress(stage: str, done: int, total: int) -> Progress:
    return Progress(stage=stage, done=done, total=total, unit="bytes")
