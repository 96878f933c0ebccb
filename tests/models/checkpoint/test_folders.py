import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from models.checkpoint import folders


def _replace(path: Path) -> None:
    path.write_bytes(b"old")
    folders.replace_file(path, b"new and longer")


@pytest.mark.parametrize(
    ("write", "left"),
    [
        (_replace, b"old"),
        (lambda path: folders.write_file(path, b"new"), None),
        (lambda path: folders.copy_file(Path(__file__), path), None),
    ],
)
@pytest.mark.parametrize("at_the_end", [False, True])
def test_what_a_full_disk_took_half_of_is_taken_back(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    write: Callable[[Path], None],
    left: bytes | None,
    at_the_end: bool,
) -> None:
    path = tmp_path / "record.json"

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    def half(target: object, *_: object) -> None:
        Path(os.fsdecode(str(target))).touch()
        full()

    with monkeypatch.context() as patch:
        if at_the_end:
            patch.setattr(os, "fsync", full)
        elif left is None:
            patch.setattr(Path, "write_bytes", half)
            patch.setattr(shutil, "copyfile", lambda _, target: half(target))
        else:
            patch.setattr(Path, "replace", full)
        with pytest.raises(OSError, match="No space"):
            write(path)
    assert {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()} == (
        {} if left is None else {path.name: left}
    )
