"""What fits: the formulas against real files, real caches and a real run, and what is made of them."""

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as optim
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlx.utils import tree_flatten
from mlx_lm.models.cache import make_prompt_cache
from mlx_lm.tuner.trainer import grad_checkpoint
from mlx_lm.tuner.utils import linear_to_lora_layers
from mlx_lm.utils import load_model, quantize_model, save_model

from models import errors, recipes
from models.architectures import ARCHITECTURES
from models.checkpoint.shapes import ModelShape
from models.library import fit
from models.machine.hardware import GIB, Machine, default_gpu_limit
from tests.benchmarks import fit as measured
from tests.models.library.tabled import tabled_bytes
from tests.tiny import make_tiny

CONFIG: dict[str, Any] = {
    "hidden_size": 256,
    "num_hidden_layers": 9,
    "intermediate_size": 640,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 64,
    "rms_norm_eps": 1e-6,
    "rope_theta": 10000.0,
    "vocab_size": 2048,
    "max_position_embeddings": 4096,
    "tie_word_embeddings": False,
}
EXPERTS = {
    "num_experts": 4,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 128,
    "decoder_sparse_step": 1,
    "mlp_only_layers": [],
    "norm_topk_prob": True,
}
SHAPE = ModelShape(layers=32, hidden=4096, feed_forward=14336, heads=32, kv_heads=8, head_dim=128, vocab=128256)
NAMES = ("3bit", "4bit", "5bit", "6bit", "8bit", "mixed-3-6", "mixed-4-6", "mxfp4", "mxfp8", "nvfp4", "dwq")


def config_of(kind: str, **changes: object) -> dict[str, Any]:
    config = {**CONFIG, "model_type": kind, **(EXPERTS if kind == "qwen3_moe" else {}), **changes}
    return config


def random_model(config: dict[str, Any]) -> Any:
    kind = "llama" if config["model_type"] == "mistral" else config["model_type"]
    module = importlib.import_module(f"mlx_lm.models.{kind}")
    model = module.Model(module.ModelArgs.from_dict(config))
    model.set_dtype(mx.bfloat16)
    return model


def quantized(config: dict[str, Any], recipe: recipes.Recipe) -> Any:
    model = random_model(config)
    layers = config["num_hidden_layers"]

    def how(path: str, _: object) -> dict[str, Any]:
        return {"group_size": recipe.group_size, "bits": recipe.bits_at(path, layers), "mode": recipe.mode}

    return quantize_model(model, {}, recipe.group_size, recipe.bits, recipe.mode, quant_predicate=how)[0]


def file_bytes(model: Any, folder: Path) -> int:
    save_model(folder, model)
    return sum(file.stat().st_size for file in folder.glob("*.safetensors"))


def tensor_bytes(model: Any) -> int:
    return sum(array.nbytes for _, array in tree_flatten(model.parameters()))


def mac(gigabytes: int) -> Machine:
    memory = gigabytes * GIB
    limit = default_gpu_limit(memory)
    return Machine(chip="Apple M4", cores=10, memory_bytes=memory, gpu_limit_bytes=limit, platform="macOS 15.1")


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_a_shape_has_the_weights_of_its_model(kind: str, tied: bool) -> None:
    config = config_of(kind, tie_word_embeddings=tied)
    model = random_model(config)
    shape = fit.shape_of(config)
    assert shape.params == sum(array.size for _, array in tree_flatten(model.parameters()))
    assert fit.weights_bytes(shape, None) == tensor_bytes(model)


@pytest.mark.parametrize("name", NAMES)
def test_a_quantized_file_is_as_large_as_foretold(name: str, tmp_path: Path) -> None:
    config, recipe = config_of("llama", tie_word_embeddings=True), recipes.parse(name)
    model = quantized(config, recipe)
    computed = fit.weights_bytes(fit.shape_of(config), recipe)
    assert computed == tensor_bytes(model)
    assert computed == pytest.approx(file_bytes(model, tmp_path), rel=0.01)


@pytest.mark.parametrize("name", ["4bit", "mixed-4-6"])
@pytest.mark.parametrize("kind", ["qwen2", "qwen3", "qwen3_moe", "smollm3"])
def test_other_architectures_are_counted_as_mlx_lm_quantizes_them(kind: str, name: str) -> None:
    config, recipe = config_of(kind), recipes.parse(name)
    assert fit.weights_bytes(fit.shape_of(config), recipe) == tensor_bytes(quantized(config, recipe))


