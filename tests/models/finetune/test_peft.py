"""Adapters of PEFT's: what comes in says what its matrices say, what goes out comes back the same, all else is refused."""

import json
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from models import errors, events, paths
from models.checkpoint import folders
from models.finetune import peft, peft_format
from models.fuse import fuse
from models.generate import load
from models.jobs.kinds.import_model import ImportModel
from models.library import bases, installed
from tests.models.tiny_families import make_adapter, make_family
from tests.returned import result_of, run

IDS = [3, 50, 70, 100, 7, 30, 31, 32, 33, 9]
ALL = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
       "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj")  # fmt: skip
QV = ("self_attn.q_proj", "self_attn.v_proj")
CONFIG = {
    "peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": "maker/base", "r": 4, "lora_alpha": 8,
    "lora_dropout": 0.05, "bias": "none", "target_modules": ["q_proj", "v_proj"], "modules_to_save": None,
    "fan_in_fan_out": False, "init_lora_weights": True, "inference_mode": True, "use_dora": False, "use_rslora": False,
    "layers_to_transform": None, "rank_pattern": {}, "alpha_pattern": {}, "loftq_config": {}, "revision": None,
    "runtime_config": {"ephemeral_gpu_offload": False}, "qalora_group_size": 16, "megatron_core": "megatron.core",
}  # fmt: skip


def weights_of(model: Path) -> dict[str, np.ndarray]:
    return load_file(model / "model.safetensors")


def modules(names: tuple[str, ...], layers: range | tuple[int, ...] = range(2)) -> list[str]:
    return [f"model.layers.{layer}.{name}" for layer in layers for name in names]


def made(
    base: Path, folder: Path, targets: list[str], ranks: dict[str, int] | None = None, dora: bool = False, **config: Any
) -> Path:
    """An adapter as PEFT writes one, of random matrices."""
    rng, weights, tensors = np.random.default_rng(7), weights_of(base), {}
    for module in targets:
        rank, (rows, columns) = (ranks or {}).get(module, 4), weights[f"{module}.weight"].shape
        at = f"base_model.model.{module}"
        tensors[f"{at}.lora_A.weight"] = rng.normal(size=(rank, columns)).astype(np.float32) / 8
        tensors[f"{at}.lora_B.weight"] = rng.normal(size=(rows, rank)).astype(np.float32) / 8
        if dora:
            tensors[f"{at}.lora_magnitude_vector"] = 1 + rng.random(rows).astype(np.float32)
    folder.mkdir(parents=True)
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    (folder / "adapter_config.json").write_text(json.dumps({**CONFIG, "use_dora": dora, **config}))
    (folder / "README.md").write_text("---\nlibrary_name: peft\n---\n")
    return folder


def applied(base: Path, adapter: Path, scales: dict[str, float] | float) -> np.ndarray:
    """Logits with the two matrices of each module multiplied and added to its weight, in numpy."""
    weights, tensors = weights_of(base), load_file(adapter / "adapter_model.safetensors")
    for name in [name for name in tensors if name.endswith("lora_A.weight")]:
        at = name.removesuffix(".lora_A.weight")
        module = at.removeprefix("base_model.model.")
        scale = scales if isinstance(scales, float) else scales[module]
        merged = weights[f"{module}.weight"] + scale * tensors[f"{at}.lora_B.weight"] @ tensors[name]
        if f"{at}.lora_magnitude_vector" in tensors:
            length = np.linalg.norm(merged, axis=1)
            merged = (tensors[f"{at}.lora_magnitude_vector"] / length)[:, None] * merged
        weights[f"{module}.weight"] = merged.astype(np.float32)
    merged_model = base.with_name("merged")
    merged_model.mkdir()
    for path in base.iterdir():
        (merged_model / path.name).write_bytes(path.read_bytes())
    save_file(weights, merged_model / "model.safetensors", metadata={"format": "mlx"})
    return logits(merged_model)


def logits(model: Path, adapter: Path | None = None) -> np.ndarray:
    loaded = result_of(load.load("it", model, str(adapter) if adapter else None))
    return np.array(loaded.model(mx.array([IDS]))[0].astype(mx.float32))


