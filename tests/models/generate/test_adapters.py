"""Adapters on a loaded model: on, off and on again, the base bit for bit what it was and read once."""

import json
from collections.abc import Callable
from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest
from mlx.utils import tree_flatten
from mlx_lm.tuner.utils import linear_to_lora_layers

from models import errors
from models.checkpoint import model_files
from models.generate import load
from tests.returned import result_of
from tests.tiny import make_tiny

PROMPT = mx.array([[5, 17, 40, 3, 99]])


def make_adapter(folder: Path, base: Path, method: str = "lora", seed: int = 0) -> str:
    """An adapter of random weights, large enough to be seen in the logits."""
    folder.mkdir()
    model, _ = load.load_model(base)
    parameters = {"rank": 4, "scale": 10.0, "dropout": 0.5}
    random = np.random.default_rng(seed)
    if method == "full":
        named = {name: array for name, array in tree_flatten(model.parameters()) if "layers.1." in name}
    else:
        linear_to_lora_layers(model, 2, parameters, use_dora=method == "dora")
        ends = ("lora_a", "lora_b", "m")
        named = {n: array for n, array in tree_flatten(model.parameters()) if n.rpartition(".")[2] in ends}
    made = {n: array + mx.array(random.normal(size=array.shape, scale=0.1)) for n, array in named.items()}
    mx.save_safetensors(
        str(folder / model_files.ADAPTER_WEIGHTS), {name: a.astype(mx.float32) for name, a in made.items()}
    )
    config = {"fine_tune_type": method, "num_layers": 2, "lora_parameters": parameters}
    (folder / model_files.ADAPTER_CONFIG).write_text(json.dumps(config))
    return str(folder)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return make_tiny(tmp_path / "tiny")


@pytest.fixture
def fresh(base: Path) -> Callable[..., load.LoadedModel]:
    return lambda adapter=None: result_of(load.load("Tiny", base, adapter))


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """One entry for each time a base is read."""
    read: list[object] = []
    original = load.load_model
    monkeypatch.setattr(load, "load_model", lambda *given, **named: (read.append(given), original(*given, **named))[1])
    return read


def logits(loaded: load.LoadedModel) -> np.ndarray:
    return np.array(loaded.model(PROMPT))


@pytest.mark.parametrize("method", ["lora", "dora", "full"])
def test_on_and_off_equal_what_is_loaded_anew_and_the_base_is_read_once(
    tmp_path: Path, base: Path, fresh: Callable[..., load.LoadedModel], reads: list[object], method: str
):
    first = make_adapter(tmp_path / "first", base, method)
    second = make_adapter(tmp_path / "second", base, "lora", seed=1)
    expected = [logits(fresh(adapter)) for adapter in (None, first, second)]
    assert not np.array_equal(expected[0], expected[1])
    assert not np.array_equal(expected[1], expected[2])
    loaded = fresh()
    bytes_of_base = loaded.weights_bytes
    reads.clear()
    for adapter, number in ((None, 0), (first, 1), (second, 2), (first, 1), (None, 0)):
        loaded.set_adapter(adapter)
        assert loaded.has_adapter(adapter)
        np.testing.assert_array_equal(logits(loaded), expected[number])
    assert reads == []
    assert (loaded.weights_bytes, loaded.adapter) == (bytes_of_base, None)


def test_one_that_was_loaded_with_an_adapter_comes_down_to_the_base(
    tmp_path: Path, base: Path, fresh: Callable[..., load.LoadedModel]
):
    loaded = fresh(make_adapter(tmp_path / "first", base))
    loaded.set_adapter(None)
    np.testing.assert_array_equal(logits(loaded), logits(fresh()))


def test_the_conversation_read_by_another_model_is_forgotten(
    tmp_path: Path, base: Path, fresh: Callable[..., load.LoadedModel]
):
    loaded = fresh()
    loaded.model(PROMPT, cache=loaded.cache.layers)
    loaded.cache.tokens = [5, 17, 40, 3, 99]
    loaded.set_adapter(make_adapter(tmp_path / "first", base))
    assert loaded.cache.tokens == []
    assert loaded.cache.layers[0].offset == 0


def test_a_full_fine_tune_replaces_weights_and_gives_the_same_ones_back(
    tmp_path: Path, base: Path, fresh: Callable[..., load.LoadedModel]
):
    full = make_adapter(tmp_path / "full", base, "full")
    loaded = fresh()
    before = dict(tree_flatten(loaded.model.parameters()))
    loaded.set_adapter(full)
    weights = mx.load(str(tmp_path / "full" / model_files.ADAPTER_WEIGHTS))
    held = dict(tree_flatten(loaded.model.parameters()))
    assert all(mx.array_equal(held[name], array) for name, array in weights.items())
    loaded.set_adapter(None)
    after = dict(tree_flatten(loaded.model.parameters()))
    assert after.keys() == before.keys()
    assert all(after[name] is array for name, array in before.items())


