"""Every check says what it found in one sentence, what is wrong is bad or a warning, and each comes with its cure."""

from concurrent.futures import Future
from importlib import metadata
from pathlib import Path

import pytest

from models import doctor, paths
from models.doctor import Finding
from models.errors import StillroomError, WorkerDied
from models.hub import endpoint
from models.machine import backend, hardware
from models.machine.backend import Backend

CPU = Backend(mlx="0.32.4", kind="CPU", device="Some CPU", blas="/usr/lib/libopenblas.so.0")


@pytest.fixture
def mlx(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "probe", lambda: CPU)


def _asked(answer: Backend | StillroomError) -> "Future[Backend | StillroomError]":
    future: Future[Backend | StillroomError] = Future()
    future.set_result(answer)
    return future


@pytest.mark.usefixtures("mlx")
def test_a_sound_machine() -> None:
    found = {finding.name: finding for finding in doctor.check()}
    assert list(found)[:7] == ["Machine", "Memory", "Folder", "Disk", "Settings", "Chats", "Starter model"]
    assert {"MLX", "Model memory", "Hub", "Display"} < set(found)
    assert [finding for finding in found.values() if finding.state == "bad"] == []
    assert found["Hub"].text == "Not asked: HF_HUB_OFFLINE is set."
    assert found["Starter model"].text.startswith("SmolLM2-135M-Instruct")


@pytest.mark.usefixtures("mlx")
def test_broken_files_are_found_and_left_alone() -> None:
    paths.settings_file().write_text("theme = 3")
    paths.database_file().write_bytes(b"no database at all, but long enough to have a header" * 40)
    before = [file.read_bytes() for file in (paths.settings_file(), paths.database_file())]
    bad = {finding.name: finding for finding in doctor.check() if finding.state == "bad"}
    assert set(bad) == {"Settings", "Chats"}
    assert "theme" in bad["Settings"].text
    assert all(finding.text and finding.hint for finding in bad.values())
    assert before == [file.read_bytes() for file in (paths.settings_file(), paths.database_file())]


def test_a_folder_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("STILLROOM_HOME", str(tmp_path / "file" / "home"))
    monkeypatch.setattr(backend, "probe", lambda: CPU)
    bad = {finding.name: finding for finding in doctor.check() if finding.state == "bad"}
    assert "Folder" in bad
    assert bad["Folder"].hint == "Set STILLROOM_HOME to a folder you may write to."


@pytest.mark.parametrize(("free", "state"), [(0, "bad"), (1_000_000_000, "warn"), (50_000_000_000, "ok")])
def test_disk(free: int, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "free_disk", lambda _folder: free)
    (finding,) = doctor.disk()
    assert finding.state == state
    assert bool(finding.hint) == (state != "ok")


def test_the_starter_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> metadata.Distribution:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", missing)
    (finding,) = doctor.safely("Starter model", doctor.starter)
    assert finding == Finding(
        name="Starter model", state="bad", text="The starter model is not installed.", hint="Run `make setup`."
    )


def test_mlx_that_fails() -> None:
    (finding,) = doctor.engine(_asked(WorkerDied("MLX can't be used: no.")))
    assert (finding.name, finding.state, finding.hint) == ("MLX", "bad", "Run `make setup` again.")


def test_metal_states_its_own_limit() -> None:
    metal = Backend(mlx="0.32.4", kind="Metal", device="Apple M3", gpu_limit_bytes=12 * 2**30)
    texts = [finding.text for finding in doctor.engine(_asked(metal))]
    assert texts[:2] == ["0.32.4 on Metal (Apple M3).", "12 GB is what the GPU may hold."]


def test_a_slow_blas_and_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Backend(mlx="0.32.4", kind="CPU", device="Some CPU")
    monkeypatch.setattr(doctor.sys, "platform", "linux")
    found = {finding.name: finding for finding in doctor.engine(_asked(slow))}
    assert (found["BLAS"].state, found["BLAS"].hint) == ("warn", doctor.GET_BLAS)
    monkeypatch.setenv("STILLROOM_BLAS", "none")
    found = {finding.name: finding for finding in doctor.engine(_asked(slow))}
    assert found["BLAS"].hint == "Unset STILLROOM_BLAS."


def test_no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.sys, "platform", "linux")
    monkeypatch.setattr(doctor.shutil, "which", lambda _name: None)
    found = {finding.name: finding for finding in doctor.engine(_asked(CPU))}
    assert (found["Compiler"].state, found["Compiler"].hint) == ("warn", "`sudo apt install g++` brings it.")


@pytest.mark.parametrize(("fault", "state"), [("", "ok"), ("Connection refused", "warn")])
def test_the_hub(fault: str, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "kept_offline", lambda: False)
    monkeypatch.setattr(endpoint, "why_unreachable", lambda: fault)
    (finding,) = doctor.the_hub()
    assert finding.state == state
    assert fault in finding.text


def test_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "why_no_display", lambda: "DISPLAY is not set")
    (finding,) = doctor.display(_asked(CPU))
    assert (finding.state, finding.text) == ("warn", "No window can open: DISPLAY is not set.")
    monkeypatch.setattr(hardware, "why_no_display", lambda: "")
    monkeypatch.delenv("QT_QPA_PLATFORM")
    faulty = Backend(mlx="1", kind="CPU", device="", window_fault="libxcb-cursor.so.0: no such file")
    (finding,) = doctor.display(_asked(faulty))
    assert finding.state == "bad"
    assert "libxcb-cursor" in finding.hint
