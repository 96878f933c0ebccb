"""The private folder for temporary files of an engine process."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import platformdirs
import pytest

from models import paths
from models.machine import scratch


def test_it_is_private_and_keeps_what_was_compiled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda *_args, **_more: str(tmp_path / "cache"))
    folder = scratch.make()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert folder.is_relative_to(paths.home())
    (folder / "mlx" / "kernel.so").touch()
    (folder / "other").touch()
    scratch.remove(folder)
    assert not folder.exists()
    assert stat.S_IMODE(paths.compiled_folder().stat().st_mode) == 0o700
    assert [file.name for file in paths.compiled_folder().iterdir()] == ["kernel.so"]


def test_what_a_killed_process_left_is_removed_by_the_next() -> None:
    gone = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True, check=True
    )
    left = paths.scratch_folder() / f"{gone.stdout.strip()}-abc"
    mine = paths.scratch_folder() / f"{os.getpid()}-abc"
    for folder in (left, mine):
        folder.mkdir()
        (folder / "half").touch()
    scratch.make()
    assert not left.exists()
    assert mine.exists()
