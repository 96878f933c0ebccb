"""The files of a checkpoint folder that are read, each within the bounds of what it is."""

import glob
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from models import errors
from models.checkpoint import bounded_files

MAX_CONFIG_BYTES = 4 << 20
MAX_TOKENIZER_BYTES = 64 << 20
MAX_TEMPLATE_BYTES = 1 << 20
ADAPTER_WEIGHTS, ADAPTER_CONFIG = "adapters.safetensors", "adapter_config.json"  # as mlx-lm names them
TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json")

# Names of files that mlx-lm or transformers may open in a folder. Others are never looked at. A Mac's disk does not tell
# upper from lower case.
READ = re.compile(r".+\.(json|safetensors|jinja|txt|model|tiktoken)", re.IGNORECASE)
INDEX = "model.safetensors.index.json"


def max_bytes(name: str) -> int | None:
    """The largest that a file of this name may be; None for weights, which have their own header."""
    name = name.lower()
    if name.endswith(".safetensors"):
        return None
    if name == "config.json":
        return MAX_CONFIG_BYTES
    return MAX_TEMPLATE_BYTES if name.endswith(".jinja") else MAX_TOKENIZER_BYTES


def read_config(folder: Path) -> dict[str, Any]:
    """Read config.json. Raises NotFound when there is none and Corrupt when it is no JSON object."""
    path = folder / "config.json"
    if not path.exists():
        raise errors.NotFound(f"{folder} holds no model: there is no config.json in it.")
    return bounded_files.read_json(path, MAX_CONFIG_BYTES)


def read_optional(folder: Path, name: str) -> dict[str, Any]:
    """Read another JSON file of the folder; {} when there is none. Raises Corrupt when it is no JSON object."""
    path = folder / name
    return bounded_files.read_json(path, max_bytes(name) or MAX_CONFIG_BYTES) if path.exists() else {}


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a model.

    Raises NotFound when there are none, Corrupt when one of its index is missing, Unsafe when the index leads out of
    the folder.
    """
    found = sorted(folder.glob("model*.safetensors"))
    named = read_optional(folder, INDEX).get("weight_map")
    wanted = {str(name) for name in named.values()} if isinstance(named, dict) else set()
    for name in wanted:
        if name != Path(name).name or "\\" in name:
            raise errors.Unsafe(f"{folder.name} names a file of weights outside of its folder: {name[:80]!r}.")
    if missing := wanted - {path.name for path in found}:
        text = f"{folder.name} is not whole: {min(missing)[:80]!r} is missing."
        raise errors.Corrupt(text, "Download or copy it again.")
    if not found:
        hint = "Files in pickle form (.bin, .pth) are never read."
        raise errors.NotFound(f"{folder.name} has no weights in safetensors files.", hint)
    return found


@contextmanager
def glob_safe(folder: Path) -> Iterator[Path]:
    """Give a path of the folder without characters that a pattern of file names would take for its own.

    mlx-lm looks for weights with such a pattern and finds none in a folder called "model [1]".
    """
    if glob.escape(str(folder)) == str(folder):
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="stillroom-") as place:
        link = Path(place) / "model"
        link.symlink_to(folder.absolute(), target_is_directory=True)
        yield link
