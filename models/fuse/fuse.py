"""Makes one model of a model and its adapter: an MLX folder of the library, or one GGUF file.

Only a worker imports this. A folder appears in the library when it is whole; a file has its name when it was written,
read back and found to say the same. Nothing is left of one that was not.
"""

import bisect
import os
import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import mlx.core as mx
import msgspec
import psutil
from mlx.utils import tree_flatten

from models import errors, paths, recipes
from models.checkpoint import folders, inspection, model_config, shards, weight_blocks
from models.checkpoint.shards import Output
from models.checkpoint.weight_stream import WeightSource, open_source
from models.events import Event, Fused, Model, Note, Progress
from models.finetune.run_folder import RunCard, read_card
from models.fuse import fused_weights, gguf_check, model_card
from models.generate import load
from models.gguf import write
from models.library import bases, installed
from models.quant import quantize

MARGIN_BYTES = 1 << 20  # of disk, for a record, a config and a card
_DRAFT = re.compile(r"\..+\.stillroom-(\d+)")
_DTYPES = {mx.bfloat16: "BF16", mx.float16: "F16", mx.float32: "F32"}
_KINDS: dict[str, write.Kind] = {"": "F16", "f16": "F16", "8bit": "Q8_0", "q8_0": "Q8_0"}


@dataclass(frozen=True)
class _Parts:
    folder: Path
    name: str  # as installed.find takes it
    model: Model  # the base as the library shows it
    adapter: Path | None
    run: RunCard | None

    @property
    def title(self) -> str:
        return f"{self.model.title} + {self.adapter.name}" if self.adapter else self.model.title


def fuse(
    model: str, adapter: str, *, name: str | None = None, gguf: str = "", recipe: str = ""
) -> Generator[Event, None, Model | Fused]:
    """Fuse a model and an adapter into a model of the library, or into a GGUF file.

    name: of the model to come, made from both names when None; gguf: the file's path, empty for a model. With a recipe
    the fused model is quantized next, and both stay; a GGUF file is Q8_0 with the recipe 8bit. Without an adapter a
    model is written to GGUF as it is. Closing the generator leaves nothing half behind. Raises BadInput, NotFound,
    Corrupt (a GGUF file that says something else than its original too), Unsupported, Unsafe, DiskFull, NoMemory.
    """
    if gguf:
        return (yield from _to_file(model, adapter, paths.typed(gguf).absolute(), recipe))
    return (yield from _to_folder(model, adapter, name, recipe))


def _to_folder(model: str, adapter: str, asked: str | None, recipe: str) -> Generator[Event, None, Model]:
    if not adapter:
        raise errors.BadInput("There is nothing to fuse.", "Name an adapter.")
    if recipe:
        recipes.parse(recipe)  # a wrong one is told before the work
    parts = yield from _found(model, adapter)
    assert parts.adapter is not None
    folders.sweep(paths.models_folder())
    name = installed.new_name(f"{parts.name.rstrip('/').rpartition('/')[2]}-{parts.adapter.name}", asked)
    yield from _write_folder(parts, name)
    if not recipe:
        return installed.show(name)
    return (yield from quantize.quantize(name, recipe, name=installed.new_name(f"{name}-{recipe}")))


def _to_file(model: str, adapter: str, target: Path, recipe: str) -> Generator[Event, None, Fused]:
    kind = _KINDS.get(recipe.lower())
    if kind is None:
        hint = "Leave the recipe out for float16, or take 8bit."
        raise errors.BadInput(f"A GGUF file can't be written as {recipe}.", hint)
    _check_target(target)
    parts = yield from _found(model, adapter)
    source = _opened(parts)
    about = write.About(parts.title, parts.model.licence, parts.model.title, parts.model.repo)
    tokenizer = load.translate_errors(
        parts.model.title, "tokenizer files", lambda: load.load_tokenizer(parts.folder, source.config)
    )
    file = write.GGUFFile(source, tokenizer, kind, about)
    gguf_check.check_memory(parts.folder, parts.adapter)
    tokenizer_bytes = sum(path.stat().st_size for path in folders.companions(parts.folder))
    with _appearing(target, file.data_bytes + tokenizer_bytes + MARGIN_BYTES) as draft:
        for done in accumulate(file.write(draft), initial=0):
            yield Progress(stage="write", done=done, total=file.data_bytes, unit="bytes")
        yield from gguf_check.check(draft, parts.folder, parts.adapter, kind)
    return Fused(model=model, adapter=adapter, path=str(target), size_bytes=target.stat().st_size)


