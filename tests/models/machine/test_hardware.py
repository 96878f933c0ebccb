"""The machine is described in plain numbers, and a display is missed before Qt misses it."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from models.machine import hardware
from models.machine.hardware import GIB

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, /sys and DISPLAY")


@pytest.fixture
def no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)


def test_this_machine() -> None:
    here = hardware.machine()
    assert here.chip
    assert here.platform
    assert here.cores >= 1
    assert 0 < here.gpu_limit_bytes <= here.memory_bytes
    assert 0 < hardware.available_bytes() <= here.memory_bytes
    assert hardware.machine() is here


def test_free_disk_of_a_folder_to_be(tmp_path: Path) -> None:
    assert hardware.free_disk(tmp_path / "not" / "yet") > 0


@pytest.mark.parametrize(("memory", "limit"), [(18, 12), (24, 16), (36, 27), (64, 48)])
def test_default_gpu_limit(memory: int, limit: int) -> None:
    assert hardware.default_gpu_limit(memory * GIB) == limit * GIB


@pytest.mark.parametrize(("wired_mb", "limit"), [("0", 12 * GIB), ("", 12 * GIB), ("14000", 14000 * 2**20)])
def test_a_mac(wired_mb: str, limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {
        "hw.memsize": str(18 * GIB),
        "machdep.cpu.brand_string": "Apple M3 Pro",
        "iogpu.wired_limit_mb": wired_mb,
    }
    monkeypatch.setattr(hardware, "_sysctl", answers.__getitem__)
    monkeypatch.setattr("platform.mac_ver", lambda: ("15.1", ("", "", ""), "arm64"))
    mac = hardware._mac()
    assert (mac.chip, mac.memory_bytes, mac.gpu_limit_bytes) == ("Apple M3 Pro", 18 * GIB, limit)
    assert mac.platform == "macOS 15.1"


@pytest.mark.parametrize(("text", "limit"), [("8589934592\n", 8 * GIB), ("max\n", 2**63)])
def test_a_containers_memory(text: str, limit: int, tmp_path: Path) -> None:
    assert hardware._container_limit(tmp_path) == 2**63
    (tmp_path / "memory.max").write_text(text)
    assert hardware._container_limit(tmp_path) == limit


def test_cpu_name(tmp_path: Path) -> None:
    file = tmp_path / "cpuinfo"
    assert hardware._cpu_name(file) == ""
    file.write_text("processor\t: 0\nmodel name\t: Some CPU: fast\n")
    assert hardware._cpu_name(file) == "Some CPU: fast"


@linux
@pytest.mark.usefixtures("no_display")
class TestDisplay:
    def test_none(self) -> None:
        assert hardware.why_no_display() == "neither DISPLAY nor WAYLAND_DISPLAY is set"

    @pytest.mark.parametrize("platform", ["offscreen", "minimal", "vnc", "linuxfb:fb=/dev/fb1"])
    def test_qt_needs_none(self, platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("QT_QPA_PLATFORM", platform)
        assert hardware.why_no_display() == ""

    def test_qt_told_to_use_x11_without_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("QT_QPA_PLATFORM", "xcb")
        assert hardware.why_no_display() == "neither DISPLAY nor WAYLAND_DISPLAY is set"

    def test_a_display_that_is_gone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DISPLAY", ":4711")
        assert hardware.why_no_display() == "DISPLAY is :4711 and nothing answers there"

    def test_a_display_that_answers(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("\0/tmp/.X11-unix/X4712")
            server.listen()
            monkeypatch.setenv("DISPLAY", ":4712.0")
            assert hardware.why_no_display() == ""

    def test_a_display_elsewhere_is_trusted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DISPLAY", "localhost:10.0")
        assert hardware.why_no_display() == ""

    def test_wayland(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
        assert hardware.why_no_display() == "WAYLAND_DISPLAY names no socket"
        (tmp_path / "wayland-0").touch()
        assert hardware.why_no_display() == ""


def test_importing_it_brings_no_heavy_library() -> None:
    script = "import sys, models, models.machine.hardware, models.settings, models.machine.blas; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert not {"mlx", "mlx_lm", "transformers", "numpy", "PySide6", "psutil", "rich", "typer"} & set(loaded)
