"""A foreign format is refused by its name, with the original to get, at every door; what mlx-lm reads is let through."""

import json
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest

from models import errors
from models.checkpoint import formats, safety
from models.library import installed
from tests.returned import result_of
from tests.tiny import make_tiny

LLAMA = {"model_type": "llama"}


def stated(method: str, **more: object) -> dict[str, Any]:
    return {**LLAMA, "quantization_config": {"quant_method": method, **more}}


FOREIGN: list[tuple[dict[str, Any], list[str], str]] = [
    (stated("bitsandbytes", load_in_4bit=True), ["model.safetensors"], "bitsandbytes"),
    ({**LLAMA, "quantization_config": {"_load_in_8bit": True}}, ["model.safetensors"], "bitsandbytes"),
    (stated("fp8", weight_block_size=[128, 128]), ["model.safetensors"], "FP8"),
    (stated("compressed-tensors", format="float-quantized"), ["model.safetensors"], r"compressed-tensors \(float"),
    (stated("compressed-tensors", format="pack-quantized"), ["model.safetensors"], "compressed-tensors"),
    (stated("gptq", bits=4), ["model.safetensors"], "GPTQ"),
    (stated("awq", bits=3), ["model.safetensors"], r"AWQ \(3-bit gemm\)"),
    (stated("awq", bits=4, version="gemv"), ["model.safetensors"], r"AWQ \(4-bit gemv\)"),
    (stated("torchao"), ["model.safetensors"], "torchao"),
    (stated("hqq"), ["model.safetensors"], "HQQ"),
    (stated("quanto"), ["model.safetensors"], "Quanto"),
    (stated("exl3"), ["model.safetensors"], "EXL3"),
    (stated("sparkle-7"), ["model.safetensors"], "sparkle-7"),
    ({"model_type": "gemma3", "text_config": stated("fp8")}, ["model.safetensors"], "FP8"),
    (formats.with_modelopt(LLAMA, {"quantization": {"quant_algo": "FP8"}}), ["model.safetensors"], r"ModelOpt \(FP8\)"),
    (LLAMA, ["output-00001-of-00002.safetensors", "output-00002-of-00002.safetensors"], "EXL2"),
    (LLAMA, ["onnx/model_q4.onnx", "onnx/model.onnx_data"], "ONNX"),
    ({"architecture": "LlamaForCausalLM", "quantization": {"quant_algo": None}}, ["rank0.safetensors"], "TensorRT-LLM"),
    ({}, ["rank0.engine"], "TensorRT"),
    ({}, ["Model.mlpackage/Data/com.apple.CoreML/weights/weight.bin"], "Core ML"),
    (LLAMA, ["openvino_model.xml", "openvino_model.bin"], "OpenVINO"),
    ({}, ["mlc-chat-config.json", "params_shard_0.bin"], "MLC"),
    ({}, ["ggml-model-q4_0.bin"], "GGML"),
    ({}, ["gemma.litertlm"], "LiteRT"),
    (LLAMA, ["tf_model.h5"], "Keras"),
]  # fmt: skip


@pytest.mark.parametrize(("config", "files", "name"), FOREIGN)
def test_a_format_is_refused_by_its_name(config: dict[str, Any], files: list[str], name: str) -> None:
    with pytest.raises(errors.Unsupported, match=f"is in the format {name}"):
        formats.check("owner/model", config, ["config.json", *files])


@pytest.mark.parametrize(
    ("tensor", "name"),
    [
        ("q_proj.q_weight", "EXL2"),
        ("q_proj.trellis", "EXL3"),
        ("q_proj.weight.absmax", "bitsandbytes"),
        ("q_proj.g_idx", "GPTQ"),
        ("q_proj.qweight", "GPTQ or AWQ"),
        ("q_proj.W_q", "HQQ"),
        ("q_proj.weight_packed", "compressed-tensors"),
        ("q_proj.weight_scale_inv", "FP8"),
        ("q_proj.weight_scale", "FP8"),
        ("q_proj.weight._data", "Quanto"),
    ],
)
def test_a_config_that_says_nothing_is_told_by_the_tensors(tensor: str, name: str) -> None:
    tensors = ["model.embed_tokens.weight", f"model.layers.0.self_attn.{tensor}"]
    with pytest.raises(errors.Unsupported, match=f"is in the format {name},"):
        formats.check("model", LLAMA, ["model.safetensors"], dict.fromkeys(tensors, "F16"))


def test_weights_of_eight_bits_without_a_word_are_no_whole_numbers() -> None:
    with pytest.raises(errors.Unsupported, match="format FP8"):
        formats.check("model", LLAMA, ["model.safetensors"], {"model.norm.weight": "BF16", "lm_head.weight": "F8_E4M3"})


