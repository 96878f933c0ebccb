"""Quantized copies: bit for bit mlx-lm's, in little memory, whole or not there, and they know where they come from."""

import errno
import json
import sys
import types
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx_lm
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from models import errors, paths, quant
from models.checkpoint import folders, weight_blocks, weight_stream
from models.events import Event, Model, Note, Progress, QuantCard, Removed
from models.library import installed
from models.machine import hardware
from models.quant import quantized_weights
from models.quant.quantize import quantize
from tests.models.tiny_families import make_family
from tests.models.tiny_gguf import write_gguf
from tests.returned import result_of
from tests.returned import run as returned
from tests.tiny import make_tiny

COMMIT = "0123456789abcdef0123456789abcdef01234567"

# our recipe and group size, and how mlx_lm.convert is asked for the same
RECIPES: list[tuple[str, int | None, dict[str, Any]]] = [
    *(
        (f"{bits}bit", size, {"q_bits": bits, "q_group_size": size})
        for bits in (3, 4, 5, 6, 8)
        for size in (32, 64, 128)
    ),
    ("mixed-3-6", None, {"quant_predicate": "mixed_3_6", "q_group_size": 64, "q_bits": 3}),
    ("mixed-4-6", 32, {"quant_predicate": "mixed_4_6", "q_group_size": 32}),
    ("mxfp4", None, {"q_mode": "mxfp4"}),
    ("mxfp8", None, {"q_mode": "mxfp8"}),
    ("nvfp4", None, {"q_mode": "nvfp4"}),
]


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return make_tiny(tmp_path / "Tiny", thinking="hybrid")


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few rows at a time, so that even a tiny weight is taken in many blocks, the last one shorter."""
    monkeypatch.setattr(quantized_weights, "BLOCK", 64 * 7)
    monkeypatch.setattr(quantized_weights, "FLOAT_BLOCK", 64 * 5)


def run(source: str | Path, recipe: str, **how: Any) -> tuple[Model, list[Event]]:
    """Quantize without a card; the model, and all events before it."""
    events, model = returned(quantize(str(source), recipe, **{"card": False, **how}))
    return model, events


def tensors(folder: str | Path) -> dict[str, mx.array]:
    return {k: v for path in sorted(Path(folder).glob("model*.safetensors")) for k, v in mx.load(str(path)).items()}


def check_same(ours: str | Path, theirs: Path) -> None:
    left, right = tensors(ours), tensors(theirs)
    assert left.keys() == right.keys()
    for name, array in left.items():
        assert array.dtype == right[name].dtype, name
        assert mx.array_equal(array, right[name]), name


def edit_config(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def notes(events: list[Event]) -> str:
    return " ".join(event.text for event in events if isinstance(event, Note))


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize(("recipe", "group_size", "theirs"), RECIPES, ids=lambda value: str(value))
def test_a_copy_is_bit_for_bit_that_of_mlx_lm(
    recipe: str, group_size: int | None, theirs: dict[str, Any], tiny: Path, tmp_path: Path
) -> None:
    edit_config(tiny, torch_dtype="bfloat16")
    made, _ = run(tiny, recipe, group_size=group_size)
    mlx_lm.convert(str(tiny), str(tmp_path / "theirs"), quantize=True, **theirs)
    check_same(made.path, tmp_path / "theirs")
    ours, other = (json.loads((Path(place) / "config.json").read_text()) for place in (made.path, tmp_path / "theirs"))
    assert ours == other


@pytest.mark.parametrize("dtype", [None, "float16", "float32"])
def test_what_is_not_quantized_has_the_type_that_the_configuration_states_or_its_own(
    dtype: str | None, tiny: Path, tmp_path: Path
) -> None:
    weights = load_file(tiny / "model.safetensors")
    weights["model.norm.weight"] = weights["model.norm.weight"].astype(np.float16)
    save_file(weights, tiny / "model.safetensors")
    edit_config(tiny, torch_dtype=dtype)
    made, _ = run(tiny, "4bit")
    mlx_lm.convert(str(tiny), str(tmp_path / "theirs"), quantize=True)
    check_same(made.path, tmp_path / "theirs")
    assert tensors(made.path)["model.norm.weight"].dtype == (mx.float32 if dtype == "float32" else mx.float16)


@pytest.mark.usefixtures("small_blocks")
def test_experts_are_stacked_and_the_router_keeps_the_bits_its_architecture_asks_for(
    tiny: Path, tmp_path: Path
) -> None:
    make_experts(tiny)
    made, _ = run(tiny, "4bit")
    mlx_lm.convert(str(tiny), str(tmp_path / "theirs"), quantize=True)
    check_same(made.path, tmp_path / "theirs")
    stated = json.loads((Path(made.path) / "config.json").read_text())["quantization"]
    assert stated["model.layers.0.mlp.gate"] == {"group_size": 64, "bits": 8, "mode": "affine"}
    mixed, _ = run(tiny, "mixed-3-6")
    stated = json.loads((Path(mixed.path) / "config.json").read_text())["quantization"]
    assert (stated["model.layers.1.mlp.gate"]["bits"], stated["model.layers.0.mlp.switch_mlp.up_proj"]["bits"]) == (
        8,
        3,
    )


def test_a_weight_that_its_architecture_changes_in_place_is_not_taken_from_the_file(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sanitize(self: object, weights: dict[str, mx.array]) -> dict[str, mx.array]:
        for name in ("lm_head.weight", "model.norm.weight"):
            weights[name] *= 2
        weights["model.embed_tokens.weight"][3] = 7
        return weights

    monkeypatch.setattr("mlx_lm.models.llama.Model.sanitize", sanitize)
    made, _ = run(tiny, "4bit")
    mlx_lm.convert(str(tiny), str(tmp_path / "theirs"), quantize=True)
    check_same(made.path, tmp_path / "theirs")
    assert tensors(made.path)["model.norm.weight"][0] == 2


def test_several_shards_become_several_shards(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = load_file(tiny / "model.safetensors")
    (tiny / "model.safetensors").unlink()
    parts = {f"model-{n:05}-of-00002.safetensors": list(weights)[n - 1 :: 2] for n in (1, 2)}
    for file, names in parts.items():
        save_file({name: weights[name] for name in names}, tiny / file)
    places = {name: file for file, names in parts.items() for name in names}
    (tiny / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))
    monkeypatch.setattr("models.checkpoint.shards.MAX_SHARD_BYTES", 30_000)
    made, _ = run(tiny, "8bit")
    mlx_lm.convert(str(tiny), str(tmp_path / "theirs"), quantize=True, q_bits=8)
    assert len(list(Path(made.path).glob("model-*-of-*.safetensors"))) > 1
    check_same(made.path, tmp_path / "theirs")


def test_the_copy_is_a_model_that_loads_and_reads_its_prompt(tiny: Path) -> None:
    made, events = run(tiny, "mixed-4-6")
    loaded, tokenizer = mlx_lm.load(made.path)[:2]
    assert tokenizer.apply_chat_template([{"role": "user", "content": "hi"}], add_generation_prompt=True)
    assert mx.isfinite(loaded(mx.array([[1, 2, 3]]))).all()
    progress = [event for event in events if isinstance(event, Progress)]
    done = [event.done for event in progress]
    assert done == sorted(done)
    assert (done[0], done[-1], {(event.total, event.unit) for event in progress}) == (0, 2, {(2, "layers")})
    assert {0, 1, 2} == set(done)


def test_its_record_says_what_it_was_made_from_and_how(tmp_path: Path) -> None:
    library_name = result_of(installed.import_model(make_tiny(tmp_path / "Wise"))).name
    made, _ = run(library_name, "mixed-3-6", name="small")
    record = folders.read_record(Path(made.path))
    assert record is not None
    assert (record.name, record.title, record.recipe) == ("small", "Wise mixed 3/6-bit", "mixed-3-6")
    assert (record.original, record.repo) == ("Wise", "")
    assert record.size_bytes == folders.folder_size(Path(made.path)) - (Path(made.path) / folders.RECORD).stat().st_size


def test_a_snapshot_of_the_hubs_cache_gives_its_repository_and_commit(tmp_path: Path) -> None:
    snapshot = make_tiny(tmp_path / "hub" / "models--maker--Wise-2B" / "snapshots" / COMMIT)
    made, _ = run(snapshot, "4bit")
    record = folders.read_record(Path(made.path))
    assert record is not None
    assert (made.name, record.title) == ("Wise-2B-4bit", "Wise-2B 4-bit")
    assert (record.repo, record.revision, record.original) == ("maker/Wise-2B", COMMIT, "maker/Wise-2B")


def test_tokenizer_and_template_come_along_and_code_does_not(tiny: Path) -> None:
    (tiny / "chat_template.jinja").write_text("{{ messages[0]['content'] }}")
    (tiny / "modeling_tiny.py").write_text("raise SystemExit")
    (tiny / "notes.bin").write_bytes(b"x")
    made, _ = run(tiny, "4bit")
    names = {path.name for path in Path(made.path).iterdir()}
    assert names == {
        "config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
        "chat_template.jinja", folders.RECORD,
    }  # fmt: skip


def test_names_are_made_free_and_a_taken_one_is_refused(tiny: Path) -> None:
    assert [run(tiny, "4bit")[0].name for _ in range(2)] == ["Tiny-4bit", "Tiny-4bit-2"]
    with pytest.raises(errors.BadInput, match="already"):
        run(tiny, "4bit", name="Tiny-4bit")


def test_memory_stays_near_one_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_tiny(tmp_path / "Wide")
    weights = load_file(folder / "model.safetensors")
    wide = 32_768
    for layer in range(2):
        for name, shape in {"gate_proj": (wide, 64), "up_proj": (wide, 64), "down_proj": (64, wide)}.items():
            weights[f"model.layers.{layer}.mlp.{name}.weight"] = np.ones(shape, np.float32)
    save_file(weights, folder / "model.safetensors")
    edit_config(folder, intermediate_size=wide)
    monkeypatch.setattr(quantized_weights, "BLOCK", 1 << 16)
    monkeypatch.setattr(weight_blocks, "CACHE_BYTES", 0)
    del weights
    mx.clear_cache()
    before = mx.get_active_memory()
    mx.reset_peak_memory()
    run(folder, "4bit")
    largest, whole = wide * 64 * 4, (folder / "model.safetensors").stat().st_size
    assert whole > 6 * largest
    assert mx.get_peak_memory() - before < largest


@pytest.mark.parametrize("stop_after", [0, 1, 5, 20])
def test_cancelled_it_leaves_nothing_behind(stop_after: int, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.quant.quantize.TELL_S", 0.0)
    job = quantize(str(tiny), "4bit", card=False)
    for _ in range(stop_after):
        next(job)
    job.close()  # type: ignore[attr-defined]
    assert list(paths.models_folder().iterdir()) == []


def test_what_another_process_left_half_done_is_swept(tiny: Path) -> None:
    (paths.models_folder() / ".draft-999999999-x").mkdir()
    run(tiny, "4bit")
    assert [path.name for path in paths.models_folder().iterdir()] == ["Tiny-4bit"]


@pytest.mark.parametrize(
    ("value", "stored", "stated", "sentence"),
    [
        (float("nan"), mx.float32, "float32", "holds what is no number"),
        (float("inf"), mx.float16, "float16", "holds what is no number"),
        (1e6, mx.bfloat16, "float16", "can't be written in float16, which ends at 65,504"),
    ],
)
@pytest.mark.parametrize("weight", ["model.layers.1.mlp.up_proj.weight", "model.norm.weight"])
def test_weights_that_are_none_or_too_large_are_told_as_such(
    weight: str, value: float, stored: mx.Dtype, stated: str, sentence: str, tiny: Path
) -> None:
    arrays = {name: array.astype(stored) for name, array in tensors(tiny).items()}
    arrays[weight][..., 5] = value
    mx.save_safetensors(str(tiny / "model.safetensors"), arrays, {"format": "mlx"})
    edit_config(tiny, torch_dtype=stated)
    with pytest.raises(errors.StillroomError, match=f"{sentence}.*" if "no number" in sentence else sentence) as told:
        run(tiny, "4bit")
    assert weight in told.value.text
    assert list(paths.models_folder().iterdir()) == []


def test_a_quantized_model_is_not_quantized_again(tiny: Path, tmp_path: Path) -> None:
    mlx_lm.convert(str(tiny), str(tmp_path / "packed"), quantize=True, q_bits=4)
    with pytest.raises(errors.BadInput, match="packed is already quantized to 4-bit; quantizing twice") as refused:
        run(tmp_path / "packed", "3bit")
    assert "original" in refused.value.hint
    edit_config(tiny, quantization_config={"quant_method": "awq", "bits": 4})
    with pytest.raises(errors.BadInput, match="already quantized to 4-bit"):
        run(tiny, "4bit")


def test_a_copy_whose_original_is_here_is_made_from_that(tiny: Path) -> None:
    packed, _ = run(tiny, "3bit")
    made, events = run(packed.name, "6bit")
    straight, _ = run(tiny, "6bit")
    assert "made from its original" in notes(events)
    assert made.name == "Tiny-6bit"
    check_same(made.path, Path(straight.path))


@pytest.mark.usefixtures("small_blocks")
def test_a_gguf_import_can_be_quantized_and_the_loss_is_told(tmp_path: Path) -> None:
    """Its blocks are read as their exact values, each module with its own bits."""
    path = write_gguf(tmp_path / "tiny.gguf", kinds={"attn_q": "Q8_0", "ffn_down": "Q4_1", "token_embd": "Q4_0"})
    imported = result_of(installed.import_model(path))
    made, events = run(imported.name, "5bit")
    assert "quantized already" in notes(events)
    before, after = tensors(imported.path), tensors(made.path)
    for module, bits in {
        "model.embed_tokens": 4, "model.layers.0.self_attn.q_proj": 8, "model.layers.1.mlp.down_proj": 4
    }.items():  # fmt: skip
        packed, scales, biases = (before[f"{module}.{part}"] for part in ("weight", "scales", "biases"))
        exact = mx.dequantize(packed, scales.astype(mx.float32), biases.astype(mx.float32), group_size=32, bits=bits)
        wanted = mx.quantize(exact.astype(mx.float16), group_size=64, bits=5)
        for part, array in zip(("weight", "scales", "biases"), wanted, strict=True):
            assert mx.array_equal(after[f"{module}.{part}"], array), (module, part)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda weights: weights.pop("model.norm.weight"), "lacks the weight model.norm.weight"),
        (lambda weights: weights.update({"model.extra.weight": np.ones(3, np.float32)}), "does not have: model.extra"),
        (
            lambda weights: weights.update({"lm_head.weight": np.ones((3, 64), np.float32)}),
            "lm_head.weight of Tiny is of",
        ),
    ],
    ids=["missing", "unknown", "misshapen"],
)
def test_weights_of_another_architecture_are_refused(
    change: Callable[[dict[str, Any]], object], says: str, tiny: Path
) -> None:
    weights = load_file(tiny / "model.safetensors")
    change(weights)
    save_file(weights, tiny / "model.safetensors")
    with pytest.raises(errors.Corrupt, match=says):
        run(tiny, "4bit")
    assert list(paths.models_folder().iterdir()) == []


def test_a_file_cut_while_it_is_read_is_told_and_leaves_nothing(tiny: Path) -> None:
    job = quantize(str(tiny), "4bit", card=False)
    next(job)
    with (tiny / "model.safetensors").open("r+b") as file:
        file.truncate(4000)
    with pytest.raises(errors.Corrupt, match="became shorter"):
        list(job)
    assert list(paths.models_folder().iterdir()) == []


def test_no_space_and_no_memory_are_told_before_anything_is_written(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as full:
        full.setattr("shutil.disk_usage", lambda _: types.SimpleNamespace(free=10_000))
        with pytest.raises(errors.DiskFull, match=r"10\.0 kB are free"):
            run(tiny, "4bit")
    monkeypatch.setattr(hardware, "available_bytes", lambda: 520 << 20)
    with pytest.raises(errors.NoMemory, match="Quantizing Tiny needs"):
        run(tiny, "nvfp4")
    assert list(paths.models_folder().iterdir()) == []


def test_a_mode_that_mlx_lacks_here_is_refused(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(*_: object, **__: object) -> None:
        raise ValueError("[quantize] no such mode")

    monkeypatch.setattr(mx, "quantize", lacking)
    with pytest.raises(errors.Unsupported, match="can't quantize to nvfp4 on this machine"):
        run(tiny, "nvfp4")


def fake(monkeypatch: pytest.MonkeyPatch, name: str, **content: object) -> None:
    module = types.ModuleType(f"models.quant.{name}")
    vars(module).update(content)
    monkeypatch.setitem(sys.modules, f"models.quant.{name}", module)
    monkeypatch.setattr(quant, name, module, raising=False)


def test_a_learned_recipe_learns_on_the_draft_before_it_is_published(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def learn(draft: Path, original: Path, recipe: Any, state: Path) -> Iterator[Event]:
        assert (draft / "config.json").is_file()
        assert (draft / "tokenizer.json").is_file()
        asked.append((original, recipe.name, state))
        state.mkdir(parents=True)
        yield Progress(stage="learn", done=1, total=1, unit="steps")
        assert not (paths.models_folder() / "wise").exists()

    fake(monkeypatch, "dwq", learn=learn)
    made, events = run(tiny, "dwq-3bit", name="wise")
    assert asked == [(tiny, "dwq-3bit", paths.home() / "dwq" / "wise")]
    assert "learn" in {event.stage for event in events if isinstance(event, Progress)}
    assert made.title == "Tiny 3-bit learned"
    assert not asked[0][2].exists()


def test_stopped_while_learning_it_keeps_what_was_learned_and_no_model(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def learn(draft: Path, original: Path, recipe: Any, state: Path) -> Iterator[Event]:
        state.mkdir(parents=True)
        yield Progress(stage="learn", done=1, total=9, unit="steps")
        raise AssertionError("went on after it was closed")

    fake(monkeypatch, "dwq", learn=learn)
    job = quantize(str(tiny), "dwq", name="wise", card=False)
    for event in job:
        if isinstance(event, Progress) and event.stage == "learn":
            break
    job.close()  # type: ignore[attr-defined]
    assert list(paths.models_folder().iterdir()) == []
    assert (paths.home() / "dwq" / "wise").is_dir()


def test_the_card_is_measured_of_the_published_model_and_its_end_is_not_the_jobs(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measure(name: str) -> Generator[Event, None, QuantCard]:
        assert (paths.models_folder() / name / folders.RECORD).is_file()
        assert name == "Tiny-4bit"
        yield Progress(stage="card", done=1, total=2, unit="tokens")
        return card_of(name)

    fake(monkeypatch, "card", measure=measure)
    made, events = run(tiny, "4bit", card=True)
    assert made.name == "Tiny-4bit"
    assert "card" in {event.stage for event in events if isinstance(event, Progress)}


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (errors.NoMemory("The original does not fit."), "The original does not fit."),
        (OSError(errno.ENOSPC, "No space left"), "There is no space left on the disk for writing it."),
    ],
)
def test_a_card_that_can_not_be_measured_is_told_and_the_model_stays(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, told: str
) -> None:
    def measure(name: str) -> Iterator[Event]:
        raise error
        yield

    fake(monkeypatch, "card", measure=measure)
    made, events = run(tiny, "4bit", card=True)
    assert notes(events) == f"The quant card could not be measured: {told}"
    assert Path(made.path).is_dir()


def test_an_original_of_the_cache_is_dropped_when_all_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = make_tiny(tmp_path / "hub" / "models--maker--Wise" / "snapshots" / COMMIT)

    def remove(name: str) -> Removed:
        assert (paths.models_folder() / "Wise-4bit" / folders.RECORD).is_file()
        return Removed(name=name, freed_bytes=4_700_000_000)

    monkeypatch.setattr(installed, "remove", remove, raising=False)
    _, events = run(snapshot, "4bit", drop_original=True)
    assert notes(events) == "maker/Wise was deleted: 4.7 GB are free again."


def test_a_folder_of_the_users_own_is_never_dropped(tiny: Path) -> None:
    _, events = run(tiny, "4bit", drop_original=True)
    assert "Tiny was kept" in notes(events)
    assert (tiny / "model.safetensors").is_file()


def test_rows_are_read_alike_from_the_file_and_from_memory(tiny: Path) -> None:
    source = weight_stream.open_source(tiny)
    whole = tensors(tiny)["model.layers.0.mlp.down_proj.weight"]
    weight = source.weights["model.layers.0.mlp.down_proj.weight"]
    computed = weight_stream._computed(whole)
    assert (weight.whole_bytes, computed.whole_bytes) == (0, 2 * whole.nbytes)
    for start, stop in ((0, 1), (3, 64)):
        assert mx.array_equal(weight.rows(start, stop), whole[start:stop])
        assert mx.array_equal(computed.rows(start, stop), whole[start:stop])


def make_experts(folder: Path) -> None:
    """Make the tiny Llama a Qwen3 mixture of four experts."""
    weights = load_file(folder / "model.safetensors")
    random = np.random.default_rng(3)
    for layer in range(2):
        at = f"model.layers.{layer}"
        for name in ("gate_proj", "up_proj", "down_proj"):
            shape = weights.pop(f"{at}.mlp.{name}.weight").shape
            for expert in range(4):
                weights[f"{at}.mlp.experts.{expert}.{name}.weight"] = random.standard_normal(shape).astype(np.float32)
        weights[f"{at}.mlp.gate.weight"] = random.standard_normal((4, 64)).astype(np.float32)
        weights |= {f"{at}.self_attn.{part}_norm.weight": np.ones(16, np.float32) for part in "qk"}
    save_file(weights, folder / "model.safetensors")
    edit_config(
        folder,
        model_type="qwen3_moe",
        architectures=["Qwen3MoeForCausalLM"],
        num_experts=4,
        num_experts_per_tok=2,
        decoder_sparse_step=1,
        mlp_only_layers=[],
        moe_intermediate_size=128,
        head_dim=16,
        norm_topk_prob=True,
        torch_dtype="bfloat16",
    )


def card_of(model: str) -> QuantCard:
    return QuantCard(
        model=model,
        reference="",
        recipe="4bit",
        bits=4.5,
        size_bytes=1,
        kl=None,
        same_top=None,
        perplexity=1.0,
        reference_perplexity=None,
        tokens_per_s=1.0,
        peak_bytes=1,
        text_tokens=1,
        machine="",
        measured="",
    )


@pytest.mark.parametrize(
    ("recipe", "size"), [("4bit", 64), ("8bit", 32), ("mixed-4-6", 128), ("mxfp4", 32), ("dwq", 64)]
)
def test_a_copy_in_which_nothing_would_be_quantized_is_refused(recipe: str, size: int, home: Path) -> None:
    folder = make_family("llama", hidden_size=80, intermediate_size=80)
    with pytest.raises(errors.Unsupported, match=f"groups of {size}"):
        run(folder, recipe, group_size=size)
    assert [path.name for path in paths.models_folder().iterdir()] == [folder.name]


def test_a_copy_is_made_when_some_of_its_layers_can_be_quantized(home: Path) -> None:
    made, _ = run(make_family("llama", hidden_size=80, intermediate_size=128), "4bit")
    assert "model.layers.0.mlp.down_proj.scales" in load_file(Path(made.path) / "model.safetensors")
