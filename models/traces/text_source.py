"""What kind of file rows stand in, and its bytes as UTF-8, whatever its encoding and line ends."""

import io
from pathlib import Path
from types import TracebackType
from typing import Literal, NamedTuple

_BUFFER = 1 << 20

Format = Literal["JSONL", "JSON", "CSV", "TSV", "Parquet"]


class Kind(NamedTuple):
    """What a file is. encoding says a BOM too: "UTF-8 with BOM"; newline: what ends its lines."""

    format: Format
    encoding: str
    codec: str
    bom_bytes: int
    newline: str
    skip: int = 0
    separated: bool = False
    delimiter: str = ","


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
        if self._text is None:
            return self._raw.readline(size)
        try:
            return self._text.readline(size).encode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            return self._undecodable()

    def read(self, size: int, /) -> bytes:
        """The next bytes, or characters' bytes; empty at the end."""
        if self._text is None:
            return self._raw.read(size)
        try:
            return self._text.read(size).encode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            return self._undecodable()

    def _undecodable(self) -> bytes:
        # nothing behind such a place can be trusted to be where it seems to be
        self._raw.seek(0, io.SEEK_END)
        self._text, self._broken = None, self._text  # kept, as it would close the file when it goes
        return b"\xff"

    @property
    def done(self) -> int:
        """Bytes of the file read so far."""
        return self._raw.tell()

    def __enter__(self) -> "TextSource":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in (self._text, self._broken, self._raw):
            if file is not None:
                file.close()
