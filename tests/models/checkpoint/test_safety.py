"""Nothing of a stranger's checkpoint runs, leads outside or is larger than a model; what is refused is told why."""

import json
import os
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest

from models import errors, paths
from models.checkpoint import inspection, safety
from models.engine.client import Engine
from models.events import Done
from models.generate.load import load
from models.library import installed
from models.requests import ChatRequest, Message
from tests.models.hostile import checkpoints
from tests.models.tiny_gguf import write_gguf
from tests.returned import result_of
from tests.tiny import make_tiny


@pytest.fixture(autouse=True)
def canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that code of a checkpoint would touch; the working directory is where it would lie."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here" / checkpoints.CANARY


def import_and_load(folder: Path) -> object:
    """Both paths on which a checkpoint is read: into the library, and into memory from there."""
    return result_of(load("Tiny", installed.find(result_of(installed.import_model(folder)).name)))


def test_the_canary_sings(canary: Path):
    exec(checkpoints.touch_code())
    assert canary.exists()


@pytest.mark.parametrize("what", checkpoints.WITH_CODE)
def test_no_code_of_a_repository_runs(tmp_path: Path, canary: Path, what: str):
    how, usable = checkpoints.WITH_CODE[what]
    folder = checkpoints.make(tmp_path / "Tiny", how)
    if usable:
        import_and_load(folder)
        result_of(load("Tiny", folder))  # also straight from its place, with all that lies beside
        kept = {path.suffix for path in paths.models_folder().glob("*/*")}
        assert not kept & {".py", ".bin", ".pt", ".pkl"}
    else:
        for attempt in (import_and_load, lambda folder: result_of(load("Tiny", folder))):
            with pytest.raises((errors.Unsafe, errors.Unsupported, errors.NotFound)) as caught:
                attempt(folder)
            assert "Tiny" in caught.value.text
    assert not canary.exists()


def test_the_canary_is_reached_when_remote_code_is_trusted(tmp_path: Path, canary: Path):
    """Without this the test above would not show anything."""
    from mlx_lm.utils import load_model

    how, _ = checkpoints.WITH_CODE["model_file"]
    with pytest.raises(Exception):  # noqa: B017, PT011 - its Model is an empty class
        load_model(checkpoints.make(tmp_path / "Tiny", how), trust_remote_code=True)
    assert canary.exists()


@pytest.mark.parametrize("what", checkpoints.REFUSED)
def test_what_is_no_model_is_refused_with_the_reason(tmp_path: Path, what: str):
    how, word = checkpoints.REFUSED[what]
    folder = checkpoints.make(tmp_path / "Tiny", how)
    with pytest.raises(errors.StillroomError, match=word) as caught:
        library_import_refuses(folder)
    assert caught.value.kind in ("corrupt", "unsafe", "unsupported", "not_found")
    assert caught.value.text.isprintable()
    with pytest.raises(errors.StillroomError, match=word):
        result_of(load("Tiny", folder))


def library_import_refuses(folder: Path) -> None:
    try:
        list(installed.import_model(folder))
    finally:
        assert list(paths.models_folder().iterdir()) == []


@pytest.mark.slow
def test_a_tokenizer_with_an_endless_pattern_fails_in_a_sentence(tmp_path: Path):
    """The tokenizers library panics there, which is no Exception."""
    bad, good = checkpoints.make(tmp_path / "bad", checkpoints.endless_pattern), make_tiny(tmp_path / "good")
    engine = Engine()
    try:
        said = [Message(role="user", content="a" * 60 + "b")]
        with pytest.raises(errors.Corrupt, match="tokenizer fails"):
            list(engine.run(ChatRequest(model=str(bad), messages=said, max_tokens=2)))
        *_, done = engine.run(ChatRequest(model=str(good), messages=said, max_tokens=2))
        assert isinstance(done, Done)
    finally:
        engine.close()


