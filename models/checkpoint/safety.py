"""What a stranger's checkpoint may contain, checked before MLX or transformers read any of it.

Nothing in a folder runs: it may not name code for its architecture, pickle files and Python files are never opened,
names that lead to an import are held to what mlx-lm has. Nothing in it leads outside: links stay in the folder or in
the Hub's cache, an index names plain files. Nothing in it is larger or stranger than a model can be: sizes, the
numbers of config.json, the rules of its tokenizer, and each header of its weights. What still ends a process ends the engine's, not the window's.
"""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models import errors, paths, quantities
from models.checkpoint import (
    bounded_files,
    config_bounds,
    formats,
    mlx_lm_code,
    model_config,
    model_files,
    safetensors_header,
    tokenizer_bounds,
)
from models.checkpoint.model_files import MAX_TEMPLATE_BYTES, MAX_TOKENIZER_BYTES
from models.checkpoint.safetensors_header import Header

MAX_ADDED_TOKENS = 1 << 17
MAX_ADAPTER_CONFIG_BYTES = 1 << 20
_OLD_WEIGHTS, _OLD_LAYERS = "adapters.npz", "lora_layers"  # of adapters, in what mlx-lm wrote until 0.20
_MORE_TEMPLATES = "additional_chat_templates"


@dataclass(frozen=True)
class Checked:
    """What the check has read: config.json, tokenizer_config.json and each file's header."""

    config: dict[str, Any]
    tokenizer_config: dict[str, Any]
    headers: dict[str, Header]

    @property
    def data_bytes(self) -> int:
        """Bytes of all weights, as they lie on the disk."""
        return sum(header.data_bytes for header in self.headers.values())


def check(folder: Path) -> Checked:
    """Check a checkpoint folder; returns what had to be read for it. Raises NotFound, Corrupt, Unsupported or Unsafe."""
    with errors.disk_faults(f"reading {folder.name}"):
        _check_files(folder)
        formats.check_folder(folder)
        config = model_files.read_config(folder)
        _check_architecture(folder, config)
        config_bounds.check(config, folder.name)
        tokenizer_config = _check_tokenizer(folder)
        config = model_config.lifted(folder, config)
        headers = {path.name: safetensors_header.read(path) for path in model_files.weight_files(folder)}
    tensors = {name: tensor.dtype for header in headers.values() for name, tensor in header.tensors.items()}
    formats.check_folder(folder, tensors)
    found = Checked(config, tokenizer_config, headers)
    config_bounds.check_against(config, tensors, found.data_bytes, folder.name)
    return found


def check_adapter(folder: Path) -> None:
    """Check a folder with an adapter before mlx-lm reads it. Raises NotFound, Corrupt, Unsupported or Unsafe."""
    with errors.disk_faults(f"reading the adapter {folder.name}"):
        _check_files(folder)
        if (folder / _OLD_WEIGHTS).exists() and not (folder / model_files.ADAPTER_WEIGHTS).exists():
            raise _older(folder, _OLD_WEIGHTS)
        for name in (model_files.ADAPTER_CONFIG, model_files.ADAPTER_WEIGHTS):
            if not (folder / name).exists():
                raise errors.NotFound(f"The adapter {folder.name} has no {name}.")
        config = bounded_files.read_json(folder / model_files.ADAPTER_CONFIG, MAX_ADAPTER_CONFIG_BYTES)
        if "num_layers" not in config and _OLD_LAYERS in config:
            raise _older(folder, _OLD_LAYERS)
        layers = config.get("num_layers", 1)
        if not isinstance(layers, int) or not -1 <= layers <= config_bounds.MAX_LAYERS:
            raise errors.Corrupt(f"The adapter {folder.name} is damaged: its num_layers is {str(layers)[:40]}.")
        safetensors_header.read(folder / model_files.ADAPTER_WEIGHTS)


def _older(folder: Path, what: str) -> errors.Unsupported:
    text = f"The adapter {folder.name} was made by an mlx-lm of before 2025: it has {what}."
    return errors.Unsupported(text, "Train it again, or fuse it with the mlx-lm that made it.")


