"""A random two-layer Llama with a byte-level tokenizer and a ChatML-like template: a whole checkpoint in a moment.

What it says means nothing; that it can be loaded, prompted and stopped like a real one is the point. The weights
come from a fixed seed, so two folders made with the same arguments hold the same model.
"""

import json
from pathlib import Path
from typing import Literal

import numpy as np
from safetensors.numpy import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

Thinking = Literal["none", "tokens", "opened", "hybrid"]

HIDDEN, LAYERS, HEADS, KV_HEADS, FEED_FORWARD = 64, 2, 4, 2, 128
CONTROL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
THINK = ["<think>", "</think>"]
MERGES = [("Ġ", "t"), ("h", "e"), ("i", "n"), ("r", "e"), ("Ġt", "he"), ("o", "n"), ("Ġ", "a"), ("e", "r"), ("Ċ", "Ċ")]

TURNS = """{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"""
WHOLE = """{{ message['content'] }}"""
STRIPPED = """{% if message['role'] == 'assistant' and '</think>' in message['content'] %}\
{{ message['content'].split('</think>')[-1].lstrip('\n') }}{% else %}{{ message['content'] }}{% endif %}"""
END_OF_TURN = """{{ '<|im_end|>\n' }}{% endfor %}"""
PROMPT = """{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"""
PROMPT_OPENED = """{% if add_generation_prompt %}{{ '<|im_start|>assistant\n<think>\n' }}{% endif %}"""
PROMPT_HYBRID = """{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}\
{% if enable_thinking is defined and enable_thinking is false %}{{ '<think>\n\n</think>\n\n' }}{% endif %}{% endif %}"""

TEMPLATES: dict[Thinking, str] = {
    "none": TURNS + WHOLE + END_OF_TURN + PROMPT,
    "tokens": TURNS + STRIPPED + END_OF_TURN + PROMPT,
    "opened": TURNS + STRIPPED + END_OF_TURN + PROMPT_OPENED,
    "hybrid": TURNS + STRIPPED + END_OF_TURN + PROMPT_HYBRID,
}


def make_tiny(folder: Path, *, thinking: Thinking = "none", context: int = 2048) -> Path:
    """Write the checkpoint into folder, made if need be, and return it.

    thinking: `none` has no think tags in its vocabulary; `tokens` has them as single tokens; `opened` also opens
    one in every prompt, as R1 does; `hybrid` closes one at once when enable_thinking is False, as Qwen3 does.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = _tokenizer(CONTROL + ([] if thinking == "none" else THINK))
    eos = tokenizer.token_to_id("<|im_end|>")
    tokenizer.save(str(folder / "tokenizer.json"))
    _write(folder / "tokenizer_config.json", _tokenizer_config(thinking, context))
    _write(folder / "config.json", _config(tokenizer.get_vocab_size(), eos, context))
    _write(folder / "generation_config.json", {"eos_token_id": eos})
    save_file(_weights(tokenizer.get_vocab_size()), folder / "model.safetensors", metadata={"format": "mlx"})
    return folder


def _write(path: Path, content: dict[str, object]) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False), encoding="utf-8")


def _tokenizer(added: list[str]) -> Tokenizer:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    pieces = alphabet + [left + right for left, right in MERGES]
    tokenizer = Tokenizer(models.BPE(vocab={piece: i for i, piece in enumerate(pieces)}, merges=MERGES))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_tokens([AddedToken(text, special=text in CONTROL, normalized=False) for text in added])
    return tokenizer


def _tokenizer_config(thinking: Thinking, context: int) -> dict[str, object]:
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
        "bos_token": "<|im_start|>",
        "add_bos_token": False,
        "clean_up_tokenization_spaces": False,
        "model_max_length": context,
        "chat_template": TEMPLATES[thinking],
    }


def _config(vocab_size: int, eos: int, context: int) -> dict[str, object]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": HIDDEN,
        "num_hidden_layers": LAYERS,
        "intermediate_size": FEED_FORWARD,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KV_HEADS,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "vocab_size": vocab_size,
        "max_position_embeddings": context,
        "tie_word_embeddings": False,
        "eos_token_id": eos,
        "torch_dtype": "float32",
    }


def _weights(vocab_size: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)

    def matrix(rows: int, columns: int) -> np.ndarray:
        return (random.standard_normal((rows, columns)) / np.sqrt(columns)).astype(np.float32)

    weights = {
        "model.embed_tokens.weight": random.standard_normal((vocab_size, HIDDEN)).astype(np.float32),
        "model.norm.weight": np.ones(HIDDEN, np.float32),
        # three times as steep, so that greedy and sampled replies are not noise alone
        "lm_head.weight": 3 * matrix(vocab_size, HIDDEN),
    }
    kv_width = HIDDEN // HEADS * KV_HEADS
    for layer in range(LAYERS):
        at = f"model.layers.{layer}"
        weights |= {
            f"{at}.input_layernorm.weight": np.ones(HIDDEN, np.float32),
            f"{at}.post_attention_layernorm.weight": np.ones(HIDDEN, np.float32),
            f"{at}.self_attn.q_proj.weight": matrix(HIDDEN, HIDDEN),
            f"{at}.self_attn.k_proj.weight": matrix(kv_width, HIDDEN),
            f"{at}.self_attn.v_proj.weight": matrix(kv_width, HIDDEN),
            f"{at}.self_attn.o_proj.weight": matrix(HIDDEN, HIDDEN),
            f"{at}.mlp.gate_proj.weight": matrix(FEED_FORWARD, HIDDEN),
            f"{at}.mlp.up_proj.weight": matrix(FEED_FORWARD, HIDDEN),
            f"{at}.mlp.down_proj.weight": matrix(HIDDEN, FEED_FORWARD),
        }
    return weights
