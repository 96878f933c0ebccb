"""What a checkpoint folder holds, found out without loading it: is it whole, can it be run, how large is it.

Only config.json and the headers of the safetensors files are read. That an architecture can be run is seen by the
file mlx-lm has for it, since importing mlx-lm takes a second.
"""

import ast
import importlib.util
import json
import math
import re
import struct
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from models import checkpoint, errors

MAX_HEADER_BYTES = 100_000_000  # the limit of the safetensors format itself
DEFAULT_GROUP_SIZE = 64  # mlx-lm's, where a config names none
TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json")


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What a folder holds. params: number of weights; bits: mean bits per weight, scales included."""

    architecture: str
    params: int
    bits: float
    size_bytes: int
    context_limit: int
    chat_template: str


def inspect(folder: Path) -> Facts:
    """Look into a checkpoint folder. Raises NotFound, Corrupt, Unsupported or Unsafe when it can't be used."""
    try:
        config = read_config(folder)
        architecture = _architecture(folder, config)
        if not any((folder / name).is_file() for name in TOKENIZER_FILES):
            raise errors.NotFound(f"{folder.name} has no tokenizer.", f"It needs {' or '.join(TOKENIZER_FILES)}.")
        tensors: dict[str, tuple[int, ...]] = {}
        n_bytes = 0
        for path in weight_files(folder):
            shapes, size = _safetensors_header(path)
            tensors |= shapes
            n_bytes += size
        quantization = config.get("quantization")
        params = _count(tensors, quantization if isinstance(quantization, dict) else {})
        context = config.get("max_position_embeddings") or _text_config(config).get("max_position_embeddings") or 0
        return Facts(
            architecture=architecture,
            params=params,
            bits=round(8 * n_bytes / params, 2) if params else 0.0,
            size_bytes=checkpoint.folder_size(folder),
            context_limit=context if isinstance(context, int) else 0,
            chat_template=_chat_template(folder),
        )
    except OSError as error:
        raise errors.from_os_error(error, f"reading {folder.name}") from error


def read_config(folder: Path) -> dict[str, Any]:
    """Read config.json. Raises NotFound when there is none and Corrupt when it is no JSON object."""
    path = folder / "config.json"
    if not path.is_file():
        raise errors.NotFound(f"{folder} holds no model: there is no config.json in it.")
    return _json(path)


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a model. Raises NotFound when there are none, Corrupt when one of its index is missing."""
    found = sorted(folder.glob("model*.safetensors"))
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        named = _json(index).get("weight_map")
        wanted = {str(name) for name in named.values()} if isinstance(named, dict) else set()
        missing = wanted - {path.name for path in found}
        if missing:
            raise errors.Corrupt(
                f"{folder.name} is not whole: {min(missing)} is missing.", "Download or copy it again."
            )
    if not found:
        raise errors.NotFound(
            f"{folder.name} has no weights in safetensors files.", "Files in pickle form (.bin, .pth) are never read."
        )
    return found


def can_run(model_type: str) -> bool:
    """Whether mlx-lm has an implementation of an architecture, under its own name or the one it maps it to."""
    if re.fullmatch(r"[a-z0-9_]+", model_type) is None:
        return False
    package = _mlx_lm()
    name = _remapped(package).get(model_type, model_type)
    path = package / "models" / f"{name}.py"
    # beside the architectures lie modules that they share, such as cache.py
    return path.is_file() and "\nclass Model(" in path.read_text("utf-8")


@cache
def _mlx_lm() -> Path:
    spec = importlib.util.find_spec("mlx_lm")
    if spec is None or not spec.submodule_search_locations:
        raise errors.NotFound("mlx-lm is not installed.", "Run `make setup`.")
    return Path(spec.submodule_search_locations[0])


@cache
def _remapped(package: Path) -> dict[str, str]:
    """mlx-lm's MODEL_REMAPPING, read from its source."""
    for node in ast.parse((package / "utils.py").read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "MODEL_REMAPPING":
            return dict(ast.literal_eval(node.value))
    return {}


def _architecture(folder: Path, config: dict[str, Any]) -> str:
    model_type = config.get("model_type")
    if not isinstance(model_type, str) or not can_run(model_type):
        raise errors.Unsupported(f"{folder.name} is of the architecture {model_type!r}, which Stillroom can't run.")
    if "model_file" in config:
        raise errors.Unsafe(
            f"{folder.name} asks to run code of its own ({config['model_file']}).", "Stillroom never does."
        )
    return model_type


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise errors.Corrupt(f"{path.name} of {path.parent.name} is damaged: it is no JSON.") from error
    if not isinstance(content, dict):
        raise errors.Corrupt(f"{path.name} of {path.parent.name} is damaged: it is no JSON object.")
    return content


def _text_config(config: dict[str, Any]) -> dict[str, Any]:
    inner = config.get("text_config")
    return inner if isinstance(inner, dict) else {}


def _chat_template(folder: Path) -> str:
    beside = folder / "chat_template.jinja"
    if beside.is_file():
        return beside.read_text("utf-8", errors="replace")
    settings = folder / "tokenizer_config.json"
    template = _json(settings).get("chat_template") if settings.is_file() else None
    return template if isinstance(template, str) else ""


def _safetensors_header(path: Path) -> tuple[dict[str, tuple[int, ...]], int]:
    """Shapes by name, and the bytes of all tensors. Raises Corrupt when the file is cut short or damaged."""
    size = path.stat().st_size
    with path.open("rb") as file:
        prefix = file.read(8)
        length = struct.unpack("<Q", prefix)[0] if len(prefix) == 8 else size
        if length > min(size - 8, MAX_HEADER_BYTES):
            raise errors.Corrupt(f"{path.name} of {path.parent.name} is cut short or no safetensors file.")
        raw = file.read(length)
    try:
        header = json.loads(raw)
        entries = {name: entry for name, entry in header.items() if name != "__metadata__"}
        shapes = {name: tuple(int(n) for n in entry["shape"]) for name, entry in entries.items()}
        end = max((int(entry["data_offsets"][1]) for entry in entries.values()), default=0)
    except (ValueError, RecursionError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise errors.Corrupt(f"{path.name} of {path.parent.name} has a damaged header.") from error
    missing = 8 + length + end - size
    if missing > 0:
        raise errors.Corrupt(f"{path.name} of {path.parent.name} is cut short: {missing:,} bytes are missing.")
    return shapes, end


def _count(tensors: dict[str, tuple[int, ...]], quantization: dict[str, Any]) -> int:
    """Number of weights. Of a quantized module one scale stands for a group of them."""
    count = 0
    for name, shape in tensors.items():
        module, _, part = name.rpartition(".")
        quantized = f"{module}.scales" in tensors
        if not quantized:
            count += math.prod(shape)
        elif part == "scales":
            own = quantization.get(module)
            group_size = (own if isinstance(own, dict) else quantization).get("group_size")
            count += math.prod(shape) * (group_size if isinstance(group_size, int) else DEFAULT_GROUP_SIZE)
        elif part == "bias":
            count += math.prod(shape)
    return count