def taken_in(folder: Path, name: str | None = "theirs", base: str | None = None) -> events.Model:
    """As every face imports it."""
    return result_of(ImportModel(path=str(folder), name=name, base=base).work())


def check(base: Path, adapter: Path, scales: dict[str, float] | float) -> dict[str, Any]:
    """Compare an import with the matrices; returns what mlx-lm is told."""
    model = taken_in(adapter, base=base.name)
    wanted = applied(base, adapter, scales)
    assert np.abs(logits(base, Path(model.path)) - wanted).max() < 2e-4
    assert np.abs(logits(base) - wanted).max() > 0.1
    told: dict[str, Any] = json.loads((Path(model.path) / "adapter_config.json").read_text())
    return told


@pytest.mark.parametrize(
    ("family", "dora"), [("llama", False), ("llama", True), ("qwen2", True), ("qwen3", False), ("smollm3", False)]
)
def test_it_says_what_its_matrices_say(family: Any, dora: bool, tmp_path: Path) -> None:
    base = make_family(family, tie_word_embeddings=False)
    told = check(base, made(base, tmp_path / "theirs", modules(ALL), dora=dora), 2.0)
    assert told["fine_tune_type"] == ("dora" if dora else "lora")
    assert (told["num_layers"], told["lora_parameters"]["rank"], told["lora_parameters"]["scale"]) == (-1, 4, 2.0)
    assert told["lora_parameters"]["keys"] == sorted(ALL)


def test_rslora_divides_by_the_ranks_root(tmp_path: Path) -> None:
    base = make_family("llama")
    check(base, made(base, tmp_path / "theirs", modules(QV), use_rslora=True), 4.0)


@pytest.mark.parametrize("dora", [False, True])
def test_modules_of_other_ranks_and_alphas_keep_them(dora: bool, tmp_path: Path) -> None:
    base = make_family("qwen3")
    first = "model.layers.0.self_attn.q_proj"
    ranks = dict.fromkeys(modules(("mlp.up_proj",)), 2) | {first: 6}
    adapter = made(
        base, tmp_path / "theirs", modules((*QV, "mlp.up_proj")), ranks, dora,
        rank_pattern={"up_proj": 2, r"^model\.layers\.0\.self_attn.q_proj": 6},
        alpha_pattern={"layers.0.self_attn.q_proj": 3, "v_proj": 16},
    )  # fmt: skip
    scales = {module: 8 / ranks.get(module, 4) for module in modules((*QV, "mlp.up_proj"))}
    scales |= {first: 0.5} | dict.fromkeys(modules(("self_attn.v_proj",)), 4.0)
    check(base, adapter, scales)


@pytest.mark.parametrize(
    ("targets", "num_layers", "dora"),
    [
        (modules(QV, (1,)), 1, False),
        (modules(QV, (0,)), 0, True),
        ([*modules(QV, (0,)), *modules(("mlp.down_proj",), (1,))], 0, False),
        ([*modules(QV), "lm_head"], 0, True),
    ],
)
def test_any_choice_of_modules_is_taken_and_fused(
    targets: list[str], num_layers: int, dora: bool, tmp_path: Path
) -> None:
    base = make_family("qwen2", tie_word_embeddings=False)
    adapter = made(base, tmp_path / "theirs", targets, dora=dora)
    assert check(base, adapter, 2.0)["num_layers"] == num_layers
    fused = result_of(fuse.fuse("base", "theirs", name="fused"))
    assert np.abs(logits(Path(fused.path)) - logits(base.with_name("merged"))).max() < 2e-4


def test_names_of_other_ways_to_save_are_read(tmp_path: Path) -> None:
    base = make_family("llama")
    adapter = made(base, tmp_path / "theirs", modules(QV), dora=True)
    wanted = applied(base, adapter, 2.0)
    tensors = load_file(adapter / "adapter_model.safetensors")
    renamed = {
        name.replace("model.model.layers", "model.layers")  # of AutoModel, without a head
        .replace(".lora_A.weight", ".lora_A.default.weight")
        .replace("magnitude_vector", "magnitude_vector.default.weight"): array.astype(np.float16)
        for name, array in tensors.items()
    }
    save_file(renamed, adapter / "adapter_model.safetensors")
    assert np.abs(logits(base, Path(taken_in(adapter, base="base").path)) - wanted).max() < 0.05


