"""What kind of file rows stand in, and its bytes as UTF-8, whatever its encoding and line ends."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

_BUFFER = 1 << 20

Format = Literal["JSONL", "JSON", "CSV", "TSV", "Parquet"]


class Kind(NamedTuple):
    """What a file is."""

    format: Format
    encoding: str  # as people know it, with its BOM: "UTF-8 with BOM"
    codec: str  # Python's
    bom_bytes: int
    newline: str  # what ends its lines
    skip: int = 0  # bytes of UTF-8 before a JSON list's elements
    separated: bool = False  # those stand in a list
    delimiter: str = ","  # of CSV


class TextSource:
    """The bytes of a text file as UTF-8 without a BOM, by line or by piece, with `\\n` at the end of lines.

    What can't be decoded from UTF-16 comes out as bytes that are no UTF-8 and is found when its row is.
    """

    def __init__(self, path: Path, kind: Kind) -> None:
        self._raw = path.open("rb", buffering=_BUFFER)
        self._kind = kind
        self._text: io.TextIOWrapper | None = None
        self._broken: io.TextIOWrapper | None = None
        self.restart()

    def restart(self) -> None:
        """Go back to the beginning."""
        for text in (self._text, self._broken):
            if text is not None:
                text.detach()
        self._text = self._broken = None
        kind = self._kind
        self._raw.seek(kind.bom_bytes)
        if kind.codec != "utf-8" or kind.newline == "\r":
            fault = "surrogateescape" if kind.codec == "utf-8" else "surrogatepass"
            newline = None if kind.newline == "\r" else "\n"
            self._text = io.TextIOWrapper(self._raw, kind.codec, fault, newline=newline)

    def readline(self, size: int) -> bytes:
        """The next line with its end, or as much of it as `size`; empty at the end of the file."""
        return self._raw.readline(size) if self._text is None else self._encoded(self._text.readline, size)

    def read(self, size: int, /) -> bytes:
        """The next bytes, or characters' bytes; empty at the end."""
        return self._raw.read(size) if self._text is None else self._encoded(self._text.read, size)

    def _encoded(self, take: Callable[[int], str], size: int) -> bytes:
        try:
            return take(size).encode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            # nothing behind such a place can be trusted to be where it seems to be
            self._raw.seek(0, io.SEEK_END)
            self._text, self._broken = None, self._text  # kept, as it would close the file when it goes
            return b"\xff"

    @property
    def done(self) -> int:
        """Bytes of the file read so far."""
        return self._raw.tell()

    def close(self) -> None:
        """Close the file."""
        for file in (self._text, self._broken, self._raw):
            if file is not None:
                file.close()
