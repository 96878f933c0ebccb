"""The library lists what is on the disk, whole or broken, finds models by name and takes new ones in."""

import json
import os
import subprocess
import sys
from pathlib import Path

import mlx_lm
import pytest

from models import errors, paths
from models.checkpoint import folders, inspection
from models.events import Model, Progress
from models.library import installed, starter
from tests.models.tiny_gguf import write_gguf
from tests.returned import run
from tests.tiny import make_tiny


def imported(path: Path, name: str | None = None) -> Model:
    progress, model = run(installed.import_model(path, name))
    assert all(isinstance(event, Progress) for event in progress)
    return model


def names() -> list[str]:
    return [model.name for model in installed.models()]


def test_the_starter_is_listed_before_it_is_made() -> None:
    (model,) = installed.models()
    assert (model.name, model.state, model.architecture, model.licence) == ("starter", "ready", "llama", "apache-2.0")
    assert model.params == 134_515_008
    assert 4 < model.bits < 7
    assert model.context_limit == 8192
    assert installed.show("starter") == model
    assert installed.find("starter") == starter.folder()


def test_the_starters_path_is_of_this_home_after_a_move(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed.models()
    moved = home.rename(home.with_name("moved"))
    monkeypatch.setenv("STILLROOM_HOME", str(moved))
    assert [model.path for model in installed.models()] == [str(moved / "models" / "starter")]


def test_the_starter_is_listed_with_its_problem_when_it_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starter, "DISTRIBUTION", "no-such-wheel")
    (model,) = installed.models()
    assert model.state == "broken"
    assert "make setup" in model.problem


def test_a_folder_comes_in_whole_and_runs(tmp_path: Path) -> None:
    source = make_tiny(tmp_path / "My Model! v1.0", thinking="tokens")
    model = imported(source)
    assert (model.name, model.title, model.state, model.architecture) == (
        "My-Model-v1.0",
        "My-Model-v1.0",
        "ready",
        "llama",
    )
    assert model.source == str(source)
    assert model.context_limit == 2048
    assert model.bits == 32.0
    assert names() == ["starter", "My-Model-v1.0"]
    folder = installed.find("My-Model-v1.0")
    assert installed.show("My-Model-v1.0") == model == installed.show(str(folder))
    network, _ = mlx_lm.load(str(folder))
    assert sum(array.size for _, array in mlx_lm.utils.tree_flatten(network.parameters())) == model.params


def test_weights_are_linked_and_the_rest_is_copied(tmp_path: Path) -> None:
    source = make_tiny(tmp_path / "tiny")
    folder = installed.find(imported(source).name)
    assert (folder / "model.safetensors").samefile(source / "model.safetensors")
    assert not (folder / "config.json").samefile(source / "config.json")


