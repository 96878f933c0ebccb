"""Token ids of converted tokenizers, against byte-level BPE in plain Python and against SentencePiece itself."""

import io
import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import mlx_lm
import pytest
import sentencepiece
from hypothesis import example, given, settings
from hypothesis import strategies as st
from mlx_lm.tokenizer_utils import load as load_tokenizer
from tokenizers import Tokenizer

from models import errors
from models.gguf import header as gguf_header
from models.gguf import tokenizer as gguf_tokenizer
from models.gguf.header import Header
from models.library import starter
from tests.models.plain_bpe import PATTERNS, PlainBpe
from tests.models.tiny_gguf import byte_level_vocab

HARD = [
    "",
    " ",
    "a",
    "2024 is 4048/2, 3.14159; ½ ² Ⅷ ٣٤ ১২৩",
    "it's I'LL we'Ve don't 'tis O'Neill's ’s",
    "Grüße, Ærø, naïve — “quoted” …",
    "e\u0301 a\u030a\u0327 व\u094dय क\u094dष\u093f 각",
    "日本語のテキスト 中文 한국어 עברית العربية ไทย",
    "👩‍👩‍👧‍👦 🏳️‍🌈 🇫🇷 👍🏽 ☃",
    "  two  spaces   three    four     ",
    "tab\tand\t\ttabs \t mixed\n\nnew lines\r\nwindows\r\n\r\n  \n  indented\n",
    "def f(x: int) -> str:\n    return f\"{x!r:>10}\"  # naïve\n\tif a != b && c <= d: pass\n",
    "\u00a0non\u2003breaking\u3000spaces\u200b\ufeff",
    "<|im_start|>user\nHi <|im_end|><|im_end|>\n<|im_start|>assistant\n",
    " <|endoftext|> x<|im_start|>  <|im_sta rt|> <think> </think>",
    "https://example.org/a_b?c=1&d=%20#e {\"k\": [1, 2, -3.5e10]}",
    "A" * 300 + "1" * 50 + "!" * 50 + " " * 50,
    "$x^2 + \\frac{1}{2}$ \\boxed{42} ∑∫≠",
    "mixedCASEwords ALLCAPS snake_case kebab-case 1st 2nd x86_64",
]  # fmt: skip


@cache
def starter_header() -> Header:
    return gguf_header.read(starter.source())


def tokenizer(header: Header) -> Tokenizer:
    return Tokenizer.from_str(gguf_tokenizer.files(header)["tokenizer.json"].decode())


@cache
def starter_pair(pre: str) -> tuple[Tokenizer, PlainBpe]:
    """The starter's vocabulary under a pre-tokenizer: ours, and the plain one."""
    header = starter_header()
    metadata = header.metadata | {"tokenizer.ggml.pre": pre}
    tokens, types = metadata["tokenizer.ggml.tokens"], metadata["tokenizer.ggml.token_type"]
    added = [token for token, kind in zip(tokens, types, strict=True) if kind == 3]
    plain = PlainBpe(tokens, metadata["tokenizer.ggml.merges"], pre, added)
    return tokenizer(replace(header, metadata=metadata)), plain


@pytest.mark.parametrize("pre", PATTERNS)
def test_hard_strings_get_the_ids_of_the_rules(pre: str) -> None:
    ours, plain = starter_pair(pre)
    for text in HARD:
        if pre != "qwen2":  # which composes characters first: see below
            assert ours.encode(text).ids == plain.encode(text), text


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.text(
        st.one_of(st.sampled_from(" \t\n'0123٣½abcABCéß日👍️\u0301_.-<|>"), st.characters(codec="utf-8")), max_size=30
    )
)
@example("ſ 'ſ K")
def test_any_text_gets_the_ids_of_the_rules(text: str) -> None:
    for pre in ("smollm", "llama-bpe", "default"):
        ours, plain = starter_pair(pre)
        assert ours.encode(text).ids == plain.encode(text)


def test_qwen_composes_characters_before_it_cuts() -> None:
    ours, plain = starter_pair("qwen2")
    assert ours.encode("e\u0301tude").ids == ours.encode("étude").ids == plain.encode("étude")
    for text in ("it's 12345", "日本語", "a  b\n\n c", "We'LL see"):
        assert ours.encode(text).ids == plain.encode(text)