@pytest.mark.parametrize("method", ["lora", "full"])
def test_an_adapter_in_half_precision_takes_the_dtype_of_its_base(
    tmp_path: Path, base: Path, fresh: Callable[..., load.LoadedModel], method: str
):
    adapter = make_adapter(tmp_path / "first", base, method)
    weights = mx.load(str(tmp_path / "first" / model_files.ADAPTER_WEIGHTS))
    mx.save_safetensors(
        str(tmp_path / "first" / model_files.ADAPTER_WEIGHTS),
        {name: array.astype(mx.bfloat16) for name, array in weights.items()},
    )
    assert {array.dtype for _, array in tree_flatten(fresh(adapter).model.parameters())} == {mx.float32}


def test_a_full_fine_tune_that_does_not_fit_into_memory_is_refused(
    tmp_path: Path, base: Path, fresh: Callable[..., load.LoadedModel], monkeypatch: pytest.MonkeyPatch
):
    full = make_adapter(tmp_path / "full", base, "full")
    loaded = fresh()
    monkeypatch.setattr(load, "MEMORY_MARGIN", 1 << 60)
    with pytest.raises(errors.NoMemory, match="The adapter full needs"):
        loaded.set_adapter(full)
    assert loaded.has_adapter(None)


def wider(folder: Path) -> None:
    weights = mx.load(str(folder / model_files.ADAPTER_WEIGHTS))
    mx.save_safetensors(
        str(folder / model_files.ADAPTER_WEIGHTS),
        {name: mx.concatenate([array, array]) for name, array in weights.items()},
    )


def half(folder: Path) -> None:
    weights = dict(list(mx.load(str(folder / model_files.ADAPTER_WEIGHTS)).items())[:3])
    mx.save_safetensors(str(folder / model_files.ADAPTER_WEIGHTS), weights)


def without_magnitudes(folder: Path) -> None:
    weights = mx.load(str(folder / model_files.ADAPTER_WEIGHTS))
    kept = {name: array for name, array in weights.items() if not name.endswith(".m")}
    mx.save_safetensors(str(folder / model_files.ADAPTER_WEIGHTS), kept)


def renamed(folder: Path) -> None:
    weights = mx.load(str(folder / model_files.ADAPTER_WEIGHTS))
    mx.save_safetensors(
        str(folder / model_files.ADAPTER_WEIGHTS), {f"other.{name}": array for name, array in weights.items()}
    )


def without_parameters(folder: Path) -> None:
    (folder / model_files.ADAPTER_CONFIG).write_text(json.dumps({"num_layers": 2, "lora_parameters": {"rank": "many"}}))


@pytest.mark.parametrize(
    ("method", "spoil"),
    [
        ("lora", wider),
        ("lora", half),
        ("lora", renamed),
        ("lora", without_parameters),
        ("dora", without_magnitudes),
        ("full", wider),
        ("full", renamed),
    ],
)
def test_a_wrong_adapter_is_refused_and_leaves_the_base(
    tmp_path: Path, base: Path, fresh: Callable[..., load.LoadedModel], method: str, spoil: Callable[[Path], None]
):
    adapter = make_adapter(tmp_path / "first", base, method)
    spoil(tmp_path / "first")
    loaded = fresh()
    with pytest.raises(errors.BadInput, match="The adapter first does not fit this model"):
        loaded.set_adapter(adapter)
    assert loaded.has_adapter(None)
    np.testing.assert_array_equal(logits(loaded), logits(fresh()))


def test_another_file_of_the_same_name_is_another_adapter(
    tmp_path: Path, base: Path, fresh: Callable[..., load.LoadedModel]
):
    adapter = make_adapter(tmp_path / "first", base)
    loaded = fresh(adapter)
    make_adapter(tmp_path / "second", base, seed=1)
    (tmp_path / "second" / model_files.ADAPTER_WEIGHTS).replace(tmp_path / "first" / model_files.ADAPTER_WEIGHTS)
    assert not loaded.has_adapter(adapter)


def test_nobody_says_of_a_model_with_an_adapter_that_it_was_not_trained(
    tmp_path: Path, base: Path, fresh: Callable[..., load.LoadedModel]
):
    assert "not trained to think" in fresh().record().note
    assert not fresh().record().thinks
    adapted = fresh(make_adapter(tmp_path / "first", base)).record()
    assert (adapted.note, adapted.thinks) == ("", True)


@pytest.mark.parametrize("scale", ["20", [20.0], None])
def test_a_scale_that_is_no_number_is_refused_before_the_first_reply(
    tmp_path: Path, base: Path, fresh: Callable[..., load.LoadedModel], scale: object
):
    adapter = make_adapter(tmp_path / "first", base)
    file = tmp_path / "first" / model_files.ADAPTER_CONFIG
    config = json.loads(file.read_text())
    file.write_text(json.dumps({**config, "lora_parameters": {**config["lora_parameters"], "scale": scale}}))
    loaded = fresh()
    before = logits(loaded)
    with pytest.raises((errors.Corrupt, errors.BadInput), match="first"):
        loaded.set_adapter(adapter)
    assert loaded.has_adapter(None)
    np.testing.assert_array_equal(logits(loaded), before)
