"""What MLX says about itself and this machine, asked in a process of its own so that no face ever imports it.

`python -m models.machine.backend` prints one line of JSON; `probe()` runs that with the engine process's own
environment and reads it. It also names the BLAS that was really loaded and tries Qt's plugin for windows, which aborts
its process when a system library is missing.
"""

import ctypes
import importlib.metadata
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import msgspec

from models.errors import WorkerDied
from models.machine import blas

TIMEOUT_S = 60
# MLX has no exception of its own for it: how its allocators, on the CPU and on Metal, begin their sentence, and what
# Metal calls a command buffer that found no memory.
_NO_MEMORY = re.compile(r"\[(\w+::)?malloc\w*\] |kIOGPUCommandBufferCallbackErrorOutOfMemory")


class Backend(msgspec.Struct, frozen=True, kw_only=True):
    """What MLX runs on here."""

    mlx: str
    kind: str  # "Metal" or "CPU"
    device: str
    gpu_limit_bytes: int = 0  # Metal's own, 0 without
    blas: str = ""  # the quick one loaded, or ""
    window_fault: str = ""  # why Qt's plugin for windows can't load, or ""


def probe() -> Backend:
    """Ask MLX in a child process; takes about half a second. Raises WorkerDied with what the child said last."""
    environment = {**os.environ, **blas.preload()}
    # -P: a folder `models` in the directory where the command was typed is somebody else's.
    frozen = getattr(sys, "frozen", False)
    command = [sys.executable, "--probe"] if frozen else [sys.executable, "-P", "-m", "models.machine.backend"]
    try:
        child = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise WorkerDied(f"MLX could not be asked: {error}.") from error
    try:
        return msgspec.json.decode(child.stdout.strip().rpartition(b"\n")[2], type=Backend)
    except msgspec.DecodeError as error:
        lines = child.stderr.decode(errors="replace").strip().splitlines()
        last = lines[-1] if lines else f"it ended with status {child.returncode}"
        raise WorkerDied(f"MLX can't be used: {last}.") from error


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception of MLX or Python says that memory ran out."""
    told = isinstance(error, RuntimeError | ValueError) and _NO_MEMORY.search(str(error)) is not None
    return told or isinstance(error, MemoryError)


def describe() -> Backend:
    """Describe MLX in this process, which imports it."""
    import mlx.core as mx

    metal = mx.metal.is_available()
    device = mx.device_info()
    return Backend(
        mlx=importlib.metadata.version("mlx"),
        kind="Metal" if metal else "CPU",
        device=str(device.get("device_name", "")),
        gpu_limit_bytes=int(device.get("max_recommended_working_set_size", 0)),
        blas=loaded_blas(Path("/proc/self/maps")),
        window_fault=_window_fault(),
    )


def loaded_blas(maps: Path) -> str:
    """The quick BLAS among the libraries in a process's memory map, or ""."""
    lines = maps.read_text().splitlines() if maps.exists() else []
    files = (line.rpartition(" ")[2] for line in lines)
    return next((file for file in files if blas.is_blas(Path(file).name)), "")


def _window_fault() -> str:
    qt = importlib.util.find_spec("PySide6")
    folders = qt.submodule_search_locations if qt else None
    plugin = Path(folders[0], "Qt/plugins/platforms/libqxcb.so") if folders else None
    if sys.platform != "linux" or plugin is None or not plugin.exists():
        return ""
    try:
        ctypes.CDLL(str(plugin))
    except OSError as error:
        return str(error)
    return ""


def main() -> None:
    """Write the description to stdout."""
    sys.stdout.write(msgspec.json.encode(describe()).decode() + "\n")


if __name__ == "__main__":
    main()
    blas.end_process()
