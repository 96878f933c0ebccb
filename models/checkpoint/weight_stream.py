"""A checkpoint's weights under the names of mlx-lm's model, read a few rows at a time. Only a worker imports this.

The architecture's own `sanitize` decides what a tensor is called and whether it is changed. It is given MLX's lazy
arrays, which know their shapes and read nothing. What comes out of it untouched, nearly all of every model, is then
read from its place in the file by rows; what was changed (experts stacked, a convolution turned) is computed whole when
its turn comes and let go with its last rows.
"""

import io
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx.utils import tree_flatten
from mlx_lm.utils import _decode_tagged_floats, _get_classes, infer_quant_config

from models import errors, quantities
from models.checkpoint import model_config, model_files, safetensors_header

# Types whose bytes are taken as they lie in the file: MLX's, and one of the same width that numpy has.
_TAKEN = {
    "BF16": (mx.bfloat16, np.uint16),
    "F16": (mx.float16, np.float16),
    "F32": (mx.float32, np.float32),
    "U32": (mx.uint32, np.uint32),
}
_STEP = re.compile(r'label ="(\w+)"')


@dataclass(frozen=True)
class Weight:
    """A weight that can be read by rows, its last axis being a row."""

    shape: tuple[int, ...]
    dtype: mx.Dtype
    rows: Callable[[int, int], mx.array]  # (start, stop) -> (stop - start, columns)
    whole_bytes: int = 0  # of memory that it takes at once however few rows are read, 0 when it is read from its file

    @property
    def columns(self) -> int:
        return self.shape[-1] if self.shape else 1

    @property
    def n_rows(self) -> int:
        return math.prod(self.shape[:-1])  # 1 for a vector


@dataclass
class WeightSource:
    """A checkpoint that is read by rows. Weights may be taken out of the dictionary to let them go."""

    config: dict[str, Any]
    model: nn.Module  # holds nothing, it only says which modules there are and of what shape their weights
    weights: dict[str, Weight]


def open_source(folder: Path) -> WeightSource:
    """Open a checkpoint folder that safety.py has passed; weights it keeps quantized are read dequantized.

    Raises Corrupt when its weights are not those of its architecture, Unsupported when mlx-lm can't make its model.
    """
    config = _decode_tagged_floats(model_config.read(folder))
    places: dict[int, Weight] = {}
    arrays: dict[str, mx.array] = {}
    for path in model_files.weight_files(folder):
        header = safetensors_header.read(path)
        loaded: Any = mx.load(str(path), format="safetensors")
        for name, array in loaded.items():
            arrays[name] = array
            tensor = header.tensors[name]
            if tensor.dtype in _TAKEN and array.size:
                places[id(array)] = _stored(path, header.data_offset + tensor.begin, tensor.shape, tensor.dtype)
    model, sanitized = _modelled(folder, config, dict(arrays))
    # identities can be compared, since all that went into sanitize is still alive
    weights = {name: _untouched(places, array) or _computed(array) for name, array in sanitized.items()}
    _dequantize(config, model, sanitized, weights)
    _check(folder, model, weights)
    return WeightSource(config, model, weights)


def modules(model: nn.Module) -> dict[str, nn.Module]:
    """The model's leaf modules by path."""
    return dict(tree_flatten(model.leaf_modules(), is_leaf=nn.Module.is_module))


def _modelled(
    folder: Path, config: dict[str, Any], arrays: dict[str, mx.array]
) -> tuple[nn.Module, dict[str, mx.array]]:
    """The model without weights, and the checkpoint's weights under the model's names."""
    try:
        model_class, args_class = _get_classes(config)
        args = args_class.from_dict(config)
        model_config.compare(config, args, folder.name)
        model = model_class(args)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise errors.Unsupported(f"{folder.name} can't be run: {quantities.one_line(error)}.") from error
    try:
        return model, model.sanitize(arrays) if hasattr(model, "sanitize") else arrays
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise errors.Corrupt(f"The weights of {folder.name} are not those of its architecture: {error!r}.") from error


