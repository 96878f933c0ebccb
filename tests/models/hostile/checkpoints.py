"""Checkpoint folders that mean harm, each the tiny model with one thing changed."""

import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.tiny import make_tiny

CANARY = "CANARY"  # in the working directory; touched by any code of a folder that runs


def touch_code() -> str:
    """Python that shows it ran, wherever it is imported or unpickled from."""
    return f"open({CANARY!r}, 'w').close()\n"


class _Touching:
    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (CANARY, "w")


def change(folder: Path, name: str, **changes: object) -> Path:
    """Change keys of a JSON file of the folder; None takes one out. Returns the folder."""
    path = folder / name
    content = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))
    return folder


def _python_beside(folder: Path) -> Path:
    for name in ("modeling_tiny.py", "tokenization_tiny.py", "tokenizer.py", "sitecustomize.py", "conftest.py"):
        (folder / name).write_text(touch_code() + "class Model: ...\nclass ModelArgs: ...\nclass TinyTokenizer: ...\n")
    return folder


def _pickles_beside(folder: Path) -> Path:
    for name in ("pytorch_model.bin", "model.pt", "tokenizer.pkl", "training_args.bin"):
        (folder / name).write_bytes(pickle.dumps(_Touching()))
    return folder


def _pickles_only(folder: Path) -> Path:
    (folder / "model.safetensors").unlink()
    return _pickles_beside(folder)


_TOKENIZER_MAP = {"AutoTokenizer": ["tokenization_tiny.TinyTokenizer", "tokenization_tiny.TinyTokenizer"]}

# Repositories with code in them: how each is made, and whether it can be used all the same (nothing of its code runs).
WITH_CODE: dict[str, tuple[Callable[[Path], Path], bool]] = {
    "model_file": (lambda folder: change(_python_beside(folder), "config.json", model_file="modeling_tiny.py"), False),
    "auto_map of a known architecture": (
        lambda folder: change(
            _python_beside(folder), "config.json", auto_map={"AutoModelForCausalLM": "modeling_tiny.Model"}
        ),
        True,
    ),
    "auto_map of an unknown architecture": (
        lambda folder: change(
            _python_beside(folder),
            "config.json",
            auto_map={"AutoModelForCausalLM": "modeling_tiny.Model"},
            model_type="tiny_new",
        ),
        False,
    ),
    "tokenizer auto_map beside a known class": (
        lambda folder: change(_python_beside(folder), "tokenizer_config.json", auto_map=_TOKENIZER_MAP),
        True,
    ),
    "tokenizer auto_map with a class of its own": (
        lambda folder: change(
            _python_beside(folder), "tokenizer_config.json", auto_map=_TOKENIZER_MAP, tokenizer_class="TinyTokenizer"
        ),
        False,
    ),
    "tokenizer class of its own": (
        lambda folder: change(_python_beside(folder), "tokenizer_config.json", tokenizer_class="TinyTokenizer"),
        True,
    ),
    "pickles beside": (lambda folder: _pickles_beside(_python_beside(folder)), True),
    "pickles only": (lambda folder: _pickles_only(_python_beside(folder)), False),
}


def _text(name: str, content: str | bytes) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return folder

    return make


def _config(**changes: object) -> Callable[[Path], Path]:
    return lambda folder: change(folder, "config.json", **changes)


def _tokenizer(**changes: object) -> Callable[[Path], Path]:
    return lambda folder: change(folder, "tokenizer_config.json", **changes)


def _index(name: str) -> Callable[[Path], Path]:
    return _text("model.safetensors.index.json", json.dumps({"weight_map": {"x": name}}))


def _pipe(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / name).unlink(missing_ok=True)
        os.mkfifo(folder / name)
        return folder

    return make


