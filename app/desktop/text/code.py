"""Colours of code: Pygments finds the tokens, the theme has the colours.

Pygments and its lexers are imported when the first code comes; `warm_up` does it in an idle moment.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from app.desktop.palette import Colours

ALIASES = {
    "py3": "python",
    "shell": "bash",
    "sh": "bash",
    "console": "bash",
    "golang": "go",
    "c++": "cpp",
    "plaintext": "text",
}


@lru_cache(maxsize=4)
def ink(colours: Colours) -> dict[str, str]:
    """Colours by kind of token, readable on the window's background of a scheme."""
    dark = int(colours.window[1:3], 16) < 128
    return {
        "keyword": colours.accent,
        "name": "#c9a0ee" if dark else "#7d2ea8",
        "string": colours.ok,
        "number": "#79b8f2" if dark else "#1f6aa8",
        "comment": colours.muted,
    }


def warm_up() -> None:
    """Import what most code needs."""
    list(tokens("print(1)", "python"))


def tokens(text: str, language: str) -> Iterator[tuple[int, int, str]]:
    """(start, length, kind) of what has a colour, in order. Lazy, so that long code can be done in slices."""
    lexer = _lexer(language)
    if lexer is None:
        return
    for start, kind, value in lexer.get_tokens_unprocessed(text):
        name = _kind(kind)
        if name and value.strip():
            yield start, len(value), name


@lru_cache(maxsize=32)
def _lexer(language: str) -> Any:
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    name = language.lower()
    try:
        return get_lexer_by_name(ALIASES.get(name, name), stripnl=False, ensurenl=False)
    except ClassNotFound:
        return None


@lru_cache(maxsize=256)
def _kind(kind: Any) -> str:
    from pygments.token import Comment, Keyword, Name, Number, Operator, String

    for group, name in (
        (Comment, "comment"),
        (Keyword, "keyword"),
        (Operator.Word, "keyword"),
        (String, "string"),
        (Number, "number"),
        (Name.Builtin, "name"),
        (Name.Function, "name"),
        (Name.Class, "name"),
        (Name.Decorator, "name"),
        (Name.Tag, "keyword"),
        (Name.Attribute, "name"),
    ):
        if kind in group:
            return name
    return ""
