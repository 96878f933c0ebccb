"""Adapters come from PEFT into the library, and go from the library to PEFT (models/finetune/peft_format.py).

What is written is what mlx-lm reads: one rank and one scale for all modules. Where an adapter has several, lower ranks
are filled with zeros and the rest of a scale goes into B, which changes nothing of what is computed. Only a worker
imports this.
"""

from collections import Counter
from collections.abc import Generator, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import mlx.core as mx
import msgspec

from models import errors, leftovers, paths
from models.checkpoint import bounded_files, folders, safety
from models.checkpoint.model_files import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from models.events import AdapterExported, Event, Model, Note, Progress
from models.finetune import checkpoints, lora, names, peft_base, peft_format
from models.finetune.peft_base import Sizes
from models.finetune.peft_format import MODULE, PARTS, PREFIX, PeftAdapter
from models.finetune.publish import check_free
from models.library import bases, installed

MARGIN_BYTES = 1 << 20  # of disk, for configuration and record


def import_adapter(path: str | Path, name: str | None = None, base: str | None = None) -> Generator[Event, None, Model]:
    """Take an adapter of PEFT's, LoRA or DoRA, into the library.

    name: made from the folder's when None; base: the model that it was trained on, found by what the adapter says and
    by its shapes when None. Closing the generator leaves nothing behind. Raises NotFound, BadInput, Corrupt,
    Unsupported, Unsafe and DiskFull.
    """
    source = paths.typed(path).absolute()
    taken = [folder.name for folder in leftovers.folders(paths.adapters_folder())]
    name = name or names.suggest(source.name, taken) or names.suggest("adapter", taken)
    check_free(name)
    adapter = peft_format.read(source)
    model, known = peft_base.base_of(adapter, base)
    if not known:
        trained_on = adapter.base or "a model that it does not name"
        yield Note(
            text=f"{source.name} was trained on {trained_on}. Only {model.name} has its shapes: it is taken for that."
        )
    yield Progress(stage="convert", done=0, total=1, unit="files")
    weights, config = _converted(adapter, model.name, peft_base.sizes_of(Path(model.path)))
    lora.check_finite(weights)
    folder = paths.adapters_folder() / name
    folders.sweep(folder.parent)
    needed = sum(array.nbytes for array in weights.values()) + MARGIN_BYTES
    with folders.publishing(folder, needed, "writing the adapter") as draft:
        lora.save_tensors(draft / ADAPTER_WEIGHTS, weights)
        folders.write_json(draft / ADAPTER_CONFIG, config)
        yield Progress(stage="convert", done=1, total=1, unit="files")
        record = folders.new_record(draft, name, paths.portable(source))
        lineage = bases.lineage(Path(model.path)) if known else []
        folders.write_record(draft, msgspec.structs.replace(record, name=name, base=model.name, lineage=lineage))
    return installed.show(f"{paths.ADAPTERS}{name}")


def export_adapter(name: str, target: str | Path) -> Generator[Event, None, AdapterExported]:
    """Write an adapter of the library as a folder that PEFT reads, and with it transformers and vLLM.

    target: a folder that is not there yet. Raises NotFound, BadInput for a full fine-tune, a target that is taken or
    layers that PEFT has no names for, Corrupt, DiskFull.
    """
    folder, place = installed.find_adapter(name), paths.typed(target).absolute()
    if not place.parent.is_dir():
        raise errors.NotFound(f"There is no folder {place.parent}.")
    if place.exists() or place.is_symlink():
        raise errors.BadInput(f"There is a folder {place} already.", "Choose another name, or delete it.")
    safety.check_adapter(folder)
    stated = bounded_files.read_json(folder / ADAPTER_CONFIG, safety.MAX_ADAPTER_CONFIG_BYTES)
    method, settings = stated.get("fine_tune_type", "lora"), stated.get("lora_parameters")
    if method not in ("lora", "dora") or not isinstance(settings, dict):
        fault = f"{folder.name} is a model of its own: all its weights were trained, it has no matrices beside them."
        raise errors.BadInput(fault, "Fuse it with its base instead.")
    yield Progress(stage="convert", done=0, total=1, unit="files")
    weights = checkpoints.read_tensors(folder / ADAPTER_WEIGHTS)
    tensors = {_peft_name(folder.name, path): _turned(path, array) for path, array in weights.items()}
    lora.check_finite(tensors)
    scale = settings.get("scale")
    if not isinstance(scale, int | float) or scale <= 0:
        raise errors.Corrupt(f"The adapter {folder.name} is damaged: its scale is {str(scale)[:40]}.")
    config = _peft_config(folder, weights, float(scale), method == "dora", stated.get("num_layers") != -1)
    needed = sum(array.nbytes for array in tensors.values()) + MARGIN_BYTES
    with folders.publishing(place, needed, f"writing {place.name}") as draft:
        mx.save_safetensors(str(draft / peft_format.WEIGHTS), tensors, {"format": "pt"})
        folders.sync(draft / peft_format.WEIGHTS)
        folders.write_json(draft / ADAPTER_CONFIG, config)
        yield Progress(stage="convert", done=1, total=1, unit="files")
    return AdapterExported(
        adapter=folder.name, path=str(place), size_bytes=folders.folder_size(place), dora=method == "dora"
    )


