"""A set's file, held open, so that a trace is read again by its place without reading the rest.

An edit or an import puts another file in its place; the one that is open stays as it was, so places stay true.
"""

import os
import threading
from collections.abc import Iterator

import msgspec

from models import paths
from models.errors import Corrupt
from models.traces import store
from models.traces.trace import Trace

_decoder = msgspec.json.Decoder(Trace)


class TraceFile:
    """Open for any thread until it is closed."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._lock = threading.Lock()
        self._handle = os.open(paths.traces_folder() / name / store.DATA, os.O_RDONLY)

    def traces(self) -> Iterator[tuple[Trace, int, int]]:
        """Every trace with the place and the length of its line, in bytes. Raises Corrupt."""
        offset = 0
        with os.fdopen(os.dup(self._handle), "rb", buffering=1 << 20) as file:
            for number, line in enumerate(file, 1):
                yield self._decode(line, number), offset, len(line)
                offset += len(line)

    def read(self, offset: int, size: int) -> Trace | None:
        """A trace by its place; None when the file was closed. Raises Corrupt."""
        with self._lock:
            if self._handle < 0:
                return None
            return self._decode(os.pread(self._handle, size, offset), 0)

    def close(self) -> None:
        """Close it; once is enough."""
        with self._lock:
            if self._handle >= 0:
                os.close(self._handle)
                self._handle = -1

    def _decode(self, line: bytes, number: int) -> Trace:
        try:
            return _decoder.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            where = f"Line {number} of the" if number else "A line of the"
            raise Corrupt(f"{where} traces {self.name} is damaged.", "Mend or remove that line of its file.") from error