def test_on_another_disk_weights_are_copied_with_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def other_disk(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    source = make_tiny(tmp_path / "tiny")
    monkeypatch.setattr(os, "link", other_disk)
    monkeypatch.setattr(installed, "COPY_CHUNK_BYTES", 50_000)
    progress, _ = run(installed.import_model(source))
    assert [event.stage for event in progress] == ["copy"] * (len(progress) - 1) + ["write"]
    assert len(progress) > 6
    assert progress[-1].done == progress[-1].total
    folder = paths.models_folder() / "tiny"
    assert (folder / "model.safetensors").read_bytes() == (source / "model.safetensors").read_bytes()


def test_only_known_kinds_of_files_come_along(tmp_path: Path) -> None:
    source = make_tiny(tmp_path / "tiny")
    unwanted = [
        "modeling_x.py",
        "pytorch_model.bin",
        "x.pth",
        "tokenizer.py",
        "tokenizer.bin",
        "README.md",
        ".env",
        "stillroom.json",
    ]
    wanted = ["chat_template.jinja", "merges.txt", "tokenizer.model", "special_tokens_map.json"]
    for name in unwanted + wanted:
        (source / name).write_text("{}")
    (source / "sub.json").mkdir()
    folder = installed.find(imported(source).name)
    assert {path.name for path in folder.iterdir()} == {
        *wanted, "config.json", "generation_config.json", "model.safetensors", "tokenizer.json",
        "tokenizer_config.json", "stillroom.json",
    }  # fmt: skip
    assert (
        json.loads((folder / "stillroom.json").read_text())["source"] == "../tiny"
    )  # as seen from home, wherever that is


def test_what_a_name_says_of_a_family_is_kept_when_the_name_changes(tmp_path: Path) -> None:
    first = imported(make_tiny(tmp_path / "OpenThinker-7B"))
    assert first.family == "openthinker-1"
    source = tmp_path / "mine"
    installed.find(first.name).rename(source)
    again = imported(source)
    assert (again.name, again.family) == ("mine", "openthinker-1")
    assert json.loads((installed.find("mine") / "stillroom.json").read_text())["family"] == "openthinker-1"


def test_a_family_is_known_by_its_vocabulary_alone(tmp_path: Path) -> None:
    source = make_tiny(tmp_path / "mine", thinking="tokens")
    settings = json.loads((source / "tokenizer_config.json").read_text())
    (source / "tokenizer_config.json").write_text(json.dumps({**settings, "chat_template": None}))
    assert imported(source).family == "think-tokens"


def test_a_snapshot_of_the_hubs_cache_is_followed_and_named_after_its_repository(tmp_path: Path) -> None:
    blobs = make_tiny(tmp_path / "blobs")
    snapshot = tmp_path / "models--someone--Tiny-Thinker" / "snapshots" / "0123abc"
    snapshot.mkdir(parents=True)
    for blob in blobs.iterdir():
        (snapshot / blob.name).symlink_to(blob)
    model = imported(snapshot)
    assert model.name == "Tiny-Thinker"
    assert not any(path.is_symlink() for path in installed.find(model.name).iterdir())


def test_a_gguf_comes_in_with_its_title_and_licence(tmp_path: Path) -> None:
    model = imported(write_gguf(tmp_path / "tiny.Q4_0.gguf", "qwen2", {"ffn": "Q4_0"}))
    assert (model.name, model.title, model.licence, model.architecture) == ("tiny.Q4_0", "Tiny", "mit", "qwen2")
    assert installed.title(model.name) == "Tiny"
    network, _ = mlx_lm.load(model.path)
    assert 4 < model.bits < 16
    weights = [array.size * 8 if array.dtype == mlx_lm.utils.mx.uint32 else array.size
               for path, array in mlx_lm.utils.tree_flatten(network.parameters()) if not path.endswith(("scales", "biases"))]  # fmt: skip
    assert model.params == sum(weights)


def test_names_are_made_unique_and_given_ones_are_not(tmp_path: Path) -> None:
    source = make_tiny(tmp_path / "tiny")
    assert [imported(source).name for _ in range(3)] == ["tiny", "tiny-2", "tiny-3"]
    assert imported(source, "Other").name == "Other"
    for taken in ("tiny", "other", "starter"):
        with pytest.raises(errors.BadInput, match="already"):
            imported(source, taken)
    for wrong in ("", "../x", "a/b", ".hidden", "a b", "x" * 81, "ü"):
        with pytest.raises(errors.BadInput, match="can't be the name"):
            imported(source, wrong)
    assert names() == ["starter", "Other", "tiny", "tiny-2", "tiny-3"]


def test_what_can_not_run_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    cases: list[tuple[dict[str, object], type[errors.StillroomError], str]] = [
        ({"model_type": "no_such_architecture"}, errors.Unsupported, "no_such_architecture"),
        ({"model_type": "../../evil"}, errors.Unsupported, "evil"),
        ({"model_type": "cache"}, errors.Unsupported, "cache"),  # a module of mlx-lm, yet no architecture
        ({"model_type": ["llama"]}, errors.Unsupported, "can't run"),
        ({"model_file": "evil.py"}, errors.Unsafe, r"evil\.py"),
    ]
    for number, (change, error, sentence) in enumerate(cases):
        source = make_tiny(tmp_path / f"tiny{number}")
        config = json.loads((source / "config.json").read_text())
        (source / "config.json").write_text(json.dumps(config | change))
        with pytest.raises(error, match=sentence):
            imported(source)
    assert list(paths.models_folder().iterdir()) == []


def test_architectures_are_known_by_mlx_lms_files_and_mlx_lm_is_not_imported() -> None:
    assert inspection.can_run("qwen2")
    assert inspection.can_run("mistral")  # which mlx-lm runs as llama
    code = (
        "import sys\n"
        "from models.checkpoint import inspection\nfrom models.library import installed\n"
        "assert inspection.can_run('llama') and not inspection.can_run('base')\n"
        "installed.models()\n"
        "print({'mlx', 'mlx_lm', 'transformers', 'numpy', 'tokenizers', 'jinja2'} & sys.modules.keys())\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"


def test_incomplete_folders_are_refused_with_what_is_missing(tmp_path: Path) -> None:
    def without(name: str) -> Path:
        source = make_tiny(tmp_path / f"no-{name}")
        (source / name).unlink()
        return source

    with pytest.raises(errors.NotFound, match=r"no config\.json"):
        imported(without("config.json"))
    with pytest.raises(errors.NotFound, match="no tokenizer"):
        imported(without("tokenizer.json"))
    with pytest.raises(errors.NotFound, match="safetensors"):
        imported(without("model.safetensors"))
    with pytest.raises(errors.NotFound, match="no file or folder"):
        imported(tmp_path / "nowhere")
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff" + bytes(100))
    with pytest.raises(errors.Corrupt, match="not a GGUF"):
        imported(tmp_path / "photo.jpg")
    assert names() == ["starter"]


def test_broken_folders_are_listed_with_their_problem_and_hide_nothing(tmp_path: Path) -> None:
    for name in ("a-cut", "b-no-config", "c-bad-json", "d-no-shard", "e-bad-record", "f-bad-header", "whole"):
        imported(make_tiny(tmp_path / name))
    at = paths.models_folder()
    weights = (at / "a-cut" / "model.safetensors").read_bytes()
    for name, content in (("a-cut", weights[:-1000]), ("f-bad-header", weights[:8] + b"[" * (len(weights) - 8))):
        (at / name / "model.safetensors").unlink()  # it is a link
        (at / name / "model.safetensors").write_bytes(content)
    (at / "b-no-config" / "config.json").unlink()
    (at / "c-bad-json" / "config.json").write_text("{")
    index = {"weight_map": {"x": "model-00002-of-00002.safetensors"}}
    (at / "d-no-shard" / "model.safetensors.index.json").write_text(json.dumps(index))
    (at / "e-bad-record" / "stillroom.json").write_bytes(b"\xff{}")
    (at / "a-file").write_text("")
    found = {model.name: model for model in installed.models()}
    assert {name for name, model in found.items() if model.state == "ready"} == {"starter", "whole"}
    for name, word in {
        "a-cut": "1,000 bytes are missing", "b-no-config": "config.json", "c-bad-json": "no JSON",
        "d-no-shard": "model-00002-of-00002", "e-bad-record": "record", "f-bad-header": "damaged header",
    }.items():  # fmt: skip
        assert word in found[name].problem


def test_a_model_without_our_record_is_still_a_model() -> None:
    make_tiny(paths.models_folder() / "by-hand")
    model = installed.show("by-hand")
    assert (model.state, model.title, model.source) == ("ready", "by-hand", "")
    assert installed.title("by-hand") == "by-hand"


def test_finding_helps_with_names_that_come_near(tmp_path: Path) -> None:
    imported(make_tiny(tmp_path / "DeepThought-7B"))
    with pytest.raises(errors.NotFound, match="deepthought7b") as caught:
        installed.find("deepthought7b")
    assert caught.value.hint == "Did you mean DeepThought-7B?"
    with pytest.raises(errors.NotFound) as caught:
        installed.find("zzzz")
    assert "stillroom list" in caught.value.hint
    with pytest.raises(errors.NotFound, match=r"no config\.json"):
        installed.find(str(tmp_path))
    source = write_gguf(tmp_path / "tiny.gguf")
    with pytest.raises(errors.BadInput) as caught:
        installed.find(str(source))
    assert "stillroom import" in caught.value.hint


def test_preparing_makes_the_starter_and_finds_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starter, "ensure", lambda: iter([Progress(stage="convert", done=1, total=1, unit="bytes")]))

    def outcome(name: str) -> tuple[int, Path]:
        steps = installed.prepare(name)
        count = 0
        while True:
            try:
                next(steps)
                count += 1
            except StopIteration as end:
                return count, end.value

    folder = make_tiny(tmp_path / "tiny")
    assert outcome("starter") == (1, starter.folder())
    assert outcome(str(folder)) == (0, folder)


def test_stopping_an_import_leaves_nothing(tmp_path: Path) -> None:
    work = installed.import_model(make_tiny(tmp_path / "tiny"))
    next(work)
    assert len(list(paths.models_folder().iterdir())) == 1
    work.close()  # type: ignore[attr-defined]
    assert list(paths.models_folder().iterdir()) == []


def test_no_space_is_told_before_anything_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(folder: Path, needed_bytes: int) -> None:
        raise errors.DiskFull(f"{needed_bytes}")

    monkeypatch.setattr(folders, "check_space", full)
    source = make_tiny(tmp_path / "tiny")
    with pytest.raises(errors.DiskFull) as caught:
        imported(source)
    linked = (source / "model.safetensors").stat().st_size
    assert int(caught.value.text) == folders.folder_size(source) - linked
