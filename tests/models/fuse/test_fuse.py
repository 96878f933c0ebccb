"""What is fused says what base and adapter say together, folder or file; what is not whole or not true is not there."""

import itertools
import json
import os
import shutil
from collections import namedtuple
from pathlib import Path
from typing import Any

import gguf as ggml
import mlx.core as mx
import mlx_lm
import numpy as np
import pytest
from mlx.utils import tree_flatten
from mlx_lm.utils import load_model, quantize_model, save_config

from models import errors, events, paths
from models.checkpoint import folders, model_files, weight_blocks
from models.finetune import lora, run_card
from models.finetune.examples import Example
from models.finetune.run_folder import RunCard, read_card
from models.finetune_config import FinetuneConfig
from models.fuse import fuse, gguf_check
from models.generate import load
from models.generate.reply import reply
from models.gguf import write
from models.gguf.header import read as read_header
from models.library import installed
from models.quant import quantize
from models.requests import ChatRequest, Message, Sampling
from tests.models import numpy_llama
from tests.models.gguf.test_read import llama3_factors
from tests.models.tiny_families import make_adapter, make_family
from tests.returned import result_of
from tests.returned import run as returned

IDS = [3, 50, 70, 100, 7, 30, 31, 32, 33, 9, 250, 41]
LLAMA3 = {
    "rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}  # fmt: skip
FAMILIES = ["llama", "qwen2", "qwen3"]


def logits(folder: Path, adapter: Path | None = None) -> np.ndarray:
    """(L, V), in float32, by the code that chat runs."""
    loaded = result_of(load.load("it", folder, str(adapter) if adapter else None))
    return np.array(loaded.model(mx.array([IDS]))[0].astype(mx.float32))


def logprobs(folder: Path, adapter: Path | None = None) -> np.ndarray:
    found = logits(folder, adapter).astype(np.float64)
    return (
        found
        - np.log(np.exp(found - found.max(-1, keepdims=True)).sum(-1, keepdims=True))
        - found.max(-1, keepdims=True)
    )


def run(**request: Any) -> tuple[list[Any], Any]:
    """All events, and the result."""
    return returned(fuse.fuse(**{"adapter": "", **request}))


def everything(out: Path) -> set[Path]:
    """What is in the library, and beside the file that was asked for."""
    return {*paths.models_folder().rglob("*"), *(path for path in out.iterdir() if path.name != "home")}


# an MLX folder


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("method", ["lora", "dora", "full"])
def test_a_fused_folder_says_what_base_and_adapter_say(family: Any, method: Any) -> None:
    base = make_family(family)
    adapter = make_adapter(base, method)
    told, model = run(model="base", adapter="lesson")
    wanted = logits(base, adapter)
    assert np.abs(logits(Path(model.path)) - wanted).max() < 1e-4
    assert np.abs(logits(base) - wanted).max() > 0.1  # the adapter does say something
    progress = [(event.stage, event.unit) for event in told]
    assert set(progress) == {("fuse", "layers")}
    assert [event.done for event in told] == sorted(event.done for event in told)
    assert told[-1].done == told[-1].total == 2


@pytest.mark.parametrize(
    ("family", "method", "keys"),
    [
        ("qwen3_moe", "lora", None),
        ("qwen2", "lora", ["model.embed_tokens", "self_attn.v_proj"]),
        ("qwen2", "dora", ["model.embed_tokens", "self_attn.v_proj"]),
    ],
)
@pytest.mark.parametrize("block", [100, 4 << 20])
def test_experts_and_embeddings_are_fused_in_blocks_of_any_size(
    family: Any, method: Any, keys: list[str] | None, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weight_blocks, "BLOCK", block)
    base = make_family(family, tie_word_embeddings=keys is not None)
    adapter = make_adapter(base, method, keys=keys)
    wanted = logits(base, adapter)
    _, model = run(model="base", adapter="lesson")
    assert np.abs(logits(Path(model.path)) - wanted).max() < 1e-4
    assert np.abs(logits(base) - wanted).max() > 0.1


def test_mlx_lm_loads_it_and_no_code_is_needed() -> None:
    base = make_family("qwen3")
    make_adapter(base)
    _, model = run(model="base", adapter="lesson", name="mine")
    loaded, tokenizer = mlx_lm.load(model.path)
    assert tokenizer.decode(tokenizer.encode("the rain")) == "the rain"
    assert loaded(mx.array([IDS])).shape == (1, len(IDS), loaded.args.vocab_size)
    assert sorted(path.name for path in Path(model.path).iterdir()) == [
        "README.md", "config.json", "generation_config.json", "model.safetensors", "stillroom.json", "tokenizer.json",
        "tokenizer_config.json",
    ]  # fmt: skip


@pytest.mark.parametrize("dtype", [mx.float32, mx.float16, mx.bfloat16])
def test_weights_keep_the_type_they_are_stored_in(dtype: mx.Dtype) -> None:
    make_adapter(make_family("llama", dtype=dtype))
    _, model = run(model="base", adapter="lesson")
    stored = mx.load(str(Path(model.path) / "model.safetensors"))
    assert {array.dtype for array in stored.values()} == {dtype}


def test_a_quantized_base_is_dequantized_and_stays_so() -> None:
    base = make_family("llama")
    model, _ = load_model(base)
    config = json.loads((base / "config.json").read_text())
    model, config = quantize_model(model, config, group_size=32, bits=4)
    mx.save_safetensors(str(base / "model.safetensors"), dict(tree_flatten(model.parameters())), {"format": "mlx"})
    save_config(config, base / "config.json")
    adapter = make_adapter(base)
    _, fused = run(model="base", adapter="lesson")
    assert np.abs(logits(Path(fused.path)) - logits(base, adapter)).max() < 1e-4
    assert not any(key.startswith("quantization") for key in json.loads((Path(fused.path) / "config.json").read_text()))
    assert fused.bits == 32


def test_it_says_what_it_was_made_from() -> None:
    make_adapter(make_family("llama"))
    _, model = run(model="base", adapter="lesson")
    assert (model.name, model.title, model.licence, model.state) == (
        "base-lesson",
        "Tiny llama + lesson",
        "mit",
        "ready",
    )
    record = folders.read_record(Path(model.path))
    assert record is not None
    assert (record.original, record.source) == ("base", "base with the adapter lesson")
    card = (Path(model.path) / "README.md").read_text()
    assert 'license: "mit"' in card
    assert "from `base` and `lesson`, a LoRA adapter (rank 4, scale 2)" in card
    assert run(model="base", adapter="lesson")[1].name == "base-lesson-2"


def a_run_of(base: Path, adapter: Path) -> RunCard:
    """Put the card of a run into an adapter's folder, as publishing does."""
    folder = paths.runs_folder() / "a-run"
    rows = [Example("1 + 1?", "That is 2.", "2")]
    run_card.create(folder, base, base.name, rows, [], FinetuneConfig(seed=5), adapter.name)
    run_card.note_data(folder, "abc123")
    shutil.copyfile(folder / "run_card.json", adapter / "run_card.json")
    return read_card(folder)


def test_of_a_base_outside_of_the_library_no_place_is_recorded(tmp_path: Path) -> None:
    base = make_family("llama")
    make_adapter(base)
    outside = base.rename(tmp_path / "outside")
    _, model = run(model=str(outside), adapter="lesson")
    assert model.name == "outside-lesson"
    held = [path for path in Path(model.path).iterdir() if str(tmp_path).encode() in path.read_bytes()]
    assert held == []
    assert installed.find(folders.read_record(Path(model.path)).original) == outside


def test_the_run_and_its_data_are_in_the_card() -> None:
    base = make_family("llama")
    made = a_run_of(base, make_adapter(base))
    told, model = run(model="base", adapter="lesson")
    card = (Path(model.path) / "README.md").read_text()
    assert "- traces: 1 to learn from, 0 held out\n- hash of the data: `abc123`\n" in card
    assert f"- run: `{made.id}`" in card
    assert not any(isinstance(event, events.Note) for event in told)


def test_another_base_than_the_trained_one_is_told() -> None:
    a_run_of(make_family("llama", "first"), make_adapter(make_family("llama", "second")))
    with_run = paths.models_folder() / "second"
    weights = mx.load(str(with_run / "model.safetensors"))
    mx.save_safetensors(
        str(with_run / "model.safetensors"), {k: v + 0.01 for k, v in weights.items()}, {"format": "mlx"}
    )
    told, _ = run(model="second", adapter="lesson")
    notes = [event.text for event in told if isinstance(event, events.Note)]
    assert notes == ["lesson was trained on first, which is not Tiny llama as it is here."]


def test_a_recipe_quantizes_what_was_fused() -> None:
    make_adapter(make_family("llama", max_position_embeddings=256))  # the card's text is cut to it
    told, model = run(model="base", adapter="lesson", name="mine", recipe="4bit")
    assert (model.name, model.recipe) == ("mine-4bit", "4bit")
    record = folders.read_record(Path(model.path))
    assert record is not None
    assert record.original == "mine"
    assert {"fuse", "quantize"} <= {event.stage for event in told if isinstance(event, events.Progress)}
    assert installed.show("mine").state == "ready"


@pytest.mark.parametrize(
    ("request_", "error", "words"),
    [
        ({"adapter": ""}, errors.BadInput, "nothing to fuse"),
        ({"adapter": "no-such"}, errors.NotFound, "no adapter named"),
        ({"recipe": "9bit"}, errors.BadInput, "9bit"),
        ({"name": "base"}, errors.BadInput, "already"),
        ({"name": "../x"}, errors.BadInput, "can't be the name"),
        ({"gguf": "x.gguf", "recipe": "4bit"}, errors.BadInput, "written as 4bit"),
        ({"gguf": "/no/such/folder/x.gguf"}, errors.NotFound, "no folder"),
        ({"gguf": "/"}, errors.BadInput, "already"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_written(
    request_: dict[str, str], error: type[Exception], words: str, tmp_path: Path
) -> None:
    make_adapter(make_family("llama"))
    before = everything(tmp_path)
    with pytest.raises(error, match=words):
        run(**{"model": "base", "adapter": "lesson"} | request_)
    assert everything(tmp_path) == before


def test_an_adapter_of_another_model_is_refused(tmp_path: Path) -> None:
    make_family("qwen2", "other", hidden_size=128)
    base = make_family("qwen2")
    make_adapter(base)
    make_adapter(base, "full", "whole")
    for name in ("lesson", "whole"):
        with pytest.raises(errors.BadInput, match=f"{name} does not fit this model"):
            run(model="other", adapter=name)
    assert sorted(path.name for path in paths.models_folder().iterdir()) == ["base", "other"]


@pytest.mark.parametrize("missing", ["lora_a", "lora_b", "m"])
def test_an_adapter_that_lacks_a_part_is_refused(missing: str) -> None:
    adapter = make_adapter(make_family("llama"), "dora")
    weights = mx.load(str(adapter / model_files.ADAPTER_WEIGHTS))
    weights.pop(f"model.layers.1.mlp.up_proj.{missing}")
    mx.save_safetensors(str(adapter / model_files.ADAPTER_WEIGHTS), weights)
    with pytest.raises(errors.BadInput, match="does not fit"):
        run(model="base", adapter="lesson")


@pytest.mark.parametrize("gguf", [False, True])
def test_what_is_no_number_is_never_published(gguf: bool, tmp_path: Path) -> None:
    adapter = make_adapter(make_family("llama"))
    weights = mx.load(str(adapter / model_files.ADAPTER_WEIGHTS))
    weights["model.layers.1.mlp.up_proj.lora_a"] *= float("nan")
    mx.save_safetensors(str(adapter / model_files.ADAPTER_WEIGHTS), weights)
    before = everything(tmp_path)
    with pytest.raises(errors.Corrupt, match=r"The adapter lesson is damaged: .*lora_a holds what is no number"):
        run(model="base", adapter="lesson", gguf=str(tmp_path / "x.gguf") if gguf else "")
    assert everything(tmp_path) == before


@pytest.mark.parametrize("gguf", [False, True])
@pytest.mark.parametrize(
    ("value", "dtype", "sentence"),
    [
        (float("nan"), mx.float32, "damaged: its weight model.layers.1.mlp.up_proj.weight holds what is no number"),
        (float("-inf"), mx.float16, "damaged: its weight model.layers.1.mlp.up_proj.weight holds what is no number"),
        (60_000.0, mx.float16, "can't be written in float16, which ends at 65,504: its weight"),
    ],
)
def test_weights_that_are_none_or_too_large_are_told_as_such(
    value: float, dtype: mx.Dtype, sentence: str, gguf: bool, tmp_path: Path
) -> None:
    base = make_family("llama", dtype=dtype)
    weights = mx.load(str(base / "model.safetensors"))
    weights["model.layers.1.mlp.up_proj.weight"][0, :2] = mx.array([value, value]).astype(dtype)
    mx.save_safetensors(str(base / "model.safetensors"), weights, {"format": "mlx"})
    adapter = make_adapter(base)
    parts = mx.load(str(adapter / model_files.ADAPTER_WEIGHTS))
    parts["model.layers.1.mlp.up_proj.lora_b"][:, 0] = 5e3  # with a weight of 60,000 too much for float16
    parts["model.layers.1.mlp.up_proj.lora_a"][:2] = 1.0
    mx.save_safetensors(str(adapter / model_files.ADAPTER_WEIGHTS), parts)
    before = everything(tmp_path)
    with pytest.raises(errors.StillroomError, match=sentence):
        run(model="base", adapter="lesson", gguf=str(tmp_path / "x.gguf") if gguf else "")
    assert everything(tmp_path) == before


# where a reply ends


def greedy(folder: Path, adapter: str | None = None) -> tuple[events.Reply, list[int]]:
    """A reply of a model to one question, and its tokens."""
    loaded = result_of(load.load("it", folder, adapter))
    question = [Message(role="user", content="Hello there")]
    asked = ChatRequest(model="it", messages=question, think=0, max_tokens=12, sampling=Sampling(temperature=0))
    found = result_of(reply(loaded, asked))
    return found, loaded.cache.tokens[found.prompt_tokens :]


def ending(base: Path, *more: int) -> None:
    """Let further tokens end a reply, as generation_config.json has it."""
    stated = json.loads((base / "generation_config.json").read_text())
    (base / "generation_config.json").write_text(json.dumps({"eos_token_id": [stated["eos_token_id"], *more]}))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_reply_of_what_was_exported_ends_where_the_originals_does(family: Any, tmp_path: Path) -> None:
    base = make_family(family)
    adapter = make_adapter(base)
    found, tokens = greedy(base, str(adapter))
    assert found.finish == "length"
    end = next(token for n, token in enumerate(tokens) if n >= 3 and token not in tokens[:n])
    ending(base, end, 77)
    wanted, _ = greedy(base, str(adapter))
    assert (wanted.finish, len(wanted.answer) < len(found.answer)) == ("eos", True)

    _, model = run(model="base", adapter="lesson")
    run(model="base", adapter="lesson", gguf=str(tmp_path / "mine.gguf"))
    back = result_of(installed.import_model(tmp_path / "mine.gguf"))
    small = result_of(quantize.quantize(model.name, "8bit", card=False))
    own = load.load_tokenizer(base, load.read_config(base)).eos_token_ids
    for made in (model, back, small):
        folder = Path(made.path)
        assert own <= load.load_tokenizer(folder, load.read_config(folder)).eos_token_ids
        assert {end, 77} <= set(json.loads((folder / "generation_config.json").read_text())["eos_token_id"])
    for made in (model, back):
        again, _ = greedy(Path(made.path))
        assert (again.finish, again.answer) == (wanted.finish, wanted.answer)


def test_ends_that_only_config_json_names_are_told_to_other_programs(tmp_path: Path) -> None:
    base = make_family("llama", eos_token_id=[60, 61])
    make_adapter(base)
    (base / "generation_config.json").write_text('{"temperature": 0.6, "eos_token_id": 62}')
    _, model = run(model="base", adapter="lesson")
    written = json.loads((Path(model.path) / "generation_config.json").read_text())
    assert written == {"temperature": 0.6, "eos_token_id": [60, 61, 62]}
    (base / "generation_config.json").unlink()
    _, other = run(model="base", adapter="lesson")
    assert json.loads((Path(other.path) / "generation_config.json").read_text()) == {"eos_token_id": [60, 61]}


def test_more_ends_than_a_file_can_name_are_refused(tmp_path: Path) -> None:
    make_family("llama", eos_token_id=[60, 61, 62])  # beside the tokenizer's own
    with pytest.raises(errors.Unsupported, match="4 tokens end a reply"):
        run(model="base", adapter="", gguf=str(tmp_path / "x.gguf"))
    assert not (tmp_path / "x.gguf").exists()


def test_a_file_names_its_ends_for_other_programs(tmp_path: Path) -> None:
    base = make_family("llama", eos_token_id=[60, 61])
    run(model="base", adapter="", gguf=str(tmp_path / "x.gguf"))
    header = read_header(tmp_path / "x.gguf")
    own = load.load_tokenizer(base, load.read_config(base)).eos_token_id
    assert [header.integer(f"tokenizer.ggml.{name}_token_id") for name in ("eos", "eot", "eom")] == [own, 60, 61]


# a GGUF file


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("tied", [False, True])
def test_a_file_says_what_base_and_adapter_say(family: Any, tied: bool, tmp_path: Path) -> None:
    base = make_family(family, tie_word_embeddings=tied)
    adapter = make_adapter(base, "dora")
    told, fused = run(model="base", adapter="lesson", gguf=str(tmp_path / "mine.gguf"))
    assert fused == events.Fused(
        model="base", adapter="lesson", path=str(tmp_path / "mine.gguf"), size_bytes=os.path.getsize(fused.path)
    )
    apart = np.abs(numpy_llama.logprobs(Path(fused.path), IDS) - logprobs(base, adapter)).max()
    assert apart < 0.05  # rounded to float16; 0.006 where this was written
    assert [stage for stage, _ in groups(told)] == ["write", "check"]
    assert all(a.done <= b.done for stage, part in groups(told) for a, b in itertools.pairwise(part))
    assert all(part[-1].done == part[-1].total for _, part in groups(told))


def groups(told: list[Any]) -> list[tuple[str, list[events.Progress]]]:
    stages = dict.fromkeys(event.stage for event in told)
    return [(stage, [event for event in told if event.stage == stage]) for stage in stages]


def test_a_plain_model_is_written_without_an_adapter(tmp_path: Path) -> None:
    base = make_family("qwen2", dtype=mx.bfloat16)
    _, fused = run(model="base", adapter="", gguf=str(tmp_path / "plain.gguf"))
    header = read_header(tmp_path / "plain.gguf")
    assert np.abs(numpy_llama.logprobs(Path(fused.path), IDS) - logprobs(base)).max() < 0.01
    assert (header.text("general.name"), header.text("general.license")) == ("Tiny qwen2", "mit")
    assert header.text("general.base_model.0.name") == "Tiny qwen2"


@pytest.mark.parametrize("family", FAMILIES)
def test_eight_bits_are_blocks_of_q8_0(family: Any, tmp_path: Path) -> None:
    base = make_family(family)
    adapter = make_adapter(base)
    run(model="base", adapter="lesson", gguf=str(tmp_path / "small.gguf"), recipe="8bit")
    kinds = {tensor.name: tensor.tensor_type.name for tensor in ggml.GGUFReader(tmp_path / "small.gguf").tensors}
    assert {kind for name, kind in kinds.items() if "norm" in name or "bias" in name} == {"F32"}
    assert {kind for name, kind in kinds.items() if "norm" not in name and "bias" not in name} == {"Q8_0"}
    ours, wanted = numpy_llama.logprobs(tmp_path / "small.gguf", IDS), logprobs(base, adapter)
    assert gguf_check.relative_difference(mx.array(wanted), mx.array(ours)) < 0.05


def test_blocks_of_any_size_write_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_adapter(make_family("llama"))
    run(model="base", adapter="lesson", gguf=str(tmp_path / "a.gguf"))
    monkeypatch.setattr(weight_blocks, "BLOCK", 100)
    run(model="base", adapter="lesson", gguf=str(tmp_path / "b.gguf"))
    assert (tmp_path / "a.gguf").read_bytes() == (tmp_path / "b.gguf").read_bytes()


@pytest.mark.parametrize(
    ("family", "scaling"),
    [
        ("llama", LLAMA3),
        ("llama", {"type": "linear", "factor": 4.0}),
        ("qwen2", {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 512}),
        ("qwen3", {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 512, "attn_factor": 0.878}),
    ],
)  # fmt: skip
def test_stretched_contexts_come_along(family: Any, scaling: dict[str, Any], tmp_path: Path) -> None:
    make_family(family, rope_scaling=scaling)
    run(model="base", adapter="", gguf=str(tmp_path / "long.gguf"))  # read back and compared
    header = read_header(tmp_path / "long.gguf")
    kind = scaling.get("rope_type") or scaling["type"]
    if kind == "llama3":
        tensor = next(t for t in ggml.GGUFReader(tmp_path / "long.gguf").tensors if t.name == "rope_freqs.weight")
        factors = llama3_factors(32.0)[:: len(llama3_factors(32.0)) // len(tensor.data)]
        assert np.allclose(tensor.data, factors)
    else:
        assert header.text(f"{family}.rope.scaling.type") == kind
        assert header.number(f"{family}.rope.scaling.factor") == 4.0


@pytest.mark.parametrize(
    ("family", "own", "words"),
    [
        ("qwen3_moe", {}, "architecture qwen3_moe can't be written"),
        ("llama", {"rope_scaling": {"type": "yarn", "factor": 2.0, "beta_fast": 16}}, "can't say: yarn"),
        ("llama", {"rope_scaling": LLAMA3 | {"low_freq_factor": 2.0}}, "can't say: llama3"),
        ("llama", {"rope_traditional": True}, "looks at its context"),
        (
            "llama",
            {"layer_types": ["sliding_attention", "full_attention"], "sliding_window": 8},
            "looks at its context",
        ),
    ],
)
def test_what_gguf_can_not_say_is_refused_before_anything_is_written(
    family: Any, own: dict[str, Any], words: str, tmp_path: Path
) -> None:
    make_family(family, **own)
    with pytest.raises(errors.Unsupported, match=words):
        run(model="base", adapter="", gguf=str(tmp_path / "x.gguf"))
    assert not list(tmp_path.glob("*.gguf*"))


# what is read back


def test_a_file_that_says_something_else_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_adapter(make_family("llama"))
    before = everything(tmp_path)
    monkeypatch.setattr(write, "_interleaved", lambda rows, head_rows: rows)
    with pytest.raises(errors.Corrupt, match="says something else"):
        run(model="base", adapter="lesson", gguf=str(tmp_path / "x.gguf"))
    assert everything(tmp_path) == before


def test_a_forgotten_frequency_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_family("llama", rope_scaling=LLAMA3)
    monkeypatch.setattr(write, "_llama3_factors", lambda settings: None)
    with pytest.raises(errors.Corrupt, match="turns positions otherwise"):
        run(model="base", adapter="", gguf=str(tmp_path / "x.gguf"))


def test_a_forgotten_adapter_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_adapter(make_family("qwen3"))
    monkeypatch.setattr("models.fuse.fused_weights.merge_adapter", lambda source, adapter: "lora")
    with pytest.raises(errors.Corrupt, match="says something else"):
        run(model="base", adapter="lesson", gguf=str(tmp_path / "x.gguf"), recipe="8bit")


# cancelled, or no room


@pytest.mark.parametrize("gguf", [False, True])
def test_closed_at_any_moment_it_leaves_nothing(gguf: bool, tmp_path: Path) -> None:
    make_adapter(make_family("llama"))
    file = str(tmp_path / "x.gguf") if gguf else ""
    before = everything(tmp_path)
    written = 0
    for closing_at in range(1, 1000, 5):
        job = fuse.fuse("base", "lesson", gguf=file)
        if len(list(itertools.islice(job, closing_at))) < closing_at:
            break
        written += everything(tmp_path) != before
        job.close()
        assert everything(tmp_path) == before
    assert written > 5


@pytest.mark.parametrize("gguf", [False, True])
def test_no_room_is_told_before_the_start(gguf: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_adapter(make_family("llama"))
    usage = namedtuple("usage", "total used free")(10**9, 10**9 - 1000, 1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    before = everything(tmp_path)
    with pytest.raises(errors.DiskFull, match=r"needs \d.* MB, 1\.0 kB are free"):
        run(model="base", adapter="lesson", gguf=str(tmp_path / "x.gguf") if gguf else "")
    assert everything(tmp_path) == before


def test_a_disk_that_fills_up_in_between_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(_: object) -> None:
        raise OSError(28, "No space left on device")

    make_adapter(make_family("llama"))
    before = everything(tmp_path)
    monkeypatch.setattr("os.fsync", no_space)
    with pytest.raises(errors.DiskFull):
        run(model="base", adapter="lesson", gguf=str(tmp_path / "x.gguf"))
    assert everything(tmp_path) == before


def test_what_a_killed_export_left_is_swept(tmp_path: Path) -> None:
    make_family("llama")
    dead = tmp_path / ".old.gguf.stillroom-999999999"
    alive = tmp_path / f".new.gguf.stillroom-{os.getpid()}"
    other = tmp_path / ".hidden.gguf"
    for path in (dead, alive, other):
        path.write_bytes(b"x")
    run(model="base", adapter="", gguf=str(tmp_path / "x.gguf"))
    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == {alive.name, other.name, "x.gguf"}


@pytest.mark.slow
def test_the_starter_and_a_small_adapter(tmp_path: Path) -> None:
    """A GGUF import whose blocks are of several kinds, fused, written and read back."""
    for _ in installed.prepare("starter"):
        pass
    base = installed.find("starter")
    config = FinetuneConfig(rank=8, layers=4)
    model = load.model_of(base, load.read_config(base))
    lora.attach(model, config, quantized=True)
    mx.random.seed(1)
    weights = {name: array + 0.02 * mx.random.normal(array.shape) for name, array in lora.weights_of(model).items()}
    adapter = paths.adapters_folder() / "small"
    adapter.mkdir()
    lora.save_adapter(adapter, weights, config, "starter")
    _, fused = run(model="starter", adapter="small")
    wanted = mx.array(logits(base, adapter))
    assert gguf_check.relative_difference(wanted, mx.array(logits(Path(fused.path)))) < 0.01
    assert gguf_check.relative_difference(wanted, mx.array(logits(base))) > 0.05
    assert (fused.bits, fused.licence) == (16, "apache-2.0")
    _, file = run(model="starter", adapter="small", gguf=str(tmp_path / "x.gguf"))
    header = read_header(Path(file.path))
    assert header.text("tokenizer.ggml.pre") == "smollm"
    assert not {tensor.kind for tensor in header.tensors.values()} - {"F16", "F32"}
