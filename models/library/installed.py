"""The models on this disk: what is there, where a name leads, and how a new one comes in.

The library is a folder of folders (paths.models_folder()), each a checkpoint that mlx-lm loads, with a stillroom.json
that says where it came from, and a folder of adapters. Originals stay in the standard Hugging Face cache, where other
tools find them too, and go by their repository's id. The disk is the truth: what is kept beside it
(models/library/records.py) only saves reading it again. One bad folder is listed as broken, with a sentence, and never
keeps the others from being listed. The starter model is listed before it is made.
"""

import difflib
import errno
import os
import re
import shlex
from collections.abc import Generator, Iterator
from itertools import accumulate
from pathlib import Path

import msgspec

from models import errors, leftovers, paths
from models.checkpoint import folders, formats, inspection, model_files
from models.events import Model, Progress, Removed
from models.gguf import header as gguf_header
from models.hub import cache
from models.library import catalog, records, starter

STARTER = starter.NAME
MAX_NAME = 80
COPY_CHUNK_BYTES = 16 << 20
# What is taken from a folder. Pickle files and Python run code when they are read: they never come along.
_TAKEN = re.compile(r"(.+\.(json|safetensors|jinja|txt|model)|tokenizer\..+)")
_WEIGHTS = ".safetensors"
_SNAPSHOT = re.compile(r"models--([^/\\]+?)--([^/\\]+)[/\\]snapshots[/\\]([^/\\]+)$")
_NEVER = (".py", ".bin", ".pth", ".pt", ".pkl", ".pickle", ".so")


def models() -> list[Model]:
    """Everything on this disk: the starter, the library's models by name, originals in the Hub's cache, adapters.

    Never raises because of one of them.
    """
    known = records.LibraryCache()
    found = [records.starter_model(known)]
    found += [known.model(folder) for folder in model_folders() if folder.name != STARTER]
    found += [model for repo in cache.repos() if (model := known.original(repo)) is not None]
    found += [_adapter(folder) for folder in leftovers.folders(paths.adapters_folder())]
    known.save()
    return [records.as_shown(model) for model in found]


def show(name: str) -> Model:
    """Describe one model or adapter, given as for find. Raises what find raises."""
    if name == STARTER:
        found = records.starter_model(records.LibraryCache())
    elif (repo := _cached(name)) is not None:
        found = records.original(repo)
    elif (place := leftovers.find_folder(paths.models_folder(), name)) is not None:
        found = records.model(place)
    elif (place := _find_adapter(name)) is not None:
        found = _adapter(place)
    else:
        found = records.model(find(name))
    return records.as_shown(found)


def find(name: str) -> Path:
    """The folder of a model: a name of the library, or the path of a folder.

    Raises NotFound, with the names that come near, when there is no such model or no model in that folder, and
    BadInput for a GGUF file. The starter's folder may still have to be made: see prepare.
    """
    if name == STARTER:
        return starter.folder()
    if (place := leftovers.find_folder(paths.models_folder(), name)) is not None:
        return _with_config(place)
    if (repo := _cached(name)) is not None:
        if repo.snapshot is None or repo.missing:
            hint = f"`stillroom pull {name}` goes on where it stopped."
            raise errors.Corrupt(f"{name} is not whole on this disk.", hint)
        return repo.snapshot
    path = paths.typed(name)
    if name.startswith("../") and not path.exists():
        path = paths.recorded(name)  # as a record names a folder outside of the library
    if path.is_dir():
        return _with_config(path.resolve())
    if path.is_file():
        hint = f"`stillroom import {shlex.quote(str(path))}` takes it in first."
        raise errors.BadInput(f"{path.name} is a file, not a model of the library.", hint)
    raise errors.NotFound(f"There is no model named {name}.", _to_get(name) or _near(name))


def find_adapter(name: str) -> Path:
    """The folder of an adapter: a name of the library, or the path of a folder. Raises NotFound."""
    for folder in (_find_adapter(name), paths.typed(name).absolute()):
        if folder is not None and (folder / model_files.ADAPTER_CONFIG).is_file():
            return folder
    raise errors.NotFound(f"There is no adapter named {name}.", "`stillroom list` shows the adapters on this disk.")


