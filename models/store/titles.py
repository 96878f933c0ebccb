"""A chat's title out of its first message: short, plain, cut between words."""

import re
import unicodedata

from models.store.rows import UNTITLED

MAX_CHARS = 48

_FENCE = re.compile(r"^\s*(```|~~~)")
_BLOCK_MARK = re.compile(r"^\s*(#{1,6}\s+|>\s*|[-*+]\s+|\d{1,3}[.)]\s+)+")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_INLINE_MARK = re.compile(r"\*\*|__|`+|~~|(?<!\w)[*_](?=\w)|(?<=\w)[*_](?!\w)")
_SENTENCE_END = re.compile(r"[.!?…]+[\"'”’)\]]*\s+|[。！？]")
_SHORTEST_SENTENCE = 12  # "Hi." or "e.g." says nothing: take the next one along
_FRACTION = re.compile(r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}")
_ROOT = re.compile(r"\\sqrt\s*\{([^{}]*)\}")
_TEXT_COMMAND = re.compile(r"\\(?:text|mathrm|mathbf|mathbb|mathcal|operatorname|boxed)\s*\{([^{}]*)\}")
_COMMAND = re.compile(r"\\([A-Za-z]+)")
_RAISED = re.compile(r"\^(?:\{(\d+)\}|(\d))")
_DOLLARS = re.compile(r"(?<!\\)(\${1,2})(?=\S)(.+?)(?<=\S)(?<!\\)\1", re.DOTALL)
_BRACKETS = re.compile(r"\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_SYMBOLS = {
    "cdot": "·", "times": "×", "div": "÷", "pm": "±", "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥", "ne": "≠",
    "neq": "≠", "approx": "≈", "equiv": "≡", "in": "∈", "infty": "∞", "to": "→", "sum": "∑", "prod": "∏", "int": "∫",
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "theta": "θ", "lambda": "λ", "mu": "μ",
    "pi": "π", "sigma": "σ", "phi": "φ", "omega": "ω", "ldots": "…", "dots": "…", "cup": "∪", "cap": "∩",
    "left": "", "right": "", "quad": " ", "displaystyle": "",
}  # fmt: skip


def suggest_title(text: str) -> str:
    """Make a title of at most 48 characters from the first sentence; "New chat" when there is nothing to read."""
    prose = _BRACKETS.sub(lambda match: f" {_plain_math(match[1] or match[2])} ", text[:4000])
    prose = _DOLLARS.sub(lambda match: _plain_math(match[2]), prose)
    for line in prose.splitlines():
        plain = _plain(line)
        if plain and not _FENCE.match(line):
            return _cut(_first_sentence(plain)) or UNTITLED
    return UNTITLED


def _plain(line: str) -> str:
    """Take Markdown's marks and what can't be seen out of a line."""
    line = _LINK.sub(r"\1", _BLOCK_MARK.sub("", line))
    line = " ".join(_INLINE_MARK.sub("", line).split())
    line = "".join(char for char in line if unicodedata.category(char) not in ("Cc", "Cs", "Co") and char not in _BIDI)
    return line if any(char.isalnum() or ord(char) > 0x2000 for char in line) else ""


# Direction overrides would let a title rewrite the row it stands in.
_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")


def _plain_math(source: str) -> str:
    """Write LaTeX as a line of Unicode, as far as it goes; the rest stays as it was typed."""
    source = _TEXT_COMMAND.sub(r"\1", source)
    source = _ROOT.sub(r"√(\1)", _FRACTION.sub(r"\1/\2", source))
    source = _RAISED.sub(lambda match: (match[1] or match[2]).translate(_SUPERSCRIPTS), source)
    return _COMMAND.sub(lambda match: _SYMBOLS.get(match[1], match[1]), source).strip()


def _first_sentence(text: str) -> str:
    for end in _SENTENCE_END.finditer(text):
        said = end.end() * (2 if end[0] in "。！？" else 1)  # a Chinese character says what two letters say
        if said >= _SHORTEST_SENTENCE:
            return text[: end.end()]
    return text


def _cut(text: str) -> str:
    text = text.strip().rstrip(".,:;，。：；").strip()
    if len(text) <= MAX_CHARS:
        return text
    head = text[: MAX_CHARS - 1]
    word_end = head.rfind(" ") if not text[MAX_CHARS - 1].isspace() else len(head)
    if word_end < MAX_CHARS // 2:  # one long word, or a script without spaces
        word_end = _whole_characters(text, MAX_CHARS - 1)
    return text[:word_end].rstrip(" ,:;-–—(") + "…"


def _whole_characters(text: str, end: int) -> int:
    """Step back from the middle of an emoji sequence or a letter with its marks."""
    while end > 1 and (unicodedata.combining(text[end]) or text[end] in _JOINING or text[end - 1] == "\u200d"):
        end -= 1
    return end


_JOINING = frozenset("\u200d\ufe0f" + "".join(map(chr, range(0x1F3FB, 0x1F400))))
