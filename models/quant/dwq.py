"""The learned recipe: a model teaches its own quantized copy through the scales and biases of its groups alone (DWQ).

The teacher's K largest logits of every position are computed once and cached; the student then takes Adam steps on
KL(teacher || student) at temperature 2, as mlx_lm.quant.dwq does. That loop can be neither stopped nor resumed, so it
is rewritten here. Parameters are rounded to the file's type while they are learned, with a straight-through gradient
(arXiv 1308.3432): steps of 1e-6 would otherwise be lost when the file is written. A result that does not beat the start
on a held-out text is not kept.

On the CPU weights are dequantized within the graph, since a float32 product with a quick BLAS is ten times quicker
there than a quantized one. Progress is saved in a folder of its own and resumed after a kill. Only a worker imports
this.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx.optimizers import Adam
from mlx.utils import tree_flatten, tree_map_with_path, tree_unflatten
from mlx_lm.tuner.losses import kl_div_loss

from models import errors, paths, quantities
from models.checkpoint import model_files
from models.events import Event, Note, Progress
from models.generate import load
from models.library import fit
from models.machine import hardware
from models.quant import dwq_targets
from models.quant.dwq_targets import Window
from models.recipes import Recipe

TEXT = "calibration_text.md"
STEPS = 64
# mlx_lm.quant.dwq takes 512 steps of 1e-6; this is the same distance in an eighth of the steps, on a shorter text
LEARNING_RATE = 8e-6
TEMPERATURE = 2.0  # mlx_lm.quant.dwq's; above 1 the tail of the distribution weighs more (arXiv 1503.02531)
SAVED_EVERY = 8  # steps
MEMORY_FACTOR = 1.1  # measured with the starter and windows of 512: 2.75 GB, where the formula gives 2.58
_FILE = "learned.safetensors"


@dataclass
class Learning:
    """The state of the loop."""

    params: dict[str, mx.array]  # scales and biases by name, (rows, columns / group_size), in float32
    optimizer: Adam
    step: int  # steps taken
    first: float  # the held-out loss before any step


def learn(
    draft: Path,
    original: Path,
    recipe: Recipe,
    state: Path,
    *,
    steps: int = STEPS,
    seed: int = 0,
    texts: list[str] | None = None,
    learning_rate: float = LEARNING_RATE,
) -> Iterator[Event]:
    """Improve the quantized folder `draft` in place, taught by `original`; ends with a Note on what it brought.

    state: a folder for what has been learned so far; it may be there from an earlier try of the same, which is then
    gone on with and ends as if it had never stopped, and is removed at the end. texts: what to learn from, a text of
    our own when None. Raises NoMemory, Unsupported when there is nothing to learn, BadInput for texts that are too
    short, and what loading raises.
    """
    config = load.read_config(draft)
    if texts is None:
        texts = [(paths.resources() / TEXT).read_text("utf-8")]
    tokens = dwq_targets.windows(draft, config, texts, seed, steps)
    _check_memory(draft, config, recipe, max(map(len, tokens)))
    about = _about(draft, original, recipe, tokens, learning_rate)
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    held_out, windows = dwq_targets.split((yield from dwq_targets.targets(original, tokens, state, about)))
    with model_files.for_mlx_lm(draft) as place:
        model, stored = _trainable(place, config)
        if (learning := _resumed(state, about, seed, learning_rate)) is None:
            # float32 master copies: Adam's steps are smaller than half precision's spacing
            params = {name: array.astype(mx.float32) for name, array in tree_flatten(model.trainable_parameters())}
            first = _loss_on(model, stored, params, held_out)
            learning = Learning(params, _optimizer(learning_rate), 0, first)
        yield _progress(learning.step, steps)
        while learning.step < steps:  # the generator may be closed at any yield: what was saved is resumed
            _take_step(model, stored, learning, windows[_which(learning.step, len(windows), seed)])
            if learning.step % SAVED_EVERY == 0 or learning.step == steps:
                _save(state, about, seed, learning)
            yield _progress(learning.step, steps)
        last = _loss_on(model, stored, learning.params, held_out)
    if last < learning.first:  # a NaN compares false and is not kept either
        _rewrite(draft, {name: array.astype(stored[name]) for name, array in learning.params.items()})
        yield Note(text=f"Learned from the original: held-out loss {learning.first:.4f} before, {last:.4f} after.")
    else:
        figures = f"held-out loss {learning.first:.4f} before, {last:.4f} after"
        yield Note(text=f"Learning did not help ({figures}): it was not kept.")
    shutil.rmtree(state, ignore_errors=True)


def _check_memory(draft: Path, config: dict[str, Any], recipe: Recipe, n_tokens: int) -> None:
    """Refuse what can't fit. An estimate: the first step decides."""
    stored = load.weights_on_disk(draft)
    load.check_memory(draft.name, stored, config)
    try:
        shape = fit.shape_of(config)
    except errors.StillroomError:
        return  # an architecture that it has no formula for
    on_cpu = load.runs_on_cpu()
    # value, gradient and two moments of each scale and bias, in float32
    trained = 16 * 2 * shape.params // recipe.group_size
    base, width = (None, 4) if on_cpu else (recipe, 2)
    training = fit.training_bytes(shape, base, tokens=n_tokens, checkpointing=False, bytes_per_value=width)
    needed = MEMORY_FACTOR * (stored + trained + training)
    free = min(hardware.available_bytes() - load.MEMORY_MARGIN, fit.room_bytes(hardware.machine()))
    if needed > free:
        text = f"Learning needs {quantities.memory(needed)} of memory, {quantities.memory(max(0, free))} are free."
        hint = f"Close other programs, or take the plain {recipe.bits}-bit recipe, which learns nothing."
        raise errors.NoMemory(text, hint)


