"""Time to list a library of 200 models, as a face does when it opens: remembered, and looked into for the first time.

Each is the header of R1-Distill-Qwen-1.5B: 28 layers, 339 tensors; its weights are a hole in the file, which
no listing reads.
"""

import json
import os
import shutil
import statistics
import struct
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from models import paths
from models.checkpoint import folders
from models.checkpoint.shapes import ModelShape, Tensor, layer_tensors, outer_tensors
from models.library import catalog, installed
from tests.benchmarks.figures import Figure, at_most
from tests.tiny import make_tiny

MODELS = 200
ROUNDS = 7
MOST_MS = 100.0


def measure() -> list[Figure]:
    """Milliseconds of library.models(), median and longest."""
    with tempfile.TemporaryDirectory(prefix="stillroom-bench-library-") as home:
        os.environ["STILLROOM_HOME"] = home
        os.environ["HF_HUB_CACHE"] = f"{home}/hub"
        _fill(Path(home) / "first")
        first = _timed()
        again = [_timed() for _ in range(ROUNDS)]
    return [
        Figure("looked into for the first time", first, "ms"),
        at_most("listed again, median", statistics.median(again), "ms", MOST_MS),
        Figure("listed again, longest", max(again), "ms"),
    ]


def _timed() -> float:
    begun = time.perf_counter()
    found = installed.models()
    took = (time.perf_counter() - begun) * 1000
    ready = sum(model.state == "ready" for model in found)
    assert ready == MODELS + 1, f"{ready} of {MODELS} models and the starter are ready"
    return took


def _fill(first: Path) -> None:
    """Make one model and link its files for the others."""
    entry = catalog.find("R1-Distill-Qwen-1.5B")
    assert entry is not None, "it is in the catalog"
    make_tiny(first, thinking="opened")
    shape = entry.shape
    config = json.loads((first / "config.json").read_text())
    config |= {
        "model_type": "qwen2", "hidden_size": shape.hidden, "num_hidden_layers": shape.layers,
        "intermediate_size": shape.feed_forward, "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads, "vocab_size": shape.vocab, "torch_dtype": "bfloat16",
    }  # fmt: skip
    (first / "config.json").write_text(json.dumps(config))
    _write_header(first / "model.safetensors", shape)
    for number in range(MODELS):
        folder = paths.models_folder() / f"model-{number:03}"
        folder.mkdir()
        for file in first.iterdir():
            os.link(file, folder / file.name)
        folders.write_record(folder, folders.new_record(folder, f"Model {number}", "made for a benchmark"))
    shutil.rmtree(first)


def _write_header(path: Path, shape: ModelShape) -> None:
    """A safetensors file of the shape's tensors in bfloat16, all zeros that take no room on the disk."""
    entries: dict[str, object] = {}
    at = 0
    for name, dimensions in _tensors(shape):
        size = 2
        for dimension in dimensions:
            size *= dimension
        entries[name] = {"dtype": "BF16", "shape": dimensions, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + at)


def _tensors(shape: ModelShape) -> Iterator[tuple[str, list[int]]]:
    for layer in range(shape.layers):
        yield from map(_named, layer_tensors(shape, layer))
    yield from map(_named, outer_tensors(shape))


def _named(tensor: Tensor) -> tuple[str, list[int]]:
    if tensor.kind == "matrix":
        return f"{tensor.path}.weight", [tensor.rows, tensor.columns]
    return f"{tensor.path}.{'weight' if 'norm' in tensor.path else 'bias'}", [tensor.columns]
