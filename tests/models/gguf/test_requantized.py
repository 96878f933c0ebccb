"""Blocks that MLX can't hold come near the file's at about its size, or are kept in float16; others stay exact."""

import json
from pathlib import Path

import gguf as ggml
import mlx.core as mx
import numpy as np
import pytest
from safetensors.numpy import load_file

from models import errors, events, paths
from models.checkpoint import folders
from models.gguf import header, read, weights
from models.library import installed
from models.quant import importing
from tests.models.gguf.test_read import largest_difference
from tests.models.tiny_gguf import write_gguf
from tests.returned import result_of, run

# of the root mean square of the weights: as models/gguf/weights.py has it, and a little
MOST = {
    "Q2_K": 0.16, "Q3_K": 0.075, "Q4_K": 0.001, "Q5_K": 0.001, "Q6_K": 0.022, "IQ1_S": 0.25, "IQ2_XXS": 0.16,
    "IQ3_S": 0.075, "IQ4_NL": 0.04, "IQ4_XS": 0.04,
}  # fmt: skip
MEDIUM = {"attn_v": "Q6_K", "ffn_down": "Q6_K", "output.": "Q6_K", "token_embd": "Q4_K", "attn": "Q4_K", "ffn": "Q4_K"}


def file_weight(source: Path, name: str) -> np.ndarray:
    tensor = next(tensor for tensor in ggml.GGUFReader(source).tensors if tensor.name == name)
    return ggml.dequantize(tensor.data, tensor.tensor_type)


def weight(folder: Path, module: str) -> np.ndarray:
    """A module's weight as MLX dequantizes it, in float32."""
    arrays = load_file(folder / "model.safetensors")
    stated = json.loads((folder / "config.json").read_text())["quantization"]
    form = stated.get(module, stated)
    parts = [mx.array(arrays[f"{module}.{part}"]) for part in ("weight", "scales", "biases")]
    scales, biases = (part.astype(mx.float32) for part in parts[1:])
    return np.array(mx.dequantize(parts[0], scales, biases, group_size=form["group_size"], bits=form["bits"]))


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))


@pytest.mark.parametrize("kind", MOST)
def test_a_weight_stays_as_near_as_its_bits_allow(kind: str, tmp_path: Path) -> None:
    source = write_gguf(tmp_path / "tiny.gguf", "qwen2", {"ffn": kind})
    requantized = result_of(read.convert(source, tmp_path / "tiny"))
    assert requantized == {kind: weights.FORMS[kind].bits}
    wanted = file_weight(source, "blk.1.ffn_down.weight")
    ours = weight(tmp_path / "tiny", "model.layers.1.mlp.down_proj")
    assert 0 < rms(ours - wanted) / rms(wanted) < MOST[kind]


@pytest.mark.parametrize("kind", ["Q5_0", "Q5_1", "TQ1_0", "TQ2_0"])
def test_blocks_of_one_step_are_kept_exactly(kind: str, tmp_path: Path) -> None:
    source = write_gguf(tmp_path / "tiny.gguf", "llama", {"ffn": kind, "attn_k": kind, "output": "Q8_0"})
    assert result_of(read.convert(source, tmp_path / "tiny")) == {}
    ours = weight(tmp_path / "tiny", "model.layers.0.mlp.up_proj")
    assert np.array_equal(ours, file_weight(source, "blk.0.ffn_up.weight"))
    assert largest_difference(source, tmp_path / "tiny", list(range(5, 200, 9))) < 1e-3


def test_rows_of_heads_are_put_in_order_and_small_pieces_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_gguf(tmp_path / "tiny.gguf", "llama", MEDIUM)
    result_of(read.convert(source, tmp_path / "whole"))
    monkeypatch.setattr(weights, "CHUNK_WEIGHTS", 20_000)
    real, sizes = weights._dequantized, []

    def noted(kind: str, rows: np.ndarray) -> np.ndarray:
        values = real(kind, rows)
        sizes.append(values.size)
        return values

    monkeypatch.setattr(weights, "_dequantized", noted)
    result_of(read.convert(source, tmp_path / "pieces"))
    assert max(sizes) <= 20_000  # memory holds a block, whatever the size of the file
    name = "model.safetensors"
    assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "pieces" / name).read_bytes()
    heads = file_weight(source, "blk.0.attn_q.weight").reshape(4, 32, 2, 256).swapaxes(1, 2).reshape(256, 256)
    ours = weight(tmp_path / "whole", "model.layers.0.self_attn.q_proj")
    assert rms(ours - heads) / rms(heads) < MOST["Q4_K"]


