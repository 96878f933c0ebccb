"""A checkpoint's tokenizer as a GGUF says it: tokens, types, merges or scores, and the name of its pre-tokenizer.

The tokenizer is the one that chat uses, asked as it is loaded. Its pre-tokenizer has no name of its own: it is the one
of llama.cpp's that cuts a probing text into the same pieces (PRE_TOKENIZERS of models/architectures.py). A
SentencePiece vocabulary has scores in the place of merges: what an earlier merge makes has the higher score. Only a
worker imports this.
"""

import json
from typing import Any

import gguf
from tokenizers.pre_tokenizers import PreTokenizer

from models import errors
from models.architectures import END_TOKENS, PRE_TOKENIZERS
from models.gguf.tokenizer import cutting

_END_NAMES = ("eos", "eot", "eom")
_NORMAL, _UNKNOWN, _CONTROL, _USER_DEFINED, _UNUSED, _BYTE = 1, 2, 3, 4, 5, 6
# Digits in runs of every length, contractions in both cases, letters of several scripts, spaces and line ends in rows.
_PROBE = (
    "Don't STOP: we've 1 12 123 1234 12345678 apples, it's 3.14 or 1,000,000!\n\n  def f(x):\r\n\treturn x**2  # über\n"
    " \u4f60\u597d\uff0c\u4e16\u754c 2024\u5e74 \u041f\u0440\u0438\u0432\u0435\u0442 caf\u00e9's I'LL $5+7=12 <a href='x'>...</a>"
    "   trailing   \n\n\n\u0967\u0968\u0969 \u00bd \u20ac9 _under_score_ (a)(b) !!??\n "
)


def add(writer: gguf.GGUFWriter, tokenizer: Any, rows: int) -> None:
    """Add a tokenizer (mlx-lm's wrapper) to a file whose embeddings have so many rows.

    Raises Unsupported for a tokenizer that llama.cpp has no name for.
    """
    plain = json.loads(tokenizer._tokenizer.backend_tokenizer.to_str())
    model = plain["model"]
    if model.get("type") != "BPE":
        raise _unknown(f"of the kind {model.get('type')}")
    tokens = _tokens(plain, rows)
    writer.add_tokenizer_model("llama" if model.get("byte_fallback") else "gpt2")
    if model.get("byte_fallback"):
        writer.add_tokenizer_pre("default")
        writer.add_token_scores(_scores(model, tokens))
        writer.add_add_space_prefix(_has_space_prefix(plain))
    else:
        writer.add_tokenizer_pre(_pre_tokenizer(tokenizer, plain))
        # spaces as the byte-level alphabet has them: one parts the two halves of a merge
        writer.add_token_merges([" ".join(part.replace(" ", "Ġ") for part in merge) for merge in _merges(model)])
    writer.add_token_list(tokens)
    writer.add_token_types(_types(plain, tokens))
    _add_special(writer, tokenizer, tokens)


def chat_template(tokenizer: Any) -> str:
    """The tokenizer's default chat template, or empty."""
    template = getattr(tokenizer, "chat_template", None)
    if isinstance(template, dict):
        template = template.get("default")
    return template if isinstance(template, str) else ""


def _tokens(plain: dict[str, Any], rows: int) -> list[str]:
    """Every token by its id; embedding rows without one are named as llama.cpp's converter names them."""
    named = {i: token for token, i in plain["model"]["vocab"].items()}
    named |= {added["id"]: added["content"] for added in plain["added_tokens"]}
    if max(named) >= rows:
        raise _unknown(f"of {max(named) + 1:,} tokens where the model has {rows:,}")
    return [named.get(i, f"[PAD{i}]") for i in range(rows)]


def _types(plain: dict[str, Any], tokens: list[str]) -> list[int]:
    added = {entry["id"]: bool(entry["special"]) for entry in plain["added_tokens"]}
    known = set(plain["model"]["vocab"].values()) | added.keys()
    model = plain["model"]

    def kind(i: int, token: str) -> int:
        if i not in known:
            return _UNUSED
        if model.get("byte_fallback"):
            if token == model.get("unk_token"):
                return _UNKNOWN
            if len(token) == 6 and token.startswith("<0x") and token.endswith(">"):
                return _BYTE
        if i in added:
            return _CONTROL if added[i] or _looks_special(token) else _USER_DEFINED
        return _NORMAL

    return [kind(i, token) for i, token in enumerate(tokens)]


