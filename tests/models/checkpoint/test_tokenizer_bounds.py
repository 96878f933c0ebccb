"""A tokenizer that multiplies text is refused before a text is given to it; those that models come with are not."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from models import errors
from models.checkpoint import safety, tokenizer_bounds
from models.generate.tokenizer import MOST_CHARACTERS, BoundedTokenizer
from tests.tiny import make_tiny

BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
EACH = {"type": "Split", "pattern": {"Regex": "."}, "behavior": "Isolated", "invert": False}
META = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
NFKD = {"type": "NFKD"}
TAB = {"String": "\t"}


def replace(pattern: dict[str, str], content: str) -> dict[str, Any]:
    return {"type": "Replace", "pattern": pattern, "content": content}


def sequence(key: str, *steps: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Sequence", key: list(steps)}


def charsmap(*texts: str) -> dict[str, Any]:
    content = (4).to_bytes(4, "little") + bytes(4) + b"".join(text.encode() + b"\0" for text in texts)
    return {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(content).decode()}


def frame(copies: int, ids: int = 1) -> dict[str, Any]:
    single = [{"SpecialToken": {"id": "<s>", "type_id": 0}}, *[{"Sequence": {"id": "A", "type_id": 0}}] * copies]
    tokens = {"<s>": {"id": "<s>", "ids": [1] * ids, "tokens": ["<s>"] * ids}}
    return {"type": "TemplateProcessing", "single": single, "pair": single, "special_tokens": tokens}


GREEDY: dict[str, dict[str, Any]] = {
    "one letter becomes a thousand": {"normalizer": replace({"String": "e"}, "e" * 1000)},
    "ten, three times": {"normalizer": sequence("normalizers", *[replace({"String": "e"}, "e" * 10)] * 3)},
    "sequences in sequences": {
        "normalizer": sequence("normalizers", *[sequence("normalizers", *[replace(TAB, "\t" * 5)] * 2)] * 2)
    },
    "without a type, as older files": {"normalizer": {"pattern": {"Regex": "."}, "content": "x" * 999}},
    "a pattern of nothing": {"normalizer": sequence("normalizers", *[replace({"String": ""}, "xy")] * 6)},
    "a pattern that may match nothing": {"normalizer": sequence("normalizers", *[replace({"Regex": "x*"}, "y")] * 10)},
    "a text before each": {"normalizer": {"type": "Prepend", "prepend": "x" * 999}},
    "what is decomposed later": {
        "normalizer": sequence("normalizers", replace(TAB, "\ufdfa"), NFKD, replace({"String": " "}, "\ufdfa"), NFKD)
        | {"x": 1},
        "pre_tokenizer": sequence("pretokenizers", BYTES, META),
    },
    "a table of characters": {"normalizer": charsmap("a", "x" * 2000)},
    "two tables": {"normalizer": sequence("normalizers", charsmap("x" * 30), charsmap("a" * 30))},
    "bytes as letters, over and over": {"normalizer": sequence("normalizers", *[{"type": "ByteLevel"}] * 12)},
    "the same while cutting": {"pre_tokenizer": sequence("pretokenizers", *[BYTES] * 12)},
    "a mark before each piece": {"pre_tokenizer": sequence("pretokenizers", *[EACH, META] * 12)},
    "steps without number": {"pre_tokenizer": sequence("pretokenizers", *[EACH] * 100)},
    "each part alone within bounds": {
        "normalizer": replace({"String": "e"}, "e" * 300),
        "pre_tokenizer": BYTES,
    },
    "the text a thousand times": {"post_processor": frame(1000)},
    "a thousand tokens before it": {"post_processor": frame(1, ids=1000)},
    "endings in a row": {"post_processor": sequence("processors", *[frame(9)] * 3)},
    "a reply that grows": {"decoder": replace({"String": "e"}, "e" * 1000)},
    "steps of a reply": {"decoder": sequence("decoders", *[replace({"String": "e"}, "ee")] * 20)},
    "a token of a million letters": {"model": {"type": "BPE", "vocab": {"x" * 10**6: 0}, "merges": []}},
    "the same of Unigram": {"model": {"type": "Unigram", "vocab": [["x" * 10**6, -1.0]]}},
    "the same added": {"added_tokens": [{"id": 0, "content": "x" * 10**6}]},
    "a prefix of every piece": {"model": {"type": "WordPiece", "vocab": {}, "continuing_subword_prefix": "#" * 999}},
    "words without end": {"model": {"type": "WordPiece", "vocab": {}, "max_input_chars_per_word": 10**9}},
}

REAL: dict[str, dict[str, Any]] = {
    "Llama 2": {
        "normalizer": sequence("normalizers", {"type": "Prepend", "prepend": "▁"}, replace({"String": " "}, "▁")),
        "post_processor": frame(1),
        "decoder": sequence("decoders", replace({"String": "▁"}, " "), {"type": "ByteFallback"}, {"type": "Fuse"}),
    },
    "Qwen": {"normalizer": {"type": "NFC"}, "pre_tokenizer": sequence("pretokenizers", EACH, BYTES), "decoder": BYTES},
    "DeepSeek": {
        "normalizer": {"type": "Sequence", "normalizers": []},
        "pre_tokenizer": sequence("pretokenizers", *[EACH] * 4, BYTES),
    },
    "XLM-R": {
        "normalizer": sequence("normalizers", charsmap("صلى الله عليه وسلم"), replace({"Regex": " {2,}"}, "▁")),
        "pre_tokenizer": META,
        "post_processor": frame(1),
    },
    "BERT": {"normalizer": {"type": "BertNormalizer", "handle_chinese_chars": True}, "post_processor": frame(1)},
    "runs of spaces": {"model": {"type": "BPE", "vocab": {"Ġ" * 256: 0}, "merges": []}},
    "nothing at all": {},
}


@pytest.mark.parametrize("rules", GREEDY.values(), ids=GREEDY)
def test_what_multiplies_is_refused(rules: dict[str, Any]) -> None:
    with pytest.raises(errors.Unsafe, match="tokenizer of Tiny"):
        tokenizer_bounds.check(json.dumps(rules).encode(), "Tiny")


@pytest.mark.parametrize("rules", REAL.values(), ids=REAL)
def test_those_of_models_are_taken(rules: dict[str, Any]) -> None:
    tokenizer_bounds.check(json.dumps(rules, ensure_ascii=False).encode(), "Tiny")


@pytest.mark.parametrize("content", [b"[]", b"{", b'{"model": 3}', b'{"model": "\xff"}', b'{"x":' + b"[" * 99_999])
def test_what_is_no_tokenizer_is_called_damaged(content: bytes) -> None:
    with pytest.raises(errors.Corrupt, match="damaged"):
        tokenizer_bounds.check(content, "Tiny")


def test_a_folder_is_checked_before_anything_of_it_is_loaded(tmp_path: Path) -> None:
    folder = make_tiny(tmp_path / "Tiny")
    safety.check(folder)
    file = folder / "tokenizer.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | GREEDY["ten, three times"]))
    with pytest.raises(errors.Unsafe, match="can make 4,000 characters of one"):
        safety.check(folder)


def test_a_text_that_would_become_too_long_is_not_read(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, normalizers

    tokenizer = Tokenizer.from_file(str(make_tiny(tmp_path / "Tiny") / "tokenizer.json"))
    tokenizer.normalizer = normalizers.Replace("a", "a" * 40)
    bounded = BoundedTokenizer(tokenizer, "Tiny")
    assert len(bounded.encode("a", add_special_tokens=False).ids) == 40
    with pytest.raises(errors.BadInput, match="too long"):
        bounded.encode("a" * (MOST_CHARACTERS // 40), add_special_tokens=False)
    tokenizer.normalizer = normalizers.Replace("a", "a" * 4000)  # as a class of transformers may bring its own
    with pytest.raises(errors.Unsafe, match="characters of one"):
        BoundedTokenizer(tokenizer, "Tiny")


LLAMA_3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def split_by(folder: Path, pattern: str) -> Any:
    """A tiny model's tokenizer with another pattern."""
    from tokenizers import Regex, Tokenizer, pre_tokenizers

    tokenizer = Tokenizer.from_file(str(make_tiny(folder / "Tiny") / "tokenizer.json"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(pattern), "isolated")
    return tokenizer


@pytest.mark.parametrize(
    "pattern",
    [".*z|.", *(pytest.param(each, marks=pytest.mark.slow) for each in (r"\s*z|.", r"[0-9]+z|.", r"(?:a|A)*z|."))],
)
def test_a_pattern_that_takes_time_in_the_square_of_the_text_is_refused(tmp_path: Path, pattern: str) -> None:
    with pytest.raises(errors.Unsafe, match="in the square"):
        BoundedTokenizer(split_by(tmp_path, pattern), "Tiny")


@pytest.mark.parametrize("pattern", [r"\p{L}+|\p{N}|\s+", LLAMA_3])
def test_patterns_of_real_models_are_quick_enough(tmp_path: Path, pattern: str) -> None:
    tokenizer = split_by(tmp_path, pattern)
    assert BoundedTokenizer(tokenizer, "Tiny").encode("a b").ids == tokenizer.encode("a b").ids