def test_precision_is_kept_when_asked(tmp_path: Path) -> None:
    source = write_gguf(tmp_path / "tiny.gguf", "llama", {"attn_k": "Q5_1", **MEDIUM})
    assert result_of(read.convert(source, tmp_path / "tiny", keep_precision=True)) == {}
    arrays = load_file(tmp_path / "tiny" / "model.safetensors")
    assert arrays["model.layers.0.mlp.up_proj.weight"].dtype == np.float16
    assert arrays["model.layers.0.self_attn.k_proj.weight"].dtype == np.uint32  # it has an exact form
    assert largest_difference(source, tmp_path / "tiny", list(range(5, 200, 9))) < 0.01


def test_a_group_of_equal_numbers_and_one_of_zeros(tmp_path: Path) -> None:
    source = write_gguf(tmp_path / "tiny.gguf", "llama", {"ffn": "Q6_K", "attn": "Q4_K"})
    content = bytearray(source.read_bytes())
    for name in ("blk.0.ffn_up.weight", "blk.0.attn_v.weight"):
        tensor = header.read(source).tensors[name]
        content[tensor.offset : tensor.offset + 2 * 210] = bytes(2 * 210)
    source.write_bytes(content)
    result_of(read.convert(source, tmp_path / "tiny"))
    ours = weight(tmp_path / "tiny", "model.layers.0.mlp.up_proj")
    assert np.all(ours[:2] == 0)
    assert np.isfinite(weight(tmp_path / "tiny", "model.layers.0.self_attn.v_proj")).all()


@pytest.mark.parametrize(("kind", "at"), [("Q4_0", 0), ("Q8_0", 0), ("Q4_K", 0), ("Q6_K", 208)])
def test_a_scale_too_large_for_float16_is_told(kind: str, at: int, tmp_path: Path) -> None:
    source = write_gguf(tmp_path / "tiny.gguf", "llama", {"ffn": kind})
    tensor = header.read(source).tensors["blk.1.ffn_up.weight"]
    content = bytearray(source.read_bytes())
    content[tensor.offset + at : tensor.offset + at + 2] = np.array([6e4], np.float16).tobytes()
    source.write_bytes(content)
    with pytest.raises(errors.Unsupported, match="65,504"):
        result_of(read.convert(source, tmp_path / "tiny"))
    assert [entry.name for entry in tmp_path.iterdir()] == ["tiny.gguf"]


def test_an_import_says_what_became_of_the_blocks_and_what_it_cost(tmp_path: Path) -> None:
    source = write_gguf(tmp_path / "Tiny.gguf", "llama", MEDIUM)
    told, model = run(importing.import_model(source))
    assert not [event for event in told if isinstance(event, events.Note)]
    assert model.requantized == {"Q4_K": 4, "Q6_K": 6}
    foretold = next(event.total for event in told if isinstance(event, events.Progress))
    assert 0 < model.size_bytes - foretold < 60_000  # the tokenizer, and the header
    assert model.card is not None
    assert model.card.reference == "Tiny.gguf"
    assert model.card.kl is not None
    assert 0 < model.card.kl < 0.01
    assert f"quantized: Q4_K as 4-bit, Q6_K as 6-bit, KL {model.card.kl:.3f}." in " ".join(model.sentences())
    assert model.bits < 1.2 * 8 * sum(tensor.size for tensor in header.read(source).tensors.values()) / model.params
    assert [entry.name for entry in paths.models_folder().iterdir()] == ["Tiny"]  # the exact weights are gone


def test_an_import_that_keeps_all_has_nothing_to_measure(tmp_path: Path) -> None:
    kept = result_of(importing.import_model(write_gguf(tmp_path / "a.gguf", "llama", {"ffn": "Q5_1"})))
    exact = importing.import_model(write_gguf(tmp_path / "b.gguf", "llama", MEDIUM), keep_precision=True)
    unmeasured = importing.import_model(write_gguf(tmp_path / "c.gguf", "llama", MEDIUM), card=False)
    assert [model.card for model in (kept, result_of(exact), result_of(unmeasured))] == [None] * 3


def test_without_room_for_the_exact_weights_the_model_is_there_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_gguf(tmp_path / "tiny.gguf", "llama", MEDIUM)
    checks = iter([None])

    def one_fits(*_: object) -> None:
        if next(checks, "full"):
            raise errors.DiskFull("The model needs 16 GB, 1 GB are free.")

    monkeypatch.setattr(folders, "check_space", one_fits)
    told, model = run(importing.import_model(source))
    notes = [event.text for event in told if isinstance(event, events.Note)]
    assert notes == ["The quant card could not be measured: The model needs 16 GB, 1 GB are free."]
    assert (model.state, model.card) == ("ready", None)


@pytest.mark.slow
def test_a_file_that_was_changed_is_not_measured_against(tmp_path: Path) -> None:
    from models.quant import card

    source = write_gguf(tmp_path / "tiny.gguf", "llama", MEDIUM)
    result_of(installed.import_model(source))
    write_gguf(source, "llama", {})
    told, measured = run(card.measure("tiny"))
    assert "no longer there as it was" in next(event.text for event in told if isinstance(event, events.Note))
    assert measured.kl is None
