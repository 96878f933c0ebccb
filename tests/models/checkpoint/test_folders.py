import os
from collections.abc import Callable
from pathlib import Path

import pytest

from models.checkpoint import folders


def _replace(path: Path) -> None:
    path.write_bytes(b"old")
    folders.replace_file(path, b"new and longer")


@pytest.mark.parametrize(
    ("write", "left", "at"),
    [
        (_replace, b"old", "write"),
        (_replace, b"old", "rename"),
        (lambda path: folders.write_file(path, b"new"), None, "write"),
        (lambda path: folders.copy_file(Path(__file__), path), None, "write"),
    ],
)
def test_what_a_full_disk_took_half_of_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Path], None], left: bytes | None, at: str
) -> None:
    path = tmp_path / "record.json"

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(*((os, "fsync", full) if at == "write" else (Path, "replace", full)))
        with pytest.raises(OSError, match="No space"):
            write(path)
    assert {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()} == (
        {} if left is None else {path.name: left}
    )