def _found(name: str, adapter_name: str) -> Generator[Event, None, _Parts]:
    folder = yield from installed.prepare(name)
    inspection.inspect(folder)
    adapter = installed.find_adapter(adapter_name) if adapter_name else None
    run = None
    with suppress(errors.StillroomError):  # an adapter that comes from elsewhere has no card of its run
        run = read_card(adapter) if adapter else None
    model = installed.show(name)
    if adapter and (said := bases.mismatch(adapter, folder, model.title)):
        yield Note(text=said)
    # nothing that is written hangs on where a folder outside of the library stands
    recorded = installed.recorded_name(folder) if Path(name).is_absolute() else name
    return _Parts(folder, recorded, model, adapter, run)


def _opened(parts: _Parts) -> WeightSource:
    """The base's weights with the adapter merged in, still unread."""
    config = load.read_config(parts.folder)
    settings = config.get("quantization") or config.get("quantization_config") or {}
    entries = [entry for entry in (settings, *settings.values()) if isinstance(entry, dict)]
    modes = [entry.get("quant_method") or entry.get("mode", "affine") for entry in entries]
    if any(mode != "affine" for mode in modes):
        text = f"{parts.model.title} is quantized in a way that can't be undone here."
        raise errors.Unsupported(text, "Fuse the adapter with the model's original.")
    source = open_source(parts.folder)
    if parts.adapter is not None:
        fused_weights.merge_adapter(source, parts.adapter)
    weight_blocks.check_memory(parts.model.title, source)
    return source


def _write_folder(parts: _Parts, name: str) -> Iterator[Event]:
    """Write the fused model and let it take its place."""
    assert parts.adapter is not None
    source = _opened(parts)
    outputs = [_output(parts.model.title, source, path) for path, _ in tree_flatten(source.model.parameters())]
    copied = folders.companions(parts.folder)
    needed = sum(output.size for output in outputs) + sum(path.stat().st_size for path in copied) + MARGIN_BYTES
    with folders.publishing(paths.models_folder() / name, needed, f"writing {name}") as draft:
        yield from _by_layer(draft, outputs, len(source.model.layers))
        config = {key: value for key, value in source.config.items() if not key.startswith("quantization")}
        folders.write_json(draft / "config.json", config)
        for path in copied:
            folders.copy_file(path, draft / path.name)
        model_config.write_ends(draft)
        card = model_card.text(parts.title, parts.name, parts.model, parts.adapter, parts.run)
        folders.write_file(draft / "README.md", card.encode())
        source_name = f"{parts.name} with the adapter {parts.adapter.name}"
        # no repo: downloading that again would not bring this model back
        record = folders.new_record(draft, parts.title, source_name, parts.model.licence, family=parts.model.family)
        folders.write_record(draft, msgspec.structs.replace(record, name=name, original=parts.name))


def _output(title: str, source: WeightSource, name: str) -> Output:
    weight = source.weights[name]
    if weight.dtype not in _DTYPES:
        raise errors.Unsupported(f"{name} holds numbers of the type {weight.dtype}, which can't be fused.")

    def chunks() -> Iterator[memoryview]:
        for block in weight_blocks.blocks(source.weights.pop(name)):
            stored, finite = weight_blocks.narrowed(block, weight.dtype)
            weight_blocks.check_narrowed(finite, title, name, weight.dtype)
            yield weight_blocks.as_bytes(stored)

    return Output(name, _DTYPES[weight.dtype], weight.shape, chunks)


def _by_layer(draft: Path, outputs: list[Output], layers: int) -> Iterator[Progress]:
    ends = shards.layer_ends(outputs, layers)
    with weight_blocks.little_cache():
        for written in accumulate(shards.write_shards(draft, outputs), initial=0):
            yield Progress(stage="fuse", done=bisect.bisect_right(ends, written), total=layers, unit="layers")


def _check_target(target: Path) -> None:
    if not target.parent.is_dir():
        raise errors.NotFound(f"There is no folder {target.parent}.")
    if target.exists():
        raise errors.BadInput(f"There is a file {target} already.", "Choose another name, or delete it.")


@contextmanager
def _appearing(target: Path, needed_bytes: int) -> Iterator[Path]:
    """Yield a hidden file beside `target` that is renamed to it when the block succeeds and removed when it fails.

    Reading the file back takes as much space again, where the library is.
    """
    for entry in target.parent.iterdir():  # what killed processes have left half-written
        match = _DRAFT.fullmatch(entry.name)
        if match and not psutil.pid_exists(int(match[1])):
            entry.unlink(missing_ok=True)
    draft = target.with_name(f".{target.name}.stillroom-{os.getpid()}")
    try:
        with errors.disk_faults(f"writing {target.name}", writing=True):
            one_disk = target.parent.stat().st_dev == paths.models_folder().stat().st_dev
            folders.check_space(target.parent, needed_bytes * (2 if one_disk else 1))
            folders.check_space(paths.models_folder(), needed_bytes)
            yield draft
            _check_target(target)
            draft.rename(target)
            folders.sync(target.parent)
    finally:
        draft.unlink(missing_ok=True)