def remove(name: str) -> Removed:
    """Delete a model, an original or an adapter, given by its name, and say what that gave back to the disk.

    Raises NotFound and Busy. A file that another folder links too gives nothing back, nor does a link to a folder, of
    which the link alone is deleted.
    """
    if _cached(name) is not None:
        return Removed(name=name, freed_bytes=cache.delete(name))
    folder = leftovers.find_folder(paths.models_folder(), name) or _find_adapter(name)
    if folder is None:
        raise errors.NotFound(f"There is no model named {name} in the library.", _near(name))
    freed = folders.remove(folder)
    records.mark_of_use(name).unlink(missing_ok=True)
    return Removed(name=name, freed_bytes=freed)


def mark_used(name: str) -> None:
    """Remember that a model or adapter was used now. A folder outside the library, given by its path, is not."""
    if not name.startswith(("/", ".", "~")) and not paths.is_readonly():
        records.mark_of_use(name).touch(mode=0o600)


def title(name: str) -> str:
    """What a person calls a model, given as for find: its recorded title, or the folder's name. Never raises."""
    if name == STARTER:
        return starter.TITLE
    try:
        folder = find(name)
        record = folders.read_record(folder)
    except errors.StillroomError:
        return name
    return record.title if record else name.rpartition("/")[2] if _cached(name) else folder.name


def has(name: str | None) -> bool:
    """Whether a folder of the library has this name."""
    return name is not None and leftovers.find_folder(paths.models_folder(), name) is not None


def model_folders() -> list[Path]:
    """The folders of the library's models, by name."""
    return leftovers.folders(paths.models_folder())


def recorded_name(folder: Path) -> str:
    """The name by which a record knows a model, as find takes it: in the library, of its repository, or a path."""
    if snapshot := _SNAPSHOT.search(str(folder)):
        return f"{snapshot[1]}/{snapshot[2]}"
    return folder.name if folder.parent == paths.models_folder() else paths.portable(folder)


def new_name(wanted: str, given: str | None = None) -> str:
    """A name for a model to come: the given one, or one made from what is wanted, numbered when that is taken.

    Raises BadInput for a given name that is taken or can't be one.
    """
    if given is None:
        start = _as_name(wanted)
        candidates = (start if n == 1 else f"{start[: MAX_NAME - 5]}-{n}" for n in range(1, 10_000))
        return next(name for name in candidates if not _is_taken(name))
    if not _is_name(given):
        hint = f"Up to {MAX_NAME} letters, digits, dots, dashes and underscores."
        raise errors.BadInput(f"{given!r} can't be the name of a model.", hint)
    if _is_taken(given):
        raise errors.BadInput(f"There is a model named {given} already.", "Choose another name.")
    return given


def prepare(name: str) -> Generator[Progress, None, Path]:
    """Find a model's folder and make the starter first where that is what is asked for. Raises what find raises."""
    if name == STARTER:
        yield from starter.ensure()
    return find(name)


def import_model(
    path: str | Path, name: str | None = None, *, keep_precision: bool = False
) -> Generator[Progress, None, Model]:
    """Take a Hugging Face folder, an MLX folder or a GGUF file into the library.

    name: what to call it; made from the file's own when None; keep_precision: blocks of a GGUF file that MLX can't hold
    become float16 instead of being quantized. Closing the generator leaves nothing behind. Raises BadInput for a name
    that is taken or can't be one, NotFound, Corrupt, Unsupported, Unsafe, DiskFull.
    """
    source = paths.typed(path)
    if not source.exists():
        raise errors.NotFound(f"There is no file or folder {source}.")
    source = source.absolute()
    folders.sweep(paths.models_folder())
    folder = paths.models_folder() / new_name(_name_from(source), name)
    requantized: dict[str, int] = {}
    if source.is_dir():
        inspection.inspect(source)
        yield from _copy(source, folder)
        title, licence = _name_from(source), ""
    else:
        from models.gguf import read  # heavy: numpy and the tokenizers library

        header = gguf_header.read(source)
        title, licence = header.text("general.name") or _plain_name(source), header.text("general.license")
        requantized = yield from read.convert(source, folder, keep_precision=keep_precision)
    family = records.model(source if source.is_dir() else folder, title).family
    stamp = file_stamp(source) if source.is_file() else ""
    record = folders.new_record(folder, title, paths.portable(source), licence, made_from=stamp, family=family)
    folders.write_record(folder, msgspec.structs.replace(record, requantized=requantized))
    return records.as_shown(records.model(folder))


def file_stamp(path: Path) -> str:
    """What tells a file from a later one in its place."""
    found = path.stat()
    return f"bytes={found.st_size} modified={found.st_mtime_ns}"


def _with_config(folder: Path) -> Path:
    if not (folder / "config.json").exists():
        formats.check_folder(folder)
    model_files.read_config(folder)
    return folder


