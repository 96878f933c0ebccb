"""The standard Hugging Face cache: its layout, what it holds, what is missing, and how it gets or loses a repository.

    hub/models--OWNER--NAME/
      blobs/HASH                    sha256 of an LFS file, git's sha1 of another
      blobs/HASH.stillroom.part     what a download of ours has so far (models/hub/transfer.py)
      snapshots/COMMIT/FILE         a relative link to its blob
      refs/main                     the commit that a branch stood for
    hub/.locks/models--OWNER--NAME/HASH.lock    who writes a blob: huggingface_hub and Stillroom wait for each other

Every other tool finds here what Stillroom downloads. The links are made by us: huggingface_hub would name files after
what the server says in its headers, and a snapshot appears whole here, after its last file. What belongs in one is kept
in a manifest of ours beside the cache (STILLROOM_HOME/manifests), so that it can be checked without the network.
"""

import errno
import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from models import errors, leftovers, paths
from models.checkpoint import bounded_files, folders, model_files
from models.checkpoint.model_files import INDEX
from models.hub import listing, manifests

if TYPE_CHECKING:
    import filelock

PART = ".stillroom.part"
READ_BYTES = 1 << 20
STALE_S = 24 * 3600.0  # huggingface_hub's own half files, which it never goes on with
_DELETED = ".stillroom-deleted-"


class CachedRepo(msgspec.Struct, frozen=True, kw_only=True):
    """A repository in the cache."""

    repo: str
    commit: str  # the one that main stood for, or the newest
    snapshot: Path | None  # its folder, None when it has not been linked yet
    size_bytes: int  # of all that is there, half files too
    missing: list[str]  # files of the commit that are not whole on this disk
    modified: str  # ISO 8601, UTC

    @property
    def complete(self) -> bool:
        return self.snapshot is not None and not self.missing


def folder(repo: str) -> Path:
    """Where a repository is or will be."""
    return paths.hub_cache() / manifests.folder_name(repo)


def blob(repo: str, name: str) -> Path:
    """Where a blob is or will be."""
    return folder(repo) / "blobs" / name


def part(repo: str, name: str) -> Path:
    """Where a blob is written while it downloads."""
    return folder(repo) / "blobs" / f"{name}{PART}"


def present_bytes(repo: str, name: str) -> int:
    """How much of a blob is there, or of its download."""
    return max(size_of(blob(repo, name)), size_of(part(repo, name)))


def size_of(path: Path) -> int:
    """A file's bytes, 0 without one."""
    with suppress(OSError):
        return path.stat().st_size
    return 0


def snapshot(repo: str, commit: str) -> Path:
    """The folder of a commit's files."""
    return folder(repo) / "snapshots" / commit


def lock(repo: str, name: str) -> "filelock.FileLock":
    """The lock for writing a blob: the same file that huggingface_hub locks."""
    import filelock  # it brings asyncio along

    file = paths.hub_cache() / ".locks" / folder(repo).name / f"{name}.lock"
    file.parent.mkdir(parents=True, exist_ok=True)
    return filelock.FileLock(file)


def new_digest(name: str, size: int) -> "hashlib._Hash":
    """The hash for a blob of that name and size: sha256 where the name is as long as one, else git's sha1."""
    # git names a file after the sha1 of a header and its bytes
    return hashlib.sha256() if len(name) == 64 else hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)


def repos() -> list[CachedRepo]:
    """All model repositories of the cache by name, incomplete ones included. Never raises because of one of them."""
    places = (paths.hub_cache() / name for name in _names(paths.hub_cache()) if name.startswith(manifests.FOLDER))
    found = (_described(place) for place in places if place.is_dir())
    return sorted((one for one in found if one is not None), key=lambda one: one.repo.lower())


def find(repo: str) -> CachedRepo | None:
    """One repository, whatever its folder is called; None when there is nothing of it."""
    place = folder(repo)
    if not repo or place.parent != paths.hub_cache() or repo.startswith((".", "/", "~")) or not place.is_dir():
        return None  # a path may look like a name
    found = _described(place)
    return found if found is not None and found.repo == repo else None


def missing(repo: str, commit: str) -> list[str]:
    """Files of a commit that are not there, or not of their size. Asks no network and reads no bytes of weights.

    With a manifest of ours it is known which belong there; without one, links that lead nowhere and the weights that
    the index names are. Raises NotFound when nothing is known of that commit.
    """
    return _missing(str(folder(repo)), manifests.read(repo, commit), repo, commit)


