"""A row's cells: as text, as turns of a conversation, as a word that is only a label."""

import math
import re
from collections.abc import Mapping

import msgspec

_LABEL = re.compile(r"[\w./:+-]*\w(?: [\w./:+-]*\w){0,3}")
_LONGEST_LABEL = 40
# What stands where there is nothing.
_NOTHING = frozenset(("none", "null", "nil", "nan", "n/a", "na", "-", "--", "…", "...", "on", "off", "true", "false"))


def unpacked(row: Mapping[str, object]) -> Mapping[str, object]:
    """The row itself where it stands in a wrapper, as the Hub's viewer gives it."""
    inner = row.get("row")
    return inner if isinstance(inner, dict) and len(row) <= 4 else row


def text_of(value: object) -> str:
    """A cell as text; a list of texts gives its first, as columns of several samples mean it."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            return ""  # how data frames write that there is nothing
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else str(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, list):
        return next((entry for entry in value if isinstance(entry, str) and entry.strip()), "")
    return ""


def is_filled(value: object) -> bool:
    """Whether there is a text, or turns."""
    return bool(text_of(value).strip()) or bool(turns_of(value))


def is_label(text: str) -> bool:
    """Whether a text is a word or a few, such as on, high or deepseek-r1, and nothing that was thought."""
    return len(text) <= _LONGEST_LABEL and bool(_LABEL.fullmatch(text))


def is_nothing(text: str) -> bool:
    """Whether a text only says that there is none, or is a switch."""
    return text.strip().casefold() in _NOTHING


def list_of(value: object) -> list[object] | None:
    """A list, also when a CSV's cell holds one of objects as JSON."""
    if isinstance(value, str) and value.lstrip().startswith("[{"):
        try:
            value = msgspec.json.decode(value)
        except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
            return None
    return value if isinstance(value, list) else None


def turns_of(value: object) -> list[object] | None:
    """The messages of a conversation, bare or as an object's `messages`; None when it is none, or is empty."""
    if isinstance(value, dict):
        value = value.get("messages") or ([value] if "role" in value and "content" in value else None)
    turns = list_of(value)
    return turns if turns and isinstance(turns[0], dict) else None
