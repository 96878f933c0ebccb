"""A converted GGUF says what the file says: weights bit by bit, logits against plain numpy; nonsense is refused."""

import itertools
import json
import shutil
import subprocess
import sys
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import gguf as ggml
import mlx.core as mx
import numpy as np
import pytest
from mlx_lm.utils import dequantize_model, load_model
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from models import errors
from models.checkpoint import folders, shards
from models.gguf import header, read
from models.library import starter
from tests.models import numpy_llama
from tests.models.tiny_gguf import HEAD_DIM, byte_level_vocab, write_gguf

MIXED = {
    "attn_q": "Q4_0",
    "attn_k": "Q4_1",
    "attn_v": "Q8_0",
    "ffn_down": "Q6_K",
    "ffn_up": "Q8_0",
    "token_embd": "Q8_0",
}
STARTER_PROMPT = (
    "<|im_start|>user\nWhat is the capital of France, and which river runs through it? 2 + 2 = 4.<|im_end|>\n"
)


def converted(source: Path, folder: Path, keep_precision: bool = False) -> Path:
    for _ in read.convert(source, folder, keep_precision=keep_precision):
        pass
    return folder


def mlx_logprobs(folder: Path, tokens: list[int]) -> np.ndarray:
    """(L, V), in float32, each quantized layer dequantized with float32 scales."""
    model, _ = load_model(folder, lazy=True)
    model.set_dtype(mx.float32)
    logits = dequantize_model(model)(mx.array([tokens]))[0]
    return np.array(logits - mx.logsumexp(logits, axis=-1, keepdims=True))


def largest_difference(source: Path, folder: Path, tokens: list[int]) -> float:
    ours, reference = mlx_logprobs(folder, tokens), numpy_llama.logprobs(source, tokens)
    assert reference.max(axis=-1).mean() > np.log(2 / reference.shape[-1])  # it does say something
    return float(np.abs(ours - reference).max())


@pytest.mark.slow
def test_the_starter_says_what_its_file_says(
    starter_folder: Path, record_property: Callable[[str, object], None]
) -> None:
    tokens = Tokenizer.from_file(str(starter_folder / "tokenizer.json")).encode(STARTER_PROMPT).ids[:24]
    assert len(tokens) == 24
    difference = largest_difference(starter.source(), starter_folder, tokens)
    record_property("max_abs_logprob_difference", difference)  # 2.9e-4 where this was written
    assert difference < 1e-3


@pytest.mark.parametrize("architecture", ["llama", "qwen2"])
@pytest.mark.parametrize(
    ("kinds", "tied"),
    [
        ({}, False),
        (MIXED, True),
        ({"weight": "BF16"}, False),
        ({"attn": "Q4_1", "ffn": "Q4_0", "output": "Q8_0"}, False),
    ],
    ids=["float16", "mixed", "bfloat16", "kept"],
)
def test_tiny_models_say_what_their_files_say(
    architecture: str, kinds: dict[str, str], tied: bool, tmp_path: Path
) -> None:
    source = write_gguf(tmp_path / "tiny.gguf", architecture, kinds, tied=tied)
    folder = converted(source, tmp_path / "tiny", keep_precision=True)
    assert largest_difference(source, folder, list(range(5, 200, 9))) < 1e-3


def llama3_factors(factor: float, theta: float = 10000.0) -> np.ndarray:
    """What llama.cpp's converter writes for Llama 3.1 (its rope_freqs), in a loop as there."""
    factors = []
    for i in range(0, HEAD_DIM, 2):
        wavelength = 2 * np.pi * theta ** (i / HEAD_DIM)
        if wavelength < 8192 / 4:
            factors.append(1.0)
        elif wavelength > 8192 / 1:
            factors.append(factor)
        else:
            smooth = (8192 / wavelength - 1) / (4 - 1)
            factors.append(1 / ((1 - smooth) / factor + smooth))
    return np.array(factors, np.float32)