# which model it belongs to


def repo_of(folder: Path, repo: str, **more: Any) -> None:
    import msgspec

    record = folders.read_record(folder)
    assert record is not None
    folders.write_record(folder, msgspec.structs.replace(record, repo=repo, **more))


def test_its_base_is_found_by_the_repository_that_it_names(tmp_path: Path) -> None:
    base = make_family("llama")
    make_family("llama", "twin")
    repo_of(base, "maker/base")
    repo_of(make_family("llama", "base-4bit"), "maker/base", recipe="4bit", original="base")
    told, model = run(ImportModel(path=str(made(base, tmp_path / "My Adapter!", modules(QV)))).work())
    assert (model.name, model.base, model.kind) == ("My-Adapter", "base", "adapter")
    assert not any(isinstance(event, events.Note) for event in told)
    assert bases.mismatch(Path(model.path), base, "Base") == ""
    assert str(tmp_path) not in (Path(model.path) / "stillroom.json").read_text()


def test_a_path_of_another_machine_is_known_by_its_last_part(tmp_path: Path) -> None:
    base = make_family("llama", "Base-1.5B")
    make_family("llama", "twin")
    adapter = made(base, tmp_path / "a", modules(QV), base_model_name_or_path="/mnt/models/base-1.5b/")
    assert taken_in(adapter).base == "Base-1.5B"


def test_the_folder_that_a_model_was_imported_from_names_it(tmp_path: Path) -> None:
    base = make_family("llama", "theirs").rename(tmp_path / "theirs")
    make_family("llama", "twin")
    result_of(installed.import_model(base, "ours"))
    adapter = made(base, tmp_path / "a", modules(QV), base_model_name_or_path=str(base))
    assert taken_in(adapter).base == "ours"


def test_the_only_model_of_its_shapes_is_taken_with_a_word(tmp_path: Path) -> None:
    base = make_family("llama")
    make_family("llama", "wide", hidden_size=128)
    adapter = made(base, tmp_path / "a", modules(QV), base_model_name_or_path="maker/gone")
    told, model = run(ImportModel(path=str(adapter)).work())
    assert model.base == "base"
    notes = [event.text for event in told if isinstance(event, events.Note)]
    assert notes == ["a was trained on maker/gone. Only base has its shapes: it is taken for that."]


def test_of_several_the_right_one_is_asked_for(tmp_path: Path) -> None:
    base = make_family("llama")
    make_family("llama", "twin")
    adapter = made(base, tmp_path / "a", modules(QV), base_model_name_or_path="maker/gone")
    with pytest.raises(errors.BadInput, match="not here under that name") as caught:
        taken_in(adapter)
    assert "base, twin: `stillroom import PATH --base MODEL`" in caught.value.hint
    assert taken_in(adapter, base="twin").base == "twin"


@pytest.mark.parametrize("asked", [None, "wide"])
def test_one_that_fits_nothing_is_refused(asked: str | None, tmp_path: Path) -> None:
    base = make_family("llama")
    adapter = made(base, tmp_path / "a", modules(QV))
    base.rename(tmp_path / "gone")
    make_family("llama", "wide", hidden_size=128)
    wanted = (errors.BadInput, "does not fit wide: its model") if asked else (errors.NotFound, "no model here is it")
    with pytest.raises(wanted[0], match=wanted[1]):
        taken_in(adapter, base=asked)
    assert not list(paths.adapters_folder().iterdir())


def test_a_model_has_no_base(tmp_path: Path) -> None:
    base = make_family("llama")
    with pytest.raises(errors.BadInput, match="no adapter"):
        taken_in(base, base="base")


# what is refused


