"""Text files into a message: each as a fenced block under its name, if it is text and not too long."""

import re
from pathlib import Path

from models import quantities
from models.errors import BadInput, from_os_error

# About 60,000 tokens: more than most contexts hold, and a text field of this size still scrolls smoothly.
MOST_BYTES = 256 * 1024


def fenced(path: Path) -> str:
    """Read a text file as a Markdown block that names it. Raises a StillroomError with a sentence when it can't be used."""
    text = _text(path)
    fence = min(
        (_longer_than_any(mark, text) for mark in "`~"), key=lambda fence: len(fence) // 16
    )  # backticks, if they are few
    language = path.suffix.removeprefix(".").lower()
    return f"`{path.name}`\n{fence}{language}\n{text.rstrip()}\n{fence}\n"


def _longer_than_any(mark: str, text: str) -> str:
    """A fence of a mark that no run of it in the text closes."""
    return mark * max(3, 1 + max(map(len, re.findall(f"{mark}+", text)), default=0))


def _text(path: Path) -> str:
    if path.is_dir():
        raise BadInput(f"{path.name} is a folder; only text files can be put into a message.")
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            most = quantities.size(MOST_BYTES)
            raise BadInput(f"{path.name} has {quantities.size(size)}; a message takes text files of up to {most}.")
        raw = path.read_bytes() if path.is_file() else b"\0"
    except OSError as error:
        raise from_os_error(error, f"reading {path.name}") from error
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise BadInput(f"{path.name} is no text file; only text can be put into a message.")
    return text
