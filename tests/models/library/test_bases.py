"""An adapter's base is known by its fingerprint: whatever it is called, wherever it lies, quantized or not."""

import shutil
from pathlib import Path

import msgspec
import pytest
from safetensors.numpy import load_file, save_file

from models import paths
from models.checkpoint import fingerprint, folders
from models.events import Model
from models.library import bases, copies, installed, starter
from models.library.records import LibraryCache
from tests.tiny import make_tiny


@pytest.fixture(autouse=True)
def no_starter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starter, "DISTRIBUTION", "no-such-wheel")  # it takes a while to be described


def make(name: str, shift: float = 0.0) -> Path:
    """A model of the library; another shift is another model of the same shape."""
    folder = make_tiny(paths.models_folder() / name)
    weights = {key: value + shift for key, value in load_file(folder / "model.safetensors").items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "mlx"})
    folders.write_record(folder, folders.new_record(folder, name, "a test"))
    return folder


def record(folder: Path, **values: object) -> None:
    made = folders.read_record(folder) or folders.new_record(folder, folder.name, "a test")
    folders.write_record(folder, msgspec.structs.replace(made, **values))


def adapter_of(base: Path) -> Path:
    folder = paths.adapters_folder() / "lesson"
    folder.mkdir()
    record(folder, base=base.name, lineage=bases.lineage(base))
    return folder


def copied(original: Path, name: str, **values: object) -> Path:
    """A copy as quantizing records it."""
    folder = make(name, shift=0.5)
    record(folder, recipe="4bit", original=original.name, lineage=bases.lineage(original), **values)
    return folder


def test_the_base_fits_and_another_of_its_shape_does_not() -> None:
    one, other = make("one"), make("other", 0.1)
    lesson = adapter_of(one)
    assert bases.mismatch(lesson, one, "One") == ""
    assert bases.mismatch(lesson, other, "Other") == "lesson was trained on one, which is not Other as it is here."


def test_the_base_under_another_name_fits_and_another_under_its_name_does_not() -> None:
    one = make("one")
    lesson = adapter_of(one)
    moved = one.rename(one.with_name("renamed"))
    assert bases.mismatch(lesson, moved, "Renamed") == ""
    again = make("one", 0.1)
    assert "is not One as it is here" in bases.mismatch(lesson, again, "One")


def test_quantized_copies_fit_each_other_also_when_the_original_is_gone() -> None:
    one = make("one")
    small, smaller = copied(one, "one-8bit"), copied(one, "one-4bit")
    lesson = adapter_of(small)
    shutil.rmtree(one)
    assert bases.mismatch(lesson, smaller, "Smaller") == ""
    assert bases.mismatch(lesson, make("back"), "Back") == ""  # the original, got again
    assert bases.mismatch(lesson, make("other", 0.1), "Other")


def test_a_copy_of_a_fused_model_is_no_copy_of_its_base() -> None:
    one = make("one")
    lesson = adapter_of(one)
    fused = make("fused", 0.2)
    record(fused, original="one")  # as fusing records it
    assert bases.mismatch(lesson, fused, "Fused")
    assert bases.mismatch(lesson, copied(fused, "fused-4bit"), "Fused 4-bit")


def test_a_copy_of_an_earlier_version_is_known_by_its_originals_name() -> None:
    one = make("one")
    lesson = adapter_of(one)
    old = copied(one, "one-4bit")
    record(old, lineage=[])
    assert bases.mismatch(lesson, old, "Old") == ""
    shutil.rmtree(one)
    assert bases.mismatch(lesson, old, "Old") == ""
    make("one", 0.1)
    assert bases.mismatch(lesson, old, "Old")


def test_of_two_copies_that_name_each_other_there_is_an_end() -> None:
    one, two = make("one"), make("two", 0.1)
    for folder, other in ((one, "two"), (two, "one")):
        record(folder, recipe="4bit", original=other)
    assert len(bases.lineage(one)) == 3
    models = {model.name: model for model in installed.models()}
    assert copies.root("one", models) in ("one", "two")


def test_the_card_of_an_adapter_or_of_a_checkpoints_run_counts_too() -> None:
    one, other = make("one"), make("other", 0.1)
    card = msgspec.json.encode({"base": "one", "base_fingerprint": fingerprint.of(one), "id": "r"})
    run = paths.runs_folder() / "r"
    checkpoint = run / "checkpoints" / "step-3"
    checkpoint.mkdir(parents=True)
    (run / "run_card.json").write_bytes(card)
    old = paths.adapters_folder() / "old"
    old.mkdir()
    (old / "run_card.json").write_bytes(card)
    for adapter in (checkpoint, old):
        assert bases.mismatch(adapter, one, "One") == ""
        assert bases.mismatch(adapter, other, "Other")
    (old / "run_card.json").write_text("{")
    assert bases.mismatch(old, other, "Other") == ""  # nobody knows


def test_a_base_is_found_by_name_then_by_place_then_anywhere(tmp_path: Path) -> None:
    one = make("one")
    mark = fingerprint.of(one)
    assert bases.find("one", mark) == one
    elsewhere = tmp_path / "elsewhere"
    one.rename(elsewhere)
    make("one", 0.1)
    assert bases.find("one", mark) is None
    assert bases.find("one", mark, paths.portable(elsewhere)) == elsewhere
    assert bases.find("one", mark, str(elsewhere)) == elsewhere  # as earlier versions recorded it
    found = paths.models_folder() / "another name"
    elsewhere.rename(found)
    assert bases.find("one", mark, paths.portable(elsewhere)) == found


def test_a_snapshot_of_an_earlier_commit_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    snapshots = tmp_path / "hub" / "models--maker--model" / "snapshots"
    old = snapshots / ("a" * 40)
    old.parent.mkdir(parents=True)
    make("model").rename(old)
    make("model", 0.1).rename(snapshots / ("b" * 40))
    assert bases.find("maker/model", fingerprint.of(old)) == old


def test_what_is_remembered_of_the_library_holds_no_place(home: Path, tmp_path: Path) -> None:
    source = make_tiny(tmp_path / "downloads" / "tiny")
    for _ in installed.import_model(source, "mine"):
        pass
    (paths.models_folder() / "broken").mkdir()
    assert {model.name: model.source for model in installed.models()}["mine"] == str(source)
    held = [path for path in home.rglob("*") if path.is_file() and str(tmp_path).encode() in path.read_bytes()]
    assert held == []
    known = LibraryCache()
    assert known.model(paths.models_folder() / "mine").path == str(paths.models_folder() / "mine")


def test_copies_of_one_original_are_one_kin() -> None:
    def model(name: str, **values: str) -> Model:
        sizes = {"params": 1, "bits": 4.0, "size_bytes": 1, "context_limit": 1}
        texts = dict.fromkeys(("title", "path", "architecture", "family", "source", "created"), "")
        return Model(name=name, **sizes, **{**texts, **values})

    models = [
        model("one"), model("one-4bit", recipe="4bit", original="one"), model("gone-8bit", recipe="8bit", original="gone"),
        model("fused", original="one"), model("fused-4bit", recipe="4bit", original="fused"),
    ]  # fmt: skip
    by_name = {one.name: one for one in models}
    roots = {name: copies.root(name, by_name) for name in (*by_name, "gone")}
    assert roots == {
        "one": "one", "one-4bit": "one", "gone-8bit": "gone", "fused": "fused", "fused-4bit": "fused", "gone": "gone",
    }  # fmt: skip