NAMES = {
    "brackets": "model [1] {x} *?!",
    "spaces": " two  spaces ",
    "emoji": "🧪 thinker 🧠",
    "decomposed": unicodedata.normalize("NFD", "Größe é"),
    "longest": "x" * 255,
    "quotes": 'it\'s "so" $HOME `ls`',
    "newline": "a\nb",
    "percent": "%2e%2e%s{0}",
    "leading dash": "--help",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_odd_names_of_folders_work(tmp_path: Path, name: str):
    folder = make_tiny(tmp_path / name)
    import_and_load(folder)
    assert result_of(load("Tiny", folder)).weights_bytes > 0


def test_a_home_with_an_odd_name_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("STILLROOM_HOME", str(tmp_path / "home [1] 🧪"))
    import_and_load(make_tiny(tmp_path / "Tiny"))


def test_a_gguf_of_an_odd_name_works(tmp_path: Path):
    import_and_load(write_gguf(tmp_path / "model [1] 🧪.gguf"))


def test_a_gguf_that_is_a_pipe_is_refused_without_waiting(tmp_path: Path):
    os.mkfifo(tmp_path / "x.gguf")
    with pytest.raises(errors.Unsafe, match="no ordinary file"):
        library_import_refuses(tmp_path / "x.gguf")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_told(tmp_path: Path):
    folder = make_tiny(tmp_path / "Tiny")
    (folder / "config.json").chmod(0)
    with pytest.raises(errors.BadInput, match="may not read"):
        safety.check(folder)


def test_a_disk_that_is_gone_is_told(tmp_path: Path):
    (tmp_path / "link").symlink_to("/Volumes/gone/model")
    for attempt in (installed.find, installed.import_model):
        with pytest.raises(errors.NotFound):
            list(attempt(str(tmp_path / "link")))  # type: ignore[call-overload]


def test_stray_files_are_no_obstacle_and_are_never_opened(tmp_path: Path):
    folder = make_tiny(tmp_path / "Tiny")
    os.mkfifo(folder / "README.md")
    os.mkfifo(folder / "pytorch_model.bin")
    (folder / "setup.py").symlink_to("/etc/passwd")
    (folder / "notes.txt").symlink_to("nowhere.txt")
    (folder / "onnx").mkdir()
    (folder / "large.png").write_bytes(bytes(100))
    import_and_load(folder)


def test_links_into_the_hubs_cache_are_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    blobs = tmp_path / "hub" / "models--a--b" / "blobs"
    make_tiny(blobs)
    folder = tmp_path / "mine"
    folder.mkdir()
    for blob in blobs.iterdir():
        (folder / blob.name).symlink_to(blob)
    safety.check(folder)
    (tmp_path / "hub" / "token").write_text("secret")
    (folder / "merges.txt").symlink_to(tmp_path / "hub" / "token")
    with pytest.raises(errors.Unsafe, match="outside of it"):
        safety.check(folder)


def test_configurations_of_published_shapes_pass(tmp_path: Path):
    published: list[dict[str, object]] = [
        {"rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                          "original_max_position_embeddings": 8192}, "rope_theta": 500000.0},
        {"rope_scaling": None, "sliding_window": None, "head_dim": None, "num_experts": 0},
        {"rope_theta": 1000000, "max_position_embeddings": 131072, "eos_token_id": [1, 2], "layer_types": ["full"] * 2},
        {"quantization": {"group_size": 64, "bits": 4, "mode": "affine", "lm_head": {"group_size": 32, "bits": 8},
                          "model.embed_tokens": False}},
        {"quantization_config": {"quant_method": "awq", "bits": 4, "group_size": 128, "version": "gemm"}},
        {"time_step_limit": [0.0, float("inf")], "num_key_value_heads": [2, 2]},
        {"auto_map": {"AutoConfig": "configuration_x.X"}, "model_file": None},
    ]  # fmt: skip
    for number, changes in enumerate(published):
        folder = make_tiny(tmp_path / str(number))
        config = json.loads((folder / "config.json").read_text()) | changes
        (folder / "config.json").write_text(json.dumps(config))
        safety.check(folder)


def test_an_adapter_is_checked_too(tmp_path: Path):
    folder = tmp_path / "adapter"
    with pytest.raises(errors.NotFound):
        safety.check_adapter(folder)
    folder.mkdir()
    (folder / "adapter_config.json").write_text(json.dumps({"num_layers": 10**9}))
    (folder / "adapters.safetensors").write_bytes(b"\xff" * 100)
    with pytest.raises(errors.Corrupt, match="num_layers"):
        safety.check_adapter(folder)
    (folder / "adapter_config.json").write_text(json.dumps({"num_layers": 2}))
    with pytest.raises(errors.Corrupt, match="no safetensors file"):
        result_of(load("Tiny", make_tiny(tmp_path / "Tiny"), str(folder)))


def test_the_check_imports_nothing_that_reads_models():
    code = (
        "import sys\nfrom models.checkpoint import safety\nfrom pathlib import Path\nsafety.check(Path(sys.argv[1]))\n"
        "print({'mlx', 'mlx_lm', 'transformers', 'numpy', 'tokenizers', 'jinja2', 'huggingface_hub'} & sys.modules.keys())\n"
    )
    folder = make_tiny(Path.cwd() / "Tiny")
    run = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"


def test_inspection_is_the_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = checkpoints.make(tmp_path / "Tiny", checkpoints.REFUSED["no heads"][0])
    with pytest.raises(errors.Corrupt, match="num_attention_heads"):
        inspection.inspect(folder)


@pytest.mark.parametrize("how", ["lora_layers", "adapters.npz"])
def test_an_adapter_of_an_older_mlx_lm_is_called_that(tmp_path: Path, how: str) -> None:
    config = {"lora_layers": 16, "lora_parameters": {"rank": 8, "alpha": 16.0, "dropout": 0.0, "scale": 10.0}}
    if how == "lora_layers":
        (tmp_path / "adapter_config.json").write_text(json.dumps(config))
        (tmp_path / "adapters.safetensors").write_bytes(b"")
    else:
        (tmp_path / how).write_bytes(b"PK")
    with pytest.raises(errors.Unsupported, match=f"mlx-lm of before 2025: it has {how}"):
        safety.check_adapter(tmp_path)
