"""A tiny tokenizer for every family of resources/families.toml, with a template that does what its published one does.

The templates are written anew here: who opens the thinking, who closes it when it is off, who cuts it out of earlier
turns, and by which marks turns begin and end.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlx_lm.utils import load_tokenizer
from tokenizers import Tokenizer

from models.families import family_of
from models.generate.template import Render, Style, detect, template_renderer
from tests.tiny import make_tiny

CUT = "{% set said = m.content.split(CLOSE)[-1].lstrip('\\n') if CLOSE in m.content else m.content %}"
OFF = "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n"


def chatml(start: str = "", close: str = "</think>", cut: bool = True) -> str:
    """Turns between <|im_start|> and <|im_end|>. start: what the reply's prompt begins with; cut: thinking is cut out."""
    said = CUT.replace("CLOSE", f"'{close}'") if cut else "{% set said = m.content %}"
    return (
        "{% for m in messages %}" + said + "<|im_start|>{{ m.role }}\n{{ said }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n" + start + "{% endif %}"
    )


def deepseek(start: str) -> str:
    """DeepSeek's turns; a finished assistant turn loses all up to its last close tag."""
    return (
        "{{ bos_token }}{% for m in messages %}{% if m.role == 'system' %}{{ m.content }}{% elif m.role == 'user' %}"
        "<｜User｜>{{ m.content }}{% else %}{{ '<｜Assistant｜>' + m.content.split('</think>')[-1] }}"
        "<｜end▁of▁sentence｜>{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<｜Assistant｜>" + start + "' }}{% endif %}"
    )


HARMONY = (
    "{% for m in messages %}<|start|>{{ m.role }}{% if m.role == 'assistant' %}<|channel|>final{% endif %}<|message|>"
    "{{ m.content }}<|end|>{% endfor %}{% if add_generation_prompt %}<|start|>assistant{% endif %}"
    "{# thoughts go to <|channel|>analysis #}"
)
NEMOTRON_2 = chatml("{% if '/no_think' in messages[0].content %}<think></think>{% else %}<think>\n{% endif %}")

# family -> the model's name, its architecture, its template, and further texts that are one token
FAMILIES: dict[str, tuple[str, str, str, list[str]]] = {
    "r1-0528-qwen3": ("DeepSeek-R1-0528-Qwen3-8B", "qwen3", deepseek(""), []),
    "r1-distill": ("DeepSeek-R1-Distill-Qwen-1.5B", "qwen2", deepseek("<think>\\n"), []),
    "qwq": ("QwQ-32B", "qwen2", chatml("<think>\n"), []),
    "qwen3-thinking": ("Qwen3-4B-Thinking-2507", "qwen3", chatml("<think>\n"), []),
    "smollm3": ("SmolLM3-3B", "smollm3", chatml(OFF + "{% endif %}", cut=False), []),
    "nemotron-nano-v2": ("Nemotron-Nano-9B-v2", "nemotron_h", NEMOTRON_2, []),
    "qwen3.5": ("Qwen3.5-4B", "qwen3_5", chatml(OFF + "{% else %}<think>\n{% endif %}"), []),
    "qwen3": ("Qwen3-0.6B", "qwen3", chatml(OFF + "{% endif %}"), []),
    "gpt-oss": ("gpt-oss-20b", "gpt_oss", HARMONY, ["<|channel|>", "<|message|>", "<|start|>", "<|end|>"]),
    "magistral": (
        "Magistral-Small-2509",
        "mistral3",
        chatml(close="[/THINK]") + "{# [THINK] #}",
        ["[THINK]", "[/THINK]"],
    ),
    "magistral-2506": ("Magistral-Small-2506", "mistral3", chatml(cut=False), []),
    "openthinker-1": ("OpenThinker-7B", "qwen2", chatml(cut=False), []),
    "nemotron-nano-v1": ("Llama-3.1-Nemotron-Nano-8B-v1", "llama", chatml(cut=False), []),
    "openreasoning-nemotron": ("OpenReasoning-Nemotron-7B", "qwen2", chatml(cut=False), []),
    "phi-4-reasoning": ("Phi-4-mini-reasoning", "phi3", chatml(cut=False), []),
    "seed-oss": ("Seed-OSS-36B", "seed_oss", chatml(close="</seed:think>"), ["<seed:think>", "</seed:think>"]),
    "think-tags": ("OpenThinker3-7B", "qwen2", chatml() + "{# <think> #}", []),
    "think-tokens": ("mine", "llama", chatml(cut=False), []),
    "smollm2": ("starter", "llama", chatml(cut=False), []),
    "plain": ("Llama-3.2-1B", "llama", chatml(cut=False), []),
}
# No tag is one token of theirs, as on a vocabulary that never heard of thinking.
_PLAIN_TEXT = {"openthinker-1", "nemotron-nano-v1", "smollm2", "plain"}
_DEEPSEEK = ["<｜User｜>", "<｜Assistant｜>", "<｜end▁of▁sentence｜>"]


@dataclass
class Chatting:
    """What models/finetune/dataset.py and models/generate/stream.py need of a loaded model."""

    tokenizer: Any
    style: Style
    render: Render
    context_limit: int = 2048


def chatting(folder: Path, family: str) -> Chatting:
    """The tiny tokenizer of a family."""
    name, architecture, template, tokens = FAMILIES[family]
    make_tiny(folder, thinking="none" if family in _PLAIN_TEXT else "tokens")
    deepseek_turns = "<｜User｜>" in template
    _extend(folder / "tokenizer.json", tokens + (_DEEPSEEK if deepseek_turns else []))
    config = json.loads((folder / "tokenizer_config.json").read_text())
    config["chat_template"] = template
    end = "<｜end▁of▁sentence｜>" if deepseek_turns else "<|im_end|>"
    (folder / "tokenizer_config.json").write_text(json.dumps({**config, "eos_token": end}))
    ids = Tokenizer.from_file(str(folder / "tokenizer.json")).get_vocab()
    # two ends of reply, as published configurations list them; the one that ends a turn is not the first
    tokenizer = load_tokenizer(folder, {"trust_remote_code": False}, eos_token_ids=[ids["<|endoftext|>"], ids[end]])
    render = template_renderer(tokenizer)
    found = family_of(name, architecture, template, tokenizer.get_vocab())
    assert found.id == family
    return Chatting(tokenizer, detect(found, render), render)


def _extend(path: Path, tokens: list[str]) -> None:
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.add_special_tokens(tokens)
    tokenizer.save(str(path))
