"""How many characters a tokenizer's rules can make of one, found in its file before any text is given to it.

A normalizer that replaces "a" by ten of them, twelve times over, asks for a terabyte of a prompt of one letter; so do
steps that spell each byte as a character, over and over, an ending that repeats the text, and tokens of a million
letters when a reply is decoded. Each rule has a bound of its own, those that follow one another are multiplied, and
what is beyond any real tokenizer is refused. The largest of real ones, XLM-R's, comes to about 200 by this count.
"""

import base64
import binascii
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from models import errors

MAX_GROWTH = 512  # characters, and tokens added around them, that may come of one
MAX_DECODED_GROWTH = 4
MAX_TOKEN_BYTES = 2048  # of one token as JSON writes it; the longest real ones are runs of 128 spaces
MAX_TOKENS = 1 << 21
MAX_STEPS = 64
MAX_WORD = 10_000  # characters of a word that may be looked up whole
_MAX_AFFIX = 64
_UTF8_BYTES = 4  # of a character, each spelt as one
_INNER = ("normalizers", "pretokenizers", "processors", "decoders")

Step = Mapping[str, Any]


class _Added(msgspec.Struct):
    content: str = ""


class _Model(msgspec.Struct):
    vocab: msgspec.Raw = msgspec.Raw(b"")
    continuing_subword_prefix: str | None = None
    end_of_word_suffix: str | None = None
    max_input_chars_per_word: int | None = None


class Parts(msgspec.Struct):
    """What a tokenizer.json says about text on its way in and out."""

    normalizer: Any = None
    pre_tokenizer: Any = None
    post_processor: Any = None
    decoder: Any = None


class _File(Parts):
    added_tokens: list[_Added] = []
    model: _Model = msgspec.field(default_factory=_Model)


_file = msgspec.json.Decoder(_File)


def check(content: bytes, name: str) -> None:
    """Check a tokenizer.json before it is loaded. name: the model's. Raises Corrupt or Unsafe."""
    try:
        found = _file.decode(content)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise errors.Corrupt(f"tokenizer.json of {name} is damaged: it describes no tokenizer.") from error
    _check_model(found.model, name)
    if any(len(token.content) > MAX_TOKEN_BYTES for token in found.added_tokens):
        raise _beyond(name, f"has a token of more than {MAX_TOKEN_BYTES:,} bytes")
    growth(found, name)


def growth(parts: Parts, name: str) -> int:
    """The characters that may come of one on the way in. Raises Unsafe when these or those on the way out are too many."""
    steps = {part: list(_steps(getattr(parts, part))) for part in Parts.__struct_fields__}
    if sum(map(len, steps.values())) > MAX_STEPS:
        raise _beyond(name, f"has more than {MAX_STEPS} steps")
    decoded = _product(_replaced(step) for step in steps["decoder"])
    if decoded > MAX_DECODED_GROWTH:
        raise _beyond(name, f"can write one character as {_shown(decoded)}")
    read = _product(_spelt(step) for part in ("normalizer", "pre_tokenizer") for step in steps[part])
    whole = read * _product(_framed(step) for step in steps["post_processor"])
    if whole > MAX_GROWTH:
        raise _beyond(name, f"can make {_shown(whole)} characters of one")
    return whole


def _check_model(model: _Model, name: str) -> None:
    vocabulary = bytes(model.vocab)
    if vocabulary.count(b'"') > 2 * MAX_TOKENS:
        raise _beyond(name, f"has more than {MAX_TOKENS:,} tokens")
    if max(map(len, vocabulary.split(b'"'))) > MAX_TOKEN_BYTES:
        raise _beyond(name, f"has a token of more than {MAX_TOKEN_BYTES:,} bytes")
    affixes = (model.continuing_subword_prefix or "", model.end_of_word_suffix or "")
    if max(map(len, affixes)) > _MAX_AFFIX or (model.max_input_chars_per_word or 0) > MAX_WORD:
        raise _beyond(name, "looks up words that are too long")


def _steps(rule: object) -> Iterator[Step]:
    """The steps of a rule in their order, those of a sequence one by one."""
    if not isinstance(rule, dict):
        return
    inner = next((rule[key] for key in _INNER if isinstance(rule.get(key), list)), None)
    if inner is None:
        yield rule
    else:
        for step in inner:
            yield from _steps(step)


def _spelt(step: Step) -> int:
    """The characters that a normalizer or pre-tokenizer may make of one."""
    kind = step.get("type")
    if kind == "ByteLevel" or "use_regex" in step:
        return _UTF8_BYTES + bool(step.get("add_prefix_space"))
    if kind == "Metaspace" or "prepend_scheme" in step:
        return 2
    if kind == "BertNormalizer" or "handle_chinese_chars" in step:
        return 3  # a space on both sides
    if isinstance(before := step.get("prepend"), str):
        return 1 + _length(before)
    if isinstance(table := step.get("precompiled_charsmap"), str):
        return _longest_entry(table)
    return _replaced(step)


def _replaced(step: Step) -> int:
    """The characters that may stand in the place of one."""
    content, pattern = step.get("content"), step.get("pattern")
    if not isinstance(content, str) or pattern is None:
        return 1
    text = pattern.get("String") if isinstance(pattern, dict) else pattern
    if isinstance(text, str) and text:
        return max(1, -(-_length(content) // len(text)))
    return 1 + _length(content)  # what matches nothing matches between any two characters


def _framed(step: Step) -> int:
    """The copies of a text, and the tokens put around it, that an ending makes of one token."""
    added = step.get("special_tokens")
    if not isinstance(added, dict):
        return 1
    ids = {name: len(token["ids"]) for name, token in added.items() if isinstance(token, dict) and "ids" in token}

    def size(piece: object) -> int:
        token = piece.get("SpecialToken") if isinstance(piece, dict) else None
        return ids.get(token.get("id"), 1) if isinstance(token, dict) else 1

    frames = (step.get(key) for key in ("single", "pair"))
    return max((sum(map(size, frame)) for frame in frames if isinstance(frame, list)), default=1) or 1


def _longest_entry(table: str) -> int:
    """Of sentencepiece's table of characters: the size of a tree in 4 bytes, the tree, texts with a zero after each."""
    try:
        content = base64.b64decode(table)
    except (binascii.Error, ValueError):
        return 1  # the tokenizers library refuses it
    texts = content[4 + int.from_bytes(content[:4], "little") :]
    return max((_length(text.decode("utf-8", "replace")) for text in texts.split(b"\0")), default=1) or 1


def _length(text: str) -> int:
    """Characters of a text when it is decomposed, as a later step may do: one Arabic character becomes 18."""
    return len(text) if text.isascii() else len(unicodedata.normalize("NFKD", text))


def _product(factors: Iterator[int]) -> int:
    product = 1
    for factor in factors:
        product = min(product * factor, 10**15)  # it may have thousands of digits
    return product


def _shown(count: int) -> str:
    return f"{count:,}" if count < 10**15 else "more than 1,000,000,000,000,000"


def _beyond(name: str, what: str) -> errors.Unsafe:
    text = f"The tokenizer of {name} {what}, which no real one does."
    return errors.Unsafe(text, "Do not trust this model's files; download the model from its maker.")
