"""Quantizes a checkpoint into another, some rows of a weight at a time. Only a worker imports this.

Quantizing looks at groups within a row, so blocks of rows give exactly what the whole weight would: the result is bit
for bit mlx-lm's. Which modules are quantized is decided as mlx_lm.utils.quantize_model does, and types are kept or
cast as mlx_lm.convert does. Memory holds two or three blocks, and the scales of one weight, since they follow it in
the file.
"""

import bisect
from collections.abc import Callable, Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten
from mlx_lm.utils import save_config

from models import errors
from models.checkpoint import folders, shards
from models.checkpoint.shards import Output
from models.checkpoint.weight_blocks import as_bytes, check_narrowed, little_cache, narrowed
from models.checkpoint.weight_stream import Weight, WeightSource, modules
from models.recipes import Recipe

# Weights in a block. On a CPU MLX computes mxfp4 and nvfp4 in many steps that take 33 and 66 bytes a weight: blocks that
# stay in the processor's cache took 15 s for the starter where 1 << 20 took 24.
BLOCK, FLOAT_BLOCK = 4 << 20, 1 << 18
_WORK_BYTES = {"affine": 16 * BLOCK, "mxfp4": 128 * FLOAT_BLOCK, "mxfp8": 128 * FLOAT_BLOCK, "nvfp4": 256 * FLOAT_BLOCK}
_NAMES = {
    mx.bfloat16: "BF16", mx.float16: "F16", mx.float32: "F32", mx.uint8: "U8", mx.uint16: "U16", mx.uint32: "U32",
    mx.uint64: "U64", mx.int8: "I8", mx.int16: "I16", mx.int32: "I32", mx.int64: "I64", mx.bool_: "BOOL",
}  # fmt: skip
_CAST_TO = {"float16": mx.float16, "bfloat16": mx.bfloat16, "float32": mx.float32}

Settings = dict[str, Any]
Bytes = bytes | memoryview


