"""What a checkpoint folder holds, found out without loading it: is it whole, can it be run, how large is it.

Only small files and the headers of the weights are read, after models/checkpoint/safety.py has checked them. That an
architecture can be run is seen by the file mlx-lm has for it (models/checkpoint/mlx_lm_code.py), since importing mlx-lm
takes a second.
"""

import json
import math
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from models import errors
from models.checkpoint import bounded_files, folders, model_config, safety
from models.checkpoint.mlx_lm_code import can_run as can_run
from models.checkpoint.model_files import MAX_TEMPLATE_BYTES
from models.families import family_of

_ADDED_TOKENS_WITHIN = 4 << 20  # bytes of a tokenizer.json
DEFAULT_GROUP_SIZE = 64  # mlx-lm's, where a config names none


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What a folder holds."""

    architecture: str
    params: int  # number of weights
    bits: float  # mean bits per weight, scales included
    size_bytes: int
    context_limit: int
    chat_template: str
    added_tokens: frozenset[str]  # of its vocabulary: control tokens, tags

    def family(self, name: str, record: folders.ModelRecord | None) -> str:
        """The id of its family (models/families.py). name: the model's, where its files and its record say nothing."""
        recorded = record.family if record else ""
        return family_of(name, self.architecture, self.chat_template, self.added_tokens, recorded).id


def inspect(folder: Path) -> Facts:
    """Look into a checkpoint folder. Raises NotFound, Corrupt, Unsupported or Unsafe when it can't be used."""
    found = safety.check(folder)
    config = found.config
    shapes = {name: tensor.shape for header in found.headers.values() for name, tensor in header.tensors.items()}
    quantization = config.get("quantization")
    params = _count(shapes, quantization if isinstance(quantization, dict) else {})
    with errors.disk_faults(f"reading {folder.name}"):
        return Facts(
            architecture=config["model_type"],
            params=params,
            bits=round(8 * found.data_bytes / params, 2) if params else 0.0,
            size_bytes=folders.folder_size(folder),
            context_limit=model_config.context_length(config),
            chat_template=_chat_template(folder, found.tokenizer_config),
            added_tokens=_added_tokens(folder, found.tokenizer_config),
        )


def _chat_template(folder: Path, tokenizer_config: dict[str, Any]) -> str:
    beside = folder / "chat_template.jinja"
    if beside.exists():
        return bounded_files.read_bounded(beside, MAX_TEMPLATE_BYTES).decode("utf-8", errors="replace")
    template = tokenizer_config.get("chat_template")
    return template if isinstance(template, str) else ""


def _added_tokens(folder: Path, tokenizer_config: dict[str, Any]) -> frozenset[str]:
    stated = tokenizer_config.get("added_tokens_decoder")
    entries = list(stated.values()) if isinstance(stated, dict) else []
    path = folder / "tokenizer.json"
    if path.exists():
        with bounded_files.open_regular(path) as file:
            text = file.read(_ADDED_TOKENS_WITHIN).decode("utf-8", errors="replace")
        # the list stands before the vocabulary, whose megabytes are not parsed for it
        _, key, after = text.partition('"added_tokens":')
        with suppress(ValueError, RecursionError):
            found = json.JSONDecoder().raw_decode(after.lstrip())[0] if key else []
            entries += found if isinstance(found, list) else []
    texts = (entry.get("content") for entry in entries if isinstance(entry, dict))
    return frozenset(text for text in texts if isinstance(text, str))


def _count(shapes: dict[str, tuple[int, ...]], quantization: dict[str, Any]) -> int:
    """Number of weights. Of a quantized module one scale stands for a group of them."""
    count = 0
    for name, shape in shapes.items():
        module, _, part = name.rpartition(".")
        if f"{module}.scales" not in shapes or part == "bias":
            count += math.prod(shape)
        elif part == "scales":
            own = quantization.get(module)
            group_size = (own if isinstance(own, dict) else quantization).get("group_size")
            count += math.prod(shape) * (group_size if isinstance(group_size, int) else DEFAULT_GROUP_SIZE)
    return count
