"""Model folders of any size with random weights, for what depends on size. They can't be loaded to any use."""

import hashlib
import json
import struct
from pathlib import Path

from tests.tiny import make_tiny

_BLOCK = 1 << 22


def write_model(folder: Path, sizes: list[int]) -> Path:
    """Write a tiny model's folder with weights of these sizes in bytes, one file each; returns the folder."""
    make_tiny(folder)
    (folder / "model.safetensors").unlink()
    names = (
        ["model.safetensors"]
        if len(sizes) == 1
        else [f"model-{n:05}-of-{len(sizes):05}.safetensors" for n in range(1, len(sizes) + 1)]
    )
    for number, (name, size) in enumerate(zip(names, sizes, strict=True)):
        _write(folder / name, f"weight{number}", size)
    if len(sizes) > 1:
        index = {"metadata": {}, "weight_map": {f"weight{n}": name for n, name in enumerate(names)}}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return folder


def _write(path: Path, tensor: str, size: int) -> None:
    """A safetensors file of one tensor of bytes, exactly so large."""

    def header(n_bytes: int) -> bytes:
        text = json.dumps({tensor: {"dtype": "U8", "shape": [n_bytes], "data_offsets": [0, n_bytes]}}).encode()
        return text + b" " * (256 - len(text))

    n_bytes = size - 8 - 256
    with path.open("wb") as file:
        file.write(struct.pack("<Q", 256) + header(n_bytes))
        for start in range(0, n_bytes, _BLOCK):
            seed = f"{tensor} {start}".encode()
            file.write(hashlib.shake_128(seed).digest(min(_BLOCK, n_bytes - start)))