def test_decoding_gives_the_text_back() -> None:
    ours, _ = starter_pair("smollm")
    for text in HARD:
        assert ours.decode(ours.encode(text).ids, skip_special_tokens=False) == text


def test_digits_stand_alone_and_control_tokens_whole() -> None:
    ours, _ = starter_pair("smollm")
    assert ours.encode("<|im_start|>1234<|im_end|>").tokens == ["<|im_start|>", "1", "2", "3", "4", "<|im_end|>"]


def test_mlx_lm_reads_the_starters_tokenizer_the_same_way(starter_folder: Path) -> None:
    loaded = load_tokenizer(starter_folder)
    ours, _ = starter_pair("smollm")
    for text in HARD:
        assert loaded.encode(text) == ours.encode(text).ids
        assert loaded.decode(loaded.encode(text)) == text
    assert loaded.eos_token_ids == {2}
    streamed = loaded.detokenizer
    for token in loaded.encode(HARD[8]):
        streamed.add_token(token)
    streamed.finalize()
    assert streamed.text == HARD[8]


@pytest.mark.slow
def test_the_starter_knows_the_capital_of_france(starter_folder: Path) -> None:
    model, loaded = mlx_lm.load(str(starter_folder))
    prompt = loaded.apply_chat_template(
        [{"role": "user", "content": "What is the capital of France?"}], add_generation_prompt=True
    )
    assert "Paris" in mlx_lm.generate(model, loaded, prompt, max_tokens=8)


def tiny(**metadata: object) -> Header:
    tokens, types = byte_level_vocab()
    pairs: dict[str, object] = {
        "general.architecture": "llama",
        "llama.context_length": 512,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "llama-bpe",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": types,
        "tokenizer.ggml.merges": ["Ġ t", "h e", "i n", "Ġt he"],
        "tokenizer.ggml.bos_token_id": tokens.index("<|im_start|>"),
        "tokenizer.ggml.eos_token_id": tokens.index("<|im_end|>"),
    }
    changes = {f"tokenizer.{key.replace('__', '.')}": value for key, value in metadata.items()}
    pairs |= changes
    return Header(Path("tiny.gguf"), {key: value for key, value in pairs.items() if value is not None}, {})


def written(header: Header, folder: Path) -> Path:
    for name, content in gguf_tokenizer.files(header).items():
        (folder / name).write_bytes(content)
    (folder / "config.json").write_text('{"model_type": "llama"}')
    return folder


@pytest.mark.parametrize(
    ("flags", "first", "last"),
    [
        ({}, True, False),  # llama-bpe's own habit
        ({"ggml__add_bos_token": False}, False, False),
        ({"ggml__add_eos_token": True}, True, True),
        ({"ggml__pre": "smollm"}, False, False),
        ({"ggml__pre": "smollm", "ggml__add_bos_token": True}, True, False),
    ],
)
def test_bos_and_eos_stand_where_the_file_wants_them(
    flags: dict[str, object], first: bool, last: bool, tmp_path: Path
) -> None:
    header = tiny(**flags)
    tokens = header.metadata["tokenizer.ggml.tokens"]
    bos, eos = tokens.index("<|im_start|>"), tokens.index("<|im_end|>")
    expected = [bos] * first + [tokens.index("Ġthe"), tokens.index("Ġ"), tokens.index("in")] + [eos] * last
    assert tokenizer(header).encode(" the in").ids == expected
    loaded = load_tokenizer(written(header, tmp_path))
    assert loaded.encode(" the in") == expected
    assert loaded.encode(" the in", add_special_tokens=False) == expected[first : len(expected) - last]


def test_tokens_of_the_user_are_whole_but_no_control_tokens(tmp_path: Path) -> None:
    header = tiny()
    loaded = load_tokenizer(written(header, tmp_path))
    ids = loaded.encode("<think>in</think><|im_end|>", add_special_tokens=False)
    assert len(ids) == 4
    assert loaded.decode(ids, skip_special_tokens=True) == "<think>in</think>"
    assert loaded.has_thinking


