"""A tokenizer is written as llama.cpp knows it: the export reads each file back and compares the tokens of a text."""

import json
from pathlib import Path

import pytest
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from models import errors
from models.architectures import PRE_TOKENIZERS
from models.gguf import vocabulary
from models.gguf.header import read as read_header
from tests.models.fuse.test_fuse import run
from tests.models.tiny_families import make_family

SPLITS = {
    "gpt-2": [pre_tokenizers.ByteLevel(add_prefix_space=False)],
    "smollm": [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)],
    "qwen2": [
        pre_tokenizers.Split(Regex(PRE_TOKENIZERS["qwen2"].patterns[0]), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ],
    "llama-bpe": [
        pre_tokenizers.Split(Regex(PRE_TOKENIZERS["llama-bpe"].patterns[0]), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ],
    "none": [pre_tokenizers.ByteLevel(add_prefix_space=True)],
}  # fmt: skip


def byte_level(splits: str, added: tuple[str, ...] = (), bos: bool = False) -> Tokenizer:
    """A tokenizer as the Hub's files have it."""
    plain = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [("Ġ", "t"), ("h", "e"), ("Ġt", "he"), ("1", "2"), ("12", "3"), ("Ċ", "Ċ")]
    vocab = {token: i for i, token in enumerate(plain + ["".join(merge) for merge in merges])}
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges, ignore_merges=splits == "llama-bpe"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(SPLITS[splits])
    tokenizer.decoder = decoders.ByteLevel()
    if splits == "qwen2":
        tokenizer.normalizer = normalizers.NFC()
    names = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *added]
    tokenizer.add_tokens([AddedToken(name, special="im_" in name, normalized=False) for name in names])
    if bos:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="<|im_start|> $A", special_tokens=[("<|im_start|>", tokenizer.token_to_id("<|im_start|>"))]
        )
    return tokenizer


@pytest.mark.parametrize("splits", ["gpt-2", "smollm", "qwen2", "llama-bpe"])
@pytest.mark.parametrize("bos", [False, True])
def test_a_tokenizer_is_told_by_llama_cpps_name(splits: str, bos: bool, tmp_path: Path) -> None:
    base = make_family("llama", tokenizer=byte_level(splits, ("<think>", "</think>"), bos))
    run(model="base", adapter="", gguf=str(tmp_path / "x.gguf"))  # both split a text into the same tokens
    header = read_header(tmp_path / "x.gguf")
    assert (header.text("tokenizer.ggml.model"), header.text("tokenizer.ggml.pre")) == ("gpt2", splits)
    tokens, types = header.items("tokenizer.ggml.tokens", str), header.items("tokenizer.ggml.token_type", int)
    assert tokens[-4:] == ["</think>", *(f"[PAD{len(tokens) - n}]" for n in (3, 2, 1))]
    # control although its file does not say so, user-defined, unused
    assert [types[tokens.index(name)] for name in ("<|endoftext|>", "<think>", tokens[-1])] == [3, 4, 5]
    assert header.flag("tokenizer.ggml.add_bos_token", not bos) is bos
    assert header.metadata["tokenizer.ggml.eos_token_id"] == tokens.index("<|im_end|>")
    assert (
        header.text("tokenizer.chat_template")
        == json.loads((base / "tokenizer_config.json").read_text())["chat_template"]
    )


def test_r1s_qwen_tokenizer_has_a_name_of_its_own(tmp_path: Path) -> None:
    make_family("qwen2", tokenizer=byte_level("qwen2", ("<｜begin▁of▁sentence｜>",)))
    run(model="base", adapter="", gguf=str(tmp_path / "x.gguf"))
    assert read_header(tmp_path / "x.gguf").text("tokenizer.ggml.pre") == "deepseek-r1-qwen"


def test_a_tokenizer_that_llama_cpp_has_no_name_for_is_refused(tmp_path: Path) -> None:
    make_family("llama", tokenizer=byte_level("none"))
    with pytest.raises(errors.Unsupported, match="cuts its text in a way of its own"):
        run(model="base", adapter="", gguf=str(tmp_path / "x.gguf"))


@pytest.mark.parametrize("prefix", [True, False])
def test_a_sentencepiece_vocabulary_gets_scores(prefix: bool, tmp_path: Path) -> None:
    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{i:02X}>" for i in range(256)), "▁", *"abcdefghijklmnopqrstuvwxyz"]
    merges = [("▁", "t"), ("h", "e"), ("▁t", "he"), ("i", "n"), ("e", "r"), ("a", "n"), ("▁", "a")]
    vocab = {piece: i for i, piece in enumerate(pieces + ["".join(merge) for merge in merges])}
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    marks = [normalizers.Prepend("▁")] if prefix else []
    tokenizer.normalizer = normalizers.Sequence([*marks, normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.add_tokens(
        [AddedToken(name, special=True, normalized=False) for name in ("<unk>", "<s>", "</s>", "<|im_end|>")]
    )
    make_family("llama", tokenizer=tokenizer)
    run(model="base", adapter="", gguf=str(tmp_path / "x.gguf"))  # both split a text into the same tokens
    header = read_header(tmp_path / "x.gguf")
    assert (header.text("tokenizer.ggml.model"), header.flag("tokenizer.ggml.add_space_prefix", not prefix)) == (
        "llama",
        prefix,
    )
    scores, types = header.items("tokenizer.ggml.scores", float), header.items("tokenizer.ggml.token_type", int)
    assert scores[vocab["▁t"]] > scores[vocab["▁the"]] > scores[vocab["an"]]
    assert (types[0], types[3], types[vocab["he"]]) == (2, 6, 1)


def test_other_tokens_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_family("llama", tokenizer=byte_level("llama-bpe"))
    monkeypatch.setattr(vocabulary, "_pre_tokenizer", lambda tokenizer, plain: "smollm")
    with pytest.raises(errors.Corrupt, match="other tokens"):
        run(model="base", adapter="", gguf=str(tmp_path / "x.gguf"))
    assert not list(tmp_path.glob("*.gguf*"))