def _link(name: str, target: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(target)
        return folder

    return make


def _moved_away(folder: Path) -> Path:
    shutil.move(folder / "model.safetensors", folder.parent / "elsewhere.safetensors")
    (folder / "model.safetensors").symlink_to("../elsewhere.safetensors")
    return folder


def endless_pattern(folder: Path) -> Path:
    """A tokenizer that cuts text by a pattern with more ways to match than it has time for."""
    pattern = {"type": "Split", "pattern": {"Regex": r"(a+)+\1$"}, "behavior": "Isolated", "invert": False}
    return change(folder, "tokenizer.json", pre_tokenizer=pattern)


_ADDED_TOKEN = (
    b'{"id":1,"content":"x","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true},'
)

# What is wrong with the folder, and a word of the sentence that says so.
REFUSED: dict[str, tuple[Callable[[Path], Path], str]] = {
    "ten million layers": (_config(num_hidden_layers=10**7), "num_hidden_layers"),
    "no layer": (_config(num_hidden_layers=0), "num_hidden_layers"),
    "more layers than weights": (_config(num_hidden_layers=512), "no weights for 510"),
    "hidden size of a billion": (_config(hidden_size=10**9), "hidden_size"),
    "hidden size beyond its weights": (_config(hidden_size=65536), "more than its weights can hold"),
    "hidden size as text": (_config(hidden_size="64"), "hidden_size"),
    "fractional hidden size": (_config(hidden_size=64.5), "hidden_size"),
    "no heads": (_config(num_attention_heads=0), "num_attention_heads"),
    "negative heads": (_config(num_key_value_heads=-2), "num_key_value_heads"),
    "true heads": (_config(num_attention_heads=True), "num_attention_heads"),
    "head of a million": (_config(head_dim=10**6), "head_dim"),
    "feed forward of a billion": (_config(intermediate_size=10**9), "intermediate_size"),
    "a billion experts": (_config(num_experts=10**9), "num_experts"),
    "a billion words": (_config(vocab_size=10**9), "vocab_size"),
    "context without end": (_config(max_position_embeddings=2**40), "max_position_embeddings"),
    "theta that is no number": (_config(rope_theta=float("nan")), "rope_theta"),
    "endless theta": (_config(rope_theta=float("inf")), "rope_theta"),
    "epsilon of zero": (_config(rms_norm_eps=0), "rms_norm_eps"),
    "factor of nothing": (_config(rope_scaling={"rope_type": "linear", "factor": 0}), "factor"),
    "hidden one level down": (_config(text_config={"num_hidden_layers": 10**7}), "num_hidden_layers"),
    "77 bits": (_config(quantization={"bits": 77, "group_size": 64}), "77 bits"),
    "groups of nothing": (_config(quantization={"bits": 4, "group_size": 0}), "groups 0"),
    "one module of 99 bits": (
        _config(quantization={"bits": 4, "group_size": 64, "model.norm": {"bits": 99}}),
        "99 bits",
    ),
    "quantization without numbers": (_config(quantization={}), "how it is quantized"),
    "quantization as text": (_config(quantization="4"), "quantization"),
    "unknown mode": (_config(quantization={"bits": 4, "group_size": 64, "mode": "os"}), "quantized by"),
    "no object": (_text("config.json", "[]"), "no JSON object"),
    "UTF-16": (_text("config.json", '{"model_type": "llama"}'.encode("utf-16")), "no JSON"),
    "deep JSON": (_text("config.json", "[" * 100_000 + "]" * 100_000), "no JSON"),
    "rather deep JSON": (_config(x=json.loads("[" * 90 + "]" * 90)), "nested more than 64"),
    "one key, two values": (_text("config.json", '{"model_type": "llama", "model_type": "os"}'), "two values"),
    "a number of many digits": (_text("config.json", '{"vocab_size": ' + "9" * 9999 + "}"), "no JSON"),
    "large config.json": (_text("config.json", " " * (5 << 20)), "larger than any real one"),
    "architecture with a path": (_config(model_type="../../os"), "architecture"),
    "architecture with a dot": (_config(model_type="llama.os"), "architecture"),
    "template type with a path": (_tokenizer(chat_template_type="..tokenizer_utils"), "chat_template_type"),
    "template type of a module elsewhere": (_tokenizer(chat_template_type="os"), "chat_template_type"),
    "tool parser that is none": (_tokenizer(tool_parser_type="../x"), "tool_parser_type"),
    "tool parser as a list": (_tokenizer(tool_parser_type=["mistral"]), "tool_parser_type"),
    "template of two megabytes": (_tokenizer(chat_template="x" * (2 << 20)), "larger than any real one"),
    "template file of two megabytes": (_text("chat_template.jinja", "x" * (2 << 20)), "larger than any real one"),
    "tokenizer of 65 megabytes": (_text("tokenizer.json", b" " * (65 << 20)), "larger than any real one"),
    "endless added tokens": (
        _text("tokenizer.json", _ADDED_TOKEN * (1 << 18)),
        "more than any real one",
    ),
    "index that leads out": (_index("../../x.safetensors"), "outside of its folder"),
    "index with an absolute path": (_index("/etc/passwd"), "outside of its folder"),
    "index of what is not there": (_index("model-9.safetensors"), "is missing"),
    "weights that are a pipe": (_pipe("model.safetensors"), "no ordinary file"),
    "configuration that is a pipe": (_pipe("config.json"), "no ordinary file"),
    "template that is a pipe": (_pipe("chat_template.jinja"), "no ordinary file"),
    "configuration that never ends": (_link("config.json", "/dev/zero"), "link to a file outside"),
    "link to a secret": (_link("merges.txt", "/etc/passwd"), "link to a file outside"),
    "link in a circle": (_link("config.json", "config.json"), "no config.json"),
    "secret under another case": (_link("Merges.TXT", "/etc/passwd"), "link to a file outside"),
    "weights by a link to elsewhere": (_moved_away, "link to a file outside"),
}


def make(folder: Path, how: Callable[[Path], Path]) -> Path:
    """The tiny model, changed."""
    return how(make_tiny(folder, thinking="tokens"))
