"""Reads a snapshot of the Hub's cache back: is every byte of it what its hash says."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from models import errors
from models.hub import cache, manifests


def verify(repo: str, commit: str | None = None) -> Iterator[tuple[str, bool]]:
    """Read every file of a commit and yield its path and whether its bytes are what their hash says.

    commit: what the cache gives when None. Blobs are named after their hash, so it works for what other tools
    downloaded too. Raises NotFound when there is no snapshot.
    """
    known = cache.find(repo)
    at = commit or (known.commit if known else "")
    linked = cache.snapshot(repo, at)
    if not at or not linked.is_dir():
        raise errors.NotFound(f"{repo} is not on this disk.")
    if (manifest := manifests.read(repo, at)) is not None:
        named = {file.path: (file.blob, file.size) for file in manifest.files}
    else:
        targets = ((path.name, path.resolve()) for path in sorted(linked.iterdir()))
        named = {name: (target.name, target.stat().st_size if target.exists() else 0) for name, target in targets}
    for path, (name, size) in named.items():
        file = linked / path
        yield path, file.is_file() and file.stat().st_size == size and hash_of(file, name, size) == name


def hash_of(file: Path, name: str, size: int) -> str:
    """The hash of a file of that size, of the kind by which it is called `name`."""
    digest = cache.new_digest(name, size)
    with file.open("rb") as content:
        return hashlib.file_digest(content, lambda: digest).hexdigest()