@pytest.mark.parametrize(
    ("options", "scaling"),
    [
        ({"rope_factors": llama3_factors(8.0)}, "llama3"),
        ({"rope_factors": llama3_factors(32.0)}, "llama3"),
        ({"rope_factors": np.ones(HEAD_DIM // 2, np.float32)}, None),
        ({"metadata": {"llama.rope.scaling.type": "linear", "llama.rope.scaling.factor": 4.0}}, "linear"),
        ({"metadata": {"llama.rope.scaling.factor": 4.0}}, "linear"),
        ({"metadata": {"llama.rope.scale_linear": 4.0}}, "linear"),
        ({"metadata": {"llama.rope.scaling.type": "linear", "llama.rope.scale_linear": 2.0}}, "linear"),
        ({"metadata": {"llama.rope.scaling.type": "none", "llama.rope.scaling.factor": 4.0}}, None),
        ({"metadata": {"llama.rope.scaling.factor": 0.0}}, None),
        ({"metadata": {"llama.rope.scaling.factor": 4.0, "llama.rope.scaling.attn_factor": 1.0}}, "linear"),
        ({"biased": True}, None),
    ],
)
def test_stretched_contexts_and_biases(options: dict, scaling: str | None, tmp_path: Path) -> None:
    source = write_gguf(tmp_path / "tiny.gguf", **options)
    folder = converted(source, tmp_path / "tiny")
    config = json.loads((folder / "config.json").read_text())
    assert config.get("rope_scaling", {}).get("rope_type") == scaling
    assert largest_difference(source, folder, list(range(5, 200, 9))) < 1e-3


def test_kept_blocks_are_exactly_the_files_own(tmp_path: Path) -> None:
    kinds = {"attn_v": "Q4_0", "attn_output": "Q4_1", "ffn_down": "Q8_0"}
    source = write_gguf(tmp_path / "tiny.gguf", "llama", kinds)
    weights = load_file(converted(source, tmp_path / "tiny") / "model.safetensors")
    tensors = {tensor.name: tensor for tensor in ggml.GGUFReader(source).tensors}
    for name, module, bits in (
        ("attn_v", "self_attn.v_proj", 4),
        ("attn_output", "self_attn.o_proj", 4),
        ("ffn_down", "mlp.down_proj", 8),
    ):
        for layer in range(2):
            tensor, at = tensors[f"blk.{layer}.{name}.weight"], f"model.layers.{layer}.{module}"
            parts = [mx.array(weights[f"{at}.{part}"]) for part in ("weight", "scales", "biases")]
            ours = mx.dequantize(parts[0], *(part.astype(mx.float32) for part in parts[1:]), group_size=32, bits=bits)
            assert np.array_equal(np.array(ours), ggml.dequantize(tensor.data, tensor.tensor_type))


def test_interleaved_rows_are_put_back_in_order_blocks_included(tmp_path: Path) -> None:
    source = write_gguf(tmp_path / "tiny.gguf", "llama", {"attn_q": "Q4_0"})
    weights = load_file(converted(source, tmp_path / "tiny") / "model.safetensors")
    file_rows = {t.name: ggml.dequantize(t.data, t.tensor_type) for t in ggml.GGUFReader(source).tensors}
    for part, module in (("attn_q", "q_proj"), ("attn_k", "k_proj")):
        rows = file_rows[f"blk.0.{part}.weight"]
        heads = rows.reshape(-1, HEAD_DIM, rows.shape[1])
        ordered = np.concatenate([np.concatenate([head[0::2], head[1::2]]) for head in heads])
        at = f"model.layers.0.self_attn.{module}"
        ours = mx.array(weights[f"{at}.weight"])
        if f"{at}.scales" in weights:
            scales, biases = (mx.array(weights[f"{at}.{name}"]).astype(mx.float32) for name in ("scales", "biases"))
            ours = mx.dequantize(ours, scales, biases, group_size=32, bits=4)
        assert np.array_equal(np.array(ours.astype(mx.float32)), ordered)


def test_config_of_mixed_bits_names_only_the_exceptions(tmp_path: Path) -> None:
    source = write_gguf(tmp_path / "tiny.gguf", "qwen2", {"attn": "Q4_1", "ffn_up": "Q8_0"})
    config = json.loads((converted(source, tmp_path / "tiny") / "config.json").read_text())
    eight = {"group_size": 32, "bits": 8}
    assert config["quantization"] == {
        "group_size": 32, "bits": 4, "model.layers.0.mlp.up_proj": eight, "model.layers.1.mlp.up_proj": eight,
    }  # fmt: skip
    assert (config["model_type"], config["torch_dtype"]) == ("qwen2", "bfloat16")
    assert config["rms_norm_eps"] == 1e-6
    assert config["eos_token_id"][0] == byte_level_vocab()[0].index("<|im_end|>")


def test_large_models_come_in_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_gguf(tmp_path / "tiny.gguf", "llama", MIXED)
    whole = load_file(converted(source, tmp_path / "whole") / "model.safetensors")
    monkeypatch.setattr(shards, "MAX_SHARD_BYTES", 300_000)
    monkeypatch.setattr("models.gguf.weights.CHUNK_BYTES", 10_000)
    folder = converted(source, tmp_path / "parts")
    index = json.loads((folder / "model.safetensors.index.json").read_text())["weight_map"]
    assert len(set(index.values())) > 2
    parts = {name: array for file in set(index.values()) for name, array in load_file(folder / file).items()}
    assert parts.keys() == whole.keys() == index.keys()
    assert all(np.array_equal(parts[name], whole[name]) for name in whole)


def test_progress_counts_bytes_and_ends_with_write(tmp_path: Path) -> None:
    events = list(read.convert(write_gguf(tmp_path / "tiny.gguf"), tmp_path / "tiny"))
    assert [event.stage for event in events] == ["convert"] * (len(events) - 1) + ["write"]
    assert all(a.done <= b.done for a, b in itertools.pairwise(events))
    assert events[-1].done == events[-1].total > 0


def test_a_closed_generator_leaves_nothing_behind(tmp_path: Path) -> None:
    source = write_gguf(tmp_path / "tiny.gguf")
    before = set(tmp_path.iterdir())
    generator = read.convert(source, tmp_path / "tiny")
    for _ in range(5):
        next(generator)
    assert set(tmp_path.iterdir()) != before
    generator.close()
    assert set(tmp_path.iterdir()) == before


def test_what_was_there_stays_unless_it_is_to_be_replaced(tmp_path: Path) -> None:
    source = write_gguf(tmp_path / "tiny.gguf")
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "mine").write_text("x")
    with pytest.raises(errors.BadInput, match="already"):
        converted(source, tmp_path / "tiny")
    assert [path.name for path in (tmp_path / "tiny").iterdir()] == ["mine"]
    for _ in read.convert(source, tmp_path / "tiny", replace=True):
        pass
    assert (tmp_path / "tiny" / "config.json").is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tiny", "tiny.gguf"]


def test_no_space_is_told_before_the_start_with_both_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_gguf(tmp_path / "tiny.gguf")
    usage = namedtuple("usage", "total used free")(10**9, 10**9 - 1000, 1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(errors.DiskFull, match=r"needs \d.* MB, 1\.0 kB are free"):
        converted(source, tmp_path / "tiny")
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.gguf"]


def test_a_disk_that_fills_up_in_between_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(_: object) -> None:
        raise OSError(28, "No space left on device")

    source = write_gguf(tmp_path / "tiny.gguf")
    monkeypatch.setattr("os.fsync", no_space)
    with pytest.raises(errors.DiskFull):
        converted(source, tmp_path / "tiny")
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.gguf"]


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    source = write_gguf(tmp_path / "tiny.gguf")
    with pytest.raises(errors.NotFound, match="writing tiny"):
        converted(source, tmp_path / "nowhere" / "tiny")


def test_drafts_of_dead_processes_are_swept_and_those_of_living_ones_stay(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    source = write_gguf(tmp_path / "tiny.gguf")
    generator = read.convert(source, tmp_path / "tiny")
    next(generator)
    (tmp_path / f".draft-{dead.pid}-abc").mkdir()
    folders.sweep(tmp_path)
    assert not (tmp_path / f".draft-{dead.pid}-abc").exists()
    for _ in generator:
        pass
    assert (tmp_path / "tiny" / "config.json").is_file()


def test_header_types_are_ggmls_own() -> None:
    for number, (name, block, size) in header.TENSOR_TYPES.items():
        kind = ggml.GGMLQuantizationType(number)
        assert (kind.name, *ggml.GGML_QUANT_SIZES[kind]) == (name, block, size)
        assert ggml.dequantize(np.zeros((1, size), np.uint8), kind).shape == (1, block)


def test_what_is_no_gguf_is_told_so(tmp_path: Path) -> None:
    path = tmp_path / "notes.gguf"
    for content in (b"", b"GG", b"hello, world", b"PK\x03\x04" + bytes(100)):
        path.write_bytes(content)
        with pytest.raises(errors.Corrupt, match=r"notes\.gguf is not a GGUF file\."):
            converted(path, tmp_path / "out")
    with pytest.raises(errors.NotFound):
        converted(tmp_path / "none.gguf", tmp_path / "out")


def test_a_truncated_file_says_how_much_is_missing(tmp_path: Path) -> None:
    whole = write_gguf(tmp_path / "tiny.gguf").read_bytes()
    path = tmp_path / "cut.gguf"
    tensors = header.read(tmp_path / "tiny.gguf").tensors.values()
    end = max(tensor.offset + tensor.size for tensor in tensors)
    path.write_bytes(whole[: end - 12_345])
    with pytest.raises(errors.Corrupt, match="12,345 bytes are missing"):
        converted(path, tmp_path / "out")
    for length in (6, 20, 40, 500, 3000):
        path.write_bytes(whole[:length])
        with pytest.raises(errors.Corrupt, match="cut short"):
            converted(path, tmp_path / "out")


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        ({"architecture": "mamba"}, errors.Unsupported, "architecture mamba"),
        ({"metadata": {"tokenizer.ggml.model": "rwkv"}}, errors.Unsupported, "kind rwkv"),
        ({"metadata": {"tokenizer.ggml.pre": "tekken"}}, errors.Unsupported, "pre-tokenizer tekken"),
        ({"metadata": {"llama.expert_count": 8}}, errors.Unsupported, "mixture of experts"),
        ({"metadata": {"llama.attention.head_count": [4, 2]}}, errors.Unsupported, "different shapes"),
        ({"metadata": {"llama.rope.dimension_count": 32}}, errors.Unsupported, "a part of each attention head"),
        ({"metadata": {"llama.rope.scaling.type": "yarn"}}, errors.Unsupported, "yarn"),
        ({"metadata": {"llama.rope.scaling.attn_factor": 1.5}}, errors.Unsupported, "attn_factor"),
        ({"metadata": {"llama.rope.scaling.factor": 2.0}, "rope_factors": llama3_factors(8.0)}, errors.Unsupported, "linear"),
        ({"metadata": {"llama.rope.scaling.factor": -2.0}}, errors.Corrupt, "wrong value"),
        ({"metadata": {"split.count": 3}}, errors.Unsupported, "one part of a split model"),
        ({"rope_factors": np.linspace(1, 5, 32, dtype=np.float32)}, errors.Unsupported, "does not know"),
        ({"extra_tensors": {"blk.0.ffn_gate_exps.weight": np.ones((2, 2), np.float32)}}, errors.Unsupported, "ffn_gate_exps"),
        ({"leave_out": "blk.1.attn_k.weight"}, errors.Corrupt, r"lacks the tensor blk\.1\.attn_k\.weight"),
        ({"metadata": {"llama.feed_forward_length": 300}}, errors.Corrupt, "not of shape"),
        ({"metadata": {"llama.embedding_length": None}}, errors.Corrupt, "lacks llama.embedding_length"),
        ({"metadata": {"llama.attention.head_count_kv": 3}}, errors.Corrupt, "don't add up"),
        ({"metadata": {"llama.block_count": 1 << 19}}, errors.Corrupt, "fewer tensors than layers"),
        ({"metadata": {"tokenizer.ggml.tokens": ["a", "a"]}}, errors.Corrupt, "vocabulary"),
        ({"metadata": {"tokenizer.ggml.merges": ["q zzz"]}}, errors.Corrupt, "merges"),
        ({"metadata": {"tokenizer.ggml.token_type": [1]}}, errors.Corrupt, "types don't match"),
    ],
)  # fmt: skip
def test_what_can_not_be_taken_is_refused_with_a_reason(
    options: dict, error: type[errors.StillroomError], sentence: str, tmp_path: Path
) -> None:
    path = write_gguf(tmp_path / "tiny.gguf", **options)
    with pytest.raises(error, match=sentence):
        converted(path, tmp_path / "out")
    assert [entry.name for entry in tmp_path.iterdir()] == ["tiny.gguf"]


def test_a_weight_that_is_no_number_is_refused(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "tiny.gguf", "llama", {"attn_v": "Q8_0"})
    tensor = header.read(path).tensors["blk.1.attn_v.weight"]
    content = bytearray(path.read_bytes())
    content[tensor.offset + 34 : tensor.offset + 36] = np.array([np.nan], np.float16).tobytes()
    path.write_bytes(content)
    with pytest.raises(errors.Corrupt, match="no number"):
        converted(path, tmp_path / "out")


def test_no_mutation_crashes_or_hangs_the_converter(tmp_path: Path) -> None:
    """Each of 300 damaged files converts or is refused with one of our own errors, with nothing left behind."""
    whole = write_gguf(tmp_path / "tiny.gguf", "llama", {"attn": "Q4_0", "ffn": "Q4_0"}).read_bytes()
    tensors = header.read(tmp_path / "tiny.gguf").tensors.values()
    header_end = min(tensor.offset for tensor in tensors)
    random = np.random.default_rng(7)
    bad, folder = tmp_path / "bad" / "bad.gguf", tmp_path / "bad" / "out"
    bad.parent.mkdir()
    refused = 0
    for _ in range(300):
        content = bytearray(whole)
        for _ in range(random.integers(1, 4)):
            # the numbers at the front and the table at the end decide most; long runs of text lie between
            at = int(
                random.choice(
                    [
                        random.integers(4, 700),
                        random.integers(header_end - 1500, header_end),
                        random.integers(4, header_end),
                    ]
                )
            )
            width = int(random.choice([1, 4, 8]))
            value = random.choice([0, 1, 255, 256, 2**31, 2**32 - 1, 2**62, 2**63, int(random.integers(0, 2**63))])
            content[at : at + width] = int(value).to_bytes(9, "little")[:width]
        bad.write_bytes(content[: int(random.integers(4, len(content)))] if random.random() < 0.1 else content)
        try:
            converted(bad, folder)
            shutil.rmtree(folder)
        except errors.StillroomError:
            refused += 1
        assert [entry.name for entry in bad.parent.iterdir()] == ["bad.gguf"]
    assert 100 < refused < 300
