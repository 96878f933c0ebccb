"""A file of a data set of the Hub, fetched once, with the care that models get: pinned to a commit, hashed, resumed.

It lies in the standard cache, as huggingface_hub's own downloads do, and is found there without the network. Imports
the HTTP library only when it has to fetch.
"""

import threading
from collections.abc import Generator, Sequence
from contextlib import suppress
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from models import errors, waiting
from models.events import Event, Progress
from models.hub import cache, listing, manifests

if TYPE_CHECKING:
    from models.hub import transfer
    from models.hub.transfer import RetryPolicy


ABORT_S = 0.8  # what a cancel waits for a transfer, which ends at once unless it is connecting


class DataFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a data set on this disk."""

    path: Path
    repo: str  # owner/name
    commit: str
    licence: str = ""


def find(repo: str, patterns: Sequence[str], revision: str = "main") -> DataFile | None:
    """The file that is in the cache already: the first that fits a pattern, in the patterns' order; None without one."""
    named = manifests.DATASETS + listing.checked_repo(repo)
    commit = revision if listing.is_commit(revision) else _pinned(named, revision)
    folder = cache.snapshot(named, commit) if commit else None
    if folder is None or not folder.is_dir():
        return None
    names = [str(path.relative_to(folder)) for path in sorted(folder.rglob("*")) if path.is_file()]
    chosen = _first(names, patterns)
    manifest = manifests.read(named, commit)
    licence = manifest.licence if manifest else ""
    return DataFile(path=folder / chosen, repo=repo, commit=commit, licence=licence) if chosen else None


def fetch(
    repo: str, patterns: Sequence[str], revision: str = "main", *, patience: "RetryPolicy | None" = None
) -> Generator[Event, None, DataFile]:
    """Have the file in the cache, and return where. patterns: of its name, the best first.

    Raises BadInput, NotFound, Denied, Offline, Unsafe, DiskFull, Corrupt.
    """
    if (known := find(repo, patterns, revision)) is not None:
        return known
    from models.hub import client, endpoint, transfer

    named = manifests.DATASETS + listing.checked_repo(repo)
    listing.checked_revision(revision)
    endpoint.check_use()
    patient, stop = patience or transfer.RetryPolicy(), threading.Event()
    found = yield from waiting.waited_for(
        lambda: client.dataset_listing(named, revision, lambda seconds: patient.sleep(stop, seconds)),
        lambda: Progress(stage="ask", done=0, total=0, unit="bytes"),
    )
    name = _first([file.path for file in found.files], patterns)
    if name is None:
        raise errors.NotFound(f"{repo} has no file {' or '.join(patterns)} any more.", "Give the problems as a file.")
    if listing.is_commit(revision) and found.commit != revision:
        raise errors.Unsafe(
            f"The Hub answers with another commit of {repo} than was asked for.", "It is not downloaded."
        )
    file = next(one for one in found.files if one.path == name)
    with errors.disk_faults(f"writing {repo}", writing=True):
        yield from _carried(transfer.Connection(named, found.commit, patient, lambda _: None, stop), file)
        kept = manifests.Kept(path=file.path, size=file.size, blob=file.blob)
        known_files = manifests.read(named, found.commit)
        others = [one for one in known_files.files if one.path != file.path] if known_files else []
        manifest = manifests.Manifest(
            repo=named, commit=found.commit, revision=revision, files=[*others, kept], licence=found.licence
        )
        manifests.write(manifest)
        linked = cache.link(manifest)
    return DataFile(path=linked / file.path, repo=repo, commit=found.commit, licence=found.licence)


def _carried(connection: "transfer.Connection", file: listing.RemoteFile) -> Generator[Event, None, None]:
    from models.hub import transfer

    one, ended = transfer.Transfer(connection, file), threading.Event()

    def run() -> None:
        try:
            one.run()
        finally:
            ended.set()

    def progress() -> Event:
        return Progress(stage="download", done=one.done, total=file.size, unit="bytes")

    try:
        yield progress()
        yield from waiting.waited_for(run, progress)
        yield progress()
    finally:
        connection.abort()
        if ended.wait(ABORT_S):
            connection.close()


def _pinned(named: str, revision: str) -> str:
    """The commit that a branch stood for when it was fetched."""
    with suppress(OSError, UnicodeDecodeError):
        commit = (cache.folder(named) / "refs" / revision).read_text("ascii").strip()
        return commit if listing.is_commit(commit) else ""
    return ""


def _first(names: Sequence[str], patterns: Sequence[str]) -> str | None:
    return next((name for pattern in patterns for name in sorted(names) if fnmatch(name, pattern)), None)
