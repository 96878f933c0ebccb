"""A plain forward pass of a llama, qwen2 or qwen3 GGUF in numpy, written from the architecture and not from our converter.

It reads the file with the gguf package, dequantizes with it, and rotates as llama.cpp does: neighbouring pairs for
llama, whose rows the file holds interleaved; halves for the others. Whatever the converter moves, drops or rounds shows up
as a difference to this.
"""

from pathlib import Path
from typing import Any

import gguf
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def logprobs(path: Path, tokens: list[int]) -> Array:
    """Log-probabilities of the next token after each token. (L, V)"""
    reader = gguf.GGUFReader(path)
    weights = {t.name: gguf.dequantize(t.data, t.tensor_type).astype(np.float64) for t in reader.tensors}
    fields = {name: field.contents() for name, field in reader.fields.items() if not name.startswith("tokenizer")}
    kind = fields["general.architecture"]
    hyper = {name.removeprefix(f"{kind}."): value for name, value in fields.items()}
    eps = hyper["attention.layer_norm_rms_epsilon"]

    def linear(x: Array, name: str) -> Array:
        return x @ weights[f"{name}.weight"].T + weights.get(f"{name}.bias", 0.0)

    def norm(x: Array, name: str) -> Array:
        return x / np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + eps) * weights[f"{name}.weight"]

    x = weights["token_embd.weight"][tokens]  # (L, D)
    for layer in range(hyper["block_count"]):
        at = f"blk.{layer}"
        h = norm(x, f"{at}.attn_norm")
        q, k, v = (linear(h, f"{at}.attn_{part}") for part in "qkv")
        if kind == "qwen3":  # each head is normed by itself
            dim = hyper["attention.key_length"]
            q = norm(q.reshape(len(tokens), -1, dim), f"{at}.attn_q_norm").reshape(q.shape)
            k = norm(k.reshape(len(tokens), -1, dim), f"{at}.attn_k_norm").reshape(k.shape)
        x = x + linear(attention(q, k, v, kind, hyper, weights.get("rope_freqs.weight")), f"{at}.attn_output")
        h = norm(x, f"{at}.ffn_norm")
        gate = linear(h, f"{at}.ffn_gate")
        x = x + linear(gate / (1 + np.exp(-gate)) * linear(h, f"{at}.ffn_up"), f"{at}.ffn_down")
    x = norm(x, "output_norm")
    logits = linear(x, "output") if "output.weight" in weights else x @ weights["token_embd.weight"].T
    logits -= logits.max(axis=-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


def attention(q: Array, k: Array, v: Array, kind: str, hyper: dict[str, float], factors: Array | None) -> Array:
    """Causal attention with grouped heads. q: (L, H * d); k, v: (L, K * d)"""
    length = len(q)
    heads, kv_heads = int(hyper["attention.head_count"]), int(hyper["attention.head_count_kv"])
    q, k, v = (part.reshape(length, n, -1).swapaxes(0, 1) for part, n in ((q, heads), (k, kv_heads), (v, kv_heads)))
    q, k = rotate(q, kind, hyper, factors), rotate(k, kind, hyper, factors)
    k, v = np.repeat(k, heads // kv_heads, axis=0), np.repeat(v, heads // kv_heads, axis=0)
    scores = q @ k.swapaxes(1, 2) / np.sqrt(q.shape[-1])  # (H, L, L)
    scores = np.where(np.tril(np.ones((length, length), bool)), scores, -np.inf)
    scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
    scores /= scores.sum(axis=-1, keepdims=True)
    return (scores @ v).swapaxes(0, 1).reshape(length, -1)


def stretch(hyper: dict[str, Any]) -> float:
    """By what llama.cpp divides positions: nothing for the type none; 0 is as good as unsaid."""
    factor = hyper.get("rope.scaling.factor", hyper.get("rope.scale_linear", 1.0))
    return 1.0 if hyper.get("rope.scaling.type") == "none" else factor or 1.0


def rotate(x: Array, kind: str, hyper: dict[str, float], factors: Array | None) -> Array:
    """Rotary positions. x: (heads, L, d)"""
    _, length, dim = x.shape
    frequency = hyper.get("rope.freq_base", 10000.0) ** (-np.arange(0, dim, 2) / dim)
    frequency = frequency / (1.0 if factors is None else factors) / stretch(hyper)
    angle = np.arange(length)[:, None] * frequency  # (L, d / 2)
    cos, sin = np.cos(angle), np.sin(angle)
    pairs = (slice(0, None, 2), slice(1, None, 2)) if kind == "llama" else (slice(0, dim // 2), slice(dim // 2, None))
    a, b = x[..., pairs[0]], x[..., pairs[1]]
    turned = np.empty_like(x)
    turned[..., pairs[0]] = a * cos - b * sin
    turned[..., pairs[1]] = a * sin + b * cos
    return turned