def _untouched(places: dict[int, Weight], array: mx.array) -> Weight | None:
    place = places.get(id(array))
    # an operator such as *= (falcon_h1's sanitize has them) changes an array under the same identity
    return place if place and _steps(array) == ["Load"] else None


def _steps(array: mx.array) -> list[str]:
    """The operations that MLX would run to compute a lazy array."""
    graph = io.StringIO()
    mx.export_to_dot(graph, array)
    return _STEP.findall(graph.getvalue())


def _stored(path: Path, offset: int, shape: tuple[int, ...], kind: str) -> Weight:
    dtype, like = _TAKEN[kind]
    columns = shape[-1] if shape else 1

    def rows(start: int, stop: int) -> mx.array:
        buffer = np.empty((stop - start, columns), like)
        _read_into(path, offset + start * columns * buffer.itemsize, buffer)
        return mx.array(buffer).view(dtype)

    return Weight(shape, dtype, rows)


def _read_into(path: Path, offset: int, buffer: "np.ndarray[Any, Any]") -> None:
    # read, not mapped: a file cut while it is mapped would end the process with SIGBUS
    with errors.disk_faults(f"reading {path.name}"), path.open("rb", buffering=0) as file:
        file.seek(offset)
        target, done = buffer.reshape(-1).view(np.uint8).data, 0
        while done < len(target):
            count = file.readinto(target[done:])
            if not count:
                raise errors.Corrupt(f"{path.name} became shorter while it was read.", "Download or copy it again.")
            done += count


def _computed(array: mx.array) -> Weight:
    # what it is computed from is in memory beside it
    return held(array, array.dtype, 2 * array.nbytes)


def held(array: mx.array, dtype: mx.Dtype, whole_bytes: int) -> Weight:
    """An array as a weight of the type `dtype`."""

    def rows(start: int, stop: int) -> mx.array:
        # A view is enough: evaluated once, the array keeps its values for the next rows.
        return array.reshape(-1, array.shape[-1] if array.ndim else 1)[start:stop]

    return Weight(tuple(array.shape), dtype, rows, whole_bytes)


def _dequantize(
    config: dict[str, Any], model: nn.Module, arrays: dict[str, mx.array], weights: dict[str, Weight]
) -> None:
    """Replace packed weights, scales and biases by weights that dequantize (affine, as GGUF imports are)."""
    settings = config.get("quantization") or {}
    for path, module in modules(model).items():
        if hasattr(module, "to_quantized") and f"{path}.scales" in arrays:
            found = settings.get(path) or infer_quant_config(path, module, arrays)
            packed, scales, biases = (weights.pop(f"{path}.{part}") for part in ("weight", "scales", "biases"))
            weights[f"{path}.weight"] = _dequantized(packed, scales, biases, found["group_size"], found["bits"])


def _dequantized(packed: Weight, scales: Weight, biases: Weight, group_size: int, bits: int) -> Weight:
    def rows(start: int, stop: int) -> mx.array:
        # scales in float32 first: then the weights are exactly those that were packed
        scale, bias = (part.rows(start, stop).astype(mx.float32) for part in (scales, biases))
        return mx.dequantize(packed.rows(start, stop), scale, bias, group_size, bits)

    whole = sum(part.whole_bytes for part in (packed, scales, biases))
    return Weight((*packed.shape[:-1], packed.columns * 32 // bits), scales.dtype, rows, whole)


def _check(folder: Path, model: nn.Module, weights: dict[str, Weight]) -> None:
    expected = {name: tuple(array.shape) for name, array in tree_flatten(model.parameters())}
    if missing := expected.keys() - weights.keys():
        raise errors.Corrupt(f"{folder.name} lacks the weight {min(missing)}.", "Download or copy it again.")
    if unknown := weights.keys() - expected.keys():
        raise errors.Corrupt(f"{folder.name} holds a weight that its architecture does not have: {min(unknown)}.")
    for name, shape in expected.items():
        if weights[name].shape != shape:
            found = weights[name].shape
            raise errors.Corrupt(f"{name} of {folder.name} is of shape {found}, its architecture needs {shape}.")
