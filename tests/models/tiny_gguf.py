"""Random GGUF files of two layers, written with the gguf package, in whatever block types a test asks for."""

from collections.abc import Mapping
from pathlib import Path

import gguf
import numpy as np
import numpy.typing as npt
from tokenizers.pre_tokenizers import ByteLevel

from tests.models import k_quants

HIDDEN, LAYERS, HEADS, KV_HEADS, FEED_FORWARD = 256, 2, 4, 2, 512  # K-quants have rows of 256
HEAD_DIM = HIDDEN // HEADS
MERGES = ["Ġ t", "h e", "i n", "Ġt he", "e r", "1 2", "12 3"]
CONTROL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
USER_DEFINED = ["<think>", "</think>"]


def byte_level_vocab() -> tuple[list[str], list[int]]:
    """Tokens and their types: 256 bytes, merges, control and user-defined tokens."""
    plain = [*sorted(ByteLevel.alphabet()), *(merge.replace(" ", "") for merge in MERGES)]
    return plain + CONTROL + USER_DEFINED, [1] * len(plain) + [3] * len(CONTROL) + [4] * len(USER_DEFINED)


def write_gguf(
    path: Path,
    architecture: str = "llama",
    kinds: Mapping[str, str] | None = None,
    *,
    tied: bool = False,
    biased: bool | None = None,
    rope_factors: npt.NDArray[np.float32] | None = None,
    metadata: Mapping[str, object] | None = None,
    extra_tensors: Mapping[str, npt.NDArray[np.float32]] | None = None,
    leave_out: str = "",
) -> Path:
    """Write a random model. kinds: block type by a part of a tensor's name, as in {"attn_q": "Q4_0"}, else F16.

    metadata: further or other pairs; None as a value leaves one out.
    """
    writer = gguf.GGUFWriter(path, architecture)
    for key, value in (_metadata(architecture) | dict(metadata or {})).items():
        if value is not None:
            _add(writer, key, value)
    biased = architecture == "qwen2" if biased is None else biased
    random = np.random.default_rng(1)
    for name, shape in _shapes(len(byte_level_vocab()[0]), tied, biased, architecture).items():
        if name == leave_out:
            continue
        kind = next((kind for part, kind in (kinds or {}).items() if part in name), "F16")
        if len(shape) == 1:
            kind = "F32"
        data = _random(random, shape, kind, is_norm="norm" in name)
        quantized = kind not in ("F32", "F16")
        writer.add_tensor(name, data, raw_dtype=gguf.GGMLQuantizationType[kind] if quantized else None)
    if rope_factors is not None:
        writer.add_tensor("rope_freqs.weight", rope_factors.astype(np.float32))
    for name, tensor in (extra_tensors or {}).items():
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _metadata(kind: str) -> dict[str, object]:
    tokens, types = byte_level_vocab()
    return {
        "general.name": "Tiny",
        "general.license": "mit",
        f"{kind}.context_length": 512,
        f"{kind}.embedding_length": HIDDEN,
        f"{kind}.block_count": LAYERS,
        f"{kind}.feed_forward_length": FEED_FORWARD,
        f"{kind}.attention.head_count": HEADS,
        f"{kind}.attention.head_count_kv": KV_HEADS,
        f"{kind}.attention.layer_norm_rms_epsilon": 1e-6,
        f"{kind}.rope.freq_base": 10000.0,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "smollm" if kind == "llama" else "qwen2",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": types,
        "tokenizer.ggml.merges": MERGES,
        "tokenizer.ggml.eos_token_id": tokens.index("<|im_end|>"),
        "tokenizer.ggml.bos_token_id": tokens.index("<|im_start|>"),
    }


def _add(writer: gguf.GGUFWriter, key: str, value: object) -> None:
    if isinstance(value, bool):
        writer.add_bool(key, value)
    elif isinstance(value, int):
        writer.add_uint32(key, value)
    elif isinstance(value, float):
        writer.add_float32(key, value)
    elif isinstance(value, str):
        writer.add_string(key, value)
    else:
        writer.add_array(key, value)


def _shapes(vocab: int, tied: bool, biased: bool, architecture: str) -> dict[str, tuple[int, ...]]:
    kv = KV_HEADS * HEAD_DIM
    shapes: dict[str, tuple[int, ...]] = {"token_embd.weight": (vocab, HIDDEN), "output_norm.weight": (HIDDEN,)}
    if not tied:
        shapes["output.weight"] = (vocab, HIDDEN)
    for layer in range(LAYERS):
        at = f"blk.{layer}"
        shapes |= {
            f"{at}.attn_norm.weight": (HIDDEN,),
            f"{at}.ffn_norm.weight": (HIDDEN,),
            f"{at}.attn_q.weight": (HIDDEN, HIDDEN),
            f"{at}.attn_k.weight": (kv, HIDDEN),
            f"{at}.attn_v.weight": (kv, HIDDEN),
            f"{at}.attn_output.weight": (HIDDEN, HIDDEN),
            f"{at}.ffn_gate.weight": (FEED_FORWARD, HIDDEN),
            f"{at}.ffn_up.weight": (FEED_FORWARD, HIDDEN),
            f"{at}.ffn_down.weight": (HIDDEN, FEED_FORWARD),
        }
        if biased:
            shapes |= {f"{at}.attn_q.bias": (HIDDEN,), f"{at}.attn_k.bias": (kv,), f"{at}.attn_v.bias": (kv,)}
        if biased and architecture == "llama":
            shapes[f"{at}.attn_output.bias"] = (HIDDEN,)
    return shapes


def _random(
    random: np.random.Generator, shape: tuple[int, ...], kind: str, is_norm: bool
) -> npt.NDArray[np.float32 | np.float16 | np.uint8]:
    if kind.startswith(
        "IQ"
    ):  # the gguf package reads these but can't write them: any bytes will do, with a small scale
        block, size = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[kind]]
        blocks = random.integers(0, 256, (*shape[:-1], shape[-1] // block, size), dtype=np.uint8)
        blocks[..., :2] = np.array([2e-4], np.float16).view(np.uint8)
        return blocks.reshape(*shape[:-1], -1)
    values = random.standard_normal(shape).astype(np.float32)
    values = 1 + 0.2 * values if is_norm else values / np.float32(np.sqrt(shape[-1]) if len(shape) == 2 else 3)
    if kind in k_quants.KINDS:
        return k_quants.quantize(values, kind)
    return gguf.quantize(values.astype(np.float32), gguf.GGMLQuantizationType[kind])