def test_chat_templates_are_the_files_own_or_chatml_or_none() -> None:
    assert gguf_tokenizer.chat_template(tiny(chat_template="{{ x }}")) == "{{ x }}"
    assert "<|im_start|>" in gguf_tokenizer.chat_template(tiny())
    without = tiny(ggml__tokens=["a", "b", "</s>"], ggml__token_type=[1, 1, 3], ggml__merges=[])
    assert gguf_tokenizer.chat_template(without) == ""
    assert b"chat_template" not in gguf_tokenizer.files(without)["tokenizer_config.json"]


def test_chatml_renders_as_expected(tmp_path: Path) -> None:
    loaded = load_tokenizer(written(tiny(), tmp_path))
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes?"}]
    rendered = loaded.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    assert rendered == (
        "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nYes?<|im_end|>\n<|im_start|>assistant\n"
    )


def test_replies_end_at_every_token_that_ends_one() -> None:
    header = tiny()
    tokens = header.metadata["tokenizer.ggml.tokens"]
    assert gguf_tokenizer.end_ids(header) == [tokens.index("<|im_end|>"), tokens.index("<|endoftext|>")]
    with pytest.raises(errors.Corrupt, match="ends a reply"):
        gguf_tokenizer.end_ids(
            tiny(ggml__tokens=["a"], ggml__token_type=[1], ggml__eos_token_id=None, ggml__bos_token_id=None)
        )


@pytest.mark.parametrize("kind", [1, 4, 5])
def test_a_token_that_ends_a_reply_does_so_whatever_its_type(kind: int, tmp_path: Path) -> None:
    tokens = tiny().metadata["tokenizer.ggml.tokens"]
    end = tokens.index("<|im_end|>")
    types = [kind if i == end else found for i, found in enumerate(tiny().metadata["tokenizer.ggml.token_type"])]
    header = tiny(ggml__token_type=types, ggml__eos_token_id=tokens.index("<|endoftext|>"))
    assert end in gguf_tokenizer.end_ids(header)
    assert tokenizer(header).encode("Yes.<|im_end|>").ids[-1] == end
    assert tokenizer(header).decode([end], skip_special_tokens=True) == ""


def test_a_qwen_file_older_than_pre_tokenizers_is_read_as_qwen() -> None:
    header = tiny(ggml__pre=None)
    qwen = replace(header, metadata=header.metadata | {"general.architecture": "qwen2", "qwen2.context_length": 1})
    assert json.loads(gguf_tokenizer.files(qwen)["tokenizer.json"])["normalizer"] == {"type": "NFC"}


@cache
def sentencepiece_model(prefix: bool) -> sentencepiece.SentencePieceProcessor:
    """A small BPE model with byte fallback, trained on the hard strings and some prose."""
    prose = Path(errors.__file__).read_text() + (Path(errors.__file__).parent / "events.py").read_text()
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([*prose.splitlines(), *HARD[4:7]]),
        model_writer=model,
        model_type="bpe",
        vocab_size=700,
        byte_fallback=True,
        character_coverage=0.99,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        add_dummy_prefix=prefix,
        minloglevel=2,
    )
    return sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())


def sentencepiece_header(prefix: bool) -> Header:
    model = sentencepiece_model(prefix)
    ids = range(model.vocab_size())

    def kind(i: int) -> int:
        return 2 if model.is_unknown(i) else 3 if model.is_control(i) else 6 if model.is_byte(i) else 1

    metadata = {
        "general.architecture": "llama",
        "llama.context_length": 512,
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": [model.id_to_piece(i) for i in ids],
        "tokenizer.ggml.scores": [model.get_score(i) for i in ids],
        "tokenizer.ggml.token_type": [kind(i) for i in ids],
        "tokenizer.ggml.add_space_prefix": prefix,
        "tokenizer.ggml.add_bos_token": False,
    }
    return Header(Path("spm.gguf"), metadata, {})


@pytest.mark.parametrize("prefix", [True, False])
def test_sentencepiece_vocabularies_get_sentencepieces_ids(prefix: bool, tmp_path: Path) -> None:
    reference, ours = sentencepiece_model(prefix), tokenizer(sentencepiece_header(prefix))
    loaded = load_tokenizer(written(sentencepiece_header(prefix), tmp_path))
    prose = Path(errors.__file__).read_text().splitlines()
    for text in HARD + prose:
        expected = reference.encode(text)
        assert ours.encode(text).ids == expected, text
        assert loaded.encode(text) == expected
        assert ours.decode(expected) == text