@pytest.mark.parametrize("group_size", recipes.GROUP_SIZES)
def test_what_a_group_does_not_divide_stays_at_16_bits(group_size: int) -> None:
    config = config_of("llama", hidden_size=192, intermediate_size=320, head_dim=48)
    recipe = recipes.parse("4bit", group_size)
    assert fit.weights_bytes(fit.shape_of(config), recipe) == tensor_bytes(quantized(config, recipe))


def test_the_starters_file_is_as_large_as_its_own_table_says(starter_folder: Path) -> None:
    config = json.loads((starter_folder / "config.json").read_text("utf-8"))
    computed = tabled_bytes(fit.shape_of(config), config["quantization"])
    assert computed == pytest.approx((starter_folder / "model.safetensors").stat().st_size, rel=0.01)


@pytest.mark.parametrize("tokens", [1, 255, 256, 257, 700, 1024])
def test_the_kv_cache_is_exact(tokens: int, tmp_path: Path) -> None:
    folder = make_tiny(tmp_path / "tiny")
    shape = fit.shape_of(json.loads((folder / "config.json").read_text("utf-8")))
    model, _ = load_model(folder)
    cache = make_prompt_cache(model)
    prompt = mx.arange(tokens)[None] % 200
    for start in range(0, tokens, 256):
        model(prompt[:, start : start + 256], cache=cache)
    assert sum(layer.nbytes for layer in cache) == fit.kv_cache_bytes(shape, tokens, 4)
    model(mx.array([[7]]), cache=cache)
    assert sum(layer.nbytes for layer in cache) == fit.kv_cache_bytes(shape, tokens + 1, 4)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "darwin", reason="the formulas for a run in float32")
@pytest.mark.parametrize("tokens", [512, 3072])
def test_the_starter_peaks_where_foretold(tokens: int, starter_folder: Path) -> None:
    peaks, expected = measured.peaks_of(starter_folder, tokens), measured.foretold(tokens)
    assert expected.load == pytest.approx(peaks.load, rel=0.15)
    assert expected.run == pytest.approx(peaks.run, rel=0.15)
    assert expected.process == pytest.approx(peaks.process, rel=0.15)


@pytest.mark.skipif(sys.platform == "darwin", reason="the formulas for a run in float32")
@pytest.mark.slow
def test_a_small_model_peaks_where_foretold_and_the_process_below(tmp_path: Path) -> None:
    peaks, expected = peaks_of_random_model(tmp_path, config_of("llama"), "4bit", 512)
    assert expected.load == pytest.approx(peaks.load, rel=0.15)
    assert expected.run == pytest.approx(peaks.run, rel=0.15)
    assert peaks.run < peaks.process < expected.process  # most of which is the runtime's share


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "darwin", reason="the formulas for a run in float32")
@pytest.mark.parametrize("name", [None, "4bit"])
def test_a_larger_model_peaks_where_foretold(name: str | None, tmp_path: Path) -> None:
    sizes = {"hidden_size": 1024, "intermediate_size": 2816, "num_hidden_layers": 12, "num_attention_heads": 16}
    peaks, expected = peaks_of_random_model(tmp_path, config_of("llama", vocab_size=30_000, **sizes), name, 1024)
    assert expected.load == pytest.approx(peaks.load, rel=0.15)
    assert expected.run == pytest.approx(peaks.run, rel=0.15)
    assert expected.process == pytest.approx(peaks.process, rel=0.15)


def peaks_of_random_model(
    folder: Path, config: dict[str, Any], name: str | None, tokens: int
) -> tuple[measured.Peaks, measured.Peaks]:
    """What a run of a random model of this configuration took on this machine, and what was foretold."""
    make_tiny(folder, context=4096)  # for its tokenizer
    config = {**config, "torch_dtype": "bfloat16", "eos_token_id": 2}
    recipe = recipes.parse(name) if name else None
    model = quantized(config, recipe) if recipe else random_model(config)
    if recipe:
        config["quantization"] = {"group_size": recipe.group_size, "bits": recipe.bits, "mode": recipe.mode}
    save_model(folder, model)
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    shape = fit.shape_of(config)
    expected = measured.Peaks(
        load=fit.load_peak_here(shape, recipe, fit.weights_bytes(shape, recipe)),
        run=fit.mlx_peak_here(shape, tokens),
        process=fit.needed_bytes(shape, recipe, tokens, as_run_here=True),
    )
    return measured.peaks_of(folder, tokens), expected


