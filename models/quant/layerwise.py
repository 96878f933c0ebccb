"""Runs texts through a model one layer at a time, so that a model larger than the memory can still be evaluated.

The model's own forward pass builds the graph, which MLX does not compute until it is told to. Each layer's output is
recorded as it passes; the outputs are then evaluated in turn, and each layer's weights are freed after its own. Masks,
scaled embeddings and other peculiarities stay in the architecture's code and are never repeated here. Peak memory is
the embedding, the head, the largest layer twice (as stored and as computed with) and the hidden states.

The head works on a few positions at a time: (L, V) logits of a large vocabulary are never whole. It too is the model's
own: its body is made to answer with the rows in hand. Only a worker imports this.
"""

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn

from models.checkpoint import model_files, safety
from models.events import Progress
from models.generate import load
from models.machine import hardware


@dataclass
class Hidden:
    """The hidden states of some texts."""

    model: nn.Module  # its head is still there; its layers' weights may be gone
    states: list[mx.array]  # one a text: (1, L, D), or (1, L, V) logits when `whole`
    whole: bool = False

    def logits(self, text: int, start: int, stop: int) -> mx.array:
        """Logits of some positions of a text: (stop - start, V), float32."""
        rows = self.states[text][:, start:stop]  # (1, stop - start, D)
        if self.whole:
            return rows[0].astype(mx.float32)
        owner, body = _parts(self.model)
        assert body is not None, "a model without a body was run whole"
        # the model then runs as ever, scaling or capping its logits if that is its way; the ids only say how many
        with _called(body, lambda *_, **__: rows):
            logits: mx.array = owner(mx.zeros((1, rows.shape[1]), mx.int32))  # (1, stop - start, V)
        return logits[0].astype(mx.float32)


def read(folder: Path, texts: list[list[int]], stage: str) -> Generator[Progress, None, Hidden]:
    """Run texts (token ids) through a checkpoint, dropping each layer after its use; returns what the head needs.

    A model that is not built of a body with layers is loaded whole. Progress is by layer. Raises NoMemory, with both
    sizes, and what loading raises.
    """
    safety.check(folder)
    config = load.read_config(folder)
    # lazy weights are read from the files when their layer's turn comes: the path has to stay that long
    with model_files.for_mlx_lm(folder) as place:
        model = load.translate_errors(folder.name, "config.json and weights", lambda: load.model_of(place, config))
        if _parts(model)[1] is None:
            load.check_memory(folder.name, load.weights_on_disk(folder), config)
        else:
            check_memory(folder.name, model)
        return (yield from run(model, texts, stage, release=True))


def run(
    model: nn.Module, texts: list[list[int]], stage: str, release: bool = False
) -> Generator[Progress, None, Hidden]:
    """Run texts (token ids) through a model that is loaded. release: take each layer's weights after its use."""
    owner, body = _parts(model)
    if body is None:
        return (yield from _run_whole(model, texts, stage))
    layers = list(owner.layers)
    passed: list[list[Any]] = [[] for _ in layers]  # by layer, one output a text: (1, L, D), or a tuple with one in it
    with ExitStack() as noting:
        for layer, outputs in zip(layers, passed, strict=True):
            noting.enter_context(_called(layer, _noting(layer, outputs)))
        states = [body(mx.array([ids])) for ids in texts]  # (1, L, D) each; a graph, nothing is computed yet
    yield Progress(stage=stage, done=0, total=len(layers), unit="layers")
    for number, (layer, outputs) in enumerate(zip(layers, passed, strict=True), 1):
        for output in outputs:
            mx.eval(output)  # text by text: the activations of one at a time
        outputs.clear()
        if release:
            layer.clear()  # evaluated arrays hold no graph, so this was the last reference to the weights
            mx.clear_cache()  # and the allocator would keep their buffers
        yield Progress(stage=stage, done=number, total=len(layers), unit="layers")
    mx.eval(states)  # the norm after the last layer
    return Hidden(model, states)


def _run_whole(model: nn.Module, texts: list[list[int]], stage: str) -> Generator[Progress, None, Hidden]:
    states = []
    for number, ids in enumerate(texts, 1):
        states.append(model(mx.array([ids])))  # (1, L, V)
        mx.eval(states[-1])
        yield Progress(stage=stage, done=number, total=len(texts), unit="texts")
    return Hidden(model, states, whole=True)


def _parts(model: nn.Module) -> tuple[nn.Module, nn.Module | None]:
    """The module that ends in the head, and within it the body that ends in hidden states; None when there is none."""
    owner = model.get("language_model", model)  # where mlx-lm keeps the text part of a vision model
    body = owner.get("model")
    usable = isinstance(body, nn.Module) and hasattr(body, "layers") and hasattr(owner, "layers")
    return owner, body if usable else None


@contextmanager
def _called(module: nn.Module, call: Callable[..., Any]) -> Iterator[None]:
    """Answer calls of one module, by a class of its own: others of its class stay as they are."""
    kind = type(module)  # __call__ is looked up in the class, never in the instance
    module.__class__ = type(kind.__name__, (kind,), {"__call__": lambda _, *args, **named: call(*args, **named)})
    try:
        yield
    finally:
        module.__class__ = kind


def _noting(layer: nn.Module, outputs: list[Any]) -> Callable[..., Any]:
    """A layer's own call, whose results are recorded."""
    call = type(layer).__call__

    def noting(*args: Any, **named: Any) -> Any:
        outputs.append(call(layer, *args, **named))
        return outputs[-1]

    return noting


def check_memory(name: str, model: nn.Module) -> None:
    """Raise NoMemory when a model can't be read layer by layer."""
    layers = [load.weights_bytes(layer) for layer in _parts(model)[0].layers]
    # embedding and head, and the largest layer as stored and as computed with
    needed = load.weights_bytes(model) - sum(layers) + 2 * max(layers, default=0)
    hardware.check_memory(f"Reading {name} layer by layer", needed)
