"""The folder for temporary files of an engine process: its owner's alone, and gone with the process.

On Linux MLX has the steps it joins compiled, and loads the libraries from TMPDIR under names that anybody can work out:
in a folder that all may write to, somebody else could have put them there. What it compiled is kept among the user's
caches for the next process, as compiling takes longer than a short reply.
"""

import os
import shutil
import tempfile
from pathlib import Path

import psutil

from models import paths
from models.errors import StillroomError


def make() -> Path:
    """Make a folder for a process that this one starts, after removing those that killed ones left behind."""
    try:
        place = paths.scratch_folder()
        _sweep(place)
        folder = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=place))
        (folder / "mlx").symlink_to(paths.compiled_folder(), target_is_directory=True)
    except (OSError, StillroomError):  # a home that can't be written, or a disk without links
        folder = Path(tempfile.mkdtemp(prefix="stillroom-"))
    return folder


def remove(folder: Path) -> None:
    """Remove it; its process is gone."""
    shutil.rmtree(folder, ignore_errors=True)


def _sweep(place: Path) -> None:
    for left in place.iterdir():
        owner = left.name.partition("-")[0]
        if not (owner.isdigit() and psutil.pid_exists(int(owner))):
            remove(left)
