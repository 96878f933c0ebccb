"""What systems, syncs and editors leave beside a file is no part of anything."""

from pathlib import Path

import mlx.core as mx
import msgspec
import pytest

from models import errors, leftovers, paths
from models.checkpoint import fingerprint, folders
from models.finetune import checkpoints, run_folder, runs
from models.finetune.run_folder import TrainingState
from models.finetune_config import FinetuneConfig
from models.generate import load
from models.library import installed
from models.traces import store
from tests.models.finetune.made_runs import make as make_run
from tests.models.traces.made import many
from tests.returned import result_of
from tests.tiny import make_tiny

LEFT = [
    "._model.safetensors", "._config.json", ".DS_Store", "Thumbs.db", "desktop.ini", "Desktop.ini", "~$config.json",
    ".model.safetensors.icloud", "tokenizer.sync-conflict-20260102-030405-ABCDEFG.json", "config.json.part",
    "model.safetensors.tmp", "config (Anna's conflicted copy 2026-01-02).json", "config.json~", ".config.json.swp",
    "model.safetensors.crdownload", ".~lock.config.json#", "Icon\r", ".nfs000000000001", ".syncthing.config.json.tmp",
    "config_conflict-20260102-030405.json", "@eaDir", ".Trash-1000", "__MACOSX",
]  # fmt: skip
OURS = [
    "model.safetensors", "model-00001-of-00002.safetensors", "config.json", "tokenizer.model", "chat_template.jinja",
    "adapters.safetensors", "stillroom.json", "Qwen2.5-temp-0.6", "partial.json", "tmp", "sums copy", "a~b.json",
    "step-10", "traces.jsonl", "R1-Distill.part2", "icon", ".gitattributes", "conflicted copy",
]  # fmt: skip


@pytest.mark.parametrize("name", LEFT)
def test_it_is_known_by_its_name(name: str) -> None:
    assert leftovers.is_leftover(name)


@pytest.mark.parametrize("name", OURS)
def test_other_names_are_not_taken_for_it(name: str) -> None:
    assert not leftovers.is_leftover(name)


def litter(folder: Path) -> None:
    for name in LEFT:
        (folder / name).write_bytes(b"\0\5\26\7 left")


def test_a_model_is_the_same_with_it(tmp_path: Path) -> None:
    folder = make_tiny(paths.models_folder() / "mine")
    folders.write_record(folder, folders.new_record(folder, "mine", "a test"))
    before = installed.show("mine"), fingerprint.of(folder), folders.companions(folder), load.weights_on_disk(folder)
    litter(folder)
    litter(paths.models_folder())
    (paths.models_folder() / "#recycle").mkdir()
    after = installed.show("mine"), fingerprint.of(folder), folders.companions(folder), load.weights_on_disk(folder)
    assert after == before
    assert [model.name for model in installed.models()] == ["starter", "mine"]
    copy = result_of(installed.import_model(folder, "copy"))
    assert sorted(path.name for path in Path(copy.path).iterdir()) == sorted(
        path.name for path in folder.iterdir() if path.name not in LEFT
    )


def save(run: Path, step: int) -> Path:
    state = TrainingState(step=step, epoch=0, row=0, seed=0, data_hash="d")
    weights = {"a": mx.ones((4,))}
    return checkpoints.save(run, state, weights, {"m": mx.zeros((4,))}, FinetuneConfig(), "Tiny")


def test_a_checkpoint_is_whole_without_what_lay_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run("r", "2026-01-02T03:04:05", adapter="a")
    write = folders.write_json

    def on_a_disk_without_attributes(path: Path, content: dict[str, object]) -> None:
        write(path, content)
        litter(path.parent)

    monkeypatch.setattr(folders, "write_json", on_a_disk_without_attributes)
    folder = save(run, 1)
    for name in LEFT:
        (folder / name).unlink()  # as dot_clean does
    assert run_folder.read_state(folder) is not None
    state = msgspec.json.decode((folder / "state.json").read_bytes())
    state["files"]["._adapters.safetensors"] = 4096  # as an earlier version counted it
    (folder / "state.json").write_bytes(msgspec.json.encode(state))
    assert run_folder.read_state(folder) is not None
    litter(run)
    litter(run / "checkpoints")
    (paths.runs_folder() / "@eaDir").mkdir()
    assert [(run.id, len(runs.checkpoints(run))) for run in runs.runs()] == [("r", 1)]


def test_an_adapter_and_a_set_are_the_same_with_it() -> None:
    store.append("sums", many(3))
    adapter = paths.adapters_folder() / "a"
    adapter.mkdir()
    for name in ("adapter_config.json", "adapters.safetensors"):
        (adapter / name).write_text("{}")
    folders.write_record(adapter, folders.new_record(adapter, "a", "a test"))
    before = installed.show("a"), store.all_sets()
    for folder in (adapter, paths.traces_folder(), paths.traces_folder() / "sums"):
        litter(folder)
    assert (installed.show("a"), store.all_sets()) == before
    with pytest.raises(errors.NotFound):
        store.get("._sums")