# into the library


def _converted(adapter: PeftAdapter, base: str, sizes: Sizes) -> tuple[lora.Weights, dict[str, object]]:
    """An adapter as mlx-lm has it: its tensors and its adapter_config.json."""
    rank = max(adapter.rank(module) for module in adapter.shapes)
    scale = Counter(adapter.scales.values()).most_common(1)[0][0]
    stored: Any = mx.load(str(adapter.folder / peft_format.WEIGHTS))
    weights: lora.Weights = {}
    for (module, part), name in adapter.tensors.items():
        array: mx.array = stored[name]
        if part == "m":
            weights[f"{module}.m"] = array
            continue
        if part == "lora_b" and adapter.scales[module] != scale:
            array = array.astype(mx.float32) * (adapter.scales[module] / scale)
        missing = rank - adapter.rank(module)
        padding = [(0, 0), (0, missing)] if part == "lora_a" else [(0, missing), (0, 0)]
        weights[f"{module}.{part}"] = mx.contiguous(mx.pad(array.T, padding))
    mx.eval(weights)
    keys, num_layers = _keys(adapter.shapes, sizes)
    settings = {"rank": rank, "scale": scale, "dropout": 0.0, "keys": keys}
    method = "dora" if adapter.dora else "lora"
    about = {"model": base, "fine_tune_type": method, "num_layers": num_layers, "lora_parameters": settings}
    return weights, about


def _keys(modules: Iterable[str], sizes: Sizes) -> tuple[list[str], int]:
    """What mlx-lm has to attach to: names within a layer of the last so many layers, or whole names and 0 layers.

    -1 stands for all layers.
    """
    by_layer = _by_layer(modules)
    last = sorted(_by_layer(sizes))[-len(by_layer) :] if by_layer else []
    kinds = {frozenset(inner) for inner in by_layer.values()}
    if sorted(by_layer) != last or len(kinds) != 1 or "lm_head" in modules:
        return sorted(modules), 0
    return sorted(kinds.pop()), -1 if last[0] == 0 else len(last)


def _by_layer(modules: Iterable[str]) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {}
    for module in modules:
        match = MODULE.fullmatch(module)
        if match and match[1]:
            found.setdefault(int(match[1]), set()).add(match[2])
    return found


# out of the library


def _peft_name(adapter: str, path: str) -> str:
    module, _, part = path.rpartition(".")
    if MODULE.fullmatch(module) is None or part not in PARTS.values():
        raise errors.BadInput(f"{adapter} can't be exported: PEFT has no matrices for {module}.", "Fuse it instead.")
    named = next(theirs for theirs, ours in PARTS.items() if ours == part)
    return f"{PREFIX}{module}.{named}{'' if part == 'm' else '.weight'}"


def _turned(path: str, array: mx.array) -> mx.array:
    return array if path.endswith(".m") else mx.contiguous(array.T)


def _peft_config(folder: Path, weights: lora.Weights, scale: float, dora: bool, partly: bool) -> dict[str, object]:
    modules = sorted({path.rpartition(".")[0] for path in weights})
    rank = next(array.shape[1] for path, array in weights.items() if path.endswith(".lora_a"))
    by_layer = _by_layer(modules)
    # a name without a layer is found in every one of those that are said, and in no other
    alike = len({frozenset(inner) for inner in by_layer.values()}) == 1 and not (partly and "lm_head" in modules)
    plain = sorted({module.rpartition(".")[2] for module in modules})
    alpha = scale * rank
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": _base_name(folder),
        "r": rank,
        "lora_alpha": round(alpha) if abs(alpha - round(alpha)) < 1e-9 * alpha else alpha,
        "lora_dropout": 0.0,
        "target_modules": plain if alike else modules,
        "layers_to_transform": sorted(by_layer) if partly and alike else None,
        "layers_pattern": "layers" if partly and alike else None,
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
        "init_lora_weights": True,
        "modules_to_save": None,
        "rank_pattern": {},
        "alpha_pattern": {},
        "use_dora": dora,
        "use_rslora": False,
    }


def _base_name(folder: Path) -> str:
    """The repository of an adapter's base, where it is known, else the base's name."""
    record = folders.read_record(folder)
    base = record.base if record else ""
    with suppress(errors.StillroomError, OSError):
        return installed.show(base).repo or base
    return base
