"""What a learned recipe learns from: windows of text and the teacher's K largest logits of every position.

The logits are computed once, layer by layer, and cached in the run's own folder, where a later try finds them. A
softmax looks at differences only, so each position's logits are shifted to a maximum of 0, where float16 is finest.
Only a worker imports this.
"""

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np

from models import errors
from models.checkpoint import folders
from models.events import Progress
from models.generate import load
from models.quant import layerwise

LENGTH = 512  # tokens of a window
SHORTEST = 32  # tokens; a shorter end of a text teaches nothing
TOP_K = 256  # logits kept of each position; for sampling and for the loss the rest hardly counts
ROWS = 64  # positions whose logits are in memory together
HELD_OUT = 8  # one window in so many is not learned from
_FILE = "targets.safetensors"


@dataclass(frozen=True)
class Window:
    """L tokens to learn from, and what the teacher makes of them."""

    tokens: list[int]
    values: mx.array  # (L, K) float16: its largest logits, less the largest
    ids: mx.array  # (L, K): which tokens' they are


def windows(draft: Path, config: dict[str, Any], texts: list[str], seed: int, steps: int) -> list[list[int]]:
    """The texts in windows of at most LENGTH tokens, shuffled by the seed, no more than steps can use."""
    tokenizer = load.load_tokenizer(draft, config)
    length = min(LENGTH, load.context_limit(config))
    pieces = []
    for text in texts:
        ids: list[int] = tokenizer.encode(text)
        pieces += [ids[start : start + length] for start in range(0, len(ids), length)]
    pieces = [piece for piece in pieces if len(piece) >= min(SHORTEST, length)]
    if len(pieces) < 2:
        raise errors.BadInput(f"The texts to learn from are too short: they give {len(pieces)} of {length} tokens.")
    order = np.random.default_rng(seed).permutation(len(pieces))
    wanted = steps + max(1, steps // HELD_OUT)  # a window a step, and those that are held out
    return [pieces[i] for i in order[: max(2, wanted)]]


def split(windows: list[Window]) -> tuple[list[Window], list[Window]]:
    """Split into held-out windows and those to learn from."""
    n_held_out = max(1, len(windows) // HELD_OUT)
    return windows[:n_held_out], windows[n_held_out:]


def targets(
    original: Path, tokens: list[list[int]], state: Path, about: str
) -> Generator[Progress, None, list[Window]]:
    """The teacher's logits of every window: cached by an earlier try at the same, or computed now and cached."""
    found = read_arrays(state / _FILE, about)
    kept = found[0] if found else {}
    if not kept:
        hidden = yield from layerwise.read(original, tokens, "reference")
        for number, ids in enumerate(tokens):
            kept[f"values.{number}"], kept[f"ids.{number}"] = _top_logits(hidden, number, len(ids))
            yield Progress(stage="targets", done=number + 1, total=len(tokens), unit="texts")
        del hidden
        mx.clear_cache()
        write_arrays(state / _FILE, kept, {"about": about})
    return [Window(ids, kept[f"values.{i}"], kept[f"ids.{i}"]) for i, ids in enumerate(tokens)]


def _top_logits(hidden: layerwise.Hidden, text: int, n_tokens: int) -> tuple[mx.array, mx.array]:
    values, ids = [], []
    for start in range(0, n_tokens, ROWS):
        logits = hidden.logits(text, start, min(start + ROWS, n_tokens))  # (rows, V)
        k = min(TOP_K, logits.shape[1])
        top = mx.argpartition(logits, kth=-k, axis=-1)[:, -k:]  # (rows, K), in no order: a sort would cost more
        picked = mx.take_along_axis(logits, top, axis=-1)  # (rows, K)
        values.append((picked - picked.max(axis=-1, keepdims=True)).astype(mx.float16))
        ids.append(top)
        mx.eval(values[-1], ids[-1])  # now, so that these rows' logits can go
        mx.clear_cache()
    whole = mx.concatenate(values), mx.concatenate(ids)
    mx.eval(whole)
    return whole


def read_arrays(path: Path, about: str) -> tuple[dict[str, mx.array], dict[str, str]] | None:
    """Arrays and metadata that were written about the same; None when there are none or they can't be read."""
    if not path.is_file():
        return None
    try:
        loaded: Any = mx.load(str(path), return_metadata=True)
        arrays, metadata = loaded
        mx.eval(arrays)
    except (RuntimeError, ValueError):
        return None
    return (arrays, metadata) if metadata.get("about") == about else None


def write_arrays(path: Path, arrays: dict[str, mx.array], metadata: dict[str, str]) -> None:
    """Write a safetensors file, whole or not at all. Raises DiskFull, and other faults as errors.from_os_error."""
    draft = path.with_name(f".new-{path.name}")
    try:
        with errors.disk_faults("writing what was learned", writing=True):
            mx.save_safetensors(str(draft), arrays, metadata=metadata)
            draft.chmod(0o600)
            folders.sync(draft)
            draft.replace(path)
    except RuntimeError as error:  # MLX's word for it
        raise errors.DiskFull("What was learned could not be written.", "Free some space and try again.") from error
    finally:
        draft.unlink(missing_ok=True)
