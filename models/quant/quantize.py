"""Make a quantized copy of a model: find its original, write the copy beside its place, say where it comes from.

Only a worker imports this. The copy appears in the library when it is whole, and nothing is left of one that was not.
What a learned recipe has learned so far stays under STILLROOM_HOME until the copy is made, so that it can go on.
"""

import itertools
import re
import shutil
import time
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from models import errors, paths, quantities, recipes
from models.checkpoint import folders, inspection, model_config
from models.checkpoint.weight_stream import open_source
from models.events import Event, Model, Note, Progress
from models.hub import manifests
from models.library import bases, installed
from models.machine import hardware
from models.quant.quantized_weights import Quantizing, check_backend
from models.recipes import Recipe

MARGIN_BYTES = 1 << 20  # of disk, for a record and a config
TELL_S = 0.1
_SNAPSHOT = re.compile(r"models--[^/\\]+?--([^/\\]+)[/\\]snapshots[/\\]([^/\\]+)$")
_GGUF = ".gguf"


@dataclass(frozen=True)
class Original:
    """What is quantized."""

    folder: Path
    name: str  # as installed.find takes it
    title: str
    repo: str  # on the Hub; empty when not known
    revision: str  # likewise
    licence: str
    in_cache: bool  # it lies in the Hub's cache


def quantize(
    model: str,
    recipe: str,
    *,
    group_size: int | None = None,
    name: str | None = None,
    replace: bool = False,
    card: bool = True,
    drop_original: bool = False,
) -> Generator[Event, None, Model]:
    """Make a quantized copy in the library. Closing the generator leaves nothing behind.

    model: a name of the library, a repository in the cache or a folder; recipe: as models/recipes.py reads it; name:
    made from the original's when None; replace: it may take the place of a model of that name; card: measure its quant
    card too; drop_original: delete the repository from the cache when all is done. Raises BadInput for a recipe or a
    name that is none, or a model that is quantized already, NotFound, Corrupt, Unsupported, Unsafe, DiskFull, NoMemory.
    """
    parsed = recipes.parse(recipe, group_size)
    original = yield from _original(model)
    folders.sweep(paths.models_folder())
    replace = replace and installed.has(name)
    place = name if name and replace else installed.new_name(f"{original.title}-{parsed.name}", name)
    yield from _write(original, parsed, place, replace)
    if card:
        yield from measure_made(place)
    if drop_original:
        yield _dropped(original)
    return installed.show(place)


def _original(model: str) -> Generator[Event, None, Original]:
    """Find what is to be quantized: the model, or what it was itself made from when it is quantized already."""
    folder = yield from installed.prepare(model)
    inspection.inspect(folder)
    bits = _quantized_bits(folder)
    if bits is None:
        return _described(folder)
    record = folders.read_record(folder)
    title = installed.title(model)
    if record and record.source.lower().endswith(_GGUF):
        source = f"{title} comes from a GGUF file that was quantized already"
        yield Note(text=f"{source}: this copy will be worse than one made from the original.")
        return _described(folder)
    if record and record.original and (found := _unquantized(record.original)):
        yield Note(text=f"{title} is quantized already: the copy is made from its original, {record.original}.")
        return _described(found)
    hint = "Get the original and quantize that."
    if record and record.repo:
        hint = f"`stillroom pull {record.repo}` gets the original: quantize that."
    text = f"{title} is already quantized{f' to {bits}-bit' if bits else ''}; quantizing twice loses more."
    raise errors.BadInput(text, hint)


def _unquantized(name: str) -> Path | None:
    with suppress(errors.StillroomError):
        folder = installed.find(name)
        inspection.inspect(folder)
        return folder if _quantized_bits(folder) is None else None
    return None


