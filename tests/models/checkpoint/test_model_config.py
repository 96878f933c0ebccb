"""A model runs as its config.json says, however that is written, or is refused by the key that would not be heeded."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mlx.core as mx
import pytest

from models import errors
from models.checkpoint import inspection, model_config, shapes, weight_stream
from models.generate import load
from models.gguf import header, write
from models.quant.quantize import quantize
from tests.models.tiny_families import Family, make_family
from tests.returned import run as returned
from tests.tiny import make_tiny

LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}


def change(folder: Path, *dropped: str, **more: Any) -> Path:
    path = folder / "config.json"
    config = {key: value for key, value in json.loads(path.read_text()).items() if key not in dropped}
    path.write_text(json.dumps(config | more))
    return folder


def logits(folder: Path) -> mx.array:
    model = load.load_weights(folder, load.read_config(folder))
    return model(mx.array([list(range(5, 245, 3))]))  # (1, L, V)


@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3", "smollm3", "mistral"])
@pytest.mark.parametrize("scaling", [None, {"rope_type": "linear", "factor": 4.0}, LLAMA3 | {"type": "llama3"}])
def test_positions_count_alike_in_either_transformers_words(
    family: Family, scaling: dict[str, Any] | None, home: Path
) -> None:
    folder = make_family(family, rope_theta=5e5, rope_scaling=scaling, sliding_window=None)
    before = logits(folder)
    change(
        folder,
        "rope_theta",
        "rope_scaling",
        rope_parameters={"rope_type": "default", "rope_theta": 5e5, **(scaling or {})},
    )
    assert mx.array_equal(logits(folder), before)
    change(
        folder, rope_parameters={"full_attention": json.loads((folder / "config.json").read_text())["rope_parameters"]}
    )
    assert mx.array_equal(logits(folder), before)


def test_a_quantized_copy_and_a_gguf_file_turn_positions_as_the_original(home: Path) -> None:
    folder = change(make_family("llama"), "rope_theta", rope_parameters={"rope_theta": 5e5, **LLAMA3})
    _, copy = returned(quantize(folder.name, "8bit", card=False))
    told = load.read_config(Path(copy.path))
    assert (told["rope_theta"], told["rope_scaling"]["factor"]) == (5e5, 8.0)
    file = home / "tiny.gguf"
    source = weight_stream.open_source(folder)
    tokenizer = load.load_tokenizer(folder, source.config)
    for _ in write.GGUFFile(source, tokenizer, "F16", write.About("Tiny")).write(file):
        pass
    assert header.read(file).number("llama.rope.freq_base") == 5e5


@pytest.mark.parametrize(("family", "theta"), [("qwen2", 1e4), ("smollm3", 2e6), ("llama", 1e4)])
def test_what_is_not_said_is_what_transformers_takes_for_it(family: Family, theta: float, home: Path) -> None:
    folder = make_family(family, rope_theta=theta)
    before = logits(folder)
    change(folder, "rope_theta")
    assert mx.array_equal(logits(folder), before)
    assert load.read_config(folder)["rope_theta"] == theta


@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3", "mistral"])
def test_a_head_of_its_own_is_used_though_the_config_does_not_say_so(family: Family, home: Path) -> None:
    folder = make_family(family)
    before = logits(folder)
    for unsaid in (change(folder, "tie_word_embeddings"), change(folder, tie_word_embeddings=None)):
        assert mx.array_equal(logits(unsaid), before)
        assert not shapes.shape_of(load.read_config(unsaid)).tied
        assert "lm_head.weight" in weight_stream.open_source(unsaid).weights


def test_without_a_head_in_the_file_the_embedding_is_it(home: Path) -> None:
    folder = make_family("qwen3", tie_word_embeddings=True)
    before = logits(folder)
    assert mx.array_equal(logits(change(folder, "tie_word_embeddings")), before)


def test_smollm3_ties_by_itself(home: Path) -> None:
    assert load.read_config(change(make_family("smollm3"), "tie_word_embeddings"))["tie_word_embeddings"] is True


@pytest.mark.parametrize(
    ("family", "own", "key"),
    [
        ("llama", {"hidden_act": "gelu"}, "hidden_act gelu"),
        ("smollm3", {"hidden_act": "relu2"}, "hidden_act relu2"),
        ("llama", {"partial_rotary_factor": 0.5}, "partial_rotary_factor 0.5"),
        ("qwen2", {"rope_parameters": {"rope_theta": 1e4, "partial_rotary_factor": 0.25}}, "partial_rotary_factor 0.25"),
        ("qwen3", {"attention_bias": True}, "attention_bias"),
        ("qwen2", {"mlp_bias": True}, "mlp_bias"),
        ("qwen2", {"head_dim": 32}, "head_dim 32"),
        ("llama", {"rope_scaling": {"rope_type": "longrope", "factor": 4.0}}, "of the type longrope"),
        ("qwen3", {"rope_scaling": {"type": "ntk", "factor": 4.0}}, "of the type ntk"),
        ("qwen2", {"rope_scaling": {"type": "yarn", "factor": 4.0, "attention_factor": 2.0}}, "attention_factor 2.0"),
        ("qwen2", {"rope_scaling": {"type": "yarn", "factor": 4.0, "truncate": False}}, "truncate"),
        ("llama", {"rope_parameters": {"rope_theta": 5e5}}, "rope_theta both 500000.0 and 10000.0"),
        ("llama", {"rope_scaling": {"type": "linear", "factor": 2.0}, "rope_parameters": LLAMA3}, "contradict"),
        ("llama", {"rope_parameters": {"full_attention": {"rope_theta": 1e4}, "sliding_attention": {"rope_theta": 5e5}}},
         "differ between layers"),
    ],
)  # fmt: skip
def test_what_the_architecture_does_not_heed_is_refused_by_its_name(
    family: Family, own: dict[str, Any], key: str, home: Path
) -> None:
    folder = change(make_family(family), **own)
    for read in (inspection.inspect, load.read_config, weight_stream.open_source):
        with pytest.raises(errors.Unsupported, match=key):
            read(folder)


def test_what_changes_nothing_is_let_through(home: Path) -> None:
    yarn = {"type": "yarn", "factor": 4.0, "attention_factor": 1.1386294361119891}
    told = load.read_config(
        change(
            make_family("qwen2"),
            hidden_act="silu", head_dim=16, partial_rotary_factor=1.0, mlp_bias=False, rope_scaling=yarn,
            use_sliding_window=False, sliding_window=512, max_window_layers=0,
        )
    )  # fmt: skip
    assert told["rope_scaling"]["original_max_position_embeddings"] == 2048  # transformers' own default
    assert told["max_position_embeddings"] == 2048


@pytest.mark.parametrize(
    ("family", "own", "context"),
    [
        ("mistral", {"sliding_window": 512}, 512),
        ("mistral", {"sliding_window": None}, 2048),
        ("qwen2", {"sliding_window": 512, "use_sliding_window": True, "max_window_layers": 1}, 512),
        ("qwen2", {"sliding_window": 512, "use_sliding_window": True, "max_window_layers": 2}, 2048),
        ("qwen3", {"sliding_window": 512, "use_sliding_window": True, "layer_types": ["sliding_attention"] * 2}, 512),
    ],
)
def test_the_context_ends_where_a_window_would_begin_to_slide(
    family: Family, own: dict[str, Any], context: int, home: Path
) -> None:
    folder = change(make_family(family), **own)
    assert load.context_limit(load.read_config(folder)) == inspection.inspect(folder).context_limit == context


def test_a_configuration_one_level_down_is_read_the_same_way(tmp_path: Path) -> None:
    inner = {
        "model_type": "qwen3_5_text",
        "max_position_embeddings": 32768,
        "eos_token_id": 7,
        "rope_parameters": {"rope_theta": 1e7, "rope_type": "default", "partial_rotary_factor": 0.25},
    }
    config = model_config.lifted(
        make_tiny(tmp_path), {"model_type": "qwen3_5", "tie_word_embeddings": True, "text_config": inner}
    )
    assert load.context_limit(config) == 32768
    assert config["eos_token_id"] == [7, 258 + 9]  # generation_config.json's too
    assert config["text_config"]["rope_theta"] == 1e7
    assert config["text_config"]["tie_word_embeddings"] is True
    assert "rope_theta" not in inner, "what was read is not changed"


def test_a_class_that_took_something_else_is_found_out() -> None:
    config = {"rope_theta": 1e6, "rope_scaling": {"type": "linear", "factor": 2.0}}
    model_config.compare(config, SimpleNamespace(rope_theta=1e6), "Tiny")
    model_config.compare(config, SimpleNamespace(rope_scaling={"rope_type": "linear", "factor": 2.0}), "Tiny")
    for taken in ({"rope_theta": 1e4}, {"rope_scaling": None}):
        with pytest.raises(errors.Unsupported, match=min(taken)):
            model_config.compare(config, SimpleNamespace(**taken), "Tiny")


@pytest.mark.parametrize("stated", [5, [5], [5, 267], [267, 5, "x", True, -1]])
def test_every_end_that_a_file_names_counts(stated: Any, home: Path) -> None:
    folder = make_family("llama")
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": stated}))
    _, copy = returned(quantize(folder.name, "8bit", card=False))
    for each in (folder, Path(copy.path)):
        tokenizer = load.load_tokenizer(each, load.read_config(each))
        assert tokenizer.eos_token_ids == {5, 267}


def test_a_damaged_advice_on_generation_hides_no_end(home: Path) -> None:
    folder = make_family("llama")
    (folder / "generation_config.json").write_text("{")
    assert load.load_tokenizer(folder, load.read_config(folder)).eos_token_ids == {267}
