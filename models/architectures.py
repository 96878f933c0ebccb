"""The architectures whose memory is estimated and whose GGUF files are read and written: one entry each.

All are decoders built alike (models/checkpoint/shapes.py lists their tensors): an embedding; layers of two norms, four
projections of attention and three of the feed-forward; a norm; an output head. An entry says what differs. To add one,
write an entry; tests/models/test_architectures.py then estimates, writes and reads a tiny model of it. A GGUF file also
names how its tokenizer cuts text: a cut that is new goes into PRE_TOKENIZERS.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

# A module of a layer as mlx-lm calls it -> as GGUF does.
LAYER_NAMES = {
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
OUTER_NAMES = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}

# A size in config.json -> in GGUF's metadata, where the architecture's name comes first.
SIZE_KEYS = {
    "max_position_embeddings": "context_length",
    "hidden_size": "embedding_length",
    "num_hidden_layers": "block_count",
    "intermediate_size": "feed_forward_length",
    "num_attention_heads": "attention.head_count",
    "num_key_value_heads": "attention.head_count_kv",
    "head_dim": "attention.key_length",
}


@dataclass(frozen=True, kw_only=True)
class GGUF:
    """How GGUF files of an architecture differ from each other."""

    model_class: str  # `architectures` of config.json
    # The rows of each head of q and k lie interleaved, (head_dim/2, 2): llama.cpp turns neighbours, mlx-lm halves.
    interleaved: bool = False
    compute_dtype: Literal["float16", "bfloat16"]  # Qwen's activations overflow float16, its cards ask for bfloat16
    pre_tokenizer: str = "default"  # of files older than the key that names it
    # Llama 3.1's stretched context is a tensor of factors, which llama.cpp reads for this architecture alone.
    llama3_rope: bool = False
    states_rotary_size: bool = False  # llama.cpp wants the vocabulary's size and the dimensions of a head that turn


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """What sets an architecture apart, by `model_type` of config.json."""

    qkv_bias: bool = False  # query, key and value have a bias whatever config.json says
    stated_biases: bool = False  # `attention_bias` (of all four projections) and `mlp_bias` of config.json are heeded
    qk_norms: bool = False  # each head's query and key is normed
    fixed_head_dim: bool = False  # a head is hidden_size / heads wide whatever config.json says
    # what transformers takes for a key that config.json leaves out, where mlx-lm takes something else or nothing
    defaults: Mapping[str, Any]
    experts: bool = False  # mixture of experts: a router, and the three feed-forward projections once an expert
    gguf: GGUF | None = None  # None where GGUF files are neither read nor written


_UNTIED: Mapping[str, Any] = {"tie_word_embeddings": False, "rope_theta": 1e4, "rms_norm_eps": 1e-6}

ARCHITECTURES = {
    "llama": Architecture(
        defaults=_UNTIED,
        stated_biases=True,
        gguf=GGUF(
            model_class="LlamaForCausalLM",
            compute_dtype="float16",
            interleaved=True,
            llama3_rope=True,
            states_rotary_size=True,
        ),
    ),
    "mistral": Architecture(defaults={**_UNTIED, "num_key_value_heads": 8}, stated_biases=True),
    "smollm3": Architecture(
        defaults={"tie_word_embeddings": True, "rope_theta": 2e6, "rms_norm_eps": 1e-6, "num_key_value_heads": 4},
        stated_biases=True,
    ),
    "qwen2": Architecture(
        defaults={**_UNTIED, "num_key_value_heads": 32, "max_position_embeddings": 32768},
        qkv_bias=True,
        fixed_head_dim=True,
        gguf=GGUF(model_class="Qwen2ForCausalLM", compute_dtype="bfloat16", pre_tokenizer="qwen2"),
    ),
    "qwen3": Architecture(
        defaults={**_UNTIED, "num_key_value_heads": 32, "head_dim": 128, "max_position_embeddings": 32768},
        qk_norms=True,
        gguf=GGUF(model_class="Qwen3ForCausalLM", compute_dtype="bfloat16", pre_tokenizer="qwen2"),
    ),
    "qwen3_moe": Architecture(
        defaults={**_UNTIED, "num_key_value_heads": 4, "max_position_embeddings": 32768}, qk_norms=True, experts=True
    ),
}


def gguf_names() -> list[str]:
    """The architectures that GGUF files are read and written of."""
    return [name for name, architecture in ARCHITECTURES.items() if architecture.gguf]


def gguf_of(name: object) -> GGUF | None:
    """The GGUF side of an architecture, None for one that is not in the table or has none."""
    architecture = ARCHITECTURES.get(name) if isinstance(name, str) else None
    return architecture.gguf if architecture else None


_GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
_TIKTOKEN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


class PreTokenizer(NamedTuple):
    """How a byte-level BPE cuts text before it merges."""

    patterns: tuple[str, ...]  # one after the other, each on the pieces of the one before
    ignore_merges: bool = False  # a piece that is a token as a whole is taken without looking at merges
    add_bos: bool = False  # unless the file says otherwise
    nfc: bool = False
    only_with: str = ""  # written only for a vocabulary that has this token


_LLAMA3 = PreTokenizer((_TIKTOKEN % "{1,3}",), ignore_merges=True, add_bos=True)
_QWEN2 = PreTokenizer((_TIKTOKEN % "",), nfc=True)

# By llama.cpp's names (tokenizer.ggml.pre). Written is the first one that cuts as the model's own tokenizer does.
PRE_TOKENIZERS = {
    "llama-bpe": _LLAMA3,
    "smaug-bpe": PreTokenizer((_TIKTOKEN % "{1,3}",)),
    "deepseek-r1-qwen": _QWEN2._replace(only_with="<｜begin▁of▁sentence｜>"),
    "qwen2": _QWEN2,
    "smollm": PreTokenizer((r"\p{N}", _GPT2)),
    "gpt-2": PreTokenizer((_GPT2,)),
    "default": PreTokenizer((r"[\p{P}\$\+<=>\^~\|]+", _GPT2, r"\p{N}+", r"[0-9][0-9][0-9]")),
    "llama3": _LLAMA3,
    "llama-v3": _LLAMA3,
    "falcon3": _LLAMA3,
}

# Tokens that end a reply whatever the file names as its eos: models were trained with several.
END_TOKENS = {
    "<|eot_id|>", "<|eom_id|>", "<|im_end|>", "<|end|>", "<|endoftext|>", "<|end_of_text|>",
    "<end_of_turn>", "<EOT>", "<｜end▁of▁sentence｜>",
}  # fmt: skip