@pytest.mark.parametrize(
    "config",
    [
        LLAMA,
        {**LLAMA, "quantization": {"group_size": 64, "bits": 4}, "quantization_config": {"group_size": 64, "bits": 4}},
        stated("awq", bits=4, version="gemm"),
        stated("bitnet"),
        {"model_type": "gpt_oss", "quantization_config": {"quant_method": "mxfp4"}},
        {"model_type": "deepseek_v3", "quantization_config": {"quant_method": "fp8", "fmt": "e4m3"}},
        {
            "model_type": "deepseek_v3",
            "quantization_config": {"quant_method": "compressed-tensors", "format": "pack-quantized"},
        },
    ],
)
def test_what_mlx_lm_reads_is_let_through(config: dict[str, Any]) -> None:
    formats.check("model", config, ["model.safetensors", "onnx/model.onnx", "pytorch_model.bin"])


@pytest.mark.parametrize(
    ("title", "config", "base", "hint"),
    [
        ("x/Q-bnb-4bit", LLAMA, "Qwen/Q", "`stillroom pull Qwen/Q`"),
        ("x/Q-FP8", {"_name_or_path": "Qwen/Q"}, "", "`stillroom pull Qwen/Q`"),
        ("x/Q-FP8", {"_name_or_path": "/home/me/Q-FP8"}, "", "`stillroom search Q`"),
        ("unsloth/Qwen3-8B-unsloth-bnb-4bit", {}, "unsloth/Qwen3-8B-unsloth-bnb-4bit", "`stillroom search Qwen3-8B`"),
        ("x/Llama-3.1-8B-Instruct-quantized.w4a16", {}, "", "`stillroom search Llama-3.1-8B-Instruct`"),
        ("x/Qwen2.5-7B-Instruct-GPTQ-Int4", {}, "", "`stillroom search Qwen2.5-7B-Instruct`"),
        ("x/R1-Distill-Llama-8B-4.0bpw-h6-exl2", {}, "", "`stillroom search R1-Distill-Llama-8B`"),
        ("x/Phi-4-mini-instruct-ONNX", {}, "", "`stillroom search Phi-4-mini-instruct`"),
        ("x/Plain", {}, "", "plain safetensors"),
    ],
)
def test_the_original_is_named(title: str, config: dict[str, Any], base: str, hint: str) -> None:
    with pytest.raises(errors.Unsupported) as refused:
        formats.check(title, {**stated("gptq"), **config}, ["model.safetensors"], base=base)
    assert hint in refused.value.hint


def test_pickle_alone_is_refused_with_the_original_too() -> None:
    with pytest.raises(errors.Unsafe, match="pickle") as refused:
        formats.check("me/old", LLAMA, ["pytorch_model.bin", "training_args.bin"], base="them/new")
    assert "`stillroom pull them/new`" in refused.value.hint


def change(folder: Path, **keys: object) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | keys))


def test_import_chat_and_list_say_the_same(tmp_path: Path) -> None:
    folder = make_tiny(tmp_path / "Tiny-bnb-4bit")
    change(folder, quantization_config={"quant_method": "bitsandbytes", "load_in_4bit": True})
    (folder / "README.md").write_text('---\nlicense: mit\nbase_model:\n- "owner/Tiny"\n---\n# Tiny')
    for door in (safety.check, lambda path: result_of(installed.import_model(path))):
        with pytest.raises(errors.Unsupported, match="format bitsandbytes") as refused:
            door(folder)  # type: ignore[operator]
        assert refused.value.hint == "Get its original, owner/Tiny: `stillroom pull owner/Tiny`."


def test_a_folder_that_does_not_say_it_is_told_by_its_tensors(tmp_path: Path) -> None:
    folder = make_tiny(tmp_path / "tiny")
    arrays = dict(mx.load(str(folder / "model.safetensors")))  # type: ignore[arg-type]
    arrays["model.layers.0.self_attn.q_proj.g_idx"] = mx.zeros((4,), mx.int32)
    mx.save_safetensors(str(folder / "model.safetensors"), arrays)
    with pytest.raises(errors.Unsupported, match="GPTQ"):
        safety.check(folder)


def test_a_folder_without_a_config_is_known_by_its_files(tmp_path: Path) -> None:
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine" / "rank0.engine").write_bytes(b"x")
    for door in (installed.find, lambda path: result_of(installed.import_model(path))):
        with pytest.raises(errors.Unsupported, match="TensorRT"):
            door(str(tmp_path / "engine"))  # type: ignore[operator]


def test_a_card_that_is_a_link_to_elsewhere_is_not_read(tmp_path: Path) -> None:
    folder = make_tiny(tmp_path / "tiny")
    change(folder, quantization_config={"quant_method": "hqq"})
    (tmp_path / "elsewhere.md").write_text("---\nbase_model: not/this\n---")
    (folder / "README.md").symlink_to(tmp_path / "elsewhere.md")
    with pytest.raises(errors.Unsupported) as refused:
        safety.check(folder)
    assert "not/this" not in refused.value.hint


def test_a_snapshot_of_the_hubs_cache_goes_by_its_repository(tmp_path: Path) -> None:
    place = tmp_path / "models--owner--Tiny-4bit-HQQ"
    folder = make_tiny(place / "snapshots" / ("a" * 40))
    change(folder, quantization_config={"quant_method": "hqq"})
    with pytest.raises(errors.Unsupported, match="owner/Tiny-4bit-HQQ is in the format HQQ") as refused:
        safety.check(folder)
    assert "`stillroom search Tiny`" in refused.value.hint
