"""Which model a folder holds, in one hash: the same wherever it lies and whatever it is called."""

import hashlib
import struct
from collections.abc import Iterable
from pathlib import Path

from models.checkpoint import model_files

SAMPLES, SAMPLE_BYTES = 64, 64 << 10  # of each weight file


def of(folder: Path) -> str:
    """A hash of a checkpoint's configuration and, of each weight file, its size, header and samples spread over it.

    Two models of one architecture never share a header and all samples by chance; reading all bytes of a large one
    would take a minute at each start.
    """
    digest = hashlib.sha256((folder / "config.json").read_bytes())
    for path in model_files.weight_files(folder):
        size = path.stat().st_size
        digest.update(f"{path.name} {size}\n".encode())
        with path.open("rb") as file:
            for at in _sampled(size, file.read(8)):
                file.seek(at)
                digest.update(file.read(SAMPLE_BYTES))
    return digest.hexdigest()


def _sampled(size: int, start: bytes) -> Iterable[int]:
    header = min(size, struct.unpack("<Q", start)[0]) if len(start) == 8 else 0
    in_header = range(0, header + 8, SAMPLE_BYTES)
    return [*in_header, *(size * number // SAMPLES for number in range(SAMPLES)), max(0, size - SAMPLE_BYTES)]