def link(manifest: manifests.Manifest) -> Path:
    """Make the snapshot of a commit, all blobs of which are there, and let its branch point to it; returns its folder."""
    linked = snapshot(manifest.repo, manifest.commit)
    linked.mkdir(parents=True, exist_ok=True)
    for file in manifest.files:
        place = linked / file.path
        place.parent.mkdir(parents=True, exist_ok=True)  # a file of a data set may stand in a folder
        if not _has_size(str(place), file.size):
            _link(blob(manifest.repo, file.blob), place)
    folders.sync(linked)
    if not listing.is_commit(manifest.revision):
        ref = folder(manifest.repo) / "refs" / manifest.revision
        ref.parent.mkdir(parents=True, exist_ok=True)
        draft = ref.with_name(f"{ref.name}.{os.getpid()}.tmp")
        with folders.taken_back(draft):
            draft.write_bytes(manifest.commit.encode())  # as the cache's other files: who shares it reads it too
            folders.sync(draft)
            draft.replace(ref)
    return linked


def delete(repo: str) -> int:
    """Remove a repository from the cache; returns the bytes that gives back.

    A file that is linked from elsewhere too, such as weights that were imported into the library, gives nothing back.
    Raises Busy while it is being downloaded, NotFound when it is not there.
    """
    place = folder(repo)
    if place.parent != paths.hub_cache() or not place.is_dir():
        raise errors.NotFound(f"{repo} is not on this disk.", "`stillroom list` shows what is.")
    if place.is_symlink():  # of a link the link alone goes
        place.unlink()
        return 0
    with _holding_all(repo, place), errors.disk_faults(f"writing to {place.parent}", writing=True):
        freed = _own_bytes(place)
        gone = place.with_name(f"{_DELETED}{os.getpid()}-{time.time_ns()}")
        place.rename(gone)  # first out of sight as one, so that no half of it is ever found
        shutil.rmtree(gone, ignore_errors=True)
        shutil.rmtree(manifests.place(repo), ignore_errors=True)
    shutil.rmtree(paths.hub_cache() / ".locks" / place.name, ignore_errors=True)
    return freed


def discard(repo: str) -> int:
    """Remove what an unfinished download left, for one that its user gave up; returns the bytes that gives back.

    What is whole stays: other commits of the repository, and files that they share. Raises Busy while it runs.
    """
    place = folder(listing.checked_repo(repo))
    for manifest in manifests.of_repo(repo):
        if not snapshot(repo, manifest.commit).is_dir():
            manifests.remove(manifest)
    if not place.is_dir():
        return 0
    if not _names(place / "snapshots"):
        return delete(repo)
    with _holding_all(repo, place):
        return sum(_removed(file) for file in (place / "blobs").glob(f"*{PART}"))


def sweep() -> int:
    """Remove what nobody will go on with; returns the bytes that gives back.

    That is huggingface_hub's half files older than a day, half files of ours beside the whole one, and deleted
    repositories whose removal was cut short. Half files of ours stay otherwise: the download goes on with them.
    """
    freed = 0
    before = time.time() - STALE_S
    for file in paths.hub_cache().glob(f"{manifests.FOLDER}*/blobs/*.incomplete"):
        if file.lstat().st_mtime < before:
            freed += _removed(file)
    for file in paths.hub_cache().glob(f"{manifests.FOLDER}*/blobs/*{PART}"):
        if file.with_name(file.name.removesuffix(PART)).exists():
            freed += _removed(file)
    for gone in paths.hub_cache().glob(f"{_DELETED}*"):
        freed += _own_bytes(gone)
        shutil.rmtree(gone, ignore_errors=True)
    return freed


# What follows is asked of every repository at every listing, so paths are strings here: pathlib would take longer than
# the disk does.


def _described(place: Path) -> CachedRepo | None:
    repo = place.name.removeprefix(manifests.FOLDER).replace("--", "/", 1)
    at = str(place)
    try:
        size, seconds = _size(at)
        commit, linked, lost = _commit(repo, at), None, ["config.json"]
        if commit is not None:
            lost = _missing(at, manifests.read(repo, commit), repo, commit)
            linked = place / "snapshots" / commit if os.path.isdir(f"{at}/snapshots/{commit}") else None
        elif size == 0:  # else another tool was stopped while it downloaded them: files of unknown origin
            return None
    except (OSError, errors.StillroomError):
        return None
    modified = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
    return CachedRepo(repo=repo, commit=commit or "", snapshot=linked, size_bytes=size, missing=lost, modified=modified)


