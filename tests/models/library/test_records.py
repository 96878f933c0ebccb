"""What lies on this disk as records: originals, adapters, broken ones; remembered until something changes."""

import hashlib
import json
import os
import shutil
from pathlib import Path

import msgspec
import pytest

from models import errors, paths
from models.checkpoint import folders, inspection
from models.events import Model
from models.hub import cache as hf_cache
from models.jobs import chains
from models.jobs.kinds.fetch import Fetch
from models.jobs.kinds.quantize import Quantize
from models.library import installed, records
from models.quant.quantize import quantize
from tests.hub.server import Hub
from tests.returned import result_of
from tests.tiny import make_tiny


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def original(cache: Path, repo: str = "someone/Tiny-Thinker", commit: str = "ab" * 20) -> Path:
    """A repository as another tool leaves it in the standard cache."""
    place = cache / f"models--{repo.replace('/', '--')}"
    snapshot = place / "snapshots" / commit
    snapshot.mkdir(parents=True)
    for file in make_tiny(place / "blobs", thinking="opened").iterdir():
        blob = file.rename(file.with_name(hashlib.sha256(file.read_bytes()).hexdigest()))
        (snapshot / file.name).symlink_to(blob)
    refs = place / "refs"
    refs.mkdir()
    (refs / "main").write_text(commit)
    return snapshot


def by_name() -> dict[str, Model]:
    return {model.name: model for model in installed.models()}


def test_a_repository_of_the_shared_cache_is_a_model_under_its_own_name(cache: Path) -> None:
    snapshot = original(cache)
    model = by_name()["someone/Tiny-Thinker"]
    assert (model.kind, model.title, model.state) == ("original", "Tiny-Thinker", "ready")
    assert (model.repo, model.revision) == ("someone/Tiny-Thinker", "ab" * 20)
    assert installed.find("someone/Tiny-Thinker") == snapshot
    assert installed.show("someone/Tiny-Thinker") == model
    assert installed.title("someone/Tiny-Thinker") == "Tiny-Thinker"


def test_what_other_tools_keep_there_is_none_of_ours(cache: Path) -> None:
    snapshot = original(cache, "someone/embeddings")
    config = json.loads((snapshot / "config.json").read_text())
    (snapshot / "config.json").unlink()
    (snapshot / "config.json").write_text(json.dumps({**config, "model_type": "bert"}))
    assert list(by_name()) == ["starter"]


def test_a_copy_knows_what_it_was_made_from_and_is_repaired_by_making_it_again(cache: Path) -> None:
    original(cache)
    made = result_of(quantize("someone/Tiny-Thinker", "4bit", card=False))
    name = made.name
    assert (made.repo, made.recipe) == ("someone/Tiny-Thinker", "4bit")
    weights = installed.find(name) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    broken = by_name()[name]
    assert (broken.state, broken.repairable, broken.recipe) == ("broken", True, "4bit")
    _fetch, again = chains.repair(broken)
    assert isinstance(again, Quantize)
    result_of(msgspec.structs.replace(again, card=False).work())
    assert by_name()[name].state == "ready"
    assert len(list(paths.models_folder().iterdir())) == 1


def test_a_folder_is_looked_into_again_only_when_it_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result_of(installed.import_model(make_tiny(tmp_path / "tiny")))
    before = installed.models()
    looked: list[Path] = []
    real = inspection.inspect
    monkeypatch.setattr(inspection, "inspect", lambda folder: looked.append(folder) or real(folder))
    assert installed.models() == before
    assert looked == []
    os.utime(installed.find("tiny") / "config.json", ns=(1, 1))
    assert installed.models() == before
    assert looked == [installed.find("tiny")]


@pytest.mark.parametrize("damage", [b"", b"{", b'{"version": 99, "folders": {}}', b"\xff\xfe"])
def test_a_damaged_memory_is_as_good_as_none(tmp_path: Path, damage: bytes) -> None:
    result_of(installed.import_model(make_tiny(tmp_path / "tiny")))
    before = installed.models()
    paths.library_file().write_bytes(damage)
    assert installed.models() == before


def test_the_last_use_is_remembered_beside_the_model(tmp_path: Path) -> None:
    result_of(installed.import_model(make_tiny(tmp_path / "tiny")))
    assert by_name()["tiny"].last_used == ""
    installed.mark_used("tiny")
    assert by_name()["tiny"].last_used.startswith("20")


def test_an_adapter_is_listed_with_its_base_and_a_half_one_with_its_problem() -> None:
    whole, half = paths.adapters_folder() / "sums", paths.adapters_folder() / "half"
    for folder in (whole, half):
        folder.mkdir()
        (folder / "adapter_config.json").write_text("{}")
    (whole / "adapters.safetensors").write_bytes(b"x" * 50)
    folders.write_record(
        whole,
        folders.ModelRecord(
            name="sums", title="sums", source="run 7", created="2026-01-01", size_bytes=50, base="starter"
        ),
    )
    found = by_name()
    assert (found["sums"].kind, found["sums"].base, found["sums"].state) == ("adapter", "starter", "ready")
    assert (found["half"].kind, found["half"].state) == ("adapter", "broken")
    assert installed.find_adapter("sums") == whole
    assert installed.show("sums").base == "starter"
    with pytest.raises(errors.NotFound, match="no adapter named none"):
        installed.find_adapter("none")
    installed.remove("sums")
    assert not whole.exists()


def test_what_is_freed_is_what_no_other_folder_links(tmp_path: Path) -> None:
    source = make_tiny(tmp_path / "tiny")
    for _ in installed.import_model(source):
        pass
    folder = installed.find("tiny")
    assert (folder / "model.safetensors").samefile(source / "model.safetensors")
    own = sum(path.stat().st_size for path in folder.iterdir() if path.name != "model.safetensors")
    removed = installed.remove("tiny")
    assert removed.freed_bytes == own
    assert "tiny" not in by_name()
    assert list(paths.models_folder().iterdir()) == []


def test_deleting_an_original_frees_it_in_the_shared_cache(cache: Path) -> None:
    original(cache)
    assert installed.remove("someone/Tiny-Thinker").freed_bytes > 100_000
    assert hf_cache.repos() == []


def test_what_is_not_there_can_not_be_deleted() -> None:
    with pytest.raises(errors.NotFound, match="no model named"):
        installed.remove("../models")
    with pytest.raises(errors.NotFound):
        installed.remove("nothing")


def test_a_half_download_is_shown_and_can_be_repaired(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from models.library.download import fetch

    monkeypatch.delenv("HF_HUB_OFFLINE")
    with Hub() as hub:
        hub.add("someone/tiny", make_tiny(tmp_path / "source"))
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        result_of(fetch("someone/tiny"))
        folder = Path(by_name()["someone/tiny"].path)
        (folder / "model.safetensors").resolve().unlink()
        half = by_name()["someone/tiny"]
        assert (half.state, half.repairable) == ("broken", True)
        with pytest.raises(errors.Corrupt, match="not whole"):
            installed.find("someone/tiny")
        (step,) = chains.repair(half)
        assert isinstance(step, Fetch)
        result_of(step.work())
    assert by_name()["someone/tiny"].state == "ready"
    shutil.rmtree(cache)


def test_a_title_that_turns_its_direction_is_shown_as_what_it_is(tmp_path: Path) -> None:
    assert records.model(tmp_path, "llama\u202efugg").title == "llama⟨U+202E⟩fugg"
