"""Byte-level BPE in plain Python, written from its rules: slow, short, and knowing nothing of the tokenizers library.

Control tokens are found first, longest first. Other text is cut by the patterns of the pre-tokenizer, one after the
other; the UTF-8 bytes of a piece become printable characters (GPT-2's table); then, again and again, the neighbours
whose merge stands earliest in the list are joined, leftmost first.
"""

import itertools

import regex

GPT2_PATTERN = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
TIKTOKEN_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
PATTERNS = {
    "smollm": [r"\p{N}", GPT2_PATTERN],
    "gpt-2": [GPT2_PATTERN],
    "default": [r"[\p{P}$+<=>^~|]+", GPT2_PATTERN, r"\p{N}+", r"[0-9][0-9][0-9]"],
    "llama-bpe": [TIKTOKEN_PATTERN.replace("{1,N}", "{1,3}")],
    "smaug-bpe": [TIKTOKEN_PATTERN.replace("{1,N}", "{1,3}")],
    "qwen2": [TIKTOKEN_PATTERN.replace("{1,N}", "")],
}
WHOLE_PIECES_FIRST = {"llama-bpe"}


def byte_characters() -> dict[int, str]:
    """GPT-2's table: printable bytes stand for themselves, the others for characters from 256 on."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {byte: chr(256 + n) for n, byte in enumerate(others)}


class PlainBpe:
    """A vocabulary with its merges and the tokens that are found in text as they stand."""

    def __init__(self, tokens: list[str], merges: list[str], pre: str, added: list[str]) -> None:
        self.ids = {token: i for i, token in enumerate(tokens)}
        self.ranks = {tuple(merge.split(" ")): rank for rank, merge in enumerate(merges)}
        self.pre = pre
        self.added = sorted(added, key=len, reverse=True)
        self.characters = byte_characters()

    def encode(self, text: str) -> list[int]:
        """Token ids; bytes that the vocabulary lacks are left out."""
        if not text:
            return []
        for token in self.added:
            before, found, after = text.partition(token)
            if found:
                return [*self.encode(before), self.ids[token], *self.encode(after)]
        return [i for piece in self.cut(text) for i in self.merge(piece)]

    def cut(self, text: str) -> list[str]:
        """The pieces of a text."""
        pieces = [text]
        for pattern in PATTERNS[self.pre]:
            pieces = [part for piece in pieces for part in isolate(pattern, piece)]
        return pieces

    def merge(self, piece: str) -> list[int]:
        """The ids of one piece."""
        symbols = [self.characters[byte] for byte in piece.encode()]
        if self.pre in WHOLE_PIECES_FIRST and "".join(symbols) in self.ids:
            return [self.ids["".join(symbols)]]
        symbols = [symbol for symbol in symbols if symbol in self.ids]
        while True:
            pairs = [(self.ranks.get(pair, 1 << 30), i) for i, pair in enumerate(itertools.pairwise(symbols))]
            rank, i = min(pairs, default=(1 << 30, 0))
            if rank == 1 << 30:
                return [self.ids[symbol] for symbol in symbols]
            symbols[i : i + 2] = [symbols[i] + symbols[i + 1]]


def isolate(pattern: str, text: str) -> list[str]:
    """A text cut into the matches of a pattern and what lies between them."""
    parts, end = [], 0
    for match in regex.finditer(pattern, text):
        parts += [text[end : match.start()], match[0]]
        end = match.end()
    return [part for part in [*parts, text[end:]] if part]
