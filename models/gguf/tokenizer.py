"""The tokenizer of a GGUF as tokenizer.json and tokenizer_config.json, built with the tokenizers library.

A GGUF says which of llama.cpp's algorithms reads its vocabulary. Two are known here:

    gpt2    byte-level BPE: text is cut by the patterns of its pre-tokenizer, each piece merged by rank. The file names
            the pre-tokenizer (tokenizer.ggml.pre); the patterns are facts of the models (models/architectures.py).
    llama   SentencePiece BPE: spaces become ▁, neighbours merge by the score of what they make, what is unknown falls
            back to bytes.

Control and user-defined tokens become added tokens, found in the text before anything else.
"""

import msgspec
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from models import architectures, errors
from models.architectures import END_TOKENS, PRE_TOKENIZERS, PreTokenizer
from models.gguf.header import Header

_NORMAL, _CONTROL, _USER_DEFINED = 1, 3, 4  # of tokenizer.ggml.token_type
LONGEST_TOKEN = 1024

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def files(header: Header) -> dict[str, bytes]:
    """The tokenizer's files by name. Raises Unsupported for an unknown kind or pre-tokenizer, Corrupt for nonsense."""
    kind = header.text("tokenizer.ggml.model")
    tokens = _tokens(header)
    if kind == "gpt2":
        tokenizer = _byte_level(header, tokens)
    elif kind == "llama":
        tokenizer = _sentencepiece(header, tokens)
    else:
        text = (
            f"{header.path.name} has a tokenizer of the kind {kind or '(none named)'}, which Stillroom does not know."
        )
        raise errors.Unsupported(text, "Import the model's Hugging Face or MLX folder instead.")
    return {
        "tokenizer.json": tokenizer.to_str().encode(),
        "tokenizer_config.json": msgspec.json.format(msgspec.json.encode(_config(header, tokens)), indent=2),
    }


def special_ids(header: Header) -> dict[str, int]:
    """Ids of bos_token, eos_token, unk_token and pad_token, as far as the file names them."""
    keys = {"bos_token": "bos", "eos_token": "eos", "unk_token": "unknown", "pad_token": "padding"}
    # llama.cpp's own defaults for SentencePiece
    default = {"bos": 1, "eos": 2, "unknown": 0} if header.text("tokenizer.ggml.model") == "llama" else {}
    count = len(header.items("tokenizer.ggml.tokens", str))
    ids = {
        name: header.integer(f"tokenizer.ggml.{key}_token_id", default.get(key, count)) for name, key in keys.items()
    }
    return {name: number for name, number in ids.items() if number < count}


def end_ids(header: Header) -> list[int]:
    """Ids of all tokens that end a reply, the file's eos first. Raises Corrupt when there is none."""
    tokens = _tokens(header)
    named = [special_ids(header).get("eos_token", len(tokens))]
    named += [header.integer(f"tokenizer.ggml.{key}_token_id", len(tokens)) for key in ("eot", "eom")]
    by_text = [i for i, token in enumerate(tokens) if token in END_TOKENS]
    ids = list(dict.fromkeys(i for i in named + by_text if i < len(tokens)))
    if not ids:
        raise errors.Corrupt(f"{header.path.name} names no token that ends a reply.")
    return ids


def chat_template(header: Header) -> str:
    """The file's chat template, ChatML when the vocabulary is made for it, or empty."""
    tokens = header.items("tokenizer.ggml.tokens", str)
    default = CHATML if {"<|im_start|>", "<|im_end|>"} <= set(tokens) else ""
    return header.text("tokenizer.chat_template", default)


def cutting(pre: PreTokenizer) -> pre_tokenizers.PreTokenizer:
    """The tokenizers library's form of a pre-tokenizer: cut by the patterns, then bytes to letters."""
    splits = [pre_tokenizers.Split(Regex(pattern), behavior="isolated") for pattern in pre.patterns]
    to_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return pre_tokenizers.Sequence([*splits, to_bytes])


def _tokens(header: Header) -> list[str]:
    tokens = [token or f"[EMPTY_{i}]" for i, token in enumerate(header.items("tokenizer.ggml.tokens", str))]
    if not tokens or len(set(tokens)) < len(tokens) or max(map(len, tokens)) > LONGEST_TOKEN:
        text = f"{header.path.name} is damaged: its vocabulary is empty, repeats itself or is no vocabulary."
        raise errors.Corrupt(text)
    return tokens


def _types(header: Header) -> list[int]:
    """The type of each token. What ends a reply is a control token whatever the file says, as llama.cpp has it."""
    tokens = header.items("tokenizer.ggml.tokens", str)
    n_tokens = len(tokens)
    types = header.items("tokenizer.ggml.token_type", int) or [_NORMAL] * n_tokens
    if len(types) != n_tokens:
        raise errors.Corrupt(f"{header.path.name} is damaged: its tokens and their types don't match.")
    return [_CONTROL if token in END_TOKENS else kind for token, kind in zip(tokens, types, strict=True)]