def _which(step: int, n_windows: int, seed: int) -> int:
    """Which window a step learns from: each once an epoch, in an order that only the seed and the epoch decide."""
    # stateless, so that a resumed run sees the windows that an uninterrupted one would
    epoch, place = divmod(step, n_windows)
    return int(np.random.default_rng((seed, epoch)).permutation(n_windows)[place])


def _dequantized(module: nn.Module) -> mx.array:
    # (rows, columns) of packed (rows, columns * bits / 32) and scales and biases (rows, columns / group_size)
    weight: mx.array = mx.dequantize(module.weight, module.scales, module.biases, module.group_size, module.bits)
    return weight


class _Linear(nn.QuantizedLinear):  # type: ignore[misc]
    def __call__(self, x: mx.array) -> mx.array:
        y = x @ _dequantized(self).T  # (B, L, in) @ (in, out)
        return y + self.bias if "bias" in self else y


class _Embedding(nn.QuantizedEmbedding):  # type: ignore[misc]
    def as_linear(self, x: mx.array) -> mx.array:
        return x @ _dequantized(self).T  # (B, L, D) @ (D, V), the tied head


def _trainable(folder: Path, config: dict[str, Any]) -> tuple[nn.Module, dict[str, mx.Dtype]]:
    """The student with only its scales and biases to train, and the types in which they are stored."""
    model = load.translate_errors(folder.name, "config.json and weights", lambda: load.stored_model(folder, config))
    model.freeze()
    for module in model.modules():
        # the floating-point modes store scales as 8-bit codes, through which no gradient leads
        if getattr(module, "mode", None) == "affine" and "scales" in module:
            module.unfreeze(keys=["scales", "biases"], recurse=False)
            # exactly these classes: a subclass may compute something else
            if load.runs_on_cpu() and type(module) is nn.QuantizedLinear:
                module.__class__ = _Linear
            elif load.runs_on_cpu() and type(module) is nn.QuantizedEmbedding:
                module.__class__ = _Embedding
    stored = {name: array.dtype for name, array in tree_flatten(model.trainable_parameters())}
    # what sanitize made anew, such as stacked experts, could not be written back under its name
    in_files = {name for path in model_files.weight_files(folder) for name in mx.load(str(path))}
    if not stored or stored.keys() - in_files:
        raise errors.Unsupported(f"{folder.name} has no weights that a learned recipe could improve.")
    if load.runs_on_cpu():
        model.set_dtype(mx.float32)
    else:
        load.to_compute_dtype(model, config)
    mx.eval(model.parameters())
    return model, stored


def _optimizer(rate: float) -> Adam:
    return Adam(learning_rate=rate, bias_correction=True)