def test_a_shape_is_read_from_a_configuration_that_leaves_things_out() -> None:
    least = {key: value for key, value in CONFIG.items() if key not in ("head_dim", "num_key_value_heads")}
    shape = fit.shape_of({**least, "model_type": "llama"})
    assert (shape.head_dim, shape.kv_heads) == (64, 4)
    del least["tie_word_embeddings"]
    assert fit.shape_of({**least, "model_type": "llama"}).tied


@pytest.mark.parametrize(
    "broken",
    [
        {"hidden_size": None},
        {"num_hidden_layers": "many"},
        {"vocab_size": -1},
        {"num_attention_heads": 0},
        {"intermediate_size": 10**12},
        {"hidden_size": True, "head_dim": None},
    ],
)
def test_impossible_configurations_are_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(errors.Corrupt, match="can't be right"):
        fit.shape_of(config_of("llama", **broken))


@pytest.mark.parametrize("kind", ["mamba", None, ["llama"]])
def test_architectures_that_are_built_otherwise_are_refused(kind: object) -> None:
    with pytest.raises(errors.Unsupported):
        fit.shape_of({**CONFIG, "model_type": kind})


SHAPES = st.builds(
    ModelShape,
    layers=st.integers(1, 100),
    hidden=st.integers(1, 80).map(lambda n: 128 * n),
    feed_forward=st.integers(1, 200).map(lambda n: 128 * n),
    heads=st.integers(1, 64),
    kv_heads=st.integers(1, 16),
    head_dim=st.sampled_from([64, 96, 128]),
    vocab=st.integers(1, 200_000),
    tied=st.booleans(),
    attention_bias=st.booleans(),
    qk_norms=st.booleans(),
)


@settings(max_examples=60, deadline=None)
@given(SHAPES)
def test_more_bits_take_more_bytes(shape: ModelShape) -> None:
    sizes = [fit.weights_bytes(shape, recipes.parse(name)) for name in ("3bit", "4bit", "5bit", "6bit", "8bit")]
    assert sizes == sorted(set(sizes))
    assert sizes[-1] < fit.weights_bytes(shape, None)
    low, mixed, high = (fit.weights_bytes(shape, recipes.parse(name)) for name in ("4bit", "mixed-4-6", "6bit"))
    assert low <= mixed <= high


@settings(max_examples=60, deadline=None)
@given(SHAPES, st.integers(1, 200_000), st.integers(1, 50_000), st.booleans())
def test_a_longer_context_takes_no_less(shape: ModelShape, tokens: int, more: int, here: bool) -> None:
    recipe = recipes.parse("4bit")
    shorter = fit.needed_bytes(shape, recipe, tokens, as_run_here=here)
    assert shorter <= fit.needed_bytes(shape, recipe, tokens + more, as_run_here=here)
    assert shorter > fit.weights_bytes(shape, recipe) + fit.kv_cache_bytes(shape, tokens)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 600 * GIB))
def test_the_smallest_mac_fits_and_the_next_smaller_does_not(needed: int) -> None:
    size = fit.smallest_mac(needed)
    smaller = [each for each in fit.MAC_SIZES if each < (size or 10_000)]
    assert all(fit.judge(needed, mac(each)) == "too_big" for each in smaller)
    assert not size or fit.judge(needed, mac(size)) != "too_big"


def test_room_is_left_for_the_display() -> None:
    assert fit.room_bytes(mac(8)) == default_gpu_limit(8 * GIB) - GIB
    assert fit.room_bytes(mac(64)) == 48 * GIB - 4 * GIB
    room = fit.room_bytes(mac(16))
    judged = [fit.judge(needed, mac(16)) for needed in (int(0.8 * room), int(0.8 * room) + 1, room, room + 1)]
    assert judged == ["fits", "tight", "tight", "too_big"]


def test_attention_without_a_fused_kernel_keeps_its_scores() -> None:
    odd = ModelShape(layers=32, hidden=4096, feed_forward=14336, heads=32, kv_heads=8, head_dim=96, vocab=128256)
    scores = fit.prefill_bytes(odd, 8192) - fit.prefill_bytes(odd, 8192, fused=True)
    assert scores == 512 * 8192 * (32 * 2 + 1)
    assert fit.prefill_bytes(SHAPE, 8192) == fit.prefill_bytes(SHAPE, 8192, fused=True)