def _byte_level(header: Header, tokens: list[str]) -> Tokenizer:
    pre = _pre_tokenizer(header)
    vocab = {token: i for i, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=_merges(header, vocab), ignore_merges=pre.ignore_merges))
    if pre.nfc:
        tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = cutting(pre)
    tokenizer.decoder = decoders.ByteLevel()
    _add_tokens(tokenizer, header, tokens)
    _frame(tokenizer, header, tokens, add_bos=pre.add_bos)
    return tokenizer


def _pre_tokenizer(header: Header) -> PreTokenizer:
    family = architectures.gguf_of(header.text("general.architecture"))
    name = header.text("tokenizer.ggml.pre", family.pre_tokenizer if family else "default")
    if name not in PRE_TOKENIZERS:
        text = f"{header.path.name} cuts its text by the pre-tokenizer {name}, which Stillroom does not know."
        raise errors.Unsupported(text, "Import the model's Hugging Face or MLX folder instead.")
    return PRE_TOKENIZERS[name]


def _merges(header: Header, vocab: dict[str, int]) -> list[tuple[str, str]]:
    merges = []
    for merge in header.items("tokenizer.ggml.merges", str):
        left, _, right = merge.partition(" ")
        if left not in vocab or right not in vocab or left + right not in vocab:
            raise errors.Corrupt(f"{header.path.name} is damaged: its merges don't fit its vocabulary.")
        merges.append((left, right))
    return merges


def _sentencepiece(header: Header, tokens: list[str]) -> Tokenizer:
    vocab = {token: i for i, token in enumerate(tokens)}
    unknown = special_ids(header).get("unk_token")
    model = models.BPE(
        vocab=vocab,
        merges=_scored_merges(header, vocab),
        unk_token=None if unknown is None else tokens[unknown],
        fuse_unk=True,
        byte_fallback=True,
    )
    tokenizer = Tokenizer(model)
    marks: list[normalizers.Normalizer] = [normalizers.Replace(" ", "▁")]
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    if header.flag("tokenizer.ggml.add_space_prefix", True):
        marks.insert(0, normalizers.Prepend("▁"))
        steps.append(decoders.Strip(" ", 1, 0))
    tokenizer.normalizer = normalizers.Sequence(marks)
    tokenizer.decoder = decoders.Sequence(steps)
    _add_tokens(tokenizer, header, tokens)
    _frame(tokenizer, header, tokens, add_bos=True)
    return tokenizer


def _scored_merges(header: Header, vocab: dict[str, int]) -> list[tuple[str, str]]:
    """All pairs that make a token, best score first: ranked so, BPE merges as SentencePiece does by score."""
    scores, types = header.items("tokenizer.ggml.scores", float), _types(header)
    if len(scores) != len(vocab):
        raise errors.Corrupt(f"{header.path.name} is damaged: its tokens and their scores don't match.")
    pairs = [
        (-scores[i], i, vocab[token[:cut]], vocab[token[cut:]])
        for token, i in vocab.items()
        if types[i] in (_NORMAL, _USER_DEFINED)
        for cut in range(1, len(token))
        if token[:cut] in vocab and token[cut:] in vocab
    ]
    tokens = list(vocab)
    return [(tokens[left], tokens[right]) for _, _, left, right in sorted(pairs)]


def _add_tokens(tokenizer: Tokenizer, header: Header, tokens: list[str]) -> None:
    added = [
        AddedToken(token, special=kind == _CONTROL, normalized=False)
        for token, kind in zip(tokens, _types(header), strict=True)
        if kind == _CONTROL or (kind == _USER_DEFINED and "▁" not in token)
    ]
    tokenizer.add_tokens(added)


def _frame(tokenizer: Tokenizer, header: Header, tokens: list[str], add_bos: bool) -> None:
    """Add bos before and eos after every text, where the file asks for it."""
    ids = special_ids(header)
    before = ["bos_token"] if header.flag("tokenizer.ggml.add_bos_token", add_bos) and "bos_token" in ids else []
    after = ["eos_token"] if header.flag("tokenizer.ggml.add_eos_token", False) and "eos_token" in ids else []
    used = [(tokens[ids[name]], ids[name]) for name in dict.fromkeys(before + after)]
    if not used:
        return
    first, last = [tokens[ids[name]] for name in before], [tokens[ids[name]] for name in after]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=[*first, "$A", *last], pair=[*first, "$A", *first, "$B", *last], special_tokens=used
    )


def _config(header: Header, tokens: list[str]) -> dict[str, object]:
    config: dict[str, object] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        "model_max_length": header.integer(f"{header.text('general.architecture')}.context_length"),
    }
    config |= {name: tokens[i] for name, i in special_ids(header).items()}
    template = chat_template(header)
    return config | ({"chat_template": template} if template else {})
