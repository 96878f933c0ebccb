"""Writes weights as safetensors, row by row, so that a model of any size passes through little memory.

A safetensors file is the length of a JSON header (8 bytes, little endian), that header (name, dtype, shape and
extent of every tensor), and the tensors' bytes. All of it is known before the first weight is read.
"""

import json
import math
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from models.checkpoint import folders
from models.checkpoint.model_files import INDEX
from models.checkpoint.safetensors_header import BITS
from models.recipes import layer_of

MAX_SHARD_BYTES = 1_000_000_000


@dataclass(frozen=True)
class Output:
    """A tensor to be written."""

    name: str
    dtype: str  # as safetensors names it
    shape: tuple[int, ...]
    chunks: Callable[[], Iterator[bytes | memoryview]]  # its bytes in order; a memoryview is one of single bytes

    @property
    def size(self) -> int:
        return math.prod(self.shape) * BITS[self.dtype] // 8


def write_shards(folder: Path, outputs: list[Output]) -> Iterator[int]:
    """Write the tensors as model.safetensors, or as numbered shards with an index; yield the bytes of each piece."""
    shards = _split(outputs)
    if len(shards) == 1:
        yield from _write_shard(folder / "model.safetensors", outputs)
        return
    places: dict[str, object] = {}
    for number, shard in enumerate(shards, 1):
        name = f"model-{number:05}-of-{len(shards):05}.safetensors"
        yield from _write_shard(folder / name, shard)
        places |= {output.name: name for output in shard}
    total = sum(output.size for output in outputs)
    folders.write_json(folder / INDEX, {"metadata": {"total_size": total}, "weight_map": places})


def layer_ends(outputs: list[Output], layers: int) -> list[int]:
    """How many bytes are written when each layer is done, ascending."""
    ends, at = [0] * layers, 0
    for output in outputs:
        at += output.size
        layer = layer_of(output.name)
        if layer is not None and layer < layers:
            ends[layer] = at
    return sorted(ends)


def _split(outputs: list[Output]) -> list[list[Output]]:
    shards: list[list[Output]] = [[]]
    size = 0
    for output in outputs:
        if shards[-1] and size + output.size > MAX_SHARD_BYTES:
            shards.append([])
            size = 0
        shards[-1].append(output)
        size += output.size
    return shards


def _write_shard(path: Path, outputs: list[Output]) -> Iterator[int]:
    with path.open("wb") as file:
        file.write(_header(outputs))
        for output in outputs:
            written = 0
            for chunk in output.chunks():
                file.write(chunk)
                written += len(chunk)
                yield len(chunk)
            assert written == output.size, output.name
    folders.sync(path)


def _header(outputs: list[Output]) -> bytes:
    entries: dict[str, object] = {"__metadata__": {"format": "mlx"}}
    at = 0
    for output in outputs:
        entries[output.name] = {"dtype": output.dtype, "shape": output.shape, "data_offsets": [at, at + output.size]}
        at += output.size
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text
