"""What belongs in a snapshot of the Hugging Face cache, kept beside it so that it can be checked without the network.

One JSON file a commit in STILLROOM_HOME/manifests, written before the first byte is fetched and again after the last.
"""

import os
from pathlib import Path

import msgspec

from models import paths
from models.checkpoint import folders

FOLDER = "models--"  # what the cache puts before a model's name
DATASETS = "datasets/"  # what a data set's name begins with here, as in its address on the Hub


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a manifest."""

    path: str
    size: int
    blob: str
    checked_ns: int = 0  # the blob's modification time when its hash was found right, 0 when never


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What belongs in a snapshot: the files that were chosen of a repository at a commit."""

    repo: str
    commit: str
    revision: str
    files: list[Kept]
    licence: str = ""


def folder_name(repo: str) -> str:
    """The folder name of a repository in the cache and among the manifests."""
    return ("" if repo.startswith(DATASETS) else FOLDER) + repo.replace("/", "--")


def place(repo: str) -> Path:
    """The folder of a repository's manifests."""
    return paths.manifests_folder() / folder_name(repo)


def read(repo: str, commit: str) -> Manifest | None:
    """A snapshot's manifest; None when Stillroom did not download it, or the manifest is damaged."""
    try:
        with open(f"{place(repo)}/{commit}.json", "rb") as file:
            return msgspec.json.decode(file.read(), type=Manifest)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None


def write(manifest: Manifest) -> None:
    """Write a manifest, whole or not at all."""
    file = _file(manifest)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folders.replace_file(file, msgspec.json.encode(manifest))


def checked_blobs(repo: str) -> dict[str, int]:
    """Blobs whose hash was verified, with their modification time then: any change means checking again."""
    return {file.blob: file.checked_ns for manifest in of_repo(repo) for file in manifest.files if file.checked_ns}


def remove(manifest: Manifest) -> None:
    """Delete a manifest."""
    _file(manifest).unlink(missing_ok=True)


def of_repo(repo: str) -> list[Manifest]:
    """The manifests of a repository, the newest last."""
    try:
        names = os.listdir(place(repo))
    except OSError:
        return []
    files = [place(repo) / name for name in names if name.endswith(".json") and not name.startswith(".")]
    files.sort(key=lambda file: file.stat().st_mtime)
    return [manifest for file in files if (manifest := read(repo, file.stem)) is not None]


def _file(manifest: Manifest) -> Path:
    return place(manifest.repo) / f"{manifest.commit}.json"
