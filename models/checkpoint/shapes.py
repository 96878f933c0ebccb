"""The shape of a decoder: how many weights of which size it has, tensor by tensor.

All models of the catalog are built alike (Llama, Qwen2, Qwen3, SmolLM3): an embedding; layers of two norms, four
projections of attention and three of the feed-forward; a norm; an output head, which the embedding may serve as.
Qwen2 has biases on query, key and value, Qwen3 a norm on each head's query and key, and a mixture of experts a router
and the three feed-forward projections once per expert. The paths are mlx-lm's, since recipes speak of them.
"""

from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any, Literal, NamedTuple

import msgspec

from models.errors import Corrupt, Unsupported

Positive = Annotated[int, msgspec.Meta(ge=1, le=10_000_000)]
# model_type of config.json -> whether query, key and value have a bias, and heads a norm.
ARCHITECTURES: dict[str, tuple[bool, bool]] = {
    "llama": (False, False),
    "mistral": (False, False),
    "smollm3": (False, False),
    "qwen2": (True, False),
    "qwen3": (False, True),
    "qwen3_moe": (False, True),
}


class ModelShape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Sizes of a decoder. feed_forward: of one expert where there are several; heads, kv_heads: of query, and of key
    and value; tied: the embedding is the output head; attention_bias: on query, key and value; output_bias: on the
    attention's output; experts: 0 for a dense model; experts_used: how many of them a token passes."""

    layers: Positive
    hidden: Positive
    feed_forward: Positive
    heads: Positive
    kv_heads: Positive
    head_dim: Positive
    vocab: Positive
    tied: bool = False
    attention_bias: bool = False
    output_bias: bool = False
    mlp_bias: bool = False
    qk_norms: bool = False
    experts: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 0
    experts_used: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 0

    @property
    def params(self) -> int:
        """Weights in all, a tied head counted once."""
        return _params(self)

    @property
    def head_params(self) -> int:
        """Weights of the output head, or of the embedding that serves as one."""
        return self.vocab * self.hidden


class Tensor(NamedTuple):
    """A tensor of a checkpoint. path: of its module in mlx-lm; copies: one for each expert; kind: a `matrix` can
    be quantized, a `vector` (norm or bias) cannot."""

    path: str
    rows: int
    columns: int
    kind: Literal["matrix", "vector"]
    copies: int = 1

    @property
    def size(self) -> int:
        """Its number of values."""
        return self.rows * self.columns * self.copies


def outer_tensors(shape: ModelShape) -> Iterator[Tensor]:
    """What stands outside the layers."""
    yield Tensor("model.embed_tokens", shape.vocab, shape.hidden, "matrix")
    yield Tensor("model.norm", 1, shape.hidden, "vector")
    if not shape.tied:
        yield Tensor("lm_head", shape.vocab, shape.hidden, "matrix")


def layer_tensors(shape: ModelShape, layer: int) -> Iterator[Tensor]:
    """What one layer holds; the sizes are the same in every layer, the paths are not."""
    at, hidden, feed_forward = f"model.layers.{layer}", shape.hidden, shape.feed_forward
    queries, keys = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    for name, rows in (("q_proj", queries), ("k_proj", keys), ("v_proj", keys)):
        yield Tensor(f"{at}.self_attn.{name}", rows, hidden, "matrix")
        if shape.attention_bias:
            yield Tensor(f"{at}.self_attn.{name}", 1, rows, "vector")
    yield Tensor(f"{at}.self_attn.o_proj", hidden, queries, "matrix")
    if shape.output_bias:
        yield Tensor(f"{at}.self_attn.o_proj", 1, hidden, "vector")
    if shape.qk_norms:
        yield Tensor(f"{at}.self_attn.q_norm", 1, shape.head_dim, "vector")
        yield Tensor(f"{at}.self_attn.k_norm", 1, shape.head_dim, "vector")
    mlp, copies = (f"{at}.mlp.switch_mlp", shape.experts) if shape.experts else (f"{at}.mlp", 1)
    for name, rows, columns in (
        ("gate_proj", feed_forward, hidden),
        ("up_proj", feed_forward, hidden),
        ("down_proj", hidden, feed_forward),
    ):
        yield Tensor(f"{mlp}.{name}", rows, columns, "matrix", copies)
        if shape.mlp_bias:
            yield Tensor(f"{mlp}.{name}", 1, rows, "vector", copies)
    if shape.experts:
        yield Tensor(f"{at}.mlp.gate", shape.experts, hidden, "matrix")
    yield Tensor(f"{at}.input_layernorm", 1, hidden, "vector")
    yield Tensor(f"{at}.post_attention_layernorm", 1, hidden, "vector")


def shape_of(config: dict[str, Any]) -> ModelShape:
    """Read a shape from a config.json. Raises Unsupported for architectures built otherwise, Corrupt for missing or
    impossible numbers."""
    kind = config.get("model_type")
    if not isinstance(kind, str) or kind not in ARCHITECTURES:
        raise Unsupported(f"The memory that a model of type {kind!r} takes can't be computed from its configuration.")
    attention_bias, qk_norms = ARCHITECTURES[kind]
    heads, hidden = config.get("num_attention_heads"), config.get("hidden_size")
    stated = config.get("attention_bias") is True
    moe = kind == "qwen3_moe"
    divisible = isinstance(heads, int) and isinstance(hidden, int) and heads > 0
    row = {
        "layers": config.get("num_hidden_layers"),
        "hidden": hidden,
        "feed_forward": config.get("moe_intermediate_size" if moe else "intermediate_size"),
        "heads": heads,
        "kv_heads": config.get("num_key_value_heads") or heads,
        "head_dim": config.get("head_dim") or (hidden // heads if divisible else None),  # type: ignore[operator]
        "vocab": config.get("vocab_size"),
        "tied": config.get("tie_word_embeddings", True) is True,  # what mlx-lm takes for it when it is not said
        "attention_bias": attention_bias or (stated and not qk_norms),
        "output_bias": stated and not (attention_bias or qk_norms),
        "mlp_bias": config.get("mlp_bias") is True,
        "qk_norms": qk_norms,
        "experts": (config.get("num_experts") or 0) if moe else 0,
        "experts_used": (config.get("num_experts_per_tok") or 0) if moe else 0,
    }
    try:
        return msgspec.convert(row, ModelShape)
    except msgspec.ValidationError as error:
        raise Corrupt(f"The model's configuration can't be right: {error}.") from error


@cache
def _params(shape: ModelShape) -> int:
    layer = sum(tensor.size for tensor in layer_tensors(shape, 0))
    return shape.layers * layer + sum(tensor.size for tensor in outer_tensors(shape))
