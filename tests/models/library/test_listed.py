"""What is listed can be shown and removed, whatever it is called; of a link the link alone goes."""

import os
import shutil
import unicodedata
from pathlib import Path

import pytest

from models import errors, paths
from models.checkpoint import folders
from models.hub import cache
from models.library import installed, records, starter
from models.traces import store
from tests.models.traces.made import many
from tests.tiny import make_tiny

NAMES = [
    "NAME copy", "mine (2)", "été", "模型 1.5B", "-mine", "~mine", "a'b", "x" * 120, "模" * 80, "gpj.\u202eexe",
    "adapters", "mine.part", "mine~", "R1-Distill-Qwen-1.5B-maths", "Name", " mine",
]  # fmt: skip


def make(place: Path) -> Path:
    make_tiny(place)
    folders.write_record(place, folders.new_record(place, place.name, "a test"))
    return place


def make_adapter(place: Path) -> Path:
    place.mkdir()
    for name in ("adapter_config.json", "adapters.safetensors"):
        (place / name).write_text("{}")
    folders.write_record(place, folders.new_record(place, place.name, "a test"))
    return place


def listed() -> list[str]:
    return [model.name for model in installed.models() if model.name != "starter"]


@pytest.fixture(autouse=True)
def no_starter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starter, "DISTRIBUTION", "no-such-wheel")  # it takes a while to be described


def test_models_of_any_name() -> None:
    tiny = make(paths.home() / "tiny")
    for name in NAMES:
        shutil.copytree(tiny, paths.models_folder() / name)
    assert sorted(listed()) == sorted(NAMES)
    for name in NAMES:
        assert installed.show(name).state == "ready"
        assert installed.find(name) == paths.models_folder() / name
        installed.mark_used(name)
        assert installed.remove(name).freed_bytes > 1000
    assert listed() == []


def test_adapters_and_sets_of_any_name() -> None:
    store.append("first", many(2))
    for name in NAMES:
        make_adapter(paths.adapters_folder() / name)
        shutil.copytree(paths.traces_folder() / "first", paths.traces_folder() / name)
    store.delete("first")
    assert sorted(listed()) == sorted(NAMES)
    assert [found.name for found in store.all_sets()] == sorted(NAMES)
    store.append(NAMES[0], many(3))
    for name in NAMES:
        assert installed.show(name).kind == "adapter"
        assert installed.find_adapter(name).name == name
        installed.remove(name)
        assert store.get(name).traces == (3 if name == NAMES[0] else 2)
        assert store.delete(name) > 100
    assert (listed(), store.all_sets()) == ([], [])


def test_an_adapter_with_a_models_name_is_told_from_it() -> None:
    make(paths.models_folder() / "mine")
    for name in ("mine", "starter", "theirs"):
        make_adapter(paths.adapters_folder() / name)
    assert listed() == ["mine", "adapters/mine", "adapters/starter", "theirs"]
    assert (installed.show("mine").kind, installed.show("adapters/mine").kind) == ("model", "adapter")
    assert installed.find_adapter("adapters/mine") == installed.find_adapter("mine")
    installed.remove("adapters/mine")
    installed.remove("adapters/starter")
    installed.remove("adapters/theirs")
    assert listed() == ["mine"]
    make_adapter(paths.adapters_folder() / "mine")
    installed.remove("mine")
    assert listed() == ["mine"]
    assert installed.show("mine").kind == "adapter"


def test_a_name_is_found_as_it_is_shown_and_with_accents_put_together() -> None:
    make(paths.models_folder() / unicodedata.normalize("NFD", "été"))
    make(paths.models_folder() / "a\u202eb")
    assert installed.has(unicodedata.normalize("NFC", "été"))
    assert installed.show("a⟨U+202E⟩b").name == "a\u202eb"


def test_what_is_not_listed_is_not_removed() -> None:
    make(paths.models_folder() / "mine")
    (paths.models_folder() / ".hidden").mkdir()
    for name in ("", ".", "..", "../models/mine", "mine/", "/", ".hidden", "a\0b", "._mine"):
        with pytest.raises(errors.NotFound):
            installed.remove(name)
        with pytest.raises(errors.NotFound):
            store.delete(name)
    assert listed() == ["mine"]
    assert paths.adapters_folder().is_dir()


