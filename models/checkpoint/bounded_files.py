"""Open files of strangers without being held up or led astray: only regular ones, only up to a size, only plain JSON.

A pipe named config.json would hold a reader for ever, a device would never end, and JSON can be nested deep enough to
end a process or name one thing twice so that two readers see two values.
"""

import json
import os
import stat
from pathlib import Path
from typing import Any, BinaryIO

from models import errors, quantities

MAX_DEPTH = 64  # of lists and objects in each other; real files have about six


def open_regular(path: Path) -> BinaryIO:
    """Open a file for reading. Raises Unsafe for a pipe, a device or a folder, and OSError."""
    # without waiting: opening a pipe that nobody writes to would never return
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        text = f"{path.name} in {path.parent.name} is no ordinary file."
        raise errors.Unsafe(text, "Only files with content are read.")
    return os.fdopen(handle, "rb")


def read_bounded(path: Path, max_bytes: int) -> bytes:
    """Read a whole file. Raises Corrupt when it is longer than max_bytes, Unsafe when it is no regular file."""
    with open_regular(path) as file:
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        most = quantities.size(max_bytes)
        raise errors.Corrupt(f"{path.name} of {path.parent.name} is larger than any real one: more than {most}.")
    return content


def read_json(path: Path, max_bytes: int) -> dict[str, Any]:
    """Read a JSON object. Raises Corrupt when it is none, too large, too deep or gives one key two values."""
    where = f"{path.name} of {path.parent.name}"

    def one_value_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        content = dict(pairs)
        if len(content) < len(pairs):
            for key, value in pairs:
                if content[key] != value:
                    raise errors.Corrupt(f"{where} is damaged: it has two values for {key!r}.")
        return content

    try:
        content = json.loads(read_bounded(path, max_bytes).decode("utf-8-sig"), object_pairs_hook=one_value_each)
    except (ValueError, RecursionError) as error:
        raise errors.Corrupt(f"{where} is damaged: it is no JSON.") from error
    if not isinstance(content, dict):
        raise errors.Corrupt(f"{where} is damaged: it is no JSON object.")
    if _depth(content) > MAX_DEPTH:
        raise errors.Corrupt(f"{where} is damaged: it is nested more than {MAX_DEPTH} deep.")
    return content


def _depth(content: object) -> int:
    deepest, level = 0, [content]
    while level:
        deepest += 1
        level = [
            inner
            for item in level
            for inner in (item.values() if isinstance(item, dict) else item)  # type: ignore[attr-defined]
            if isinstance(inner, dict | list)
        ]
    return deepest