class Quantizing:
    """One checkpoint on its way to a recipe."""

    def __init__(self, title: str, source: WeightSource, recipe: Recipe) -> None:
        self._title = title
        self._source = source
        self._recipe = recipe
        self.layers = len(source.model.layers)
        self._streams = _streams()
        # what it needs at most, beside MLX itself
        self.memory_bytes = _WORK_BYTES[recipe.mode] + max(weight.whole_bytes for weight in source.weights.values())
        self._settings = self._chosen()
        if not self._settings:
            text = f"No layer of this model can be quantized in groups of {recipe.group_size}: none has rows that these divide."
            raise errors.Unsupported(text, "Take a smaller group size, or keep the original.")
        names = (name for name, _ in tree_flatten(source.model.parameters()))
        self._outputs = [output for name in names for output in self._written(name)]
        self.total_bytes = sum(output.size for output in self._outputs)  # of the weights to be written

    def write(self, folder: Path) -> Iterator[int]:
        """Write the weights into a folder, once; yields, at every piece, how many layers are done."""
        ends = shards.layer_ends(self._outputs, self.layers)
        with little_cache():
            try:
                for written in accumulate(shards.write_shards(folder, self._outputs)):
                    yield bisect.bisect_right(ends, written)
            finally:
                self._source.weights.clear()

    def write_config(self, folder: Path) -> None:
        """Write config.json as mlx-lm does."""
        config = {key: value for key, value in self._source.config.items() if not key.startswith("quantization")}
        config["quantization"] = self._quantization()
        inner = getattr(self._source.model, "model", {})
        save_config(config, str(folder / "config.json"), keep_vision_config="vision_tower" in inner)
        folders.sync(folder / "config.json")

    def _quantization(self) -> Settings:
        recipe = self._recipe
        usual = {"group_size": recipe.group_size, "bits": recipe.bits, "mode": recipe.mode}
        # of a mixed recipe mlx-lm names every module
        own = {path: found for path, found in self._settings.items() if recipe.high_bits or found != usual}
        return usual | own

    def _chosen(self) -> dict[str, Settings]:
        """How each module that is quantized will be."""
        found = ((path, self._settings_of(path, module)) for path, module in modules(self._source.model).items())
        return {path: settings for path, settings in found if settings}

    def _settings_of(self, path: str, module: nn.Module) -> Settings | None:
        recipe = self._recipe
        if not hasattr(module, "to_quantized") or module.weight.shape[-1] % recipe.group_size:
            return None
        predicate = getattr(self._source.model, "quant_predicate", None)
        own = True if predicate is None else predicate(path, module)
        if isinstance(own, dict):
            return {"mode": "affine"} | own  # an architecture's word about itself goes before a recipe
        bits = recipe.bits_at(path, self.layers)
        return {"group_size": recipe.group_size, "bits": bits, "mode": recipe.mode} if own else None

    def _cast(self, name: str, dtype: mx.Dtype) -> mx.Dtype:
        """The type that a weight is given: the one that config.json states as torch_dtype, else its own."""
        config = self._source.config
        wanted = _CAST_TO.get(str(config.get("torch_dtype") or (config.get("text_config") or {}).get("dtype")))
        predicate = getattr(self._source.model, "cast_predicate", lambda _: True)
        return wanted if wanted and mx.issubdtype(dtype, mx.floating) and predicate(name) else dtype

    def _written(self, name: str) -> list[Output]:
        path, _, part = name.rpartition(".")
        weight = self._source.weights[name]
        dtype = self._cast(name, weight.dtype)
        settings = self._settings.get(path) if part == "weight" else None
        if settings is None:
            return [Output(name, _dtype_name(name, dtype), weight.shape, self._plain(name, dtype))]
        return self._quantized(path, weight.shape, dtype, settings)

    def _plain(self, name: str, dtype: mx.Dtype) -> Callable[[], Iterator[Bytes]]:
        def chunks() -> Iterator[Bytes]:
            weight = self._source.weights.pop(name)
            for block, finite in self._ahead(weight, BLOCK, lambda rows: narrowed(rows, dtype)):
                check_narrowed(finite, self._title, name, dtype)
                yield as_bytes(block)

        return chunks

    def _quantized(self, path: str, shape: tuple[int, ...], dtype: mx.Dtype, settings: Settings) -> list[Output]:
        """The packed weight and, behind it, its scales and biases, held until the packed one is written."""
        affine = settings["mode"] == "affine"
        held: dict[str, list[mx.array]] = {"scales": [], "biases": []}

        def quantized(rows: mx.array) -> tuple[mx.array, ...]:
            stored, finite = narrowed(rows, dtype)
            return finite, *mx.quantize(stored, **settings)

        def packed() -> Iterator[Bytes]:
            weight = self._source.weights.pop(f"{path}.weight")
            for finite, block, *factors in self._ahead(weight, BLOCK if affine else FLOAT_BLOCK, quantized):
                check_narrowed(finite, self._title, f"{path}.weight", dtype)
                for part, factor in zip(held, factors, strict=False):  # no biases in the floating-point modes
                    held[part].append(factor)
                yield as_bytes(block)

        def factors(part: str) -> Callable[[], Iterator[Bytes]]:
            return lambda: map(as_bytes, held.pop(part))

        rows, columns = shape[:-1], shape[-1]
        groups = (*rows, columns // settings["group_size"])
        kind = _dtype_name(path, dtype) if affine else "U8"
        parts = ("scales", "biases") if affine else ("scales",)
        return [
            Output(f"{path}.weight", "U32", (*rows, columns * settings["bits"] // 32), packed),
            *(Output(f"{path}.{part}", kind, groups, factors(part)) for part in parts),
        ]

    def _ahead(
        self, weight: Weight, block: int, work: Callable[[mx.array], tuple[mx.array, ...]]
    ) -> Iterator[tuple[mx.array, ...]]:
        """Do the work on blocks of rows, the next ones being computed while one is written."""
        under_way: list[tuple[mx.array, ...]] = []
        step = max(1, block // weight.columns)
        for number, start in enumerate(range(0, weight.n_rows, step)):
            with mx.stream(self._streams[number % len(self._streams)]):
                result = work(weight.rows(start, min(start + step, weight.n_rows)))
                mx.async_eval(*result)  # type: ignore[no-untyped-call]
            under_way.append(result)
            if len(under_way) > len(self._streams):
                yield under_way.pop(0)
        yield from under_way


def check_backend(recipe: Recipe) -> None:
    """Try a recipe's mode on a few numbers. Raises Unsupported when MLX does not have it on this machine."""
    try:
        mx.eval(mx.quantize(mx.zeros((8, 256)), group_size=recipe.group_size, bits=recipe.bits, mode=recipe.mode))
    except (ValueError, RuntimeError) as error:
        text = f"MLX can't quantize to {recipe.name} on this machine: {str(error).splitlines()[0]}"
        raise errors.Unsupported(text, "Take 4bit instead.") from error


def _streams() -> list[mx.Stream]:
    """Where blocks are computed: on a CPU, where a stream is a thread, on two at a time."""
    default = mx.default_device()
    usual = mx.default_stream(default)
    return [usual, mx.new_stream(default)] if default == mx.Device(mx.cpu) else [usual]


def _dtype_name(name: str, dtype: mx.Dtype) -> str:
    try:
        return _NAMES[dtype]
    except KeyError:
        raise errors.Unsupported(f"{name} holds numbers of the type {dtype}, which can't be written.") from None
