"""Formats of other programs' weights that can't be read here, known by their marks and refused by their names.

bitsandbytes, FP8, EXL2 and the like also come as safetensors beside a config.json, so they are downloaded, copied and
then fail somewhere in MLX. What such a format leaves behind is looked for in config.json, in the names of files and in
those of tensors, whichever is known: before a download, at an import and before a chat alike. What can be got instead
is the original: the one that the model's card or its config.json names, else one looked for by its name.
"""

import contextlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from models import errors, recipes
from models.checkpoint import bounded_files, mlx_lm_code, model_files

MODELOPT_CONFIG = "hf_quant_config.json"  # where NVIDIA's ModelOpt says what others say in config.json
PICKLE, GGUF = "pickle", "GGUF"
MAX_CARD_BYTES = 1 << 20

# Names of methods as quant_method has them, where they are written otherwise.
_METHODS = {
    "bitsandbytes": "bitsandbytes", "bitsandbytes_4bit": "bitsandbytes", "bitsandbytes_8bit": "bitsandbytes",
    "fp8": "FP8", "fbgemm_fp8": "FP8 (FBGEMM)", "gptq": "GPTQ", "awq": "AWQ", "exl2": "EXL2", "exl3": "EXL3",
    "hqq": "HQQ", "quanto": "Quanto", "aqlm": "AQLM", "auto-round": "AutoRound", "intel/auto-round": "AutoRound",
    "eetq": "EETQ", "higgs": "HIGGS", "vptq": "VPTQ", "spqr": "SpQR", "quark": "Quark", "modelopt": "ModelOpt",
    "marlin": "Marlin", "quip": "QuIP#", "nvfp4": "NVFP4",
}  # fmt: skip
_PACKED = ("pack-quantized", "nvfp4-pack-quantized", "mxfp4-pack-quantized")  # of compressed-tensors, as mlx-lm has it
# Endings of tensors' names that a format leaves, in the order in which they are asked.
_TENSORS = (
    (("q_weight", "q_groups", "q_perm"), "EXL2"),
    (("trellis", "suh", "svh"), "EXL3"),
    (("absmax", "quant_map", "SCB", "weight_format"), "bitsandbytes"),
    (("g_idx",), "GPTQ"),
    (("W_q",), "HQQ"),
    (("_data",), "Quanto"),
    (("codebooks", "codes"), "AQLM"),
    (("B_24", "workspace"), "Marlin"),
)
# Endings of files' names, of models that have no safetensors.
_FILES = (
    ((".gguf",), GGUF),
    ((".onnx", ".onnx_data", ".onnx.data"), "ONNX"),
    ((".engine", ".plan", ".trt"), "TensorRT"),
    ((".mlmodel", ".mlmodelc", ".mlpackage", "coremldata.bin"), "Core ML"),
    (("openvino_model.xml", "openvino_language_model.xml", "openvino_model.bin"), "OpenVINO"),
    ((".tflite", ".litertlm", ".task"), "LiteRT"),
    ((".pte",), "ExecuTorch"),
    (("mlc-chat-config.json", "ndarray-cache.json", "tensor-cache.json"), "MLC"),
    ((".llamafile",), "llamafile"),
    ((".nemo",), "NeMo"),
    ((".msgpack",), "Flax"),
    ((".h5", ".keras"), "Keras"),
    ((".bin", ".pth", ".pt", ".ckpt", ".pkl", ".pickle"), PICKLE),
)
_WITHIN = re.compile(r"\.(mlmodelc|mlpackage)/")  # which are folders
_GGML = re.compile(r"(^|/)ggml[^/]*\.bin$")
_EXL2 = re.compile(r"output(-\d+-of-\d+)?\.safetensors")
_REPO = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
_SUFFIX = re.compile(
    r"[-_.](unsloth|bnb|[2-8](\.\d+)?[-_]?(bits?|bpw)|awq|gptq|gemm|marlin|int[2-8]|w\d+a\d+|g\d+|\d+g|h[468]|fp[48]|e4m3|"
    r"nvfp4|mxfp[48]|dynamic|exl[23]|\d+[._]\d+bpw|onnx|openvino|ov|coreml|tensorrt|trt|tflite|litert|hqq|quanto|torchao|"
    r"ao|aqlm|eetq|autoround|auto[-_]round|quantized|compressed[-_]tensors|bitsandbytes|modelopt|quark|gguf|web|cpu|gpu|"
    r"directml)$",
    re.IGNORECASE,
)