def _loss(params: dict[str, mx.array], model: nn.Module, stored: dict[str, mx.Dtype], window: Window) -> mx.array:
    """KL(teacher || student) of a window at TEMPERATURE, mean per token, over the teacher's K largest logits.

    Without the usual factor of TEMPERATURE squared: Adam's steps do not depend on the scale of the loss.
    """
    model.update(tree_unflatten([(name, _rounded(array, stored[name])) for name, array in params.items()]))
    logits = model(mx.array([window.tokens]))[0]  # (L, V)
    picked = mx.take_along_axis(logits, window.ids, axis=-1).astype(mx.float32)  # (L, K)
    taught = window.values.astype(mx.float32)  # (L, K)
    loss: mx.array = kl_div_loss(picked / TEMPERATURE, taught / TEMPERATURE).mean()
    return loss


def _rounded(array: mx.array, dtype: mx.Dtype) -> mx.array:
    """A parameter as the file will hold it; its gradient is the parameter's own (straight-through)."""
    as_stored = array.astype(dtype)
    if load.runs_on_cpu():
        # float32 on the CPU, but with the values that the stored type can have
        return array + mx.stop_gradient(as_stored.astype(mx.float32) - array)
    return as_stored  # the gradient of a cast is a cast


def _loss_on(
    model: nn.Module, stored: dict[str, mx.Dtype], params: dict[str, mx.array], windows: list[Window]
) -> float:
    """Mean loss per token over several windows."""
    losses = []
    for window in windows:
        losses.append(_loss(params, model, stored, window).item())
        mx.clear_cache()  # windows differ in length, and with it the buffers
    # each is a mean per token, so a long window weighs as many tokens as it has
    return float(np.average(losses, weights=[len(window.tokens) for window in windows]))


def _take_step(model: nn.Module, stored: dict[str, mx.Dtype], learning: Learning, window: Window) -> None:
    gradients = mx.grad(_loss)(learning.params, model, stored, window)
    learning.params = learning.optimizer.apply_gradients(gradients, learning.params)
    mx.eval(learning.params, learning.optimizer.state)  # else the graph grows from step to step
    learning.step += 1


def _about(draft: Path, original: Path, recipe: Recipe, tokens: list[list[int]], rate: float) -> str:
    """A hash of everything that cached targets and learned values depend on."""
    weights = (model_files.weight_files(folder) for folder in (draft, original))
    facts = [[(path.name, path.stat().st_size) for path in files] for files in weights]
    stated = json.dumps([facts, recipe.name, recipe.group_size, tokens, rate, dwq_targets.TOP_K, TEMPERATURE])
    return hashlib.sha256(stated.encode()).hexdigest()


def _save(state: Path, about: str, seed: int, learning: Learning) -> None:
    arrays = {f"params.{name}": array for name, array in learning.params.items()}
    arrays |= {f"optimizer.{name}": array for name, array in tree_flatten(learning.optimizer.state)}
    # repr: the float comes back to the last bit, and with it the verdict at the end
    metadata = {"about": about, "step": str(learning.step), "seed": str(seed), "first": repr(learning.first)}
    dwq_targets.write_arrays(state / _FILE, arrays, metadata)


def _resumed(state: Path, about: str, seed: int, rate: float) -> Learning | None:
    """The saved state of an earlier try at the same with the same seed, or None."""
    found = dwq_targets.read_arrays(state / _FILE, about)
    if found is None or found[1]["seed"] != str(seed):
        return None
    arrays, metadata = found
    params = {name.removeprefix("params."): array for name, array in arrays.items() if name.startswith("params.")}
    optimizer = _optimizer(rate)
    optimizer.init(params)  # the tree whose leaves are then filled
    optimizer.state = tree_map_with_path(lambda path, _: arrays[f"optimizer.{path}"], optimizer.state)
    return Learning(params, optimizer, int(metadata["step"]), float(metadata["first"]))


def _progress(done: int, total: int) -> Progress:
    return Progress(stage="learn", done=done, total=total, unit="steps")


def _rewrite(draft: Path, learned: dict[str, mx.array]) -> None:
    """Write scales and biases into the weight files, one file after another."""
    for path in model_files.weight_files(draft):
        arrays: Any = mx.load(str(path))
        if mine := {name: learned[name] for name in arrays.keys() & learned.keys()}:
            dwq_targets.write_arrays(path, arrays | mine, {"format": "mlx"})
