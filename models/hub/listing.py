"""What the Hub says a repository holds, checked before a byte is written, and which of its files are needed.

A name, a hash or a size of the Hub becomes a path, a link or an amount of disk here, and whoever answers as the Hub
chooses them. So each must have the form it ought to have, and a repository with one that has not is refused whole.
"""

import re
import unicodedata
from collections.abc import Iterable
from typing import Any

import msgspec

from models import errors, leftovers
from models.checkpoint import formats, model_files

MAX_FILES = 20_000  # of a repository
MAX_WEIGHTS_BYTES = 1 << 40  # of one file of weights
MAX_OTHER_BYTES = 1 << 29
MAX_PART_BYTES = 255  # of one part of a path: what file systems take

_REPO = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?", re.ASCII)
_REVISION = re.compile(r"[A-Za-z0-9][\w.+/-]{0,199}", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NEEDED = re.compile(
    r"[^.].*\.(json|safetensors|jinja|txt|model)|tokenizer\.[^.]+|(LICEN[SC]E|NOTICE|COPYING|USE_POLICY)(\.(md|txt))?"
)
# Of other libraries: weights as pickle, their indexes, the same weights in another precision or layout.
_NOT_NEEDED = re.compile(
    r".*\.(py|bin|pth|pt|ckpt|onnx|gguf|msgpack|h5|pkl|pickle|so|dylib)|(pytorch_model|tf_model|flax_model)\..*"
)
_WEIGHTS = ".safetensors"
_MODEL = re.compile(r"model(-\d+-of-\d+)?\.safetensors")
_PICKLES = (".bin", ".pth", ".pt", ".ckpt")


class RemoteFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a repository."""

    path: str
    size: int
    blob: str  # its name in the cache, the sha256 of an LFS file, git's sha1 of another

    @property
    def is_weights(self) -> bool:
        return self.path.endswith(_WEIGHTS)


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """A repository at a commit."""

    repo: str
    commit: str
    files: list[RemoteFile]
    config: dict[str, Any] = {}  # what the Hub tells of config.json
    licence: str = ""
    base: str = ""  # what it was made from, by its card; empty when not known

    @property
    def architecture(self) -> str:
        """config.json's model_type, or empty."""
        name = self.config.get("model_type")
        return name[:80] if isinstance(name, str) else ""

    def check_format(self, config: dict[str, Any] | None = None) -> None:
        """Refuse weights in a format that can't be read. config: its config.json, what the Hub tells when None."""
        paths = [file.path for file in self.files]
        formats.check(self.repo, self.config if config is None else config, paths, base=self.base)


def checked_repo(repo: str) -> str:
    """A repository's name. Raises BadInput when it can't be one."""
    if _REPO.fullmatch(repo) is None or "--" in repo or ".." in repo or repo.endswith((".git", ".", "-")):
        raise errors.BadInput(f"{repo!r} is no name of a repository.", "It reads owner/name, as on the Hub.")
    return repo


def checked_revision(revision: str) -> str:
    """A branch, tag or commit. Raises BadInput when it can't be one: it becomes a file's name."""
    parts = revision.split("/")
    odd = any(part.startswith(".") or part.endswith((".", ".lock")) or not part for part in parts)
    if _REVISION.fullmatch(revision) is None or ".." in revision or odd:
        raise errors.BadInput(f"{revision!r} is no name of a revision.", "Give a branch, a tag or a commit.")
    return revision


def is_commit(text: str) -> bool:
    """Whether it is a full commit hash."""
    return _COMMIT.fullmatch(text) is not None


def checked_file(repo: str, path: object, size: object, sha1: object, sha256: object) -> RemoteFile:
    """A file as the Hub lists it. Raises Unsafe for a name that leads elsewhere, Corrupt for no hash or size."""
    if not isinstance(path, str) or not _stays_inside(path):
        text = f"{repo} holds a file named {path!r}, which can't be stored safely."
        raise errors.Unsafe(text, "It is not downloaded.")
    most = MAX_WEIGHTS_BYTES if path.endswith((_WEIGHTS, *_PICKLES, ".gguf")) else MAX_OTHER_BYTES
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= most:
        if _is_needed(path):
            raise errors.Corrupt(f"The Hub gives {path} of {repo} an impossible size.", "Try again later.")
        size = 0  # it is never fetched
    blob = sha256 if sha256 is not None else sha1
    pattern = _COMMIT if sha256 is None else _SHA256
    if not isinstance(blob, str) or pattern.fullmatch(blob) is None:
        raise errors.Corrupt(f"The Hub gives {path} of {repo} a hash that is none.", "It is not downloaded.")
    return RemoteFile(path=path, size=size, blob=blob)


def needed(listing: Listing) -> list[RemoteFile]:
    """The files needed to run the model, small ones first. Raises with the reason when there is nothing to run."""
    at_root = [file for file in listing.files if _is_needed(file.path)]
    indexed = any(file.path == model_files.INDEX for file in at_root)
    weights = _one_set([file for file in at_root if file.is_weights], indexed)
    if not weights:
        raise _without_weights(listing)
    if not any(file.path == "config.json" for file in at_root):
        raise errors.Unsupported(f"{listing.repo} has no config.json: it is no model that Stillroom can run.")
    chosen = sorted([file for file in at_root if not file.is_weights] + weights, key=lambda file: file.size)
    _refuse_twins(listing.repo, chosen)
    return chosen


def _stays_inside(path: str) -> bool:
    """Whether a name from the Hub is safe as a relative path: nothing that leads out or that a disk reads differently."""
    if not path or "\\" in path or not path.isprintable() or re.match(r"[A-Za-z]:", path):
        return False
    parts = path.split("/")
    try:
        short = all(len(part.encode("utf-8")) <= MAX_PART_BYTES for part in parts)
    except UnicodeEncodeError:
        return False
    return short and not any(part in ("", ".", "..") for part in parts)


def _is_needed(path: str) -> bool:
    if "/" in path or leftovers.is_leftover(path):
        return False
    return _NEEDED.fullmatch(path) is not None and _NOT_NEEDED.fullmatch(path) is None


def _one_set(weights: list[RemoteFile], indexed: bool) -> list[RemoteFile]:
    """One copy of the weights: transformers' names where they exist, else whatever there is. Adapters are left out."""
    own = [file for file in weights if _MODEL.fullmatch(file.path)]
    if indexed and len(own) > 1:  # the index goes before an older file of the whole model beside its shards
        own = [file for file in own if file.path != "model.safetensors"]
    named = [file for file in weights if file.path.startswith("model")]
    other = [file for file in weights if not file.path.startswith(("adapter_", "optimizer", "consolidated"))]
    last = [file for file in weights if file.path.startswith("consolidated")]
    return own or named or other or last


def _without_weights(listing: Listing) -> errors.StillroomError:
    names, repo = [file.path for file in listing.files], listing.repo
    if "adapter_model.safetensors" in names:
        return errors.Unsupported(f"{repo} is an adapter, not a model.", "Get the model that it belongs to.")
    return errors.Unsupported(f"{repo} holds no weights in safetensors files.", "Get another repository.")


def _refuse_twins(repo: str, files: Iterable[RemoteFile]) -> None:
    """A Mac's disk takes Config.json and config.json, or é and e + accent, for one name."""
    seen: dict[str, str] = {}
    for file in files:
        key = unicodedata.normalize("NFC", unicodedata.normalize("NFC", file.path).casefold())
        if key in seen:
            text = f"{repo} holds both {seen[key]!r} and {file.path!r}, which a Mac's disk takes for one file."
            raise errors.Unsafe(text, "It is not downloaded.")
        seen[key] = file.path
