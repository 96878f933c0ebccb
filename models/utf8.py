"""Text as it may leave the process: bytes from a terminal, a path or a paste that are no UTF-8 become U+FFFD.

Python keeps such bytes as halves of surrogate pairs, which nothing that writes UTF-8 takes.
"""

from typing import Any

import msgspec

_encoder = msgspec.json.Encoder()


def is_whole(text: str) -> bool:
    """Whether all of a text has UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def whole(text: str) -> str:
    """The text with U+FFFD for what has no UTF-8; two halves that belong together become the character they are."""
    return text if is_whole(text) else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def json(value: object) -> bytes:
    """A value as JSON, its texts made whole. Raises TypeError, ValueError or OverflowError for what JSON can't say."""
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:
        return _encoder.encode(_whole_texts(msgspec.to_builtins(value)))


def _whole_texts(value: Any) -> Any:
    if isinstance(value, str):
        return whole(value)
    if isinstance(value, dict):
        return {_whole_texts(key): _whole_texts(item) for key, item in value.items()}
    return [_whole_texts(item) for item in value] if isinstance(value, list) else value
