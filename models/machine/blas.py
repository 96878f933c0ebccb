"""A quick BLAS for the engine process on Linux.

MLX's Linux wheel carries the reference BLAS: prefill of the starter model runs at about 10 tokens/s with it and at
120 to 270 with OpenBLAS loaded before it. LD_PRELOAD works because the wheel links its BLAS dynamically and both
export the same symbols. A Mac has Accelerate and Metal and needs none of this.

STILLROOM_BLAS=none turns it off, STILLROOM_BLAS=/path/to/libopenblas.so.0 names one.
"""

import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, NoReturn

from models.errors import BadInput

SYSTEM_FOLDERS = ("/usr/lib/{}", "/usr/lib64", "/usr/lib", "/usr/local/lib", "/lib64")

# Debian's flavours in the order of their speed; a bare libopenblas.so.0 comes last, it may be the serial one.
_NAMES = (
    "openblas-pthread/libopenblas.so.0",
    "openblas-openmp/libopenblas.so.0",
    "libopenblasp.so.0",
    "libopenblaso.so.0",
    "libopenblas.so.0",
    "openblas-serial/libopenblas.so.0",
)


class Blas(NamedTuple):
    """A quick BLAS on this disk."""

    file: Path
    libraries: Path | None = None  # the folder of what it needs itself, None when the system has that


def end_process() -> NoReturn:
    """End this process normally and at once, bypassing the C library's exit.

    There OpenBLAS 0.3.21 waits for threads of its own, now and then for ever (seen twice in some two hundred ends).
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def preload() -> dict[str, str]:
    """Give the variables that put a quick BLAS under the engine process; empty where none is needed or found.

    A LD_PRELOAD of the user's that names a BLAS already is left alone. Raises BadInput when STILLROOM_BLAS names no
    file.
    """
    users = os.environ.get("LD_PRELOAD", "")
    if is_blas(users) or (blas := find()) is None:
        return {}
    # The loader cuts LD_PRELOAD at spaces, LD_LIBRARY_PATH at colons alone: a path with spaces goes in by its name.
    spaced = " " in str(blas.file)
    library = blas.file.name if spaced else str(blas.file)
    variables = {"LD_PRELOAD": f"{library}:{users}" if users else library}
    folders = [str(folder) for folder in (blas.file.parent if spaced else None, blas.libraries) if folder]
    if folders:
        before = os.environ.get("LD_LIBRARY_PATH", "")
        variables["LD_LIBRARY_PATH"] = ":".join([*folders, before] if before else folders)
    return variables


def find() -> Blas | None:
    """Find a quick BLAS: the one STILLROOM_BLAS names, the set-up's, the system's, the MKL of a wheel."""
    if sys.platform != "linux":
        return None
    choice = os.environ.get("STILLROOM_BLAS", "")
    if choice == "none":
        return None
    if choice:
        return _named(Path(choice).expanduser())
    return next(_candidates(), None)


def is_blas(library: str) -> bool:
    """Whether a library's name, or a list of them, says that it is a quick BLAS."""
    return any(word in library.lower() for word in ("openblas", "libmkl", "libblis"))


def _named(file: Path) -> Blas:
    if not file.is_file():
        hint = "Give the path of a libopenblas.so.0, or none for no quick BLAS."
        raise BadInput(f"STILLROOM_BLAS names no file: {file}.", hint)
    file = file.absolute()
    # An unpacked OpenBLAS has its Fortran library one folder up, an installed one needs no help.
    needed = (folder for folder in file.parents[:2] if list(folder.glob("libgfortran.so*")))
    return Blas(file, next(needed, file.parent))


def _candidates() -> Iterator[Blas]:
    prefix = Path(sys.prefix)
    architecture = f"{platform.machine()}-linux-gnu"
    unpacked = prefix / "blas" / "usr" / "lib" / architecture
    yield from (Blas(file, unpacked) for file in _files([unpacked]))
    yield from (Blas(file) for file in _files([Path(f.format(architecture)) for f in SYSTEM_FOLDERS]))
    yield from (Blas(file) for file in _known_to_the_loader())
    wheels = [prefix / "lib", *(Path(entry) for entry in sys.path if entry.endswith("site-packages"))]
    # MKL opens its computing layers by name at run time, from its own folder.
    yield from (Blas(file, file.parent) for folder in wheels for file in sorted(folder.glob("libmkl_rt.so*")))


def _files(folders: list[Path]) -> Iterator[Path]:
    return (file for folder in folders for name in _NAMES if (file := folder / name).is_file())


def _known_to_the_loader() -> Iterator[Path]:
    """Ask the loader's cache, for systems that keep their libraries elsewhere."""
    for ldconfig in ("/sbin/ldconfig", "/usr/sbin/ldconfig"):
        if not os.path.exists(ldconfig):
            continue
        listing = subprocess.run([ldconfig, "-p"], capture_output=True, text=True, check=False).stdout
        lines = (line for line in listing.splitlines() if "libopenblas.so.0" in line and _same_architecture(line))
        yield from (Path(line.rpartition("=> ")[2]) for line in lines)
        return


def _same_architecture(line: str) -> bool:
    """Whether a line of `ldconfig -p` speaks of this machine's kind of library; it tags 64-bit ones in brackets."""
    return {"x86_64": "x86-64", "aarch64": "AArch64"}.get(platform.machine(), "") in line