def _quantized_bits(folder: Path) -> int | None:
    """The bits of a folder's weights when they are quantized, 0 when they are and the bits are not told, else None."""
    config = model_config.read(folder)
    inner = config.get("text_config")
    stated: Any = config.get("quantization") or config.get("quantization_config")
    if not stated and isinstance(inner, dict):
        stated = inner.get("quantization_config")
    if not stated and not (folder / "hf_quant_config.json").exists():
        return None
    bits = stated.get("bits") if isinstance(stated, dict) else None
    return bits if isinstance(bits, int) else 0


def _described(folder: Path) -> Original:
    record = folders.read_record(folder)
    snapshot, name = _SNAPSHOT.search(str(folder)), installed.recorded_name(folder)
    if snapshot:
        repo, title, revision = name, *snapshot.groups()
    else:
        title = record.title if record else folder.name
        repo, revision = (record.repo, record.revision) if record else ("", "")
    stated = record or (manifests.read(repo, revision) if snapshot else None)
    licence = stated.licence if stated else ""
    return Original(folder, name, title, repo, revision, licence, in_cache=snapshot is not None)


def _write(original: Original, recipe: Recipe, name: str, replace: bool) -> Iterator[Event]:
    """Write the copy and let it take its place."""
    check_backend(recipe)
    quantizing = Quantizing(original.title, open_source(original.folder), recipe)
    hardware.check_memory(f"Quantizing {original.title}", quantizing.memory_bytes)
    copied = folders.companions(original.folder)
    needed = quantizing.total_bytes + sum(path.stat().st_size for path in copied) + MARGIN_BYTES
    learned = paths.learned_folder() / name
    with folders.publishing(paths.models_folder() / name, needed, f"writing {name}", replace) as draft:
        yield from _by_layer(quantizing, draft)
        quantizing.write_config(draft)
        for path in copied:
            folders.copy_file(path, draft / path.name)
        model_config.write_ends(draft)
        if recipe.learned:
            from models.quant import dwq

            yield from dwq.learn(draft, original.folder, recipe, learned)
        folders.write_record(draft, _record(original, recipe, name, draft))
    shutil.rmtree(learned, ignore_errors=True)


def _by_layer(quantizing: Quantizing, draft: Path) -> Iterator[Progress]:
    """Write the weights; tells of every layer, and often enough between two for a cancel to be seen."""
    shown, shown_at = -1, 0.0
    for done in itertools.chain([0], quantizing.write(draft)):
        if done > shown or time.monotonic() - shown_at >= TELL_S:
            shown, shown_at = done, time.monotonic()
            yield Progress(stage="quantize", done=done, total=quantizing.layers, unit="layers")


def _record(original: Original, recipe: Recipe, name: str, draft: Path) -> folders.ModelRecord:
    facts, record = inspection.inspect(original.folder), folders.read_record(original.folder)
    family = facts.family(f"{original.name} {original.title}", record)
    title = f"{original.title} {recipe.title}"
    made = folders.new_record(draft, title, original.name, original.licence, family=family)
    return msgspec.structs.replace(
        made,
        name=name,
        repo=original.repo,
        revision=original.revision,
        recipe=recipe.name,
        original=original.name,
        lineage=bases.lineage(original.folder),
    )


def measure_made(name: str) -> Iterator[Event]:
    """Measure the card of a model that was just made: what hinders it is told and is no failure."""
    from models.quant import card

    try:
        yield from card.measure(name)
    except errors.Interrupted:
        raise
    except (errors.StillroomError, OSError) as fault:
        error = errors.from_os_error(fault, "writing it", writing=True) if isinstance(fault, OSError) else fault
        yield Note(text=f"The quant card could not be measured: {error.text}")


def _dropped(original: Original) -> Note:
    """Delete the original from the Hub's cache. What is not in there is the user's own, and stays."""
    if not original.in_cache:
        return Note(text=f"{original.title} was kept: it is not in the Hugging Face cache.")
    try:
        removed = installed.remove(original.name)
    except errors.StillroomError as error:
        return Note(text=f"{original.name} could not be deleted: {error.text}")
    return Note(text=f"{original.name} was deleted: {quantities.size(removed.freed_bytes)} are free again.")