def check(
    title: str,
    config: Mapping[str, Any],
    files: Iterable[str],
    tensors: Mapping[str, str] = MappingProxyType({}),
    base: str = "",
) -> None:
    """Refuse weights in a format that can't be read here, with the original to get.

    title: the model's name; config: its config.json as far as it is known, that of ModelOpt in it; files: all of them,
    by their path; tensors: their types by name, as far as they are known; base: the original by its card. Raises Unsupported, and
    Unsafe for weights as pickle files alone.
    """
    if found := of_config(config) or _of_tensors(tensors, config) or _of_files(list(files)):
        raise _refusal(title, found, _original(title, config, base))


def check_folder(folder: Path, tensors: Mapping[str, str] = MappingProxyType({})) -> None:
    """The same for a folder. Raises what reading its config.json raises, if it has one."""
    config = with_modelopt(*(model_files.read_optional(folder, name) for name in ("config.json", MODELOPT_CONFIG)))
    files = [path.name for path in folder.glob("*")]
    if not any(name.endswith(model_files.WEIGHTS) for name in files):
        files += [str(path.relative_to(folder)) for path in folder.glob("*/*")]
    check(_title(folder), config, files, tensors, _base_of_card(folder / "README.md"))


def _title(folder: Path) -> str:
    """The folder's name; of a snapshot in the Hub's cache, which is called after its commit, that of its repository."""
    repo = folder.parent.parent.name
    in_cache = folder.parent.name == "snapshots" and repo.startswith("models--")
    return repo.removeprefix("models--").replace("--", "/", 1) if in_cache else folder.name


def with_modelopt(config: dict[str, Any], modelopt: dict[str, Any]) -> dict[str, Any]:
    """A config.json with what ModelOpt says in a file of its own, {} where there is none."""
    return {**config, "quantization_config": {"quant_method": "modelopt", **modelopt}} if modelopt else config


def of_config(config: Mapping[str, Any]) -> str:
    """The format that a config.json tells of and that can't be run; empty for none."""
    mlx = config.get("quantization")
    if "pretrained_config" in config or (isinstance(mlx, dict) and "quant_algo" in mlx):
        return "TensorRT-LLM"
    inner = config.get("text_config")
    stated = config.get("quantization_config") or (
        inner.get("quantization_config") if isinstance(inner, dict) else None
    )
    if mlx or not isinstance(stated, dict):
        return ""
    kinds = {str(config.get("model_type")), str(inner.get("model_type") if isinstance(inner, dict) else None)}
    method = stated.get("quant_method")
    if any(str(key).lstrip("_").startswith(("load_in_", "bnb_")) and value for key, value in stated.items()):
        method = method or "bitsandbytes"
    if not isinstance(method, str) or not method:
        return ""  # MLX's own settings stand there too
    return "" if _can_run(method.lower(), stated, kinds) else _named(method, stated)


def _can_run(method: str, stated: Mapping[str, Any], kinds: set[str]) -> bool:
    """Whether mlx-lm reads a method, of some in an architecture's own code."""

    def heeded(key: str) -> bool:
        return any(mlx_lm_code.mentions(kind, key) for kind in kinds)

    if method in ("mxfp4", "mxfp8", "bitnet"):
        return True
    if method == "awq":
        whole = stated.get("bits", 4) == 4 and stated.get("group_size", 128) in recipes.GROUP_SIZES
        return whole and str(stated.get("version", "gemm")).lower() == "gemm"
    if method == "fp8":
        return heeded("weight_scale_inv")
    if method == "compressed-tensors":
        return stated.get("format") in _PACKED and heeded("weight_packed")
    return method == "modelopt" and heeded("weight_scale_2")


