"""What a model writes is hostile input: take out what could deceive or stall before anything looks at it."""

import re

LINE_LIMIT = 4000
DEEPEST = 12

_ANSI = r"\x1b(?:\[[0-9;:?<>=]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-_])"
# C0 and C1 controls, what Qt takes for object or paragraph marks, and our own marks of forced text.
_DROPPED = re.compile(_ANSI + r"|[\x00-\x08\x0b-\x1f\x7f-\x9f\ufdd0\ufdd1\ufffc\ufffe\uffff\ue000\ue001]")
_BREAKS = re.compile(r"\r\n?|[\u2028\u2029]")
_SURROGATES = re.compile(r"[\ud800-\udfff]")
_UNFINISHED = re.compile(r"\x1b(?:\[[0-9;:?<>=]*|\][^\x07\x1b]{0,200})?$|\r$")
HIDDEN = "\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\u00ad\u061c\u180e"
_HIDDEN = re.compile(f"[{HIDDEN}]")
_CONTAINERS = re.compile(
    rf"^((?:[ \t]*(?:>|[-*+][ \t]|\d{{1,9}}[.)][ \t])){{{DEEPEST}}}[ \t]*)(?=[>\-*+\d])", re.MULTILINE
)
_INDENT = re.compile(r"^[ \t]{48,}", re.MULTILINE)


def clean(text: str) -> str:
    """Take out control characters and escape sequences; halves of surrogate pairs become U+FFFD."""
    text = _BREAKS.sub("\n", text)
    return _SURROGATES.sub("\ufffd", _DROPPED.sub("", text))


def split_unfinished(text: str) -> tuple[str, str]:
    """Text that can be cleaned now, and an escape sequence or line end at its end that may still go on."""
    match = _UNFINISHED.search(text)
    return (text[: match.start()], text[match.start() :]) if match else (text, "")


def limit_depth(text: str) -> str:
    """Make the 13th quote or list mark of a line plain text, and bound indentation."""
    text = _CONTAINERS.sub(r"\1\\", text) if ">" in text or "- " in text or "* " in text or ". " in text else text
    return _INDENT.sub(" " * 48, text)


def show_hidden(text: str) -> str:
    """Code with what is invisible or turns the reading direction made visible, as in U+202E."""
    return _HIDDEN.sub(lambda match: f"⟨U+{ord(match[0]):04X}⟩", text)


def wrap_lines(text: str, limit: int = LINE_LIMIT) -> str:
    """Break lines longer than the limit."""
    if len(text) <= limit:
        return text
    lines = text.split("\n")
    return "\n".join("\n".join(line[i : i + limit] for i in range(0, len(line), limit)) or line for line in lines)


def pieces(text: str, limit: int = LINE_LIMIT) -> list[str]:
    """A long paragraph in parts of at most limit characters, cut at line ends or spaces where there are some."""
    parts = []
    while len(text) > limit:
        cut = max(text.rfind("\n", limit // 2, limit), text.rfind(" ", limit // 2, limit))
        cut = cut if cut > 0 else limit
        parts.append(text[:cut])
        text = text[cut:].lstrip("\n ")
    return [*parts, text]
