"""A model read layer by layer says what the whole model says, and never holds all of its weights."""

import json
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, TypeVar

import mlx.core as mx
import pytest
from mlx.utils import tree_flatten
from mlx_lm.models import gemma2, granite, llama, qwen2, qwen3, smollm3

from models import errors
from models.events import Progress
from models.generate import load
from models.gguf import read as gguf
from models.machine import hardware
from models.quant import layerwise
from tests.models.tiny_gguf import write_gguf
from tests.tiny import make_tiny

IDS = [(7 * n) % 250 for n in range(90)]
SIZES: dict[str, Any] = {
    "hidden_size": 32, "num_hidden_layers": 3, "intermediate_size": 64, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 8, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "vocab_size": 260,
    "max_position_embeddings": 256, "torch_dtype": "bfloat16",
}  # fmt: skip
CONFIGS: dict[str, tuple[Any, dict[str, Any]]] = {
    "llama": (llama, {"layer_types": ["full_attention", "sliding_attention", "full_attention"], "sliding_window": 16}),
    "qwen2": (qwen2, {"tie_word_embeddings": False}),
    "qwen3": (qwen3, {"tie_word_embeddings": True}),
    "smollm3": (smollm3, {"tie_word_embeddings": True, "no_rope_layer_interval": 2}),
    # a head that divides, and one that bounds, after the last product
    "granite": (granite, {"logits_scaling": 8.0, "embedding_multiplier": 12.0, "attention_multiplier": 0.1,
                          "residual_multiplier": 0.2, "attention_bias": False, "mlp_bias": False,
                          "tie_word_embeddings": True}),
    "gemma2": (gemma2, {}),
}  # fmt: skip

T = TypeVar("T")


def returned(source: Generator[Any, None, T]) -> T:
    while True:
        try:
            next(source)
        except StopIteration as end:
            return end.value


def whole(folder: Path, ids: list[int]) -> mx.array:
    model = load.load_weights(folder, load.read_config(folder))
    return model(mx.array([ids]))[0].astype(mx.float32)


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return make_tiny(tmp_path / "tiny")


def made(folder: Path, kind: str) -> Path:
    """A small random checkpoint of an architecture, in bfloat16 in two shards."""
    make_tiny(folder)  # for its tokenizer
    (folder / "model.safetensors").unlink()
    module, own = CONFIGS[kind]
    config = {"model_type": kind, **SIZES, **own}
    (folder / "config.json").write_text(json.dumps(config))
    mx.random.seed(0)
    model = module.Model(module.ModelArgs.from_dict(config))
    model.set_dtype(mx.bfloat16)
    weights = sorted(tree_flatten(model.parameters()))
    for number, half in enumerate((weights[::2], weights[1::2]), 1):
        mx.save_safetensors(str(folder / f"model-{number:05}-of-00002.safetensors"), dict(half))
    return folder


@pytest.mark.parametrize("kind", CONFIGS)
def test_says_what_the_whole_model_says(tmp_path: Path, kind: str) -> None:
    folder = made(tmp_path / kind, kind)
    hidden = returned(layerwise.read(folder, [IDS, IDS[:5]], "reference"))
    for number, ids in enumerate((IDS, IDS[:5])):
        expected = whole(folder, ids)
        pieces = [hidden.logits(number, at, min(at + 40, len(ids))) for at in range(0, len(ids), 40)]
        assert mx.allclose(mx.concatenate(pieces), expected, rtol=1e-5, atol=1e-5)
        assert mx.array_equal(hidden.logits(number, 0, len(ids)), expected)


def test_a_quantized_model_says_what_it_says_whole(tmp_path: Path) -> None:
    source = write_gguf(tmp_path / "tiny.gguf", kinds={"attn": "Q4_1", "ffn": "Q4_0", "output": "Q8_0"})
    for _ in gguf.convert(source, tmp_path / "tiny"):
        pass
    assert_says_what_the_whole_model_says(tmp_path / "tiny")


@pytest.mark.slow
def test_the_starter_says_what_it_says_whole(starter_folder: Path) -> None:
    assert_says_what_the_whole_model_says(starter_folder)


def assert_says_what_the_whole_model_says(folder: Path) -> None:
    ids = IDS[:12]
    hidden = returned(layerwise.read(folder, [ids], "reference"))
    assert mx.array_equal(hidden.logits(0, 0, len(ids)), whole(folder, ids))


def test_each_layer_gives_up_its_weights(tiny: Path) -> None:
    model = load.model_of(tiny, load.read_config(tiny))
    seen = []
    source = layerwise.run(model, [IDS], "reference", release=True)
    for event in source:
        seen.append((event.done, event.total, event.unit))
        left = [name for name, _ in tree_flatten(model.parameters()) if ".layers." in name]
        assert {name.split(".")[2] for name in left} == {str(n) for n in range(event.done, 2)}
    assert seen == [(0, 2, "layers"), (1, 2, "layers"), (2, 2, "layers")]


def test_memory_stays_near_one_layer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SIZES, "num_hidden_layers", 16)
    monkeypatch.setitem(SIZES, "intermediate_size", 8192)
    folder = made(tmp_path / "deep", "qwen2")
    mx.clear_cache()
    before = mx.get_active_memory()
    mx.reset_peak_memory()
    returned(layerwise.read(folder, [IDS[:4]], "reference"))
    layer = 3 * 32 * 8192 * 4  # bytes in float32
    assert mx.get_peak_memory() - before < 4 * layer


def test_a_model_that_stays_is_as_before(tiny: Path) -> None:
    model = load.load_weights(tiny, load.read_config(tiny))
    expected, kinds = model(mx.array([IDS])), [type(layer) for layer in model.layers]
    hidden = returned(layerwise.run(model, [IDS], "card"))
    assert mx.array_equal(hidden.logits(0, 3, 9), expected[0, 3:9])
    assert mx.array_equal(model(mx.array([IDS])), expected)
    assert [type(layer) for layer in model.layers] == kinds


def test_a_model_without_a_body_is_run_whole(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layerwise, "_parts", lambda model: (model, None))
    hidden = returned(layerwise.read(tiny, [IDS], "reference"))
    assert hidden.whole
    assert mx.array_equal(hidden.logits(0, 3, 9), whole(tiny, IDS)[3:9])


@pytest.mark.parametrize("parts", [None, lambda model: (model, None)])
def test_what_does_not_fit_is_refused_with_both_sizes(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, parts: Callable[[Any], Any] | None
) -> None:
    if parts is None:
        monkeypatch.setattr(hardware, "available_bytes", lambda: load.MEMORY_MARGIN + 1000)
    else:
        monkeypatch.setattr(layerwise, "_parts", parts)
        monkeypatch.setattr(load, "weights_on_disk", lambda path: 10**15)
    with pytest.raises(errors.NoMemory, match=r"needs .* of memory, .* free"):
        returned(layerwise.read(tiny, [IDS], "reference"))


def test_can_be_closed_between_two_layers(tiny: Path) -> None:
    source = layerwise.read(tiny, [IDS], "reference")
    assert next(source) == Progress(stage="reference", done=0, total=2, unit="layers")
    next(source)
    source.close()