def test_repositories_of_the_cache_of_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    repos = ["gpt2", "maker/a--b", "maker/model copy", "maker/name.", "maker/x.part"]
    for repo in repos:
        place = tmp_path / "hub" / f"models--{repo.replace('/', '--', 1)}"
        make_tiny(place / "snapshots" / ("a" * 40))
        (place / "blobs").mkdir()
        (place / "blobs" / "b").write_bytes(b"1")
    assert listed() == repos
    for repo in repos:
        assert installed.show(repo).state == "ready"
        assert installed.find(repo).name == "a" * 40
        installed.remove(repo)
    assert listed() == []


def test_a_model_of_the_library_goes_before_a_repository_without_an_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    make_tiny(tmp_path / "hub" / "models--gpt2" / "snapshots" / ("a" * 40))
    ours = make(paths.models_folder() / "gpt2")
    assert installed.find("gpt2") == ours
    installed.remove("gpt2")
    assert cache.find("gpt2") is not None


# links


def linked(place: Path, target: Path) -> set[Path]:
    """Make a link; returns all that lies at its target."""
    place.symlink_to(target, target_is_directory=True)
    return set(target.rglob("*"))


def test_a_link_to_a_model_an_adapter_or_a_set_goes_and_its_target_stays(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "notes").mkdir()
    (outside / "notes" / "a.txt").write_text("mine")
    model, adapter = make(outside / "model"), make_adapter(outside / "adapter")
    for folder in (model, adapter):
        (folder / "inside").symlink_to(outside / "notes")
    store.append("sums", many(2))
    traces = (paths.traces_folder() / "sums").rename(outside / "sums")
    before = set(outside.rglob("*"))
    (paths.models_folder() / "model").symlink_to(model)
    (paths.adapters_folder() / "adapter").symlink_to(adapter)
    (paths.traces_folder() / "sums").symlink_to(traces)
    assert listed() == ["model", "adapter"]
    assert installed.find_adapter("adapter").name == "adapter"
    for name in ("model", "adapter"):
        assert installed.remove(name).freed_bytes == 0
    assert store.get("sums").traces == 2
    assert store.delete("sums") == 0
    assert (listed(), store.all_sets()) == ([], [])
    assert set(outside.rglob("*")) - {traces / ".lock"} == before - {traces / ".lock"}


def test_a_folder_with_links_inside_goes_and_their_targets_stay(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.txt").write_text("mine")
    model = make(paths.models_folder() / "mine")
    (model / "folder").symlink_to(outside)
    (model / "file.txt").symlink_to(outside / "a.txt")
    (model / "nowhere").symlink_to(tmp_path / "gone")
    (model / "round").symlink_to(model)
    installed.remove("mine")
    assert listed() == []
    assert (outside / "a.txt").read_text() == "mine"


def test_a_link_that_leads_nowhere_is_listed_and_goes(tmp_path: Path) -> None:
    for parent in (paths.models_folder(), paths.adapters_folder()):
        (parent / "gone").symlink_to(tmp_path / "gone")
        (model,) = (model for model in installed.models() if model.name == "gone")
        assert model.state == "broken"
        assert installed.show("gone").state == "broken"
        installed.remove("gone")
        assert not os.path.lexists(parent / "gone")


def test_a_linked_repository_of_the_cache_goes_and_its_target_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    real = tmp_path / "big disk" / "models--maker--model"
    make_tiny(real / "snapshots" / ("a" * 40))
    (tmp_path / "hub").mkdir()
    before = linked(tmp_path / "hub" / "models--maker--model", real)
    assert installed.show("maker/model").state == "ready"
    installed.remove("maker/model")
    assert (listed(), set(real.rglob("*"))) == ([], before)


def test_a_new_model_in_the_place_of_a_link_leaves_its_target(tmp_path: Path) -> None:
    model = make(tmp_path / "model")
    place = paths.models_folder() / "mine"
    before = linked(place, model)
    with folders.publishing(place, 0, "writing", replace=True) as draft:
        (draft / "new").write_text("new")
    assert [path.name for path in place.iterdir()] == ["new"]
    assert set(model.rglob("*")) == before


def test_a_mark_of_use_has_a_name_that_a_disk_takes() -> None:
    marks = {records.mark_of_use(name).name for name in ("模" * 80, "模" * 81, "mine")}
    assert len(marks) == 3
    assert max(map(len, marks)) < 255
