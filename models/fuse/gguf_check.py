"""Reads a GGUF file back and compares it with what it was made from: same tokens, same ends of a reply, same logits.

The file is imported as any other (models/gguf/read.py). Both models read a few tokens in float32, the original with its
adapter as mlx-lm applies it, so that neither the fusing nor the writing is trusted. Layers are read one by one
(models/quant/layerwise.py). How positions are turned is compared at the context's end too, where a few tokens never
come: a stretched context shows there alone. What is compared is |logits - logits'| / |logits - mean|, root mean squares
over all positions and tokens: rounding moves it by what LARGEST allows, heads out of order or a wrong frequency by far
more. Only a worker imports this.
"""

import logging
import math
import os
import tempfile
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx_lm.utils import load_adapters

from models import errors, paths
from models.checkpoint import model_files
from models.events import Progress
from models.generate import load
from models.gguf import read as gguf
from models.gguf.write import Kind
from models.quant import layerwise
from models.quant.divergence import value_of

log = logging.getLogger(__name__)

TOKENS = 32
LARGEST_TURN = 0.05  # of a unit vector: an angle of 100,000 radians is good to 0.01 in float32
LARGEST = {"F16": 0.01, "Q8_0": 0.2}
_TEXT = "card_text.md"


def check(file: Path, folder: Path, adapter: Path | None, kind: Kind) -> Iterator[Progress]:
    """Compare a GGUF file with the model it was made from. Closing the generator leaves nothing behind.

    Raises Corrupt when they differ by more than rounding, and what importing the file raises.
    """
    layers = load.read_config(folder)["num_hidden_layers"]
    with tempfile.TemporaryDirectory(prefix=f".draft-{os.getpid()}-", dir=paths.models_folder()) as place:
        back = Path(place) / "model"
        for event in gguf.convert(file, back):
            yield _progress(layers * event.done // event.total, layers)
        ids = _compare_tokens(folder, back)
        difference = yield from _difference(layers, folder, adapter, back, ids)
    log.debug("%s differs from its original by %.2e", file.name, difference)
    if not difference <= LARGEST[kind]:
        raise _differs(f"says something else ({difference:.2g} of its logits' spread)")


def check_memory(folder: Path, adapter: Path | None) -> None:
    """Raise NoMemory when the model can't be read layer by layer."""
    with model_files.for_mlx_lm(folder) as place:
        layerwise.check_memory(folder.name, _lazy(place, load.read_config(folder), adapter))


def relative_difference(logits: mx.array, others: mx.array) -> float:
    """How far two models' logits are apart, as a share of their own spread: (L, V) and (L, V')."""
    width = min(logits.shape[1], others.shape[1])  # padded further in one than in the other
    logits, others = (each[:, :width].astype(mx.float32) for each in (logits, others))
    apart, spread = mx.mean(mx.square(logits - others)), mx.mean(mx.var(logits, axis=-1))
    return math.sqrt(value_of(apart) / value_of(spread)) if value_of(spread) else math.inf


def _compare_tokens(folder: Path, back: Path) -> list[int]:
    """Ids of a text in both tokenizers' tokens. Raises Corrupt when they are not the same."""
    own, read = (load.load_tokenizer(each, load.read_config(each)) for each in (folder, back))
    text = (paths.resources() / _TEXT).read_text("utf-8") + "".join(own.added_tokens_encoder)
    ids: list[int] = own.encode(text)
    if read.encode(text) != ids:
        raise _differs("splits a text into other tokens")
    if own.eos_token_ids - read.eos_token_ids:
        raise _differs("ends a reply at fewer tokens")
    return ids[:TOKENS]


def _difference(
    layers: int, folder: Path, adapter: Path | None, back: Path, ids: list[int]
) -> Generator[Progress, None, float]:
    with ExitStack() as places:
        found, turned = [], []
        for number, (each, fine_tuned) in enumerate(((folder, adapter), (back, None)), 1):
            place = places.enter_context(model_files.for_mlx_lm(each))
            model = _lazy(place, load.read_config(each), fine_tuned)
            turned.append(_rotated(model, load.context_limit(load.read_config(folder))))
            steps = layerwise.run(model, [ids], "check", release=True)
            hidden = yield from _in_thirds(steps, number, layers)
            logits = hidden.logits(0, 0, len(ids))
            mx.eval(logits)
            found.append(logits)
            del model, hidden
            mx.clear_cache()
    if not value_of(mx.max(mx.abs(turned[0] - turned[1]))) <= LARGEST_TURN:
        raise _differs("turns positions otherwise")
    return relative_difference(*found)


def _rotated(model: nn.Module, context: int) -> mx.array:
    """The first layer's rotary embedding of ones at three positions of the context: (3, head_dim)."""
    args = model.args
    ones = mx.ones((1, 1, 1, getattr(args, "head_dim", None) or args.hidden_size // args.num_attention_heads))
    rope = model.layers[0].self_attn.rope
    rows = [rope(ones, offset=position)[0, 0] for position in (1, context // 2, context - 1)]
    turned = mx.concatenate(rows)
    mx.eval(turned)
    return turned


def _in_thirds(
    steps: Generator[Progress, None, layerwise.Hidden], number: int, layers: int
) -> Generator[Progress, None, layerwise.Hidden]:
    """Report a run's progress: the first (1) or second (2) after the file was read back."""
    while True:
        try:
            event = next(steps)
        except StopIteration as end:
            hidden: layerwise.Hidden = end.value
            return hidden
        yield _progress(number * layers + event.done, layers)


def _lazy(folder: Path, config: dict[str, Any], adapter: Path | None) -> nn.Module:
    """A model in float32, with its adapter, of which nothing is read yet."""
    model = load.stored_model(folder, config)
    load.to_float32(model)
    if adapter is not None:
        load_adapters(model, str(adapter))
    model.eval()
    return model


def _progress(done: int, layers: int) -> Progress:
    # each layer is read back, and run in both models
    return Progress(stage="check", done=done, total=3 * layers, unit="layers")


def _differs(how: str) -> errors.Corrupt:
    text = f"The GGUF file was written, but read back it {how} than its original: it was not kept."
    return errors.Corrupt(text, "Fuse it to an MLX folder instead, and report this.")
