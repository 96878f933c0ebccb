"""Models and adapters as records: what one folder holds, said without loading it, and remembered until it changes.

Reading the headers of a model's weights takes milliseconds, of 200 models a second; so what was found is kept in
library.json together with names, sizes and times of the folder's files, and holds while those are the same.
"""

import hashlib
import logging
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import msgspec

from models import errors, families, leftovers, names, paths, utf8
from models.checkpoint import folders as checkpoint
from models.checkpoint import inspection
from models.checkpoint.model_files import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from models.events import Model
from models.gguf import header as gguf_header
from models.hub import cache, endpoint, manifests
from models.library import starter

log = logging.getLogger(__name__)

Kind = Literal["model", "original", "adapter"]

_KEPT = ("repo", "revision", "recipe")  # of a record, also of a model that can't be used
MAX_MARK = 200  # letters of a file's name
_VERSION = 4  # raised when a folder is looked at in another way, so that all are looked at again


class _CachedEntry(msgspec.Struct, frozen=True):
    stamp: str
    model: Model


class _CacheFile(msgspec.Struct, frozen=True):
    version: int
    folders: dict[str, _CachedEntry]


class LibraryCache:
    """The contents of library.json. An unreadable file counts as empty."""

    def __init__(self) -> None:
        self._before = _remembered()
        self._now: dict[str, _CachedEntry] = {}

    def model(self, folder: Path) -> Model:
        """As model(), from the cache when nothing in the folder has changed."""
        return self._look(folder, lambda: model(folder), _stamp(folder))

    def original(self, repo: cache.CachedRepo) -> Model | None:
        """As original(), from the cache when nothing in its folder has changed; None for what Stillroom can't use.

        The cache is shared: other tools keep models of other kinds and single files there.
        """
        place = cache.snapshot(repo.repo, repo.commit)
        stamp = f"{repo.commit} {repo.size_bytes} {repo.modified} {len(repo.missing)} {repo.complete}"
        found = self._look(place, lambda: original(repo), stamp)
        if not repo.complete and not repo.size_bytes:  # a download that never began
            return None
        ours = found.state == "ready" or found.repairable or manifests.read(repo.repo, repo.commit) is not None
        return found if ours else None

    def unmade_starter(self, source: Path) -> Model:
        """The starter before its folder is made, from the cache when its GGUF file is the same."""
        found = source.stat()
        stamp = f"{source.name} {found.st_size} {found.st_mtime_ns}"
        return self._look(starter.folder(), lambda: _starter_before_it_is_made(source), stamp)

    def save(self) -> None:
        """Write library.json. Failing to costs nothing but time at the next look."""
        if self._now == self._before:
            return
        file = paths.library_file()
        # of this thread: a window lists on several
        draft = file.with_name(f"{file.name}.{os.getpid()}-{threading.get_ident()}")
        try:
            with open(draft, "wb", opener=paths.owners_alone) as out:
                out.write(utf8.json(_CacheFile(_VERSION, self._now)))
            draft.replace(file)
        except OSError as error:
            log.info("the library is not remembered: %s", error)
            draft.unlink(missing_ok=True)

    def _look(self, folder: Path, make: Callable[[], Model], stamp: str) -> Model:
        key = paths.portable(folder)
        entry = self._before.get(key)
        if entry is None or entry.stamp != stamp or not stamp:
            entry = _CachedEntry(stamp, msgspec.structs.replace(make(), path=""))
        if str(folder) not in entry.model.problem:  # nothing that hangs on where it stands
            self._now[key] = entry
        return msgspec.structs.replace(entry.model, path=str(folder))


def model(folder: Path, title: str = "") -> Model:
    """The model in a folder; one that can't be used says why. title: where no record has one. Never raises."""
    try:
        facts = inspection.inspect(folder)
        record = checkpoint.read_record(folder)
        fields = (*_KEPT, "licence", "base", "original", "card", "requantized")
        recorded = _recorded(folder, record, title or folder.name, *fields)
    except (errors.StillroomError, OSError) as error:
        return _unusable(folder, title or folder.name, str(error))
    hints = f"{folder.name} {recorded['title']}"
    return Model(
        name=folder.name,
        path=str(folder),
        architecture=facts.architecture,
        family=facts.family(hints, record),
        params=facts.params,
        bits=facts.bits,
        size_bytes=facts.size_bytes,
        context_limit=facts.context_limit,
        **recorded,
    )


def original(repo: cache.CachedRepo) -> Model:
    """A repository in the standard Hugging Face cache; half of one is broken, and can be repaired. Never raises."""
    folder = repo.snapshot or cache.snapshot(repo.repo, repo.commit)
    manifest = manifests.read(repo.repo, repo.commit)
    title = repo.repo.rpartition("/")[2]
    found = model(folder, title) if repo.complete else _unusable(folder, title, "It is not downloaded whole.")
    # the folder is called after the commit, which says nothing to anybody
    problem = found.problem.replace(folder.name, repo.repo)
    return msgspec.structs.replace(
        found,
        name=repo.repo,
        title=title,
        kind="original",
        source=endpoint.page(repo.repo),
        repo=repo.repo,
        revision=repo.commit,
        licence=manifest.licence if manifest else "",
        created=repo.modified,
        size_bytes=repo.size_bytes,
        problem=problem,
        repairable=not repo.complete,
    )


