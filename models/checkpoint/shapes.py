"""The shape of a decoder: how many weights of which size it has, tensor by tensor.

What the architectures share is here, what sets one apart is its entry in models/architectures.py. The paths are
mlx-lm's, since recipes speak of them. The GGUF reader and writer go by the same list (models/gguf/tensors.py).
"""

from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any, Literal, NamedTuple

import msgspec

from models.architectures import ARCHITECTURES
from models.errors import Corrupt, Unsupported

Positive = Annotated[int, msgspec.Meta(ge=1, le=10_000_000)]


class ModelShape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Sizes of a decoder."""

    layers: Positive
    hidden: Positive
    feed_forward: Positive  # of one expert where there are several
    heads: Positive  # of the queries
    kv_heads: Positive  # of keys and values
    head_dim: Positive
    vocab: Positive
    tied: bool = False  # the embedding is the output head
    attention_bias: bool = False  # on query, key and value
    output_bias: bool = False  # on the attention's output
    mlp_bias: bool = False
    qk_norms: bool = False  # on each head's query and key
    experts: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 0  # 0 for a dense model
    experts_used: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 0  # how many of them a token passes

    @property
    def params(self) -> int:
        """Number of weights, a tied head counted once."""
        return _params(self)

    @property
    def head_params(self) -> int:
        """Number of weights of the output head, or of the embedding that serves as one."""
        return self.vocab * self.hidden


class Tensor(NamedTuple):
    """A tensor of a checkpoint."""

    path: str  # of its module in mlx-lm
    rows: int
    columns: int
    kind: Literal["matrix", "norm", "bias"]  # a matrix can be quantized, a vector cannot
    copies: int = 1  # one for each expert

    @property
    def parameter(self) -> str:
        return "bias" if self.kind == "bias" else "weight"

    @property
    def shape(self) -> tuple[int, ...]:
        """(rows, columns) of a matrix, (columns,) of a vector."""
        return (self.rows, self.columns) if self.kind == "matrix" else (self.columns,)

    @property
    def size(self) -> int:
        return self.rows * self.columns * self.copies


def outer_tensors(shape: ModelShape) -> Iterator[Tensor]:
    """The tensors outside the layers."""
    yield Tensor("model.embed_tokens", shape.vocab, shape.hidden, "matrix")
    yield Tensor("model.norm", 1, shape.hidden, "norm")
    if not shape.tied:
        yield Tensor("lm_head", shape.vocab, shape.hidden, "matrix")


def layer_tensors(shape: ModelShape, layer: int) -> Iterator[Tensor]:
    """The tensors of one layer; only the paths differ between layers."""
    at, hidden, feed_forward = f"model.layers.{layer}", shape.hidden, shape.feed_forward
    queries, keys = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    yield Tensor(f"{at}.input_layernorm", 1, hidden, "norm")
    yield Tensor(f"{at}.post_attention_layernorm", 1, hidden, "norm")
    if shape.qk_norms:
        yield Tensor(f"{at}.self_attn.q_norm", 1, shape.head_dim, "norm")
        yield Tensor(f"{at}.self_attn.k_norm", 1, shape.head_dim, "norm")
    for name, rows in (("q_proj", queries), ("k_proj", keys), ("v_proj", keys)):
        yield Tensor(f"{at}.self_attn.{name}", rows, hidden, "matrix")
        if shape.attention_bias:
            yield Tensor(f"{at}.self_attn.{name}", 1, rows, "bias")
    yield Tensor(f"{at}.self_attn.o_proj", hidden, queries, "matrix")
    if shape.output_bias:
        yield Tensor(f"{at}.self_attn.o_proj", 1, hidden, "bias")
    mlp, copies = (f"{at}.mlp.switch_mlp", shape.experts) if shape.experts else (f"{at}.mlp", 1)
    for name, rows, columns in (
        ("gate_proj", feed_forward, hidden),
        ("up_proj", feed_forward, hidden),
        ("down_proj", hidden, feed_forward),
    ):
        yield Tensor(f"{mlp}.{name}", rows, columns, "matrix", copies)
        if shape.mlp_bias:
            yield Tensor(f"{mlp}.{name}", 1, rows, "bias", copies)
    if shape.experts:
        yield Tensor(f"{at}.mlp.gate", shape.experts, hidden, "matrix")


def shape_of(config: dict[str, Any]) -> ModelShape:
    """Read a shape from a config.json. Raises Unsupported for architectures built otherwise, Corrupt for missing or
    impossible numbers."""
    kind = config.get("model_type")
    if not isinstance(kind, str) or kind not in ARCHITECTURES:
        raise Unsupported(f"The memory that a model of type {kind!r} takes can't be computed from its configuration.")
    architecture = ARCHITECTURES[kind]
    heads, hidden = config.get("num_attention_heads"), config.get("hidden_size")
    stated = architecture.stated_biases and config.get("attention_bias") is True
    moe = architecture.experts
    head_dim = None if architecture.fixed_head_dim else config.get("head_dim")
    divisible = isinstance(heads, int) and isinstance(hidden, int) and heads > 0
    row = {
        "layers": config.get("num_hidden_layers"),
        "hidden": hidden,
        "feed_forward": config.get("moe_intermediate_size" if moe else "intermediate_size"),
        "heads": heads,
        "kv_heads": config.get("num_key_value_heads") or heads,
        "head_dim": head_dim or (hidden // heads if divisible else None),  # type: ignore[operator]
        "vocab": config.get("vocab_size"),
        "tied": config.get("tie_word_embeddings", True) is True,  # what mlx-lm takes for it when it is not said
        "attention_bias": architecture.qkv_bias or stated,
        "output_bias": stated,
        "mlp_bias": architecture.stated_biases and config.get("mlp_bias") is True,
        "qk_norms": architecture.qk_norms,
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