def test_a_small_model_is_recommended_more_bits() -> None:
    small = ModelShape(
        layers=28, hidden=1024, feed_forward=3072, heads=16, kv_heads=8, head_dim=128, vocab=151936, tied=True
    )
    names = [(recipe := fit.recommend(shape, mac(16))) and recipe.name for shape in (small, SHAPE)]
    assert names == ["8bit", "mixed-4-6"]
    assert fit.recommend(SHAPE, mac(8)) is None


def test_training_takes_more_the_more_of_it_there_is() -> None:
    four = recipes.parse("4bit")
    least = fit.training_bytes(SHAPE, four)
    assert least > fit.weights_bytes(SHAPE, four)
    assert least < fit.training_bytes(SHAPE, four, rank=64)
    assert least < fit.training_bytes(SHAPE, four, batch=2)
    assert least < fit.training_bytes(SHAPE, four, tokens=4096)
    assert least < fit.training_bytes(SHAPE)
    assert fit.training_bytes(SHAPE) < fit.training_bytes(SHAPE, method="full")
    assert least < fit.training_bytes(SHAPE, four, checkpointing=False)
    assert least > fit.training_bytes(SHAPE, four, logits_at_once=256)
    of_layers = SHAPE.params - 2 * SHAPE.head_params
    full = fit.training_bytes(SHAPE, method="full")
    assert full > 2 * SHAPE.params + 6 * of_layers
    assert (
        fit.training_bytes(SHAPE, method="full", layers=1)
        < full
        < fit.training_bytes(SHAPE, method="full", accumulates=True)
    )


NARROW = {"hidden_size": 128, "intermediate_size": 320, "num_attention_heads": 2, "num_key_value_heads": 1}


@pytest.mark.parametrize("checkpointing", [True, False])
@pytest.mark.parametrize(
    ("sizes", "layers", "tokens"), [(NARROW, 4, 256), pytest.param({}, 6, 384, marks=pytest.mark.slow)]
)
def test_a_training_step_peaks_near_the_estimate(
    sizes: dict[str, int], layers: int, tokens: int, checkpointing: bool
) -> None:
    config, rank = config_of("llama", num_hidden_layers=layers, **sizes), 8
    model = random_model(config)
    model.set_dtype(mx.float32)
    model.freeze()
    keys = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj"]
    keys += ["mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"]
    linear_to_lora_layers(model, layers, {"rank": rank, "scale": 20.0, "dropout": 0.0, "keys": keys})
    original = type(model.layers[0]).__call__
    if checkpointing:
        grad_checkpoint(model.layers[0])
    try:
        peak = _peak_of_a_step(model, tokens)
    finally:
        type(model.layers[0]).__call__ = original
    estimate = fit.training_bytes(
        fit.shape_of(config), rank=rank, tokens=tokens, checkpointing=checkpointing, bytes_per_value=4
    )
    assert estimate - fit.RUNTIME_BYTES == pytest.approx(peak, rel=0.2)


def _peak_of_a_step(model: Any, tokens: int) -> int:
    """Bytes that MLX holds at most in the second step, without what other tests hold."""

    def loss(model: Any, row: mx.array) -> mx.array:
        return nn.losses.cross_entropy(model(row[:, :-1]), row[:, 1:]).mean()

    row = mx.arange(tokens + 1)[None] % 2000
    mx.eval(model.parameters(), row)
    others = mx.get_active_memory() - tensor_bytes(model)
    optimizer, gradients = optim.AdamW(1e-4), nn.value_and_grad(model, loss)
    for _ in range(2):
        mx.reset_peak_memory()
        value, gradient = gradients(model, row)
        optimizer.update(model, gradient)
        mx.eval(value, model.parameters(), optimizer.state)
    return mx.get_peak_memory() - others


def test_what_is_too_big_is_told_in_macs_or_in_bytes() -> None:
    linux = Machine(chip="EPYC", cores=2, memory_bytes=GIB, gpu_limit_bytes=GIB, platform="Debian 12")
    assert fit.needs(20 * GIB, mac(8)) == "needs a 36 GB Mac"
    assert fit.needs(10 * GIB, mac(8)) == "needs an 18 GB Mac"
    assert fit.needs(600 * GIB, mac(8)) == "needs more memory than a Mac has"
    assert fit.needs(3_000_000_000, linux) == "needs 3.0 GB of memory here"
