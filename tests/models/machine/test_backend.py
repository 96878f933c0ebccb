"""MLX is asked in another process, and a child that fails is one sentence."""

import os
import sys
from pathlib import Path

import pytest

from models.errors import WorkerDied
from models.machine import backend


def test_a_child_tells() -> None:
    before = set(sys.modules)
    found = backend.probe()
    assert found.kind in ("CPU", "Metal")
    assert found.mlx[0].isdigit()
    assert not {name for name in set(sys.modules) - before if name.split(".")[0] == "mlx"}


def test_a_folder_called_models_is_not_mistaken_for_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "__init__.py").write_text("raise SystemExit('somebody else')")
    monkeypatch.chdir(tmp_path)
    assert backend.probe().mlx


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("echo first >&2; echo 'ImportError: no mlx' >&2; exit 1", "MLX can't be used: ImportError: no mlx."),
        ("kill -9 $$", "MLX can't be used: it ended with status -9."),
        ("echo nonsense", "MLX can't be used: it ended with status 0."),
    ],
)
def test_a_child_that_fails(script: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    child = tmp_path / "python"
    child.write_text(f"#!/bin/sh\n{script}\n")
    child.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(child))
    with pytest.raises(WorkerDied) as death:
        backend.probe()
    assert death.value.text == sentence


def test_a_child_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(WorkerDied, match="MLX could not be asked"):
        backend.probe()


def test_the_blas_in_a_memory_map(tmp_path: Path) -> None:
    maps = tmp_path / "maps"
    assert backend.loaded_blas(maps) == ""
    maps.write_text("7f00-7f01 r-xp 00000000 08:01 1 /site/mlx_cpu.libs/libblas-bd8a282c.so.3.10.0\n")
    assert backend.loaded_blas(maps) == ""
    with maps.open("a") as file:
        file.write(f"7f02-7f03 r-xp 00000000 08:01 2 {os.sep}usr/lib/libopenblasp-r0.3.21.so\n")
    assert backend.loaded_blas(maps) == "/usr/lib/libopenblasp-r0.3.21.so"