def _named(method: str, stated: Mapping[str, Any]) -> str:
    inner = stated.get("quantization")
    variant = {
        "compressed-tensors": stated.get("format"),
        "awq": f"{stated.get('bits', 4)}-bit {stated.get('version', 'gemm')}",
        "modelopt": (inner if isinstance(inner, dict) else stated).get("quant_algo"),
    }.get(method.lower())
    name = _METHODS.get(method.lower(), method)
    return f"{name} ({variant})"[:60] if variant else name[:60]


def _of_tensors(tensors: Mapping[str, str], config: Mapping[str, Any]) -> str:
    if config.get("quantization") or config.get("quantization_config"):
        return ""  # of_config has judged that
    endings = {name.rpartition(".")[2] for name in tensors}
    kind = str(config.get("model_type"))
    found = next((name for marks, name in _TENSORS if endings.intersection(marks)), "")
    if not found and "qweight" in endings:
        return "GPTQ or AWQ"
    if not found and "weight_packed" in endings and not mlx_lm_code.mentions(kind, "weight_packed"):
        return "compressed-tensors"
    marks = {"weight_scale_inv", "weight_scale", "input_scale"} & endings
    if not found and marks:
        return "" if any(mlx_lm_code.mentions(kind, mark) for mark in marks) else "FP8"
    # MLX takes their bytes for whole numbers
    return "FP8" if not found and any(dtype.startswith(("F8_E4", "F8_E5")) for dtype in tensors.values()) else found


def _of_files(files: list[str]) -> str:
    weights = [path for path in files if path.endswith(model_files.WEIGHTS) and "/" not in path]
    if weights:
        return "EXL2" if all(_EXL2.fullmatch(path) for path in weights) else ""
    if any(_WITHIN.search(path) for path in files):
        return "Core ML"
    if any(_GGML.search(path) for path in files):
        return "GGML"
    return next((name for ends, name in _FILES if any(path.lower().endswith(ends) for path in files)), "")


def _original(title: str, config: Mapping[str, Any], base: str) -> str:
    """What can be done instead."""
    stated = config.get("_name_or_path")
    own = title.rpartition("/")[2].lower()
    for name in (base, stated):
        if isinstance(name, str) and _REPO.fullmatch(name) and name.rpartition("/")[2].lower() != own:
            return f"Get its original, {name}: `stillroom pull {name}`."
    name = title.rpartition("/")[2]
    while (shorter := _SUFFIX.sub("", name)) != name:
        name = shorter
    if name.lower() != own:
        return f"Get its original, by its name {name}: `stillroom search {name}` looks for it."
    return "Get the model that it was made from, or one with plain safetensors."


def _refusal(title: str, found: str, original: str) -> errors.StillroomError:
    if found == GGUF:
        return errors.Unsupported(
            f"{title} holds GGUF files only.", "Import one of them, or get a repository with safetensors."
        )
    if found == PICKLE:
        text = f"{title} holds its weights as pickle files only, and reading one runs code that is in it."
        return errors.Unsafe(text, original)
    return errors.Unsupported(f"{title} is in the format {found}, which Stillroom can't run.", original)


def _base_of_card(card: Path) -> str:
    """base_model of a model card's front matter; empty for none."""
    with contextlib.suppress(errors.StillroomError, OSError):
        if card.is_symlink() and "blobs" not in card.resolve().parts:  # of the Hub's cache, or of nobody knows where
            return ""
        text = bounded_files.read_bounded(card, MAX_CARD_BYTES).decode("utf-8", errors="replace")
        front = re.match(r"---\r?\n(.*?)\n---", text, re.DOTALL)
        found = (
            re.search(r"^base_model:\s*(?:\[\s*)?(?:-\s*)?[\"']?([\w./-]+)", front[1], re.MULTILINE) if front else None
        )
        return found[1] if found else ""
    return ""