def _commit(repo: str, place: str) -> str | None:
    """The commit of main, when a snapshot of it is there; else the newest one, else the one that is on its way."""
    commits = [name for name in _names(f"{place}/snapshots") if listing.is_commit(name)]
    if len(commits) == 1:
        return commits[0]
    if commits:
        main = ""
        with suppress(OSError), open(f"{place}/refs/main", encoding="ascii", errors="replace") as ref:
            main = ref.read(100).strip()
        return main if main in commits else max(commits, key=lambda name: os.stat(f"{place}/snapshots/{name}").st_mtime)
    on_the_way = manifests.of_repo(repo)
    return on_the_way[-1].commit if on_the_way else None


def _missing(place: str, manifest: manifests.Manifest | None, repo: str, commit: str) -> list[str]:
    linked = f"{place}/snapshots/{commit}"
    if manifest is not None:
        return [
            file.path
            for file in manifest.files
            if not leftovers.is_leftover(file.path)  # earlier versions took them along, others tidy them away
            and not _has_size(f"{linked}/{file.path}", file.size)
            and not _has_size(f"{place}/blobs/{file.blob}", file.size)
        ]
    if not os.path.isdir(linked):
        raise errors.NotFound(
            f"Nothing of {repo} at {commit[:12]} is on this disk.", f"`stillroom pull {repo}` gets it."
        )
    return _missing_links(linked)


def _has_size(path: str, size: int) -> bool:
    with suppress(OSError):
        return os.stat(path).st_size == size
    return False


def _missing_links(linked: str) -> list[str]:
    """What a snapshot made by another tool lacks, as far as can be seen."""
    names = _names(linked)
    lost = [name for name in names if not os.path.exists(f"{linked}/{name}")]
    if "config.json" not in names:
        lost.append("config.json")
    if INDEX in names and INDEX not in lost:
        try:
            index = bounded_files.read_bounded(Path(linked, INDEX), model_files.MAX_TOKENIZER_BYTES)
            wanted = model_files.indexed_files(msgspec.json.decode(index, type=_Index).weight_map)
        except (msgspec.MsgspecError, OSError, UnicodeDecodeError, RecursionError, errors.StillroomError):
            return [*lost, INDEX]
        lost += sorted(wanted - set(names))
    elif not any(name.endswith(".safetensors") for name in names):
        lost.append("model.safetensors")
    return lost


class _Index(msgspec.Struct):
    weight_map: dict[str, str]


def _link(target: Path, place: Path) -> None:
    """Point to a blob: a relative link, or on a disk without links a hard one, or the file itself."""
    place.unlink(missing_ok=True)
    try:
        place.symlink_to(os.path.relpath(target, place.parent))
        return
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EACCES, errno.ENOSYS):
            raise
    try:
        os.link(target, place)
    except OSError:
        target.rename(place)


@contextmanager
def _holding_all(repo: str, place: Path) -> Iterator[None]:
    """Hold the locks of all unfinished files, so that none of them is being written."""
    import filelock

    with ExitStack() as held:
        for file in (place / "blobs").glob(f"*{PART}"):
            try:
                held.enter_context(lock(repo, file.name.removesuffix(PART)).acquire(blocking=False))
            except filelock.Timeout:
                raise errors.Busy(f"{repo} is being downloaded.", "Stop the download first.") from None
        yield


def _size(place: str) -> tuple[int, float]:
    """Bytes of all blobs of a repository, and when the newest was written."""
    total, newest = 0, 0.0
    with suppress(FileNotFoundError):
        for entry in os.scandir(f"{place}/blobs"):
            with suppress(OSError):  # a link that leads nowhere
                about = entry.stat()
                total += about.st_size
                newest = max(newest, about.st_mtime)
    return total, newest or os.stat(place).st_mtime


def _own_bytes(place: Path) -> int:
    """What removing a folder gives back: files all of whose links are in it."""
    links: dict[tuple[int, int], list[int]] = {}
    for parent, _, names in os.walk(place):
        for name in names:
            about = os.lstat(os.path.join(parent, name))
            if not os.path.islink(os.path.join(parent, name)):
                seen = links.setdefault((about.st_dev, about.st_ino), [0, about.st_nlink, about.st_size])
                seen[0] += 1
    return sum(size for count, of, size in links.values() if count == of)


def _removed(file: Path) -> int:
    size = file.lstat().st_size
    file.unlink(missing_ok=True)
    return size


def _names(place: str | Path) -> list[str]:
    with suppress(OSError):
        names = os.listdir(place)
        return sorted(name for name in names if name.startswith(manifests.FOLDER) or not leftovers.is_leftover(name))
    return []