REFUSED = [
    ({"peft_type": "IA3"}, r"\(IA\)³"),
    ({"peft_type": "VERA"}, "VeRA"),
    ({"peft_type": "LOKR"}, "LoKr"),
    ({"peft_type": "ADALORA"}, "AdaLoRA"),
    ({"peft_type": "OFT"}, "OFT"),
    ({"modules_to_save": ["lm_head", "embed_tokens"]}, "lm_head, embed_tokens"),
    ({"bias": "lora_only"}, "biases"),
    ({"lora_bias": True}, "lora_bias"),
    ({"fan_in_fan_out": True}, "fan_in_fan_out"),
    ({"init_lora_weights": "pissa_niter_16"}, "pissa_niter_16"),
    ({"init_lora_weights": "olora"}, "olora"),
    ({"layer_replication": [[0, 2], [1, 2]]}, "layer_replication"),
    ({"trainable_token_indices": [1]}, "trainable_token_indices"),
    ({"target_parameters": ["mlp.experts.gate_up_proj"]}, "target_parameters"),
    ({"use_qalora": True}, "use_qalora"),
    ({"alora_invocation_tokens": [1, 2]}, "activated LoRA"),
    ({"rank_pattern": {"(a+)+$": 4}}, "rank_pattern"),
]


def test_what_is_not_plain_lora_is_refused_by_its_name(tmp_path: Path) -> None:
    adapter = made(make_family("llama"), tmp_path / "a", modules(QV))
    for config, words in REFUSED:
        (adapter / "adapter_config.json").write_text(json.dumps(CONFIG | config))
        with pytest.raises(errors.Unsupported, match=words):
            taken_in(adapter, base="base")
    assert not list(paths.adapters_folder().iterdir())


A0, B0 = (f"base_model.model.model.layers.0.self_attn.q_proj.lora_{part}.weight" for part in "AB")
DAMAGED: list[tuple[dict[str, Any], str]] = [
    ({A0: None}, "lacks lora_a"),
    ({A0: (5, 64)}, "do not fit each other"),
    ({A0: (4, 64, 1)}, "do not fit each other"),
    ({A0: (0, 64), B0: (64, 0)}, "do not fit each other"),
    ({A0: (9, 64), B0: (64, 9)}, "of rank 9, its configuration says 4"),
    ({A0: (4, 32)}, "does not fit base"),
    ({B0: (32, 4)}, "does not fit base"),
    ({A0.replace("lora_A", "lora_A.second"): (4, 64)}, "several adapters"),
    ({A0.replace("q_proj", "rotary"): (4, 64)}, "matrices for model.layers.0.self_attn.rotary"),
    ({"base_model.model.model.embed_tokens.lora_embedding_A": (4, 9)}, "an embedding"),
    ({"base_model.model.lm_head.weight": (9, 64)}, "lm_head.weight"),
    ({"base_model.model.model.layers.0.self_attn.q_proj.bias": (64,)}, "trained bias"),
    ({A0.replace("lora_A.weight", "lora_magnitude_vector"): (64,)}, "should have no m"),
    ({"r": "many"}, "its r is many"),
    ({"lora_alpha": float("inf")}, "lora_alpha"),
    ({"lora_alpha": 1e300}, "lora_alpha"),
    ({"rank_pattern": [1]}, "rank_pattern"),
    ({"rank_pattern": {"(": 4}}, "no pattern"),
    ({"peft_type": 5}, "no peft_type"),
]


def test_a_hostile_or_damaged_one_is_refused(tmp_path: Path) -> None:
    adapter = made(make_family("llama"), tmp_path / "a", modules(QV))
    whole = load_file(adapter / "adapter_model.safetensors")
    for change, words in DAMAGED:
        settings = {key: value for key, value in change.items() if "." not in key}
        (adapter / "adapter_config.json").write_text(json.dumps(CONFIG | settings))
        tensors = dict(whole)
        for name, shape in change.items():
            if "." in name:
                tensors.pop(name, None)
                if shape is not None:
                    tensors[name] = np.ones(shape, np.float32)
        save_file(tensors, adapter / "adapter_model.safetensors")
        with pytest.raises(errors.StillroomError, match=words):
            taken_in(adapter, base="base")
    assert not list(paths.adapters_folder().iterdir())


def test_pickles_and_numbers_that_are_none_are_refused(tmp_path: Path) -> None:
    base = make_family("llama")
    adapter = made(base, tmp_path / "a", modules(QV))
    tensors = load_file(adapter / "adapter_model.safetensors")
    save_file({**tensors, A0: tensors[A0] * np.float32("nan")}, adapter / "adapter_model.safetensors")
    with pytest.raises(errors.BadInput, match="no numbers"):
        taken_in(adapter, base="base")
    (adapter / "adapter_model.safetensors").rename(adapter / "adapter_model.bin")
    with pytest.raises(errors.Unsafe, match="pickle"):
        taken_in(adapter, base="base")