def _looks_special(token: str) -> bool:
    # some models leave it out of their tokenizer.json that such a token is special
    return (token.startswith("<|") and token.endswith("|>")) or (token.startswith("<｜") and token.endswith("｜>"))


def _merges(model: dict[str, Any]) -> list[list[str]]:
    return [merge.split(" ") if isinstance(merge, str) else list(merge) for merge in model["merges"]]


def _scores(model: dict[str, Any], tokens: list[str]) -> list[float]:
    rank: dict[str, int] = {}
    for number, merge in enumerate(_merges(model), 1):
        rank.setdefault("".join(merge), number)
    return [float(-rank.get(token, 0)) for token in tokens]


def _has_space_prefix(plain: dict[str, Any]) -> bool:
    """Whether a text gets a space at its start: by a normalizer in older files, by the pre-tokenizer in newer ones."""
    steps = [plain.get("normalizer") or {}, plain.get("pre_tokenizer") or {}]
    steps += [inner for step in list(steps) for inner in step.get("normalizers", []) + step.get("pretokenizers", [])]
    return any(
        step.get("type") == "Prepend"
        or (step.get("type") == "Metaspace" and step.get("prepend_scheme", "always") != "never")
        for step in steps
    )


def _pre_tokenizer(tokenizer: Any, plain: dict[str, Any]) -> str:
    own: PreTokenizer | None = tokenizer._tokenizer.backend_tokenizer.pre_tokenizer
    normalizer = (plain.get("normalizer") or {"type": "NFC"}).get("type")
    if own is not None and normalizer == "NFC":
        pieces = own.pre_tokenize_str(_PROBE)
        added = {entry["content"] for entry in plain["added_tokens"]} | {""}
        for name, pre in PRE_TOKENIZERS.items():
            same = pre.ignore_merges == bool(plain["model"].get("ignore_merges")) and pre.only_with in added
            if same and cutting(pre).pre_tokenize_str(_PROBE) == pieces:
                return name
    raise _unknown("that cuts its text in a way of its own")


def _ends(tokenizer: Any, eos: int | None, tokens: list[str]) -> dict[str, int]:
    """The tokens that end a reply by GGUF's names for them, three at most. Raises Unsupported for more.

    Those of END_TOKENS end one whatever the file names, so the others go first; eos stays the tokenizer's own.
    """
    others = sorted(i for i in tokenizer.eos_token_ids if i != eos and 0 <= i < len(tokens))
    unnamed = [i for i in others if tokens[i] not in END_TOKENS]
    ids = [*([] if eos is None else [eos]), *unnamed, *(i for i in others if i not in unnamed)]
    if len(ids) - len(others) + len(unnamed) > len(_END_NAMES):
        raise _unknown(f"in which {len(others) + 1} tokens end a reply")
    return dict(zip(_END_NAMES, ids, strict=False))


def _add_special(writer: gguf.GGUFWriter, tokenizer: Any, tokens: list[str]) -> None:
    rows = len(tokens)

    def number(name: str) -> int | None:
        found = getattr(tokenizer, f"{name}_token_id", None)
        return found if isinstance(found, int) and 0 <= found < rows else None

    for name in ("bos", "unk", "pad"):
        if (found := number(name)) is not None:
            getattr(writer, f"add_{name}_token_id")(found)
    bos, eos = number("bos"), number("eos")
    for name, found in _ends(tokenizer, eos, tokens).items():
        getattr(writer, f"add_{name}_token_id")(found)
    framed = tokenizer.encode("a")
    writer.add_add_bos_token(bos is not None and framed[0] == bos)
    writer.add_add_eos_token(eos is not None and framed[-1] == eos)
    if template := chat_template(tokenizer):
        writer.add_chat_template(template)


def _unknown(what: str) -> errors.Unsupported:
    text = f"The model has a tokenizer {what}, which can't be written as GGUF."
    return errors.Unsupported(text, "Fuse it to an MLX folder instead.")
