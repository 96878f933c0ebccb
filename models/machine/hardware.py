"""What this machine is: chip, memory, the share of it that the GPU may hold, free disk, and whether it has a display.

Apple's GPU shares the machine's memory, but only up to a working-set limit; beyond it Metal fails. The limit is
`iogpu.wired_limit_mb` when somebody set it, else about two thirds of the memory on Macs below 36 GB and three quarters
above. On Linux MLX computes on the CPU and the limit is the memory itself, or the container's share of it.

The window asks for its display before anything else: what the other questions need is imported where they are asked.
"""

import os
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

import msgspec

from models import errors, quantities

GIB = 2**30
BUFFER_BYTES = 512 << 20  # of memory left to Python and the rest of the machine


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """The computer this runs on."""

    chip: str
    cores: int
    memory_bytes: int
    gpu_limit_bytes: int  # what model, cache and work together may take
    platform: str  # system and version


@cache
def machine() -> Machine:
    """Describe this machine. Cached: none of it changes while a process runs."""
    return _mac() if sys.platform == "darwin" else _linux()


def available_bytes() -> int:
    """Memory that can be taken now without swapping out other programs."""
    import psutil

    return min(int(psutil.virtual_memory().available), machine().memory_bytes)


def check_memory(doing: str, needed: int) -> None:
    """Raise NoMemory, with both figures, when so much is not free. doing: as in "Fusing X"."""
    free = max(0, available_bytes() - BUFFER_BYTES)
    if needed > free:
        text = f"{doing} needs {quantities.memory(needed)} of memory, {quantities.memory(free)} are free."
        raise errors.NoMemory(text, "Close other programs and try again.")


def free_disk(folder: Path) -> int:
    """Bytes free for this user on the disk of a folder; of its nearest parent when the folder is not there yet."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    import shutil

    return shutil.disk_usage(folder).free


def default_gpu_limit(memory_bytes: int) -> int:
    """The working-set limit of a Mac on which nobody set one."""
    return memory_bytes * 2 // 3 if memory_bytes < 36 * GIB else memory_bytes * 3 // 4


def why_no_display() -> str:
    """Say in half a sentence why no window can open here, or give "" when one can."""
    if sys.platform == "darwin":
        # Over ssh a window opens only when the same person is logged in at the screen, who then owns the console.
        if "SSH_CONNECTION" in os.environ and os.stat("/dev/console").st_uid != os.getuid():
            return "this is an ssh session and you are not logged in at the Mac's screen"
        return ""
    chosen = os.environ.get("QT_QPA_PLATFORM", "")
    if chosen and not chosen.startswith(("xcb", "wayland")):
        return ""
    wayland, x11 = os.environ.get("WAYLAND_DISPLAY"), os.environ.get("DISPLAY")
    if wayland and (Path(os.environ.get("XDG_RUNTIME_DIR", "/")) / wayland).exists():
        return ""
    if x11:
        return "" if _x11_answers(x11) else f"DISPLAY is {x11} and nothing answers there"
    return "WAYLAND_DISPLAY names no socket" if wayland else "neither DISPLAY nor WAYLAND_DISPLAY is set"


def _mac() -> Machine:
    import platform

    memory = int(_sysctl("hw.memsize") or 0)
    wired_mb = int(_sysctl("iogpu.wired_limit_mb") or 0)
    return Machine(
        chip=_sysctl("machdep.cpu.brand_string") or platform.machine(),
        cores=os.cpu_count() or 1,
        memory_bytes=memory,
        gpu_limit_bytes=wired_mb * 2**20 or default_gpu_limit(memory),
        platform=f"macOS {platform.mac_ver()[0]}",
    )


def _sysctl(name: str) -> str:
    import subprocess

    found = subprocess.run(["/usr/sbin/sysctl", "-n", name], capture_output=True, text=True, check=False)
    return found.stdout.strip()


def _linux() -> Machine:
    import platform

    memory = min(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), _container_limit(Path("/sys/fs/cgroup")))
    return Machine(
        chip=_cpu_name(Path("/proc/cpuinfo")) or platform.machine(),
        cores=len(os.sched_getaffinity(0)),
        memory_bytes=memory,
        gpu_limit_bytes=memory,
        platform=_distribution(),
    )


def _cpu_name(cpuinfo: Path) -> str:
    lines = cpuinfo.read_text(errors="replace").splitlines() if cpuinfo.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def _container_limit(cgroup: Path) -> int:
    """The memory a container may use, or a number beyond any machine's."""
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        file = cgroup / name
        text = file.read_text().strip() if file.exists() else ""
        if text.isdigit():
            return int(text)
    return 2**63


def _distribution() -> str:
    import platform

    try:
        return str(platform.freedesktop_os_release()["PRETTY_NAME"])
    except (OSError, KeyError):
        return f"{platform.system()} {platform.release()}"


def _x11_answers(display: str) -> bool:
    """Whether a local X server takes connections; Qt aborts the process when it does not. Remote ones are trusted."""
    import socket

    host, _, screen = display.rpartition(":")
    number = screen.partition(".")[0]
    if host not in ("", "unix") or not number.isdigit():
        return True
    path = f"/tmp/.X11-unix/X{number}"
    for address in (path, "\0" + path):
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(1.0)
            probe.connect(address)
            return True
    return False