def _adapter(folder: Path) -> Model:
    """An adapter as it is listed, where a model has its name under one that is told from that."""
    found = records.adapter(folder)
    shadowed = found.name == STARTER or has(found.name) or _cached(found.name) is not None
    return msgspec.structs.replace(found, name=f"{paths.ADAPTERS}{found.name}") if shadowed else found


def _find_adapter(name: str) -> Path | None:
    return leftovers.find_folder(paths.adapters_folder(), name.removeprefix(paths.ADAPTERS))


def _cached(name: str) -> cache.CachedRepo | None:
    """A repository of the Hub's cache, by its id; one without an owner's name comes after the library's."""
    if name.count("/") == 1 or leftovers.find_folder(paths.models_folder(), name) is None:
        return cache.find(name)
    return None


def _to_get(name: str) -> str:
    """The command that gets a model which is not here; "" where nobody could know one."""
    entry = catalog.find(name)
    if entry is not None or re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", name):
        return f"`stillroom pull {shlex.quote(entry.title if entry else name)}` gets it from the Hub."
    return ""


def _near(name: str) -> str:
    """What may have been meant: names that are here, else those of the catalog, with the command that gets one."""
    if near := _close(name, [STARTER, *(folder.name for folder in model_folders())], 0.5):
        return f"Did you mean {' or '.join(near)}?"
    if near := _close(name, [entry.title for entry in catalog.entries()], 0.7):
        return f"Did you mean {near[0]}? `stillroom pull {shlex.quote(near[0])}` gets it."
    return "`stillroom list` shows the models on this disk."


def _close(name: str, names: list[str], cutoff: float) -> list[str]:
    by_lower = {known.lower(): known for known in names}
    return [by_lower[match] for match in difflib.get_close_matches(name.lower(), by_lower, cutoff=cutoff)]


def _is_name(name: str) -> bool:
    return re.fullmatch(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{MAX_NAME - 1}}}", name) is not None


def _is_taken(name: str) -> bool:
    # a Mac's disk does not tell upper from lower case
    return name.lower() in {entry.name.lower() for entry in paths.models_folder().iterdir()} | {STARTER}


def _name_from(source: Path) -> str:
    """A name made from a file's or folder's own; a snapshot in the Hub's cache is called after its repository."""
    repo = re.search(r"models--[^/\\]+?--([^/\\]+)[/\\]snapshots[/\\]", str(source))
    return _as_name(repo[1] if repo else _plain_name(source))


def _plain_name(source: Path) -> str:
    return re.sub(r"\.gguf$", "", source.name, flags=re.IGNORECASE) if source.is_file() else source.name


def _as_name(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._")[:MAX_NAME] or "model"


def _copy(source: Path, folder: Path) -> Iterator[Progress]:
    """Bring a checkpoint's files into the library. Weights, which nobody edits, are linked where the disk allows it."""
    files = [
        path
        for path in sorted(set(leftovers.entries(source)) - model_files.stray_weights(source))
        if _is_taken_along(path)
    ]
    sizes = {path: path.stat().st_size for path in files}
    one_disk = source.stat().st_dev == folder.parent.stat().st_dev
    needed = sum(size for path, size in sizes.items() if not (one_disk and path.suffix == _WEIGHTS))
    total = sum(sizes.values())
    with folders.publishing(folder, needed, f"copying {folder.name}") as draft:
        for done in accumulate(count for path in files for count in _bring(path, draft / path.name)):
            yield Progress(stage="copy", done=done, total=total, unit="bytes")
        yield Progress(stage="write", done=total, total=total, unit="bytes")


def _is_taken_along(path: Path) -> bool:
    allowed = _TAKEN.fullmatch(path.name) is not None and path.suffix not in _NEVER
    return allowed and path.name != folders.RECORD and path.is_file()


def _bring(path: Path, place: Path) -> Iterator[int]:
    """Link or copy a file; yield the bytes of each piece. A link into the Hub's cache is followed."""
    if path.suffix == _WEIGHTS and _linked(path.resolve(), place):
        yield place.stat().st_size
        return
    with path.open("rb") as original, place.open("wb") as copy:
        while chunk := original.read(COPY_CHUNK_BYTES):
            copy.write(chunk)
            yield len(chunk)
    folders.sync(place)


def _linked(path: Path, place: Path) -> bool:
    try:
        os.link(path, place)
    except OSError as error:
        if error.errno in (errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.EACCES):
            return False  # another disk, or one without links
        raise
    return True
