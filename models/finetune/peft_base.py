"""Which model on this disk an adapter of PEFT's belongs to: the one that was asked for, that it names, or that it fits."""

from contextlib import suppress
from pathlib import Path

import msgspec

from models import errors
from models.checkpoint import model_config, shapes
from models.events import Model
from models.finetune.peft_format import PeftAdapter
from models.library import installed

Sizes = dict[str, tuple[int, int]]  # rows and columns of each module's matrix


def base_of(adapter: PeftAdapter, asked: str | None) -> tuple[Model, bool]:
    """The model that an adapter belongs to, and whether that is known or only guessed from its shapes.

    asked: the model as installed.find takes it, None to look for it. Raises NotFound and BadInput.
    """
    name = adapter.folder.name
    if asked is not None:
        model = installed.show(asked)
        if model.kind == "adapter":
            raise errors.BadInput(f"{asked} is an adapter itself.", "Name the model that it was trained on.")
        if model.state == "broken":
            raise errors.Corrupt(f"{asked} can't be used: {model.problem}")
        if why := _misfit(adapter, sizes_of(Path(model.path))):
            raise errors.BadInput(f"{name} does not fit {asked}: {why}.", "Name the model that it was trained on.")
        # a folder outside of the library is known by its path
        return msgspec.structs.replace(model, name=installed.recorded_name(installed.find(asked))), True
    fitting = [model for model in installed.models() if _fits(adapter, model)]
    named = [model for model in fitting if _is_named(model, adapter.base)]
    if named:
        return min(named, key=lambda model: bool(model.recipe)), True  # the original before its copies
    originals = [model for model in fitting if not model.recipe] or fitting
    trained_on = f"{name} was trained on {adapter.base or 'a model that it does not name'}"
    if not originals:
        hint = f"`stillroom pull {adapter.base}` gets it." if "/" in adapter.base else "Get or import that model first."
        raise errors.NotFound(f"{trained_on}: no model here is it, or has its shapes.", hint)
    if len(originals) > 1:
        listed = ", ".join(model.name for model in originals[:5])
        hint = f"If it is one of {listed}: `stillroom import PATH --base MODEL` says which."
        raise errors.BadInput(f"{trained_on}, which is not here under that name.", hint)
    return originals[0], False


def _is_named(model: Model, base: str) -> bool:
    """Whether a model is what an adapter names: a repository, or a folder of somebody's disk."""
    if not base:
        return False
    short = base.rstrip("/\\").replace("\\", "/").rpartition("/")[2].lower()
    full = {model.name.lower(), model.repo.lower(), model.original.lower(), model.source.lower()}
    return base.lower() in full or ("/" not in model.name and short in {model.name.lower(), model.title.lower()})


def _fits(adapter: PeftAdapter, model: Model) -> bool:
    if model.kind == "adapter" or model.state == "broken" or not Path(model.path).is_dir():
        return False
    with suppress(errors.StillroomError, OSError):
        return not _misfit(adapter, sizes_of(Path(model.path)))
    return False


def sizes_of(folder: Path) -> Sizes:
    """Rows and columns of a model's matrices. Raises Unsupported for an architecture that is built otherwise."""
    shape = shapes.shape_of(model_config.read(folder))
    tensors = list(shapes.outer_tensors(shape))
    for layer in range(shape.layers):
        tensors += shapes.layer_tensors(shape, layer)
    return {tensor.path: (tensor.rows, tensor.columns) for tensor in tensors if tensor.kind == "matrix"}


def _misfit(adapter: PeftAdapter, sizes: Sizes) -> str:
    """Why an adapter is not one of a model with such matrices; empty when it may be."""
    for module, parts in adapter.shapes.items():
        there, wanted = sizes.get(module), (parts["lora_b"][0], parts["lora_a"][1])
        if there is None:
            return f"there is no {module} in it"
        if there != wanted:
            return f"its {module} is of {there[0]} × {there[1]}, not {wanted[0]} × {wanted[1]}"
    return ""
