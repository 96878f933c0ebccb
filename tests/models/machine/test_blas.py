"""The quick BLAS is found where set-ups put it, and the user's own choice always wins."""

import subprocess
import sys
from pathlib import Path

import pytest

from models.errors import BadInput
from models.machine import blas

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux needs one")


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without any BLAS: an empty prefix, no system folders, nothing chosen."""
    for name in ("LD_PRELOAD", "LD_LIBRARY_PATH", "STILLROOM_BLAS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(blas.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(blas, "SYSTEM_FOLDERS", ())
    monkeypatch.setattr(blas, "_known_to_the_loader", lambda: iter(()))
    return tmp_path


def _file(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def _unpacked(prefix: Path, flavour: str = "pthread") -> Path:
    return _file(prefix / f"blas/usr/lib/x86_64-linux-gnu/openblas-{flavour}/libopenblas.so.0")


def test_none_found_changes_nothing() -> None:
    assert blas.find() is None
    assert blas.preload() == {}


def test_the_one_of_the_setup_brings_its_fortran_library(bare: Path) -> None:
    file = _unpacked(bare)
    assert blas.preload() == {"LD_PRELOAD": str(file), "LD_LIBRARY_PATH": str(file.parent.parent)}


def test_a_path_with_spaces_goes_in_by_its_name(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = _unpacked(bare / "a folder")
    monkeypatch.setattr(sys, "prefix", str(bare / "a folder"))
    folders = f"{file.parent}:{file.parent.parent}"
    assert blas.preload() == {"LD_PRELOAD": "libopenblas.so.0", "LD_LIBRARY_PATH": folders}


def test_the_systems_needs_no_library_path(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blas, "SYSTEM_FOLDERS", (str(bare / "lib"),))
    file = _file(bare / "lib/openblas-pthread/libopenblas.so.0")
    _file(bare / "lib/libopenblas.so.0")
    assert blas.preload() == {"LD_PRELOAD": str(file)}


def test_mkl_of_a_wheel_comes_last(bare: Path) -> None:
    mkl = _file(bare / "lib/libmkl_rt.so.2")
    assert blas.find() == blas.Blas(mkl, mkl.parent)
    unpacked = _unpacked(bare)
    assert blas.preload()["LD_PRELOAD"] == str(unpacked)


def test_mkl_is_found_in_site_packages(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = bare / "lib/python3.11/site-packages"
    monkeypatch.setattr(sys, "path", [str(folder)])
    mkl = _file(folder / "libmkl_rt.so.2")
    assert blas.find() == blas.Blas(mkl, folder)


def test_what_the_user_preloads_is_kept(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = _unpacked(bare)
    monkeypatch.setenv("LD_PRELOAD", "/opt/libjemalloc.so")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/lib")
    assert blas.preload() == {
        "LD_PRELOAD": f"{file}:/opt/libjemalloc.so",
        "LD_LIBRARY_PATH": f"{file.parent.parent}:/opt/lib",
    }


def test_a_blas_of_the_users_is_never_overridden(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _unpacked(bare)
    monkeypatch.setenv("LD_PRELOAD", "/opt/libmkl_rt.so.2")
    assert blas.preload() == {}


def test_none_turns_it_off(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _unpacked(bare)
    monkeypatch.setenv("STILLROOM_BLAS", "none")
    assert blas.preload() == {}


def test_a_named_file_wins(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _unpacked(bare)
    own = _file(bare / "own/libopenblas.so.0")
    monkeypatch.setenv("STILLROOM_BLAS", str(own))
    assert blas.preload() == {"LD_PRELOAD": str(own), "LD_LIBRARY_PATH": str(own.parent)}


def test_a_named_unpacked_file_finds_its_fortran_library(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = _unpacked(bare)
    _file(file.parent.parent / "libgfortran.so.5")
    monkeypatch.setenv("STILLROOM_BLAS", str(file))
    assert blas.preload()["LD_LIBRARY_PATH"] == str(file.parent.parent)


def test_a_name_of_no_file_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STILLROOM_BLAS", "/nowhere/libopenblas.so.0")
    with pytest.raises(BadInput, match="STILLROOM_BLAS names no file: /nowhere/libopenblas"):
        blas.preload()


def test_a_mac_needs_none(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _unpacked(bare)
    monkeypatch.setattr(sys, "platform", "darwin")
    assert blas.preload() == {}


@pytest.mark.parametrize(
    ("line", "same"),
    [
        ("libopenblas.so.0 (libc6,x86-64) => /usr/lib/x86_64-linux-gnu/libopenblas.so.0", True),
        ("libopenblas.so.0 (libc6) => /usr/lib/i386-linux-gnu/libopenblas.so.0", False),
    ],
)
def test_only_libraries_of_this_machine_count(line: str, same: bool) -> None:
    assert blas._same_architecture(line) is same


def test_a_process_ends_without_the_exit_that_may_wait_for_ever() -> None:
    code = "import atexit; from models.machine import blas; atexit.register(print, 'late'); print('said'); blas.end_process()"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (ended.stdout, ended.stderr) == ("said\n", "")
