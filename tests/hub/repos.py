"""Repositories of the hub on loopback: files in memory or on disk, commits, and what the Hub tells about them."""

import hashlib
import json
import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

LFS_SUFFIXES = (".safetensors", ".bin", ".gguf", ".model", ".pth", ".onnx")
LFS_FROM_BYTES = 10_000_000
MODIFIED = "2026-05-01T12:00:00.000Z"
READ_BYTES = 1 << 20


@dataclass
class File:
    """One file. content: its bytes, or where they are on this disk."""

    path: str
    content: bytes | Path

    @cached_property
    def size(self) -> int:
        return self.content.stat().st_size if isinstance(self.content, Path) else len(self.content)

    @cached_property
    def lfs(self) -> bool:
        return self.path.endswith(LFS_SUFFIXES) or self.size > LFS_FROM_BYTES

    @cached_property
    def sha256(self) -> str:
        return self._hash(hashlib.sha256())

    @cached_property
    def blob_id(self) -> str:
        """Git's name: of the file, or of the pointer that stands for it in git when it is kept with LFS."""
        if not self.lfs:
            return self._hash(hashlib.sha1(b"blob %d\0" % self.size))
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {self.size}\n".encode()
        return hashlib.sha1(b"blob %d\0" % len(pointer) + pointer).hexdigest()

    @property
    def etag(self) -> str:
        return self.sha256 if self.lfs else self.blob_id

    def chunks(self, start: int, stop: int) -> Iterator[bytes | memoryview]:
        """The bytes from start to before stop, or to the end, a piece at a time."""
        stop = min(stop, self.size)
        if isinstance(self.content, bytes):
            view = memoryview(self.content)
            for at in range(start, stop, READ_BYTES):
                yield view[at : min(at + READ_BYTES, stop)]
            return
        with self.content.open("rb") as file:
            file.seek(start)
            left = stop - start
            while left > 0 and (piece := file.read(min(READ_BYTES, left))):
                left -= len(piece)
                yield piece

    def sibling(self) -> dict[str, Any]:
        """As it stands in the model's information."""
        known: dict[str, Any] = {"rfilename": self.path, "size": self.size, "blobId": self.blob_id}
        if self.lfs:
            known["lfs"] = {"sha256": self.sha256, "size": self.size, "pointerSize": 134}
        return known

    def entry(self) -> dict[str, Any]:
        """As it stands in a listing of the tree."""
        known: dict[str, Any] = {"type": "file", "oid": self.blob_id, "size": self.size, "path": self.path}
        if self.lfs:
            known["lfs"] = {"oid": self.sha256, "size": self.size, "pointerSize": 134}
        return known

    def _hash(self, digest: "hashlib._Hash") -> str:
        for piece in self.chunks(0, self.size):
            digest.update(piece)
        return digest.hexdigest()


@dataclass
class Repo:
    """A model repository. Its commits are kept, so that an older one can still be asked for."""

    id: str
    gated: bool = False
    private: bool = False
    downloads: int = 0
    likes: int = 0
    licence: str = "apache-2.0"
    tags: list[str] = field(default_factory=list)
    commits: dict[str, dict[str, File]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)

    def commit(self, files: Mapping[str, bytes | Path], ref: str = "main") -> str:
        """Make these the files of a branch; returns the commit. Files named as before and equal keep their hash."""
        known = {path: File(path, content) for path, content in files.items()}
        listing = f"{self.id} {len(self.commits)} {sorted(known)!r}"
        sha = hashlib.sha1(listing.encode("utf-8", "replace")).hexdigest()
        self.commits[sha] = known
        self.refs[ref] = sha
        return sha

    @property
    def main(self) -> str:
        """The commit that main points to."""
        return self.refs["main"]

    def file(self, path: str) -> File:
        """A file of main."""
        return self.commits[self.main][path]

    def resolve(self, revision: str) -> str | None:
        """The commit of a branch, a tag or a commit; None when there is no such revision."""
        return self.refs.get(revision, revision if revision in self.commits else None)

    def info(self, commit: str, with_blobs: bool) -> dict[str, Any]:
        """What the Hub says of the model."""
        files = self.commits[commit].values()
        siblings = [file.sibling() if with_blobs else {"rfilename": file.path} for file in files]
        return {**self.summary(), "sha": commit, "siblings": siblings}

    def summary(self) -> dict[str, Any]:
        """What a search says of it."""
        config = self._config()
        params = sum(_params(file) for file in self.commits[self.main].values() if file.path.endswith(".safetensors"))
        return {
            "id": self.id,
            "modelId": self.id,
            "author": self.id.partition("/")[0],
            "sha": self.main,
            "lastModified": MODIFIED,
            "createdAt": MODIFIED,
            "private": self.private,
            "gated": "auto" if self.gated else False,
            "disabled": False,
            "downloads": self.downloads,
            "likes": self.likes,
            "library_name": "transformers",
            "pipeline_tag": "text-generation",
            "tags": ["transformers", "safetensors", *self.tags, f"license:{self.licence}"],
            "cardData": {"license": self.licence},
            "config": {key: config[key] for key in ("model_type", "architectures") if key in config},
            **({"safetensors": {"parameters": {"F32": params}, "total": params}} if params else {}),
        }

    def _config(self) -> dict[str, Any]:
        file = self.commits[self.main].get("config.json")
        if file is None:
            return {}
        try:
            found = json.loads(b"".join(file.chunks(0, file.size)))
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


def files_of(folder: Path) -> dict[str, Path]:
    """All files below a folder by their path in it."""
    return {str(path.relative_to(folder)): path for path in sorted(folder.rglob("*")) if path.is_file()}


def _params(file: File) -> int:
    """Number of weights, from the header of a safetensors file; 0 when it has none."""
    try:
        head = b"".join(file.chunks(0, min(8, file.size)))
        header = json.loads(b"".join(file.chunks(8, 8 + struct.unpack("<Q", head)[0])))
        return sum(math.prod(entry["shape"]) for name, entry in header.items() if name != "__metadata__")
    except (ValueError, struct.error, KeyError, TypeError, AttributeError, OverflowError):
        return 0