def _check_files(folder: Path) -> None:
    """Every file that may be read is a file, of a size that its kind can have, and lies where it may."""
    for path in _read_files(folder):
        if path.is_symlink():
            _check_link(path, folder)
        if not path.exists() or path.is_dir():
            continue  # a link to nothing: whoever needs it says so
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise errors.Unsafe(f"{path.name} in {folder.name} is no ordinary file.", "Only files are read.")
        most = model_files.max_bytes(path.name)
        if most is not None and status.st_size > most:
            size = quantities.size(status.st_size)
            raise errors.Corrupt(f"{path.name} of {folder.name} is larger than any real one: {size}.")


def _read_files(folder: Path) -> Iterator[Path]:
    for place in (folder, folder / _MORE_TEMPLATES):
        if place.is_symlink() and place != folder:
            raise errors.Unsafe(f"{place.name} in {folder.name} is a link to another place.")
        if place.is_dir():
            yield from (path for path in place.iterdir() if model_files.READ.fullmatch(path.name))


def _check_link(path: Path, folder: Path) -> None:
    """A link may lead to a file of its folder, or to the Hub's blobs of its repository or of all of them."""
    target = Path(os.path.realpath(path))  # ends in a circle too, where resolve() fails
    real = folder.resolve()
    places = [real]
    if real.parent.name == "snapshots":
        places += [place / "blobs" for place in real.parents[1:3]]
    in_cache = target.is_relative_to(paths.hub_cache().resolve()) and "blobs" in target.parts
    if not in_cache and not any(target.is_relative_to(place) for place in places):
        text = f"{path.name} in {folder.name} is a link to a file outside of it: {target}."
        raise errors.Unsafe(text, "Put the file itself in its place.")


def _check_architecture(folder: Path, config: dict[str, Any]) -> None:
    if config.get("model_file") is not None:
        code = str(config["model_file"])[:80]
        raise errors.Unsafe(f"{folder.name} asks to run code of its own ({code}).", "Stillroom never does.")
    model_type = config.get("model_type")
    if isinstance(model_type, str) and mlx_lm_code.can_run(model_type):
        return
    named = f"{folder.name} is of the architecture {str(model_type)[:60]!r}, which Stillroom can't run"
    if config.get("auto_map"):
        raise errors.Unsupported(f"{named}: it would need the repository's own code.", "Stillroom never runs any.")
    raise errors.Unsupported(f"{named}.")


def _check_tokenizer(folder: Path) -> dict[str, Any]:
    if not any((folder / name).exists() for name in model_files.TOKENIZER_FILES):
        hint = f"It needs {' or '.join(model_files.TOKENIZER_FILES)}."
        raise errors.NotFound(f"{folder.name} has no tokenizer.", hint)
    settings = model_files.read_optional(folder, "tokenizer_config.json")
    for key, kinds in (("chat_template_type", "chat_templates"), ("tool_parser_type", "tool_parsers")):
        kind = settings.get(key)
        if kind is not None and kind not in (mlx_lm_code.modules(kinds) if isinstance(kind, str) else ()):
            raise errors.Unsupported(f"{folder.name} names a {key} that Stillroom does not know: {str(kind)[:60]!r}.")
    template = settings.get("chat_template")
    several = template if isinstance(template, list) else []
    for text in [template, *(entry.get("template") for entry in several if isinstance(entry, dict))]:
        if isinstance(text, str) and len(text) > MAX_TEMPLATE_BYTES:
            raise errors.Corrupt(f"The chat template of {folder.name} is larger than any real one.")
    _check_tokenizer_file(folder, settings)
    return settings


def _check_tokenizer_file(folder: Path, settings: dict[str, Any]) -> None:
    added = settings.get("added_tokens_decoder")
    count = len(added) if isinstance(added, dict) else 0
    path = folder / "tokenizer.json"
    content = bounded_files.read_bounded(path, MAX_TOKENIZER_BYTES) if path.exists() else b""
    count = max(count, content.count(b'"single_word"'))  # only an added token has this key
    if count > MAX_ADDED_TOKENS:
        raise errors.Corrupt(f"The tokenizer of {folder.name} has {count:,} added tokens, more than any real one.")
    if content:
        tokenizer_bounds.check(content, folder.name)
