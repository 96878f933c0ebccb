"""Models and adapters as records: what one folder holds, said without loading it, and remembered until it changes.

Reading the headers of a model's weights takes milliseconds, of 200 models a second; so what was found is kept in
library.json together with names, sizes and times of the folder's files, and holds while those are the same.
"""

import hashlib
import logging
import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import msgspec

from models import errors, families, paths
from models.checkpoint import folders as checkpoint
from models.checkpoint import inspection
from models.checkpoint.model_files import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from models.events import Model
from models.gguf import header as gguf_header
from models.hub import cache, endpoint, manifests
from models.library import starter

log = logging.getLogger(__name__)

Kind = Literal["model", "original", "adapter"]

_VERSION = 1  # raised when a folder is looked at in another way, so that all are looked at again


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
        place = cache.folder(repo.repo) / repo.commit
        found = self._look(place, lambda: original(repo), _stamp_of_repo(repo))
        if not repo.complete and not repo.size_bytes:  # a download that never began
            return None
        ours = found.state == "ready" or found.repairable or manifests.read(repo.repo, repo.commit) is not None
        return found if ours else None

    def unmade_starter(self, source: Path) -> Model:
        """The starter before its folder is made, from the cache when its GGUF file is the same."""
        found = source.stat()
        stamp = f"{source} {found.st_size} {found.st_mtime_ns}"
        # under its folder in this home, for its record holds that path
        return self._look(starter.folder(), lambda: _starter_before_it_is_made(source), stamp)

    def save(self) -> None:
        """Write library.json. Failing to costs nothing but time at the next look."""
        if self._now == self._before:
            return
        file = paths.library_file()
        # of this thread: a window lists on several
        draft = file.with_name(f"{file.name}.{os.getpid()}-{threading.get_ident()}")
        try:
            draft.write_bytes(msgspec.json.encode(_CacheFile(_VERSION, self._now)))
            draft.replace(file)
        except OSError as error:
            log.info("the library is not remembered: %s", error)
            draft.unlink(missing_ok=True)

    def _look(self, folder: Path, make: Callable[[], Model], stamp: str) -> Model:
        entry = self._before.get(str(folder))
        if entry is None or entry.stamp != stamp or not stamp:
            entry = _CachedEntry(stamp, make())
        self._now[str(folder)] = entry
        return entry.model


def model(folder: Path, title: str = "") -> Model:
    """The model in a folder; one that can't be used says why. title: where no record has one. Never raises."""
    try:
        return _model(folder, title)
    except (errors.StillroomError, OSError) as error:
        problem = error.text if isinstance(error, errors.StillroomError) else str(error)
        return _unusable(folder, title or folder.name, problem)


def _model(folder: Path, title: str) -> Model:
    facts = inspection.inspect(folder)
    record = checkpoint.read_record(folder)
    title = record.title if record else title or folder.name
    made = record.created if record else _modified(folder)
    return Model(
        name=folder.name,
        title=title,
        path=str(folder),
        architecture=facts.architecture,
        family=families.family_of(f"{folder.name} {title}", facts.architecture, facts.chat_template).id,
        params=facts.params,
        bits=facts.bits,
        size_bytes=facts.size_bytes,
        context_limit=facts.context_limit,
        source=record.source if record else "",
        created=made,
        licence=record.licence if record else "",
        repo=record.repo if record else "",
        revision=record.revision if record else "",
        recipe=record.recipe if record else "",
        base=record.base if record else "",
        card=record.card if record else None,
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
        if record is None or absent:
            return _unusable(folder, folder.name, f"There is no {absent or checkpoint.RECORD} in it.", "adapter")
        return Model(
            name=folder.name,
            title=record.title,
            path=str(folder),
            architecture="",
            family="",
            params=0,
            bits=0.0,
            size_bytes=checkpoint.folder_size(folder),
            context_limit=0,
            source=record.source,
            created=record.created,
            licence=record.licence,
            kind="adapter",
            repo=record.repo,
            base=record.base,
        )
    except (errors.StillroomError, OSError) as error:
        return _unusable(
            folder, folder.name, error.text if isinstance(error, errors.StillroomError) else str(error), "adapter"
        )


def with_last_use(found: Model) -> Model:
    """The same model with the time of its last use, which changes more often than anything in its folder."""
    mark = paths.used_folder() / quote(found.name, safe="")
    return msgspec.structs.replace(found, last_used=_modified(mark))


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
    return Model(
        name=starter.NAME,
        title=starter.TITLE,
        path=str(starter.folder()),
        architecture=architecture,
        family=families.family_of(
            f"{starter.NAME} {starter.TITLE}", architecture, header.text("tokenizer.chat_template")
        ).id,
        params=params,
        bits=round(8 * n_bytes / params, 2),
        size_bytes=source.stat().st_size,
        context_limit=header.integer(f"{architecture}.context_length"),
        source=f"{starter.DISTRIBUTION}: {source.name}",
        created="",
        licence=header.text("general.license"),
    )


def _unusable(folder: Path, title: str, problem: str, kind: Kind = "model") -> Model:
    record = _record(folder)
    return Model(
        name=folder.name,
        title=record.title if record else title,
        path=str(folder),
        architecture="",
        family="",
        params=0,
        bits=0.0,
        size_bytes=_size(folder),
        context_limit=0,
        source=record.source if record else "",
        created=record.created if record else _modified(folder),
        state="broken",
        problem=problem,
        kind=kind,
        repo=record.repo if record else "",
        revision=record.revision if record else "",
        recipe=record.recipe if record else "",
        repairable=bool(record and record.repo and record.recipe),
    )


def _record(folder: Path) -> checkpoint.ModelRecord | None:
    try:
        return checkpoint.read_record(folder)
    except errors.Corrupt:
        return None


def _size(folder: Path) -> int:
    try:
        return checkpoint.folder_size(folder)
    except OSError:
        return 0


def _modified(folder: Path) -> str:
    try:
        return datetime.fromtimestamp(folder.stat().st_mtime, UTC).isoformat(timespec="seconds")
    except OSError:
        return ""


def _stamp(folder: Path) -> str:
    """A digest of the folder's file names, sizes and times; empty when it can't be read."""
    digest = hashlib.blake2b(digest_size=12)
    try:
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                found = entry.stat()
                digest.update(f"{entry.name}\0{found.st_size}\0{found.st_mtime_ns}\0".encode())
    except OSError:
        return ""
    return digest.hexdigest()


def _stamp_of_repo(repo: cache.CachedRepo) -> str:
    """A digest of a repository's files in the cache."""
    return f"{repo.commit} {repo.size_bytes} {repo.modified} {len(repo.missing)} {repo.complete}"


def _remembered() -> dict[str, _CachedEntry]:
    try:
        found = msgspec.json.decode(paths.library_file().read_bytes(), type=_CacheFile)
    except (OSError, msgspec.MsgspecError):
        return {}
    return found.folders if found.version == _VERSION else {}
