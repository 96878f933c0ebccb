"""A home is for its owner's eyes, also one that was made before it was so."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from models import errors, paths, settings
from models.checkpoint import folders
from models.library import installed
from models.store import database
from models.store.chats import Chats
from models.traces import store as traces
from tests.returned import run
from tests.tiny import make_tiny


def loose(folder: Path) -> list[str]:
    """What others may read, write or enter."""
    found = [folder, *folder.rglob("*")]
    return [str(path) for path in found if not path.is_symlink() and stat.S_IMODE(path.stat().st_mode) & 0o077]


@pytest.fixture
def no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def old_home(home: Path) -> None:
    """As an earlier version left it under an umask of 022."""
    for name in ("models/one", "logs", "backups", "used", "traces/set", "runs/1/checkpoints/step-1"):
        (home / name).mkdir(parents=True)
    for name in ("library.json", "settings.toml", "models/one/model.safetensors", "logs/engine.log", "runs/1/.lock"):
        (home / name).write_text("")
    for path in [home, *home.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)


def test_an_old_home_is_tightened(home: Path) -> None:
    old_home(home)
    assert len(loose(home)) > 10
    paths.home()
    assert loose(home) == []
    assert stat.S_IMODE((home / "library.json").stat().st_mode) == 0o600


def test_what_stands_elsewhere_too_keeps_its_mode(home: Path, tmp_path: Path) -> None:
    old_home(home)
    original, linked = tmp_path / "weights.safetensors", tmp_path / "elsewhere"
    original.write_text("")
    original.chmod(0o644)
    os.link(original, home / "models" / "one" / "weights.safetensors")
    linked.mkdir(mode=0o755)
    (linked / "config.json").touch(0o644)
    (home / "models" / "linked").symlink_to(linked)
    paths.home()
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (original, linked, linked / "config.json")]
    assert modes == [0o644, 0o755, 0o644]


def test_a_folder_that_holds_other_things_is_not_ours_to_close(home: Path) -> None:
    old_home(home)
    (home / "public").mkdir(mode=0o755)
    paths.home()
    assert sorted(Path(path).name for path in loose(home)) == ["home", "public"]


def test_everything_is_made_for_its_owner_alone(no_umask: None, home: Path, tmp_path: Path) -> None:
    source = make_tiny(tmp_path / "source")
    run(installed.import_model(source, "one"))
    installed.models()
    installed.mark_used("one")
    settings.save(settings.Settings())
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"problem": "1+1?", "thinking": "One and one.", "answer": "2"}\n')
    run(traces.add("set", [rows]))
    connection = database.open_database()
    Chats(connection).create()
    database.back_up_daily()
    (home / "runs" / "1").parent.mkdir(mode=0o700, exist_ok=True)
    folders.write_json(paths.runs_folder() / "config.json", {})
    assert loose(home) == []
    connection.close()


def test_a_home_that_is_no_text_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STILLROOM_HOME", f"{tmp_path}/caf\udce9")
    with pytest.raises(errors.BadInput, match="not UTF-8"):
        paths.home()
    monkeypatch.setenv("HF_HUB_CACHE", "/tmp/\udcff")
    with pytest.raises(errors.BadInput, match="not UTF-8"):
        paths.hub_cache()