def adapter(folder: Path) -> Model:
    """The adapter in a folder; one that can't be used says why. Never raises."""
    try:
        record = checkpoint.read_record(folder)
        absent = next((name for name in (ADAPTER_CONFIG, ADAPTER_WEIGHTS) if not (folder / name).is_file()), None)
        if record is not None and not absent:
            return _weightless(folder, _recorded(folder, record, "", "licence", "repo", "base"), kind="adapter")
        problem = f"There is no {absent or checkpoint.RECORD} in it."
    except (errors.StillroomError, OSError) as error:
        problem = str(error)
    return _unusable(folder, folder.name, problem, "adapter")


def as_shown(found: Model) -> Model:
    """The same model with what does not follow from its folder: when it was used last, and where its source and base lie
    now."""
    last_used = _modified(mark_of_use(found.name))
    source, base = paths.readable(found.source), paths.readable(found.base)
    return msgspec.structs.replace(found, last_used=last_used, source=source, base=base)


def mark_of_use(name: str) -> Path:
    """The file that is as old as a model's last use."""
    mark = quote(name, safe="")
    return paths.used_folder() / (mark if len(mark) <= MAX_MARK else hashlib.sha256(mark.encode()).hexdigest())


def starter_model(known: LibraryCache) -> Model:
    """The starter model, which is there before its folder is made. Never raises."""
    if starter.folder().is_dir() and starter.is_ready():
        return known.model(starter.folder())
    try:
        return known.unmade_starter(starter.source())
    except errors.StillroomError as error:
        return _unusable(starter.folder(), starter.TITLE, f"{error.text} {error.hint}".strip())


def _starter_before_it_is_made(source: Path) -> Model:
    header = gguf_header.read(source)
    architecture = header.text("general.architecture")
    params = sum(tensor.elements for tensor in header.tensors.values())
    n_bytes = sum(tensor.size for tensor in header.tensors.values())
    names, template = f"{starter.NAME} {starter.TITLE}", header.text("tokenizer.chat_template")
    return Model(
        name=starter.NAME,
        title=starter.TITLE,
        path=str(starter.folder()),
        architecture=architecture,
        family=families.family_of(names, architecture, template).id,
        params=params,
        bits=round(8 * n_bytes / params, 2),
        size_bytes=source.stat().st_size,
        context_limit=header.integer(f"{architecture}.context_length"),
        source=f"{starter.DISTRIBUTION}: {source.name}",
        created="",
        licence=header.text("general.license"),
    )


def _unusable(folder: Path, title: str, problem: str, kind: Kind = "model") -> Model:
    record = None
    with suppress(errors.Corrupt):
        record = checkpoint.read_record(folder)
    repairable = bool(record and record.repo and record.recipe)
    recorded = _recorded(folder, record, title, *_KEPT)
    return _weightless(folder, recorded, state="broken", problem=problem, kind=kind, repairable=repairable)


def _recorded(folder: Path, record: checkpoint.ModelRecord | None, title: str, *fields: str) -> dict[str, Any]:
    """Fields of a Model that its record holds under the same names, and what is known without one."""
    if record is None:
        return {"title": names.plain(title), "source": "", "created": _modified(folder)}
    recorded = {name: getattr(record, name) for name in ("title", "source", "created", *fields)}
    return recorded | {"title": names.plain(record.title)}


def _weightless(folder: Path, recorded: dict[str, Any], **more: Any) -> Model:
    """What has no weights of its own, or none that can be used."""
    size = 0
    with suppress(OSError):
        size = checkpoint.folder_size(folder)
    recorded |= {"architecture": "", "family": "", "params": 0, "bits": 0.0, "size_bytes": size, "context_limit": 0}
    return Model(name=folder.name, path=str(folder), **recorded, **more)


def _modified(folder: Path) -> str:
    with suppress(OSError):
        return datetime.fromtimestamp(folder.stat().st_mtime, UTC).isoformat(timespec="seconds")
    return ""


def _stamp(folder: Path) -> str:
    """A digest of the folder's file names, sizes and times; empty when it can't be read."""
    digest = hashlib.blake2b(digest_size=12)
    try:
        for entry in leftovers.entries(folder):
            found = entry.stat()
            digest.update(f"{entry.name}\0{found.st_size}\0{found.st_mtime_ns}\0".encode())
    except OSError:
        return ""
    return digest.hexdigest()


def _remembered() -> dict[str, _CachedEntry]:
    try:
        found = msgspec.json.decode(paths.library_file().read_bytes(), type=_CacheFile)
    except (OSError, msgspec.MsgspecError):
        return {}
    return found.folders if found.version == _VERSION else {}