# the way out


def exported(name: str, target: Path) -> dict[str, Any]:
    result_of(peft.export_adapter(name, target))
    told: dict[str, Any] = json.loads((target / "adapter_config.json").read_text())
    return told


@pytest.mark.parametrize(
    ("family", "method"), [("llama", "lora"), ("qwen2", "dora"), ("qwen3", "dora"), ("smollm3", "lora")]
)
def test_what_goes_out_says_the_same_and_comes_back(family: Any, method: Any, tmp_path: Path) -> None:
    base = make_family(family, tie_word_embeddings=True)
    repo_of(base, "maker/base")
    ours = make_adapter(base, method)
    folders.write_record(ours, folders.ModelRecord(**(vars_of(ours) | {"base": "base"})))
    told = exported("lesson", tmp_path / "out")
    assert np.abs(applied(base, tmp_path / "out", 2.0) - logits(base, ours)).max() < 2e-4
    assert (told["r"], told["lora_alpha"], told["use_dora"]) == (4, 8, method == "dora")
    assert told["target_modules"] == sorted(name.rpartition(".")[2] for name in ALL)
    assert (told["base_model_name_or_path"], told["layers_to_transform"]) == ("maker/base", None)
    back = taken_in(tmp_path / "out", "back")
    assert back.base == "base"
    assert np.abs(logits(base, Path(back.path)) - logits(base, ours)).max() < 1e-6


def vars_of(folder: Path) -> dict[str, Any]:
    record = folders.read_record(folder)
    assert record is not None
    return {name: getattr(record, name) for name in record.__struct_fields__}


def test_layers_that_were_not_trained_are_left_alone(tmp_path: Path) -> None:
    base = make_family("llama")
    taken_in(made(base, tmp_path / "theirs", modules(QV, (1,))), base="base")
    told = exported("theirs", tmp_path / "out")
    assert (told["layers_to_transform"], told["layers_pattern"]) == ([1], "layers")
    assert told["target_modules"] == ["q_proj", "v_proj"]
    before, after = (load_file(tmp_path / each / "adapter_model.safetensors") for each in ("theirs", "out"))
    assert before.keys() == after.keys()
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_modules_that_differ_by_layer_are_named_whole(tmp_path: Path) -> None:
    base = make_family("llama", tie_word_embeddings=False)
    targets = [*modules(QV, (0,)), *modules(("mlp.up_proj",), (1,)), "lm_head"]
    taken_in(made(base, tmp_path / "theirs", targets), base="base")
    told = exported("theirs", tmp_path / "out")
    assert (told["target_modules"], told["layers_to_transform"]) == (sorted(targets), None)


@pytest.mark.parametrize(("method", "keys"), [("full", None), ("lora", ["model.embed_tokens"])])
def test_what_peft_has_no_place_for_is_refused(method: Any, keys: list[str] | None, tmp_path: Path) -> None:
    make_adapter(make_family("llama", tie_word_embeddings=True), method, keys=keys)
    with pytest.raises(errors.BadInput, match="lesson"):
        exported("lesson", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_place_that_is_taken_or_is_none_is_refused(tmp_path: Path) -> None:
    make_adapter(make_family("llama"))
    (tmp_path / "out").mkdir()
    with pytest.raises(errors.BadInput, match="already"):
        exported("lesson", tmp_path / "out")
    with pytest.raises(errors.NotFound, match="no folder"):
        exported("lesson", tmp_path / "no" / "out")


def test_a_folder_of_a_model_is_no_adapter(tmp_path: Path) -> None:
    base = make_family("llama")
    assert not peft_format.is_adapter(base)
    adapter = made(base, tmp_path / "a", modules(QV))
    (adapter / "config.json").write_bytes((base / "config.json").read_bytes())  # axolotl keeps it beside
    assert peft_format.is_adapter(adapter)
    assert not peft_format.is_adapter(make_adapter(base))  # mlx-lm's
    assert installed.show("lesson").kind == "adapter"
