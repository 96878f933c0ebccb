"""Damaged GGUF and safetensors files by the thousand: each ends soon, in a sentence, and takes no process along."""

import collections
import shutil
import struct
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from models.gguf import header
from tests.benchmarks.figures import Figure, at_least, at_most
from tests.models.hostile import mutations, trial
from tests.models.hostile.trial import Outcome
from tests.models.tiny_gguf import write_gguf
from tests.tiny import make_tiny

FILES = 1200  # of each kind


def measure() -> list[Figure]:
    """Import and load every damaged file in a process with a limit of memory, 10 s each."""
    with tempfile.TemporaryDirectory() as folder:
        return [
            *_figures("GGUF", list(trial.run(damaged_ggufs(Path(folder) / "gguf", FILES)))),
            *_figures("safetensors", list(trial.run(damaged_checkpoints(Path(folder) / "safetensors", FILES)))),
        ]


def damaged_ggufs(folder: Path, count: int) -> Iterator[Path]:
    """Files made one by one, each from its own seed; the one before is gone when the next is made."""
    folder.mkdir()
    content = write_gguf(folder / "whole.gguf", "llama", {"attn_q": "Q4_0", "ffn": "Q8_0"}).read_bytes()
    header_bytes = min(tensor.offset for tensor in header.read(folder / "whole.gguf").tensors.values())
    for seed in range(count):
        path = folder / "damaged.gguf"
        path.write_bytes(mutations.mutate(content, header_bytes, seed))
        yield path


def damaged_checkpoints(folder: Path, count: int) -> Iterator[Path]:
    """Checkpoint folders with a damaged model.safetensors, as damaged_ggufs."""
    whole = make_tiny(folder / "whole")
    content = (whole / "model.safetensors").read_bytes()
    header_bytes = 8 + struct.unpack("<Q", content[:8])[0]
    for seed in range(count):
        path = folder / "damaged"
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(whole, path)
        (path / "model.safetensors").write_bytes(mutations.mutate(content, header_bytes, seed))
        yield path


def _figures(kind: str, outcomes: list[Outcome]) -> list[Figure]:
    by_how = collections.Counter(outcome.how for outcome in outcomes)
    slowest = max(outcome.seconds for outcome in outcomes)
    for said in sorted({outcome.said for outcome in outcomes if outcome.how in ("bug", "died")}):
        print(f"  {kind}: {said}", file=sys.stderr)
    return [
        at_least(f"{kind}: damaged files tried", len(outcomes), "files", FILES),
        Figure(f"{kind}: refused with a sentence", by_how["refused"], "files"),
        Figure(f"{kind}: loaded all the same (the damage was in a weight or a word)", by_how["ok"], "files"),
        at_most(f"{kind}: exceptions that are no sentence", by_how["bug"], "files", 0),
        at_most(f"{kind}: ended the process", by_how["died"], "files", 0),
        at_most(f"{kind}: took more than {trial.LIMIT_S:g} s", by_how["slow"], "files", 0),
        at_most(f"{kind}: the slowest", slowest, "s", trial.LIMIT_S),
    ]
